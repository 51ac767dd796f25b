//! One model of how this node does, for `/health`, `/metrics`, the system page and container checks.
//!
//! Looks, and writes one probe file; never repairs, and never waits for another machine: of Redis it says what the bridge
//! knows already. A part that is not there by choice is healthy. A new part is a field of [`Components`]; whether jobs
//! depend on it is decided in [`Components::needed`]. What a person asks once and thoroughly is in `doctor`.

mod fleet;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use crate::bridge::{Bridge, Node, Status};
use crate::jobs::{Jobs, Tier};
use crate::sandbox::Confinement;
pub use fleet::{Redis, Switch};

/// A part that does not answer within this time does not work, for all that matters.
const LOOK_TIME: Duration = Duration::from_secs(3);

/// How this node does.
#[derive(Debug, Serialize)]
pub struct Health {
    /// `ok`; `degraded` when jobs run but not everything is as it was set up; `unhealthy` when jobs cannot run.
    pub status: &'static str,
    /// Version of this program.
    pub version: &'static str,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Where accepted jobs are kept and worked on: `redis` is the data folder, and the fleet may do the work; `embedded` is
    /// the data folder of this node alone; `sync` is nowhere, so that uploads wait for their result.
    pub tier: &'static str,
    /// Why the tier is not what it could be.
    pub tier_reason: Option<String>,
    /// The latest changes of the tier, the newest last.
    pub switches: Vec<Switch>,
    /// Whether queued jobs are held back.
    pub paused: bool,
    /// How many jobs are in each state; absent when the queue cannot be read.
    pub queue: Option<BTreeMap<&'static str, u64>>,
    /// How many jobs may run at once.
    pub workers: usize,
    /// How many run.
    pub busy: usize,
    /// The parts, one by one.
    pub components: Components,
    /// What protects this server from its jobs, and what could not be had. A missing measure is no failure.
    pub sandbox: Confinement,
    /// The nodes of the fleet that are there, this one among them.
    pub nodes: Vec<Node>,
    /// The same in the words of the program before this one.
    pub services: Services,
}

/// What a stranger needs to know: whether to come here.
#[derive(Debug, Serialize)]
pub struct Brief {
    /// See [`Health::status`].
    pub status: &'static str,
    /// See [`Health::tier`].
    pub tier: &'static str,
    /// See [`Health::services`].
    pub services: Services,
}

/// `ok` or `error` for what older scripts look at.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Services {
    /// The workers.
    pub celery_worker: &'static str,
    /// The queue.
    pub database: &'static str,
}

/// The parts of this node.
#[derive(Debug, Serialize)]
pub struct Components {
    /// Whether the queue can be read.
    pub queue: Component,
    /// Whether files can be stored.
    pub data_folder: Component,
    /// Whether a child can be started for a job.
    pub sandbox: Component,
    /// Whether somebody takes jobs off the queue.
    pub workers: Component,
    /// Whether work and knowledge can be shared with other nodes.
    pub redis: Redis,
    /// Whether files can be.
    pub storage: Component,
}

/// One part.
#[derive(Debug, Clone, Serialize)]
pub struct Component {
    /// Whether it works, or is not there by choice.
    pub healthy: bool,
    /// How it is, in a stable word.
    pub status: &'static str,
    /// What is wrong, for people.
    pub error: Option<String>,
    /// What looking took, in milliseconds.
    pub response_time_ms: Option<f64>,
    /// Of the workers: how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_count: Option<usize>,
    /// When this was so: RFC 3339, UTC.
    pub timestamp: String,
}

/// Looks at this node whenever somebody asks.
#[derive(Clone)]
pub struct Observer {
    jobs: Arc<Jobs>,
    bridge: Option<Arc<Bridge>>,
    started: Instant,
}

impl Observer {
    /// Of a node that was started now.
    #[must_use]
    pub fn new(jobs: Arc<Jobs>, bridge: Option<Arc<Bridge>>) -> Self {
        Self { jobs, bridge, started: Instant::now() }
    }

    /// Looks at everything once.
    pub async fn look(&self) -> Health {
        let jobs = &self.jobs;
        let (queue, data_folder, sandbox, paused) = tokio::join!(
            look_at(jobs.counts()),
            look_at(jobs.probe_data_folder()),
            // It has a time limit of its own: the first look starts a child.
            timed(jobs.confinement()),
            look_at(jobs.is_paused()),
        );
        let (slots, fleet) = (jobs.slots(), self.bridge.as_ref().map(|bridge| bridge.status()));
        let components = Components {
            queue: Component::of(&queue, ["readable", "unreadable"]),
            data_folder: Component::of(&data_folder, ["writable", "unwritable"]),
            sandbox: Component::of(&sandbox, ["ready", "broken"]),
            workers: workers(slots.open, &queue.found),
            redis: Redis::of(fleet.as_ref()),
            storage: fleet::storage(fleet.as_ref()),
        };
        let (tier, tier_reason) = tier(jobs.tier(), fleet.as_ref());
        Health {
            status: components.status(matches!(jobs.tier(), Tier::Sync { .. })),
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.started.elapsed().as_secs(),
            tier,
            tier_reason,
            switches: fleet::switches(self.bridge.as_deref()),
            paused: paused.found.unwrap_or(false),
            queue: queue.found.ok(),
            workers: slots.open,
            busy: slots.busy,
            services: components.services(),
            components,
            nodes: fleet.map(|fleet| fleet.nodes).unwrap_or_default(),
            sandbox: sandbox.found.cloned().unwrap_or_default(),
        }
    }
}

