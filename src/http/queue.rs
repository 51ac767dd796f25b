//! What administrators do with all jobs: list, purge, hold back.
//!
//! Paused, queued jobs wait, also over a restart; running ones go on.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Site;
use super::admin::{Admin, Reader};
use super::documented::AdminProblems;
use super::error::Problem;
use crate::jobs::JobView;
use crate::queue;

/// How many jobs a list has if nothing is said, and at most.
const LIST_LENGTH: usize = 50;
const MAX_LIST_LENGTH: usize = 1_000;

/// Which part of the list is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// Only jobs in this state.
    state: Option<queue::State>,
    /// The `next` of the part before.
    after: Option<String>,
    /// How many, 50 if nothing is said and 1000 at most.
    limit: Option<usize>,
}

/// A part of the list, the newest job first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobList)]
pub(super) struct List {
    jobs: Vec<JobView>,
    /// What to send as `after` for the rest; null at the end.
    next: Option<String>,
}

/// All jobs, the newest first
///
/// For administrators.
#[utoipa::path(get, operation_id = "list_jobs", path = "/api/v1/jobs", tag = "jobs", params(Part),
    responses((status = 200, description = "A part of the list.", body = List), AdminProblems))]
pub(super) async fn list(
    _reader: Reader,
    State(site): State<Site>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Json<List>, Problem> {
    let Query(Part { state, after, limit }) = part.map_err(Problem::bad_query)?;
    let cursor = after
        .map(|after| after.parse().map_err(|_| Problem::bad_query("`after` must be the `next` of a list")));
    let limit = limit.unwrap_or(LIST_LENGTH).min(MAX_LIST_LENGTH);
    let page = site.jobs.list(state, cursor.transpose()?, limit).await?;
    let next = page.next.map(|next| next.to_string());
    let jobs = site.jobs.statuses(page.jobs).await?;
    Ok(Json(List { jobs: jobs.into_iter().map(JobView::from).collect(), next }))
}

/// How old an ended job must be.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Age {
    /// Jobs that ended longer ago than this.
    #[param(example = 604_800)]
    older_than_seconds: u64,
}

/// Forget all jobs that ended long ago
///
/// For administrators.
#[utoipa::path(post, path = "/api/v1/queue/purge", tag = "server", params(Age),
    responses((status = 200, description = "How many, as `purged`.", body = Value), AdminProblems))]
pub(super) async fn purge(
    _admin: Admin,
    State(site): State<Site>,
    age: Result<Query<Age>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(Age { older_than_seconds }) = age.map_err(Problem::bad_query)?;
    let purged = site.jobs.purge_ended(Duration::from_secs(older_than_seconds)).await?;
    Ok(Json(json!({ "purged": purged })))
}

/// Hold queued jobs back
///
/// Also over a restart; running jobs go on. For administrators.
#[utoipa::path(post, path = "/api/v1/queue/pause", tag = "server",
    responses((status = 200, description = "`paused` is true.", body = Value), AdminProblems))]
pub(super) async fn pause(_admin: Admin, State(site): State<Site>) -> Result<Json<Value>, Problem> {
    site.jobs.pause().await?;
    Ok(Json(json!({ "paused": true })))
}

/// Let queued jobs run again
///
/// For administrators.
#[utoipa::path(post, path = "/api/v1/queue/resume", tag = "server",
    responses((status = 200, description = "`paused` is false.", body = Value), AdminProblems))]
pub(super) async fn resume(_admin: Admin, State(site): State<Site>) -> Result<Json<Value>, Problem> {
    site.jobs.resume().await?;
    Ok(Json(json!({ "paused": false })))
}
