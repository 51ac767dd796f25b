//! What administrators do with all jobs: list, purge, hold back.
//!
//! Paused, queued jobs wait, also over a restart; running ones go on.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Site;
use super::admin::{Admin, Reader};
use super::error::Problem;
use super::job_view::JobView;
use crate::queue;

/// How many jobs a list has if nothing is said, and at most.
const LIST_LENGTH: usize = 50;
const MAX_LIST_LENGTH: usize = 1_000;

/// Which part of the list is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    state: Option<queue::State>,
    after: Option<String>,
    limit: Option<usize>,
}

/// A part of the list, the newest job first.
#[derive(Debug, Serialize)]
pub(super) struct List {
    jobs: Vec<JobView>,
    /// What to send as `after` for the rest; null at the end.
    next: Option<String>,
}

/// `GET /api/v1/jobs?state=&after=&limit=`
pub(super) async fn list(
    _reader: Reader,
    State(site): State<Site>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Json<List>, Problem> {
    let Query(Part { state, after, limit }) = part.map_err(bad_query)?;
    let cursor =
        after.map(|after| after.parse().map_err(|_| bad_query("`after` must be the `next` of a list")));
    let limit = limit.unwrap_or(LIST_LENGTH).min(MAX_LIST_LENGTH);
    let page = site.jobs.list(state, cursor.transpose()?, limit).await?;
    let next = page.next.map(|next| next.to_string());
    Ok(Json(List { jobs: page.jobs.into_iter().map(JobView::from).collect(), next }))
}

/// How old an ended job must be.
#[derive(Debug, Deserialize)]
pub(super) struct Age {
    older_than_seconds: u64,
}

/// `POST /api/v1/queue/purge?older_than_seconds=`: forgets all jobs that ended so long ago.
pub(super) async fn purge(
    _admin: Admin,
    State(site): State<Site>,
    age: Result<Query<Age>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(Age { older_than_seconds }) = age.map_err(bad_query)?;
    let purged = site.jobs.purge_ended(Duration::from_secs(older_than_seconds)).await?;
    Ok(Json(json!({ "purged": purged })))
}

/// `POST /api/v1/queue/pause`
pub(super) async fn pause(_admin: Admin, State(site): State<Site>) -> Result<Json<Value>, Problem> {
    site.jobs.pause().await?;
    Ok(Json(json!({ "paused": true })))
}

/// `POST /api/v1/queue/resume`
pub(super) async fn resume(_admin: Admin, State(site): State<Site>) -> Result<Json<Value>, Problem> {
    site.jobs.resume().await?;
    Ok(Json(json!({ "paused": false })))
}

fn bad_query(error: impl std::fmt::Display) -> Problem {
    Problem::bad_request("bad_query", format!("The query of the address cannot be read: {error}."))
}
