//! The one function that moves a job from state to state. Pure: no storage, no clock.
//!
//! Every change of a stored job goes through [`apply`]; what it does not allow cannot happen. The diagram
//! is in [`crate::queue`]. A new event is a variant, an arm here, and a line in the diagram.

use super::error::Error;
use super::job::{Job, JobError, Lease, Output, State};
use super::webhook::Webhook;
use crate::ids::Attempt;

/// Attempts that count before a job is given up.
pub const MAX_ATTEMPTS: u32 = 3;

/// Attempts that may end together with their holder (the server killed, the machine off) before a job is given
/// up. More than [`MAX_ATTEMPTS`]: a job runs in a child process, so the end of the server is hardly its fault.
pub const MAX_LOST_ATTEMPTS: u32 = 20;

/// Attempts that may fail by a fault of this node, such as a full disk, before a job is given up: with
/// [`NODE_BACKOFF_MS`] and its jitter between them, a day or so.
pub const MAX_NODE_FAULTS: u32 = 7_000;

/// The wait before the second attempt, in milliseconds; each later one waits twice as long.
const FIRST_BACKOFF_MS: u64 = 1_000;

/// The wait after a fault of this node, in milliseconds: a full disk does not empty itself in a second.
const NODE_BACKOFF_MS: u64 = 10_000;

/// No back-off is longer, jitter included: whoever finds a later `run_at_ms` knows that the clock was set back.
pub(super) const MAX_BACKOFF_MS: u64 = NODE_BACKOFF_MS * 3 / 2;

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What to tell the owner.
    pub error: JobError,
    /// Whose fault it is, and so whether trying again can help.
    pub blame: Blame,
}

/// Whose fault a failed attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The file's, for certain: trying again cannot help.
    Input,
    /// Nobody knows: a crash, a time-out, too little memory. Tried again up to [`MAX_ATTEMPTS`] times.
    Unclear,
    /// This node's, for certain, such as a full disk: tried again until it is over, up to [`MAX_NODE_FAULTS`] times,
    /// and no attempt counts.
    Node,
}

/// What can happen to a job.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Claim { lease_ms: u64 },
    Extend { attempt: Attempt, lease_ms: u64 },
    Ack { attempt: Attempt, output: Output },
    Nack { attempt: Attempt, failure: Failure },
    Release { attempt: Attempt },
    Expire,
    Cancel,
    Retry,
}

/// The job after `event`, or why that is not allowed.
pub(super) fn apply(job: &Job, event: Event, now_ms: u64) -> Result<Job, Error> {
    check_fence(job, &event)?;
    let next = job.clone();
    match (job.state, event) {
        (State::Queued, Event::Claim { lease_ms }) => Ok(claimed(next, now_ms, lease_ms)),
        (State::Running, Event::Extend { lease_ms, .. }) => {
            Ok(Job { lease_until_ms: Some(now_ms.saturating_add(lease_ms)), ..next })
        }
        (State::Running, Event::Ack { output, .. }) => {
            Ok(finished(Job { output: Some(output), error: None, ..next }, State::Completed, now_ms))
        }
        (State::Running, Event::Nack { failure, .. }) => Ok(failed(next, failure, now_ms)),
        (State::Running, Event::Release { .. }) => Ok(released(next)),
        // No back-off: the job has already waited for its lease to run out, or for a restart.
        (State::Running, Event::Expire) => Ok(expired(next, now_ms)),
        (State::Queued | State::Running, Event::Cancel) => Ok(finished(next, State::Cancelled, now_ms)),
        (State::Dead | State::Cancelled, Event::Retry) if job.files_gone => Err(Error::FilesGone(job.id)),
        (State::Dead | State::Cancelled, Event::Retry) => Ok(renewed(next, now_ms)),
        (state, event) => Err(Error::Refused { state, wanted: event.participle() }),
    }
}

/// Refuses whoever holds an older attempt, whatever the job's state is by now.
fn check_fence(job: &Job, event: &Event) -> Result<(), Error> {
    match event.attempt() {
        Some(attempt) if job.state != State::Running || job.attempt != attempt => {
            let Lease { id, .. } = job.lease();
            Err(Error::LeaseLost { id, attempt })
        }
        _ => Ok(()),
    }
}