impl Health {
    /// Whether everything that a job needs is there.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.components.needed().iter().all(|component| component.healthy)
    }

    /// The little that everybody may know.
    #[must_use]
    pub fn brief(&self) -> Brief {
        Brief { status: self.status, tier: self.tier, services: self.services }
    }
}

/// The tier in force, and why it is not a better one: what keeps jobs comes first, what shares them second.
fn tier(own: &Tier, fleet: Option<&Status>) -> (&'static str, Option<String>) {
    let kept = match own {
        Tier::Embedded => None,
        Tier::Sync { reason } => Some(reason.clone()),
    };
    let shared = fleet.and_then(|fleet| fleet.reason.clone());
    (fleet.map_or(own.name(), |fleet| fleet.tier), kept.or(shared))
}

impl Components {
    /// All of them, with their names.
    #[must_use]
    pub fn all(&self) -> [(&'static str, &Component); 6] {
        [
            ("queue", &self.queue),
            ("data_folder", &self.data_folder),
            ("sandbox", &self.sandbox),
            ("workers", &self.workers),
            ("redis", &self.redis.component),
            ("storage", &self.storage),
        ]
    }

    /// Those without which no job can run.
    fn needed(&self) -> [&Component; 4] {
        [&self.queue, &self.data_folder, &self.sandbox, &self.workers]
    }

    fn services(&self) -> Services {
        let word = |component: &Component| if component.healthy { "ok" } else { "error" };
        Services { celery_worker: word(&self.workers), database: word(&self.queue) }
    }

    fn status(&self, is_reduced: bool) -> &'static str {
        if self.needed().iter().any(|component| !component.healthy) {
            "unhealthy"
        } else if is_reduced || self.all().iter().any(|(_, component)| !component.healthy) {
            "degraded"
        } else {
            "ok"
        }
    }
}

impl Component {
    fn of<T>(look: &Look<T>, [well, ill]: [&'static str; 2]) -> Self {
        let error = look.found.as_ref().err().cloned();
        let response_time_ms = Some(look.took.as_secs_f64() * 1_000.0);
        let status = if error.is_none() { well } else { ill };
        Self {
            healthy: error.is_none(),
            status,
            error,
            response_time_ms,
            worker_count: None,
            timestamp: timestamp(),
        }
    }
}

/// Workers cannot be asked: what is known is how many wait at the queue, and whether it answers them.
fn workers<T>(open: usize, queue: &Result<T, String>) -> Component {
    let (status, error) = match (open, queue) {
        (0, _) => ("no_workers", Some("Nobody takes jobs off the queue; start the server again.".to_owned())),
        (_, Err(error)) => ("error", Some(error.clone())),
        _ => ("workers_active", None),
    };
    Component {
        healthy: error.is_none(),
        status,
        error,
        response_time_ms: None,
        worker_count: Some(open),
        timestamp: timestamp(),
    }
}

/// What was seen, and what looking took.
struct Look<T> {
    found: Result<T, String>,
    took: Duration,
}

async fn timed<T, E: Display>(look: impl Future<Output = Result<T, E>>) -> Look<T> {
    let start = Instant::now();
    let found = look.await.map_err(|error| error.to_string());
    Look { found, took: start.elapsed() }
}

async fn look_at<T, E: Display>(look: impl Future<Output = Result<T, E>>) -> Look<T> {
    look_within(LOOK_TIME, look).await
}

async fn look_within<T, E: Display>(time: Duration, look: impl Future<Output = Result<T, E>>) -> Look<T> {
    timed(async {
        let found = tokio::time::timeout(time, look).await;
        let late = |_elapsed| format!("no answer within {} seconds", time.as_secs_f32());
        found.map_err(late).and_then(|found| found.map_err(|error| error.to_string()))
    })
    .await
}

fn timestamp() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// The memory that this process holds, in bytes; none where the system does not tell.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(found: Result<(), &str>) -> Look<()> {
        Look { found: found.map_err(str::to_owned), took: Duration::from_millis(2) }
    }

    fn components(queue: Result<(), &str>, open: usize) -> Components {
        let part = || Component::of(&look(Ok(())), ["well", "ill"]);
        Components {
            queue: Component::of(&look(queue), ["readable", "unreadable"]),
            data_folder: part(),
            sandbox: part(),
            workers: workers(open, &look(queue).found),
            redis: Redis::of(None),
            storage: fleet::storage(None),
        }
    }

    #[test]
    fn what_jobs_need_decides_between_degraded_and_unhealthy() {
        assert_eq!(components(Ok(()), 2).status(false), "ok");
        assert_eq!(components(Ok(()), 2).status(true), "degraded");
        assert_eq!(components(Err("gone"), 2).status(false), "unhealthy");
        assert_eq!(components(Ok(()), 0).status(true), "unhealthy");
    }

    #[test]
    fn workers_are_active_or_none_or_in_error() {
        let status = |queue, open| components(queue, open).workers.status;
        assert_eq!(status(Ok(()), 2), "workers_active");
        assert_eq!(status(Ok(()), 0), "no_workers");
        assert_eq!(status(Err("gone"), 2), "error");
        assert_eq!(components(Ok(()), 2).workers.worker_count, Some(2));
    }

    #[tokio::test]
    async fn what_does_not_answer_is_not_waited_for() {
        let silence = std::future::pending::<Result<(), String>>();
        let look = look_within(Duration::from_millis(1), silence).await;
        assert_eq!(look.found.unwrap_err(), "no answer within 0.001 seconds");
    }
}
