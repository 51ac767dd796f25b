//! A job as the API shows it. The names and types here are the contract; they change only with a version.
//!
//! Blob hashes, leases and counters stay inside.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use crate::ids::{Attempt, JobId};
use crate::jobs::Status;
use crate::optimize::Settings;
use crate::queue::{Job, JobError, Priority, State};

/// The JSON of a job. Times are RFC 3339 in UTC.
#[derive(Debug, Serialize)]
pub(super) struct JobView {
    id: JobId,
    state: State,
    stage: Option<String>,
    percent: f32,
    attempt: Attempt,
    priority: Priority,
    /// While queued: its place in the line; 1 is the next to run.
    position: Option<u64>,
    /// While queued: when it may begin, from what the latest jobs took; null before any was measured.
    wait_seconds: Option<f64>,
    input_name: String,
    input_bytes: u64,
    output_bytes: Option<u64>,
    settings: Settings,
    /// Whether its files were deleted since it ended.
    files_gone: bool,
    /// The job that did the work, when the result was there already.
    cached_from: Option<JobId>,
    error: Option<JobError>,
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
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
            position: wait.map(|wait| wait.position),
            wait_seconds: wait.and_then(|wait| wait.estimate_ms).map(|ms| ms as f64 / 1_000.0),
            input_name: job.input_name,
            input_bytes: job.input_bytes,
            output_bytes: job.output.map(|output| output.glb_bytes),
            settings: job.settings,
            files_gone: job.files_gone,
            cached_from: job.cached_from,
            error: job.error,
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

fn rfc3339(time_ms: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(time_ms)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
    }
}
