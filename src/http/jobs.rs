//! Asking for one job, its report, its cancellation, its retry, its end.
//!
//! The rules are in [`crate::queue`]; a refusal becomes a problem document in `error.rs`.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::Site;
use super::caller::Uploader;
use super::documented::{ChangeProblems, FileProblems, JobProblems, PictureProblems, RetryProblems};
use super::error::Problem;
use super::path::Path;
use crate::ids::JobId;
use crate::jobs::JobView;
use crate::optimize::Report;

/// A job
#[utoipa::path(get, operation_id = "show_job", path = "/api/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job as it is now.", body = JobView), JobProblems))]
pub(super) async fn show(State(site): State<Site>, Path(id): Path) -> Result<Json<JobView>, Problem> {
    Ok(Json(site.jobs.status(parse(&id)?).await?.into()))
}

/// What was done, and what came of it
#[utoipa::path(get, path = "/api/v1/jobs/{id}/report", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The report.", body = Report), FileProblems))]
pub(super) async fn report(State(site): State<Site>, Path(id): Path) -> Result<impl IntoResponse, Problem> {
    let job = site.jobs.status(parse(&id)?).await?.job;
    let json = site.jobs.report(&job).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json))
}

/// The view in which the result looks most different
///
/// Before, after and difference beside each other. A result that is the original has none: 404.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/worst-view", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The pictures.", body = Vec<u8>, content_type = "image/png"), PictureProblems))]
pub(super) async fn worst_view(
    State(site): State<Site>,
    Path(id): Path,
) -> Result<impl IntoResponse, Problem> {
    let job = site.jobs.status(parse(&id)?).await?.job;
    let png = site.jobs.worst_view(&job).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png))
}

/// Stop a queued or running job
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job, cancelled.", body = JobView), ChangeProblems))]
pub(super) async fn cancel(State(site): State<Site>, Path(id): Path) -> Result<Json<JobView>, Problem> {
    Ok(Json(site.jobs.cancel(parse(&id)?).await?.into()))
}

/// Queue a dead or cancelled job again
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job, queued.", body = JobView), RetryProblems))]
pub(super) async fn retry(
    State(site): State<Site>,
    Uploader(sender): Uploader,
    Path(id): Path,
) -> Result<Json<JobView>, Problem> {
    site.jobs.check_intake(&sender, 1).await?;
    Ok(Json(site.jobs.retry(parse(&id)?).await?.into()))
}

/// Forget a job that has ended
///
/// Its files go, unless another job needs them.
#[utoipa::path(delete, path = "/api/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 204, description = "It is gone."), ChangeProblems))]
pub(super) async fn delete(State(site): State<Site>, Path(id): Path) -> Result<StatusCode, Problem> {
    site.jobs.purge(parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A text that is no id is the id of no job: the answer is the same.
pub(super) fn parse(id: &str) -> Result<JobId, Problem> {
    id.parse().map_err(|_| Problem::unknown_job(id))
}
