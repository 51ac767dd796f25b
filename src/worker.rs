//! Slots, wake-ups and heartbeats: takes jobs off the queue and sees each one through.
//!
//! One loop claims for all slots; every claimed job is a task of its own that holds a slot. What is done
//! with a job is in [`crate::jobs`]; here is only when, how many at once, and when to let go. A job is
//! never left without either an outcome or a lease that will run out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::events::{Change, Event};
use crate::ids::JobId;
use crate::jobs::{Error, Jobs};
use crate::queue::{self, Job, Lease, State};

/// A third of the lease: two heartbeats may fail before it is lost.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The wait after the queue itself failed.
const PAUSE_AFTER_FAULT: Duration = Duration::from_secs(1);

/// Works on up to `slots` jobs at once until `stop`, then hands the unfinished ones back and returns.
pub async fn run(jobs: Arc<Jobs>, slots: usize, stop: CancellationToken) {
    let free = Arc::new(Semaphore::new(slots));
    let tasks = TaskTracker::new();
    tasks.spawn(stop.clone().run_until_cancelled_owned(reap(Arc::clone(&jobs))));
    while let Some(Ok(slot)) = stop.run_until_cancelled(Arc::clone(&free).acquire_owned()).await {
        match jobs.claim().await {
            Ok(Some(job)) => {
                tasks.spawn(work(Arc::clone(&jobs), job, slot, stop.clone()));
            }
            Ok(None) => {
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
async fn reap(jobs: Arc<Jobs>) {
    let mut ticks = tokio::time::interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match jobs.reap().await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "took back jobs whose lease ran out"),
            Err(error) => tracing::error!(%error, "expired leases could not be taken back"),
        }
    }
}

/// Sees one claimed job through: to its outcome, to the loss of its lease, or to the stop of the program.
async fn work(jobs: Arc<Jobs>, job: Job, _slot: OwnedSemaphorePermit, stop: CancellationToken) {
    let lease = job.lease();
    let written = tokio::select! {
        outcome = jobs.run(&job) => jobs.finish(lease, outcome).await,
        () = keep(&jobs, lease) => Err(queue::Error::LeaseLost { id: lease.id, attempt: lease.attempt }.into()),
        () = stop.cancelled() => jobs.release(lease).await,
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
            () = state_change(&mut changes, lease.id) => {}
        }
        match jobs.extend(lease).await {
            Ok(()) => {}
            Err(Error::Queue(queue::Error::LeaseLost { .. } | queue::Error::UnknownJob(_))) => return,
            Err(error) => tracing::warn!(job = %lease.id, %error, "a lease could not be extended"),
        }
    }
}

async fn state_change(changes: &mut broadcast::Receiver<Event>, id: JobId) {
    loop {
        match changes.recv().await {
            Ok(Event { job, change: Change::State }) if job == id => return,
            Ok(_) => {}
            // What was missed may have been about this job.
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            // The sender lives as long as the jobs; without it the ticks go on.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
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
