//! The mirror: what changes on this node is told to all, so that any node can answer for any job.
//!
//! A record is mirrored after its files are where others can read them: whoever sees a completed job can fetch its
//! result. Progress is only announced. A mirrored record is a view; it goes by itself after a day.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::RedisResult;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::Bridge;
use super::node::NodeId;
use crate::events::{Change, Event, Progress};
use crate::ids::JobId;
use crate::jobs::Error;
use crate::queue::{self, InBatch, Job, State};

/// How long a record is mirrored after it last changed, in milliseconds.
const MIRROR_MS: u64 = 24 * 3600 * 1000;
/// How long a result is remembered for all, in seconds. Its files are shared for longer.
const RESULT_S: u64 = 3600;
/// Progress of one job is told this often at most.
const PROGRESS_PAUSE: Duration = Duration::from_millis(200);
/// Records that are told at the same time; each may have files to share.
const MAX_AT_ONCE: usize = 8;
/// Jobs that are told after a new connection, the newest first.
const LATEST_JOBS: usize = 1_000;

/// A job as others see it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mirrored {
    pub(super) owner: NodeId,
    pub(super) job: Job,
}

/// What is told on the channel.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) node: NodeId,
    pub(super) job: JobId,
    /// Without it, the record has changed.
    pub(super) progress: Option<Progress>,
}

/// For ever.
pub(super) async fn run(bridge: Arc<Bridge>) {
    let mut changes = bridge.jobs.subscribe();
    let mut untold = HashSet::new();
    let mut telling: JoinSet<(JobId, bool)> = JoinSet::new();
    let mut under_way = HashSet::new();
    let mut told_at: HashMap<JobId, Instant> = HashMap::new();
    loop {
        tokio::select! {
            event = changes.recv() => match event {
                Ok(Event { is_here: false, .. } | Event { change: Change::Gap, .. }) => {}
                Ok(Event { job, change: Change::State, .. }) => {
                    untold.insert(job);
                    told_at.remove(&job);
                }
                Ok(Event { job, change: Change::Progress(progress), .. }) => {
                    let is_soon = told_at.get(&job).is_some_and(|at| at.elapsed() < PROGRESS_PAUSE);
                    if !is_soon {
                        told_at.insert(job, Instant::now());
                        tell_progress(&bridge, job, progress).await;
                    }
                }
                Err(RecvError::Lagged(_)) => bridge.mirror_wanted.notify_one(),
                Err(RecvError::Closed) => return,
            },
            () = bridge.mirror_wanted.notified() => {
                told_at.clear();
                if let Ok(page) = bridge.jobs.list_own(None, None, LATEST_JOBS).await {
                    untold.extend(page.jobs.into_iter().map(|job| job.id));
                }
            }
            Some(told) = telling.join_next() => {
                if let Ok((job, is_told)) = told {
                    under_way.remove(&job);
                    if !is_told && bridge.link.is_connected() {
                        untold.insert(job);
                    }
                }
            }
        }
        if !bridge.link.is_connected() {
            // A new connection is told everything.
            untold.clear();
        }
        let next: Vec<JobId> = untold.difference(&under_way).take(MAX_AT_ONCE).copied().collect();
        for job in next {
            if telling.len() >= MAX_AT_ONCE {
                break;
            }
            untold.remove(&job);
            under_way.insert(job);
            telling.spawn(tell(Arc::clone(&bridge), job));
        }
    }
}

/// Tells how a job is now. Returns whether that worked.
async fn tell(bridge: Arc<Bridge>, id: JobId) -> (JobId, bool) {
    let told = match bridge.jobs.own(id).await {
        Ok(job) => {
            let is_shared = share_files(&bridge, &job).await;
            let written = write(&bridge, &job).await;
            if is_shared && written.is_ok() {
                remember_result(&bridge, &job).await;
            }
            written
        }
        Err(Error::Queue(queue::Error::UnknownJob(_))) => remove(&bridge, id).await,
        Err(error) => {
            tracing::warn!(job = %id, %error, "a job cannot be mirrored");
            return (id, true);
        }
    };
    if let Err(error) = &told {
        bridge.link.suspect(error);
        // Not at once again: the connection is looked at first.
        tokio::time::sleep(PROGRESS_PAUSE).await;
    }
    (id, told.is_ok())
}

