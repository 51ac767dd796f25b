//! The job record, as it is stored: JSON under the job's id.
//!
//! Plain values without behaviour; who may change them and when is in [`super::transition`]. A field that
//! is added later needs a serde default, or older records stop being readable.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::Error;
use super::webhook::Webhook;
use crate::ids::{Attempt, BatchId, BlobId, JobId, KeyId};
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
    /// Attempts that failed by a fault of this node. These do not count against the job either, but are bounded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub node_faults: u32,
    /// The uploaded file's name, without folders.
    pub input_name: String,
    /// Its size in bytes.
    pub input_bytes: u64,
    /// Its content.
    pub input: BlobId,
    /// What was asked for.
    pub settings: Settings,
    /// Who goes first.
    #[serde(default)]
    pub priority: Priority,
    /// What its sender calls this submission, so that sending it again makes no second job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Sender::is_nobody")]
    pub sender: Sender,
    /// The batch that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<InBatch>,
    /// Whom to tell when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// The job that did the work, when this one was completed out of an earlier job's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_from: Option<JobId>,
    /// What came of it; only when completed.
    pub output: Option<Output>,
    /// Whether its blobs were let go; only in a final state, which it then never leaves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub files_gone: bool,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The five states. A retry is queued with a later `run_at_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
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

/// Who goes first. A step of priority is worth [`Priority::STEP_MS`] of waiting and no more: so a job of low
/// priority is overtaken by later ones for a while, but never for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before all others of its time.
    High,
    /// What is not said otherwise.
    #[default]
    Normal,
    /// When there is nothing else to do.
    Low,
}

impl Priority {
    /// All of them, the first to go first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// How much longer a job must have waited to go before one of the next higher priority: 10 minutes.
    pub const STEP_MS: u64 = 600_000;

    /// Its place in [`Priority::ALL`].
    pub(super) fn rank(self) -> u8 {
        self as u8
    }

    /// The word for it in REST, CLI and storage.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

impl FromStr for Priority {
    type Err = UnknownPriority;

    fn from_str(text: &str) -> Result<Self, UnknownPriority> {
        let found = Self::ALL.into_iter().find(|priority| priority.name() == text);
        found.ok_or_else(|| UnknownPriority(text.to_owned()))
    }
}

/// A text that is no priority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("priority is \"{0}\", but it must be one of high, normal, low")]
pub struct UnknownPriority(String);

/// The result of a completed job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The optimized file.
    pub glb: BlobId,
    /// Its size in bytes.
    pub glb_bytes: u64,
    /// The report, as JSON.
    pub report: BlobId,
    /// Pictures of the view in which it looks most different, as PNG; none where the result is the original.
    #[serde(default)]
    pub worst_view: Option<BlobId>,
    /// Its levels of detail as files of their own, the finest of them first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<LevelFile>,
    /// The version of this program that made it; another one may make something else.
    #[serde(default)]
    pub version: String,
}

/// A level of detail as a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelFile {
    /// The file.
    pub glb: BlobId,
    /// Its size in bytes.
    pub glb_bytes: u64,
}

impl Output {
    /// The blobs that it consists of.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        let levels = self.levels.iter().map(|level| level.glb);
        [self.glb, self.report].into_iter().chain(self.worst_view).chain(levels)
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Who goes first.
    pub priority: Priority,
    /// What its sender calls this submission, so that sending it again makes no second job.
    pub idempotency_key: Option<String>,
    /// The batch that it comes with.
    pub batch: Option<InBatch>,
    /// The address to tell when it has ended.
    pub webhook: Option<String>,
    /// A result that is there already, with all its blobs.
    pub cached: Option<Cached>,
    /// Who sends it; an API key pays for it.
    pub sender: Sender,
}

/// Who sent a job. The client's address is not written down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The client, as it is counted: the API key, or the address.
    #[serde(skip)]
    pub client: Option<String>,
    /// The API key that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<KeyId>,
    /// The request, as the log calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Sender {
    fn is_nobody(&self) -> bool {
        self.api_key.is_none() && self.request_id.is_none()
    }
}

/// A job's place among those that came with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InBatch {
    /// The batch.
    pub id: BatchId,
    /// Its place there, from 0.
    pub number: u32,
}

/// The result of an earlier job for the same content, settings and version.
#[derive(Debug, Clone, PartialEq)]
pub struct Cached {
    /// What came of it.
    pub output: Output,
    /// The job that did the work.
    pub from: JobId,
}

impl Job {
    /// A job accepted at `now_ms`: ready to be claimed, or completed at once out of an earlier result.
    #[must_use]
    pub fn accepted(new: NewJob, now_ms: u64) -> Self {
        let is_done = new.cached.is_some();
        let (output, cached_from) = new.cached.map(|cached| (cached.output, cached.from)).unzip();
        Self {
            id: JobId::random(),
            state: if is_done { State::Completed } else { State::Queued },
            attempt: Attempt::default(),
            forgiven: 0,
            lost: 0,
            node_faults: 0,
            files_gone: false,
            input_name: new.input_name,
            input_bytes: new.input_bytes,
            input: new.input,
            settings: new.settings,
            priority: new.priority,
            idempotency_key: new.idempotency_key,
            sender: Sender { client: None, ..new.sender },
            batch: new.batch,
            webhook: new.webhook.map(|url| Webhook::new(url, is_done.then_some(now_ms))),
            cached_from,
            output,
            error: None,
            created_at_ms: now_ms,
            started_at_ms: None,
            finished_at_ms: is_done.then_some(now_ms),
            run_at_ms: now_ms,
            lease_until_ms: None,
        }
    }

    /// The blobs that this job needs: what was uploaded, and what came of it.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        let made = self.output.iter().flat_map(Output::blobs);
        std::iter::once(self.input).chain(made).filter(|_| !self.files_gone)
    }

    /// What the job's result depends on, as a hash; none without a result.
    ///
    /// # Errors
    /// The settings cannot be written as JSON, which they can.
    pub fn result_recipe(&self) -> Result<Option<[u8; 32]>, Error> {
        let output = self.output.as_ref().filter(|_| self.state == State::Completed && !self.files_gone);
        output.map(|output| recipe(self.input, &self.settings, &output.version)).transpose()
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

/// What a result depends on, as a hash: content, settings, and the version of this program.
///
/// # Errors
/// The settings cannot be written as JSON, which they can.
pub fn recipe(input: BlobId, settings: &Settings, version: &str) -> Result<[u8; 32], Error> {
    let text = serde_json::to_vec(&(input, settings, version)).map_err(Error::Recipe)?;
    Ok(blake3::hash(&text).into())
}
