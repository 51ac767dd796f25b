//! A job as the API shows it. The names and types here are the contract; they change only with a version.
//!
//! Blob hashes, leases and counters stay inside.

use serde::Serialize;
use utoipa::ToSchema;

use super::Status;
use crate::ids::{Attempt, BatchId, JobId};
use crate::optimize::Settings;
use crate::queue::{Job, JobError, Priority, State, Webhook};
use crate::timestamp::rfc3339;

/// The JSON of a job. Times are RFC 3339 in UTC.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobView {
    /// 32 hexadecimal digits. Who knows it may see and change the job.
    #[schema(value_type = String)]
    id: JobId,
    state: State,
    /// While running: what is done just now; a pass of the report, or `read`, `write`, `compare`.
    stage: Option<String>,
    /// How far it is, 0 to 100; never falls within an attempt.
    percent: f32,
    /// How often it was begun.
    #[schema(value_type = u32)]
    attempt: Attempt,
    priority: Priority,
    /// The batch that it came with.
    #[schema(value_type = Option<String>)]
    batch: Option<BatchId>,
    /// While queued: its place in the line; 1 is the next to run.
    position: Option<u64>,
    /// While queued: when it may begin, from what the latest jobs took; null before any was measured, and in lists.
    wait_seconds: Option<f64>,
    /// The file's name, without folders.
    input_name: String,
    input_bytes: u64,
    /// The size of the result, once there is one.
    output_bytes: Option<u64>,
    settings: Settings,
    /// Whether its files were deleted since it ended.
    files_gone: bool,
    /// Whether the result was there already. Whose work it was is not told: an id is the right to change that job.
    cached: bool,
    /// Why it is dead; of a queued job, why its last attempt failed.
    error: Option<JobError>,
    /// Whom to tell when it has ended, if anybody.
    webhook: Option<WebhookView>,
    /// RFC 3339 in UTC, as all times.
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
}

/// How far telling of a job's end has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    /// The address.
    url: String,
    /// How often it was tried.
    tries: u32,
    /// When it was told.
    delivered_at: Option<String>,
    /// When to try next.
    due_at: Option<String>,
    /// Why the last try failed.
    error: Option<String>,
}

impl From<Webhook> for WebhookView {
    fn from(Webhook { url, tries, due_at_ms, delivered_at_ms, error }: Webhook) -> Self {
        let (due_at, delivered_at) = (due_at_ms.map(rfc3339), delivered_at_ms.map(rfc3339));
        Self { url, tries, delivered_at, due_at, error }
    }
}

impl From<Status> for JobView {
    fn from(Status { job, progress, wait }: Status) -> Self {
        let percent = progress.as_ref().map_or(0.0, |progress| progress.percent);
        Self {
            id: job.id,
            state: job.state,
            percent: if job.state == State::Completed { 100.0 } else { percent },
            stage: progress.map(|progress| progress.stage),
            attempt: job.attempt,
            priority: job.priority,
            batch: job.batch.map(|batch| batch.id),
            position: wait.map(|wait| wait.position),
            wait_seconds: wait.and_then(|wait| wait.estimate_ms).map(|ms| ms as f64 / 1_000.0),
            input_name: job.input_name,
            input_bytes: job.input_bytes,
            output_bytes: job.output.map(|output| output.glb_bytes),
            settings: job.settings,
            files_gone: job.files_gone,
            cached: job.cached_from.is_some(),
            error: job.error,
            webhook: job.webhook.map(WebhookView::from),
            created_at: rfc3339(job.created_at_ms),
            started_at: job.started_at_ms.map(rfc3339),
            finished_at: job.finished_at_ms.map(rfc3339),
        }
    }
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self::from(Status { job, progress: None, wait: None })
    }
}
