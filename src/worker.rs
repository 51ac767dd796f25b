//! Slots, wake-ups and heartbeats: takes jobs off the queue and sees each one through.
//!
//! One loop claims for all slots; every claimed job is a task of its own that holds a slot. What is done
//! with a job is in [`crate::jobs`]; here is only when, how many at once, and when to let go. A job is
//! never left without either an outcome or a lease that will run out.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::events;
use crate::jobs::{Error, Jobs, LEASE, Slot};
use crate::meter;
use crate::queue::{self, Job, Lease, State};

/// A third of the lease: two heartbeats may fail before it is lost.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Clocks that run apart by more than this between two heartbeats were set, not corrected.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// The wait after the queue itself failed.
const PAUSE_AFTER_FAULT: Duration = Duration::from_secs(1);

/// Works on as many jobs at once as there are slots until `stop`, then hands the unfinished ones back and returns.
pub async fn run(jobs: Arc<Jobs>, stop: CancellationToken) {
    let _present = jobs.worker_comes();
    let tasks = TaskTracker::new();
    tasks.spawn(stop.clone().run_until_cancelled_owned(reap(Arc::clone(&jobs))));
    tasks.spawn(stop.clone().run_until_cancelled_owned(sweep(Arc::clone(&jobs))));
    while let Some(slot) = stop.run_until_cancelled(jobs.slot()).await {
        match jobs.claim().await {
            Ok(Some(job)) => {
                // So every line about it, its process's last words too, names the request that brought it.
                let span = tracing::info_span!("work", job = %job.id, request = job.sender.request_id);
                tasks.spawn(work(Arc::clone(&jobs), job, slot, stop.clone()).instrument(span));
            }
            Ok(None) => {
                // Nobody else should wait for a slot that has nothing to do.
                drop(slot);
                stop.run_until_cancelled(wait(&jobs)).await;
            }
            Err(error) => pause(&error).await,
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn wait(jobs: &Jobs) {
    if let Err(error) = jobs.wait_for_work().await {
        pause(&error).await;
    }
}

async fn pause(error: &Error) {
    tracing::error!(%error, "the queue does not answer");
    tokio::time::sleep(PAUSE_AFTER_FAULT).await;
}

/// Takes expired leases back for ever.
///
/// After the clock was set, or the machine has slept, every lease looks expired (or eternal) until its holder has
/// extended it by the new time. So then nothing is taken back for as long as that may need.
async fn reap(jobs: Arc<Jobs>) {
    let mut ticks = tokio::time::interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut clock, mut quiet_until) = (Clock::now(), Instant::now());
    loop {
        ticks.tick().await;
        let before = std::mem::replace(&mut clock, Clock::now());
        if clock.has_jumped_since(before) {
            tracing::warn!("the clock was set: leases count from now");
            quiet_until = clock.steady + LEASE;
        }
        if clock.steady < quiet_until {
            continue;
        }
        match jobs.reap().await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "took back jobs whose lease ran out"),
            Err(error) => tracing::error!(%error, "expired leases could not be taken back"),
        }
    }
}

/// Deletes for ever what nobody needs any more.
async fn sweep(jobs: Arc<Jobs>) {
    loop {
        if let Err(error) = jobs.sweep().await {
            tracing::error!(%error, "old files could not be deleted");
        }
        jobs.wait_for_sweep().await;
    }
}

/// The two clocks at one moment: the one that people set, and the one that only runs.
#[derive(Debug, Clone, Copy)]
struct Clock {
    wall: SystemTime,
    steady: Instant,
}

impl Clock {
    fn now() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }

    fn has_jumped_since(self, before: Self) -> bool {
        let expected = before.wall + self.steady.duration_since(before.steady);
        let off = self.wall.duration_since(expected).unwrap_or_else(|error| error.duration());
        off > CLOCK_TOLERANCE
    }
}

/// Sees one claimed job through: to its outcome, to the loss of its lease, or to the stop of the program.
async fn work(jobs: Arc<Jobs>, job: Job, _slot: Slot, stop: CancellationToken) {
    let lease = job.lease();
    let written = tokio::select! {
        outcome = jobs.run(&job) => jobs.finish(lease, outcome).await,
        () = keep(&jobs, lease) => {
            meter::child_killed("cancelled");
            Err(queue::Error::LeaseLost { id: lease.id, attempt: lease.attempt }.into())
        }
        () = stop.cancelled() => {
            meter::child_killed("stopping");
            jobs.release(lease).await
        }
    };
    match written {
        Ok(job) => log_outcome(&job),
        Err(Error::Queue(queue::Error::LeaseLost { .. })) => {
            tracing::info!(job = %lease.id, attempt = lease.attempt.0, "stopped a job that was cancelled or lost");
        }
        Err(error) => {
            tracing::error!(job = %lease.id, %error, "an outcome could not be written; it will be tried again")
        }
    }
}

/// Extends the lease until it is lost. A change of the job's state brings the next heartbeat forward, so
/// that a cancelled job stops at once.
async fn keep(jobs: &Jobs, lease: Lease) {
    let mut changes = jobs.subscribe();
    let mut ticks = tokio::time::interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = events::state_change(&mut changes, lease.id) => {}
        }
        match jobs.extend(lease).await {
            Ok(()) => {}
            Err(Error::Queue(queue::Error::LeaseLost { .. })) => return,
            Err(error) => tracing::warn!(job = %lease.id, %error, "a lease could not be extended"),
        }
    }
}

fn log_outcome(job: &Job) {
    let (id, attempt) = (job.id, job.attempt.0);
    let run_ms = job.finished_at_ms.zip(job.started_at_ms).map(|(end, start)| end.saturating_sub(start));
    let output_bytes = job.output.as_ref().map(|output| output.glb_bytes);
    let error = job.error.as_ref().map(|error| error.message.as_str());
    match job.state {
        State::Completed => {
            tracing::info!(job = %id, attempt, run_ms, input_bytes = job.input_bytes, output_bytes, "completed a job");
        }
        State::Dead => tracing::warn!(job = %id, attempt, run_ms, error, "gave a job up"),
        _ if error.is_some() => {
            tracing::warn!(job = %id, attempt, error, "an attempt failed and will be repeated")
        }
        _ => tracing::info!(job = %id, attempt, "handed a job back unfinished"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_told_from_one_that_runs() {
        let before = Clock::now();
        let after = |wall_s: f64| Clock {
            wall: before.wall + Duration::from_secs_f64(3_600.0 + wall_s) - Duration::from_secs(3_600),
            steady: before.steady + HEARTBEAT,
        };
        assert!(!after(5.0).has_jumped_since(before));
        assert!(!after(6.5).has_jumped_since(before));
        assert!(after(3_605.0).has_jumped_since(before));
        assert!(after(-3_595.0).has_jumped_since(before));
    }
}
