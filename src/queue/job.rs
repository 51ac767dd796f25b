//! The job record, as it is stored: JSON under the job's id.
//!
//! Plain values without behaviour; who may change them and when is in [`super::transition`]. A field that
//! is added later needs a serde default, or older records stop being readable.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Attempt, BlobId, JobId};
use crate::optimize::Settings;

/// One job. Times are milliseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Where it is in its life.
    pub state: State,
    /// Rises at every claim: the fencing token.
    pub attempt: Attempt,
    /// How many of these attempts do not count, because the job was handed back unharmed.
    pub forgiven: u32,
    /// Attempts that ended together with their holder. These do not count against the job, but are bounded.
    #[serde(default)]
    pub lost: u32,
    /// The uploaded file's name, without folders.
    pub input_name: String,
    /// Its size in bytes.
    pub input_bytes: u64,
    /// Its content.
    pub input: BlobId,
    /// What was asked for.
    pub settings: Settings,
    /// What came of it; only when completed.
    pub output: Option<Output>,
    /// The last failure. A queued job has one if it waits to be tried again.
    pub error: Option<JobError>,
    /// When it was accepted.
    pub created_at_ms: u64,
    /// When the latest attempt began.
    pub started_at_ms: Option<u64>,
    /// When it became completed, dead or cancelled.
    pub finished_at_ms: Option<u64>,
    /// Not to be claimed before this time.
    pub run_at_ms: u64,
    /// While running: when the claim ends, unless it is extended.
    pub lease_until_ms: Option<u64>,
}

/// The five states. A retry is queued with a later `run_at_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits to be claimed.
    Queued,
    /// Claimed under a lease.
    Running,
    /// Done; its output is stored.
    Completed,
    /// Given up; its error says why. Kept for inspection and retry.
    Dead,
    /// Stopped by its owner.
    Cancelled,
}

impl State {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Completed, Self::Dead, Self::Cancelled];

    /// Whether the job rests: nothing happens to it any more unless somebody asks.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Dead | Self::Cancelled)
    }

    /// The word for it in REST, CLI, log and storage.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The result of a completed job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The optimized file.
    pub glb: BlobId,
    /// Its size in bytes.
    pub glb_bytes: u64,
    /// The report, as JSON.
    pub report: BlobId,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// What is known of a job before it is in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// The file's name, without folders.
    pub input_name: String,
    /// Its size in bytes.
    pub input_bytes: u64,
    /// Its content, stored already.
    pub input: BlobId,
    /// What was asked for.
    pub settings: Settings,
}

impl Job {
    /// A job accepted at `now_ms`, ready to be claimed.
    #[must_use]
    pub fn queued(new: NewJob, now_ms: u64) -> Self {
        Self {
            id: JobId::random(),
            state: State::Queued,
            attempt: Attempt::default(),
            forgiven: 0,
            lost: 0,
            input_name: new.input_name,
            input_bytes: new.input_bytes,
            input: new.input,
            settings: new.settings,
            output: None,
            error: None,
            created_at_ms: now_ms,
            started_at_ms: None,
            finished_at_ms: None,
            run_at_ms: now_ms,
            lease_until_ms: None,
        }
    }

    /// The proof of the latest claim.
    #[must_use]
    pub fn lease(&self) -> Lease {
        Lease { id: self.id, attempt: self.attempt }
    }
}

/// A claim on a job, to be shown whenever its holder wants something written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub id: JobId,
    /// The attempt that was given out with the claim.
    pub attempt: Attempt,
}
