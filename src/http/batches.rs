//! Several models at once: one request in, one view of all of them, one archive out.
//!
//! A batch is no more than jobs that came together; each of them can be asked for, cancelled and retried by itself.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::documented::{BatchFileProblems, BatchProblems, SubmitProblems, UploadForm, WishesQuery};
use super::error::Problem;
use super::path::Path;
use super::receive::{self, Parameters, Wishes};
use super::{Site, upload, zip};
use crate::ids::BatchId;
use crate::jobs::{JobView, Model, Tier};
use crate::queue::{Job, State as JobState};

/// Jobs that came together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(super) struct BatchView {
    /// 32 hexadecimal digits. Who knows it may see the jobs.
    id: String,
    /// Whether all of its jobs have ended.
    ended: bool,
    totals: Totals,
    /// In the order in which they were sent; without those that were deleted since.
    jobs: Vec<JobView>,
}

/// The jobs of a batch together.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = BatchTotals)]
struct Totals {
    jobs: usize,
    queued: usize,
    running: usize,
    completed: usize,
    dead: usize,
    cancelled: usize,
    /// Sizes of all originals.
    input_bytes: u64,
    /// Sizes of the originals that have a result.
    completed_input_bytes: u64,
    /// Sizes of these results.
    output_bytes: u64,
}

impl BatchView {
    async fn of(site: &Site, id: BatchId) -> Result<Self, Problem> {
        let jobs = site.jobs.batch(id).await?;
        let mut totals = Totals::default();
        jobs.iter().for_each(|job| totals.add(job));
        let ended = jobs.iter().all(|job| job.state.is_final());
        let jobs = site.jobs.statuses(jobs).await?;
        Ok(Self { id: id.to_string(), ended, totals, jobs: jobs.into_iter().map(JobView::from).collect() })
    }
}

impl Totals {
    fn add(&mut self, job: &Job) {
        self.jobs += 1;
        self.input_bytes += job.input_bytes;
        match job.state {
            JobState::Queued => self.queued += 1,
            JobState::Running => self.running += 1,
            JobState::Completed => self.completed += 1,
            JobState::Dead => self.dead += 1,
            JobState::Cancelled => self.cancelled += 1,
        }
        if let Some(output) = &job.output {
            self.completed_input_bytes += job.input_bytes;
            self.output_bytes += output.glb_bytes;
        }
    }
}

/// Send several models
///
/// As `POST /api/v1/jobs`, but the answer is a batch even if there is only one model.
#[utoipa::path(post, operation_id = "submit_batch", path = "/api/v1/batches", tag = "batches", params(WishesQuery),
    request_body(content(
        (Vec<u8> = "application/zip"), (UploadForm = "multipart/form-data"))),
    responses(
        (status = 202, description = "Accepted, all of them.", body = BatchView,
            headers(("location" = String, description = "Where to ask for it."))),
        (status = 200, description = "The same, at their end: where this server keeps no jobs.", body = BatchView),
        SubmitProblems))]
pub(super) async fn submit(
    State(site): State<Site>,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Problem> {
    let (models, wishes) = receive::models(&site, parameters, request).await?;
    accept(&site, models, wishes).await
}

/// Makes jobs of models that came together.
pub(super) async fn accept(site: &Site, models: Vec<Model>, wishes: Wishes) -> Result<Response, Problem> {
    let jobs = site.jobs.submit_batch(models, wishes.submission(String::new())).await?;
    let id = jobs.first().and_then(|job| job.batch).map(|batch| batch.id);
    let id = id.ok_or_else(|| Problem::internal("a batch without jobs"))?;
    let status = match site.jobs.tier() {
        Tier::Embedded => StatusCode::ACCEPTED,
        Tier::Sync { .. } => {
            for job in &jobs {
                upload::end_of(site, job.id).await?;
            }
            StatusCode::OK
        }
    };
    let location = format!("/api/v1/batches/{id}");
    let view = BatchView::of(site, id).await?;
    Ok((status, [(header::LOCATION, location)], Json(view)).into_response())
}

/// A batch and its jobs
#[utoipa::path(get, operation_id = "show_batch", path = "/api/v1/batches/{id}", tag = "batches",
    params(("id" = String, Path, description = "The batch")),
    responses((status = 200, description = "The batch.", body = BatchView), BatchProblems))]
pub(super) async fn show(State(site): State<Site>, Path(id): Path) -> Result<Json<BatchView>, Problem> {
    let id = parse(&id)?;
    Ok(Json(BatchView::of(&site, id).await?))
}

/// The results of a batch, as a zip archive
///
/// Every result under the name of its original, and `batch.json`: the batch as it is told above. Jobs without a result
/// are only in there. Asked for before all jobs have ended, the answer is 409.
#[utoipa::path(get, operation_id = "download_batch", path = "/api/v1/batches/{id}/result", tag = "batches",
    params(("id" = String, Path, description = "The batch")),
    responses(
        (status = 200, description = "The archive, made while it is sent.", body = Vec<u8>, content_type = "application/zip"),
        BatchFileProblems))]
pub(super) async fn result(State(site): State<Site>, Path(id): Path) -> Result<impl IntoResponse, Problem> {
    let id = parse(&id)?;
    let jobs = site.jobs.batch(id).await?;
    let unfinished = jobs.iter().filter(|job| !job.state.is_final()).count();
    if unfinished > 0 {
        return Err(Problem::unfinished_batch(unfinished, jobs.len()));
    }
    let mut files = Vec::new();
    for job in jobs.iter().filter(|job| job.state == JobState::Completed) {
        files.push((job.input_name.clone(), site.jobs.result(job).await?));
    }
    let summary = serde_json::to_vec_pretty(&BatchView::of(&site, id).await?);
    let summary = summary.map_err(|error| Problem::internal(&error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"optimized.zip\""),
    ];
    Ok((headers, zip::stream(files, summary)?))
}

/// A text that is no id is the id of no batch.
fn parse(id: &str) -> Result<BatchId, Problem> {
    id.parse().map_err(|_| Problem::unknown_batch(id))
}
