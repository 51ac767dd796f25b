//! Asking for one job, its report, its cancellation, its retry, its end.
//!
//! The rules are in [`crate::queue`]; a refusal becomes a problem document in `error.rs`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::Site;
use super::error::Problem;
use super::job_view::JobView;
use crate::ids::JobId;

/// `GET /api/v1/jobs/{id}`
pub(super) async fn show(State(site): State<Site>, Path(id): Path<String>) -> Result<Json<JobView>, Problem> {
    Ok(Json(site.jobs.status(parse(&id)?).await?.into()))
}

/// `GET /api/v1/jobs/{id}/report`
pub(super) async fn report(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let job = site.jobs.status(parse(&id)?).await?.job;
    let json = site.jobs.report(&job).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json))
}

/// `GET /api/v1/jobs/{id}/worst-view`: before, after and difference beside each other
pub(super) async fn worst_view(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let job = site.jobs.status(parse(&id)?).await?.job;
    let png = site.jobs.worst_view(&job).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png))
}

/// `POST /api/v1/jobs/{id}/cancel`
pub(super) async fn cancel(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(site.jobs.cancel(parse(&id)?).await?.into()))
}

/// `POST /api/v1/jobs/{id}/retry`
pub(super) async fn retry(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(site.jobs.retry(parse(&id)?).await?.into()))
}

/// `DELETE /api/v1/jobs/{id}`: forgets a job that has ended; its files go, unless another job needs them.
pub(super) async fn delete(State(site): State<Site>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    site.jobs.purge(parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A text that is no id is the id of no job: the answer is the same.
pub(super) fn parse(id: &str) -> Result<JobId, Problem> {
    id.parse().map_err(|_| Problem::unknown_job(id))
}