/// Returns whether others can fetch the files of the job.
async fn share_files(bridge: &Bridge, job: &Job) -> bool {
    if !bridge.storage().shared {
        return false;
    }
    let shared = bridge.jobs.share(job).await;
    // Others then see the job and cannot fetch its files, and say so.
    shared
        .inspect_err(|error| tracing::warn!(job = %job.id, %error, "the files of a job could not be shared"))
        .is_ok()
}

/// Lets other nodes answer the same upload with this result. If that fails, they do the work themselves.
async fn remember_result(bridge: &Bridge, job: &Job) {
    let (Ok(Some(recipe)), Ok(mut connection)) = (job.result_recipe(), bridge.link.connection()) else {
        return;
    };
    let mut command = redis::cmd("SET");
    command.arg(bridge.keys.result(recipe)).arg(job.id.to_string()).arg("EX").arg(RESULT_S);
    let set: RedisResult<()> = command.query_async(&mut connection).await;
    if let Err(error) = set {
        tracing::warn!(job = %job.id, %error, "a result could not be put into the shared cache");
        bridge.link.suspect(&error);
    }
}

async fn write(bridge: &Bridge, job: &Job) -> RedisResult<()> {
    let Ok(mut connection) = bridge.link.connection() else { return Ok(()) };
    let mirrored = Mirrored { owner: bridge.node, job: job.clone() };
    let (id, json) = (job.id.to_string(), serde_json::to_string(&mirrored).unwrap_or_default());
    let mut pipe = redis::pipe();
    pipe.atomic().cmd("SET").arg(bridge.keys.job(job.id)).arg(json).arg("PX").arg(MIRROR_MS).ignore();
    for state in State::ALL.into_iter().filter(|state| *state != job.state) {
        pipe.zrem(bridge.keys.jobs(state), &id).ignore();
    }
    pipe.zadd(bridge.keys.jobs(job.state), &id, job.created_at_ms).ignore();
    if let Some(InBatch { id: batch, number }) = job.batch {
        let batch = bridge.keys.batch(batch);
        pipe.zadd(&batch, &id, number).ignore().cmd("PEXPIRE").arg(batch).arg(MIRROR_MS).ignore();
    }
    pipe.publish(bridge.keys.events(), told(bridge, job.id, None)).ignore();
    pipe.query_async(&mut connection).await
}

async fn remove(bridge: &Bridge, id: JobId) -> RedisResult<()> {
    let Ok(mut connection) = bridge.link.connection() else { return Ok(()) };
    let mut pipe = redis::pipe();
    pipe.atomic().del(bridge.keys.job(id)).ignore();
    for state in State::ALL {
        pipe.zrem(bridge.keys.jobs(state), id.to_string()).ignore();
    }
    pipe.publish(bridge.keys.events(), told(bridge, id, None)).ignore();
    pipe.query_async(&mut connection).await
}

async fn tell_progress(bridge: &Bridge, job: JobId, progress: Progress) {
    let Ok(mut connection) = bridge.link.connection() else { return };
    let message = told(bridge, job, Some(progress));
    let mut command = redis::cmd("PUBLISH");
    command.arg(bridge.keys.events()).arg(message);
    // Nobody waits for it: the next one says more.
    let sent: RedisResult<()> = command.query_async(&mut connection).await;
    let _ = sent.inspect_err(|error| bridge.link.suspect(error));
}

fn told(bridge: &Bridge, job: JobId, progress: Option<Progress>) -> String {
    serde_json::to_string(&Told { node: bridge.node, job, progress }).unwrap_or_default()
}
