//! Files become jobs: one model a job, several a batch; and a job again, with other settings.
//!
//! How a request is read is in `receive.rs`, what a batch is in `batches.rs`.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::batches::{self, BatchView};
use super::caller::Uploader;
use super::documented::{RerunProblems, SubmitProblems, UploadForm, WishesQuery};
use super::error::Problem;
use super::path::Path;
use super::receive::{self, Parameters, Wishes, clean_name};
use super::{Site, jobs};
use crate::ids::JobId;
use crate::jobs::{JobView, Model, Status, Tier};
use crate::queue::Job;

/// Send a model
///
/// As the raw body of the request, or in the field `file` of a form: a .glb; a .gltf with its files (several fields
/// `file`, or a zip archive); or a zip archive of many models. One model makes a job, several make a batch. With the
/// header `Idempotency-Key`, sending the same again makes no second job; with `Cache-Control: no-cache` the work is done
/// although its result is there already.
#[utoipa::path(post, operation_id = "submit_job", path = "/api/v1/jobs", tag = "jobs", params(WishesQuery),
    request_body(content(
        (Vec<u8> = "application/octet-stream"), (UploadForm = "multipart/form-data"))),
    responses(
        (status = 202, description = "Accepted: it survives any crash from here on. The job, or the batch of several.",
            body = Accepted, headers(("location" = String, description = "Where to ask for it."))),
        (status = 200, description = "The same, at its end: where this server keeps no jobs, it answers when they are done.",
            body = Accepted),
        SubmitProblems))]
pub(super) async fn submit(
    State(site): State<Site>,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Problem> {
    let (mut models, wishes) = receive::models(&site, parameters, request).await?;
    match models.pop() {
        Some(Model { name, upload }) if models.is_empty() => {
            let job = site.jobs.submit(upload, wishes.submission(name)).await?;
            accepted(&site, job).await
        }
        last => {
            models.extend(last);
            batches::accept(&site, models, wishes).await
        }
    }
}

/// A job or a batch.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Accepted {
    Job(Box<JobView>),
    Batch(BatchView),
}

/// Run a job's upload again
///
/// Makes another job on the same file, without sending it again. Settings that are not given have their defaults, as
/// for an upload.
#[utoipa::path(post, operation_id = "rerun_job", path = "/api/v1/jobs/{id}/rerun", tag = "jobs",
    params(("id" = String, Path, description = "The job whose upload is meant"), WishesQuery),
    responses(
        (status = 202, description = "Accepted.", body = JobView,
            headers(("location" = String, description = "Where to ask for it."))),
        (status = 200, description = "The same, at its end: where this server keeps no jobs.", body = JobView),
        RerunProblems))]
pub(super) async fn rerun(
    State(site): State<Site>,
    Path(id): Path,
    Uploader(sender): Uploader,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = jobs::parse(&id)?;
    let mut wishes = Wishes::of(&site, sender, parameters, &headers)?;
    let name = wishes.name.take().map(|name| clean_name(&name)).unwrap_or_default();
    let job = site.jobs.rerun(id, wishes.submission(name)).await?;
    accepted(&site, job).await
}

/// 202, the job, and where to ask for it. Where jobs are not kept: 200 and the job at its end.
async fn accepted(site: &Site, job: Job) -> Result<Response, Problem> {
    let location = format!("/api/v1/jobs/{}", job.id);
    let (status, job) = match site.jobs.tier() {
        Tier::Embedded => (StatusCode::ACCEPTED, site.jobs.status(job.id).await?),
        Tier::Sync { .. } => (StatusCode::OK, end_of(site, job.id).await?),
    };
    Ok((status, [(header::LOCATION, location)], Json(JobView::from(job))).into_response())
}

/// The job at its end.
pub(super) async fn end_of(site: &Site, id: JobId) -> Result<Status, Problem> {
    let ended = site.stop.run_until_cancelled(site.jobs.ended(id)).await;
    Ok(ended.ok_or_else(Problem::stopping)??)
}