fn claimed(job: Job, now_ms: u64, lease_ms: u64) -> Job {
    Job {
        state: State::Running,
        attempt: job.attempt.next(),
        started_at_ms: Some(now_ms),
        lease_until_ms: Some(now_ms.saturating_add(lease_ms)),
        ..job
    }
}

fn finished(job: Job, state: State, now_ms: u64) -> Job {
    let webhook = job.webhook.map(|webhook| webhook.due_at(now_ms));
    Job { state, finished_at_ms: Some(now_ms), lease_until_ms: None, webhook, ..job }
}

fn failed(job: Job, failure: Failure, now_ms: u64) -> Job {
    let is_spent = counted_attempts(&job) >= MAX_ATTEMPTS;
    let base_ms = base_backoff_ms(&job, failure.blame);
    let of_node = u32::from(failure.blame == Blame::Node);
    let (forgiven, node_faults) = (job.forgiven + of_node, job.node_faults + of_node);
    let run_at_ms = now_ms.saturating_add(with_jitter(base_ms, &job));
    let job = Job { error: Some(failure.error), forgiven, node_faults, ..job };
    match failure.blame {
        Blame::Input => finished(job, State::Dead, now_ms),
        Blame::Node if node_faults >= MAX_NODE_FAULTS => finished(job, State::Dead, now_ms),
        Blame::Unclear if is_spent => finished(job, State::Dead, now_ms),
        _ => Job { state: State::Queued, run_at_ms, lease_until_ms: None, ..job },
    }
}

/// The attempt counts as lost, not as failed.
fn expired(job: Job, now_ms: u64) -> Job {
    let (lost, forgiven) = (job.lost + 1, job.forgiven + 1);
    let job = Job { lost, forgiven, error: Some(lost_error()), ..job };
    if lost >= MAX_LOST_ATTEMPTS {
        return finished(job, State::Dead, now_ms);
    }
    Job { state: State::Queued, run_at_ms: now_ms, lease_until_ms: None, ..job }
}

/// Back in its old place in the line, as if this attempt had not been.
fn released(job: Job) -> Job {
    Job { state: State::Queued, forgiven: job.forgiven + 1, started_at_ms: None, lease_until_ms: None, ..job }
}

/// As good as new, except that the fencing token goes on rising.
fn renewed(job: Job, now_ms: u64) -> Job {
    Job {
        state: State::Queued,
        forgiven: job.attempt.0,
        lost: 0,
        node_faults: 0,
        error: None,
        started_at_ms: None,
        finished_at_ms: None,
        run_at_ms: now_ms,
        // Whoever was told of one end is told of the next.
        webhook: job.webhook.map(Webhook::waiting),
        ..job
    }
}

fn counted_attempts(job: &Job) -> u32 {
    job.attempt.0.saturating_sub(job.forgiven)
}

fn lost_error() -> JobError {
    let message = "The attempt ended without a word: the program was killed or the machine stopped.";
    JobError { code: "lost".into(), message: message.into() }
}

/// Doubles with every attempt that counts.
fn base_backoff_ms(job: &Job, blame: Blame) -> u64 {
    match blame {
        Blame::Node => NODE_BACKOFF_MS,
        _ => (FIRST_BACKOFF_MS << counted_attempts(job).saturating_sub(1).min(16)).min(NODE_BACKOFF_MS),
    }
}

/// Up to half of it more. The jitter comes out of the job's own random id and the attempt: jobs that failed
/// together do not come back together, and tests need no random numbers.
fn with_jitter(base_ms: u64, job: &Job) -> u64 {
    let random = (job.id.as_u128() >> (job.attempt.0 % 64)) as u64;
    base_ms + random % (base_ms / 2)
}

impl Event {
    /// The attempt that the sender holds, if it must hold one.
    pub(super) fn attempt(&self) -> Option<Attempt> {
        match self {
            Self::Extend { attempt, .. }
            | Self::Ack { attempt, .. }
            | Self::Nack { attempt, .. }
            | Self::Release { attempt } => Some(*attempt),
            Self::Claim { .. } | Self::Expire | Self::Cancel | Self::Retry => None,
        }
    }

    fn participle(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "claimed",
            Self::Extend { .. } => "extended",
            Self::Ack { .. } => "completed",
            Self::Nack { .. } => "failed",
            Self::Release { .. } => "released",
            Self::Expire => "expired",
            Self::Cancel => "cancelled",
            Self::Retry => "retried",
        }
    }
}
