//! Says that this node is there, looks who else is, and notices when the tier changes.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Bridge;
use super::node::{self, Node};
use super::status::{Storage, Switch};
use crate::jobs::Jobs;
use crate::queue::State;

/// How often the tier is looked at, and the other nodes.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the shared storage is probed.
const STORAGE_PAUSE: Duration = Duration::from_secs(10);
/// How often while it fails: work waits for it.
const FAILING_STORAGE_PAUSE: Duration = Duration::from_secs(2);
/// Who sweeps the shared storage does it this often; and so often everything is told again, before it is forgotten.
const SWEEP_PAUSE: Duration = Duration::from_secs(600);
/// Shared files are kept for so long: the mirror, which points at them, lives as long.
const SHARED_TIME: Duration = Duration::from_secs(24 * 3600);

/// For ever.
pub(super) async fn keep(bridge: Arc<Bridge>) {
    let mut tier = bridge.jobs.tier().name();
    let mut changes = bridge.link.watch();
    let mut was_known = false;
    let mut told = Instant::now();
    loop {
        if told.elapsed() > SWEEP_PAUSE {
            told = Instant::now();
            bridge.mirror_wanted.notify_one();
            trim(&bridge).await;
        }
        let (now, reason) = bridge.tier();
        if now != tier {
            let reason = reason.unwrap_or_else(|| "Redis and the shared storage answer".into());
            bridge.switches.remember(Switch { from: tier, to: now, reason, at_ms: now_ms() });
            tier = now;
        }
        was_known = say(&bridge, was_known).await;
        // Running out of time is as good as being woken.
        let _ = tokio::time::timeout(PAUSE, changes.changed()).await;
    }
}

/// Returns whether Redis knows this node now.
async fn say(bridge: &Bridge, was_known: bool) -> bool {
    let Ok(mut connection) = bridge.link.connection() else { return false };
    let here = this_node(bridge).await;
    match node::say(&mut connection, &bridge.keys, &here).await {
        // New here, or Redis has forgotten everything: then it has to be told everything.
        Ok(is_known) if !is_known || !was_known => bridge.mirror_wanted.notify_one(),
        Ok(_) => {}
        Err(error) => {
            bridge.link.suspect(&error);
            return false;
        }
    }
    match node::all(&mut connection, &bridge.keys).await {
        Ok(nodes) => *bridge.nodes.write().unwrap_or_else(PoisonError::into_inner) = nodes,
        Err(error) => bridge.link.suspect(&error),
    }
    true
}

/// Takes jobs off the lists whose mirrored record has gone by itself. One that lives on is told again by its owner.
async fn trim(bridge: &Bridge) {
    let Ok(mut connection) = bridge.link.connection() else { return };
    let until_ms = now_ms().saturating_sub(2_000 * SHARED_TIME.as_secs());
    let mut pipe = redis::pipe();
    for state in State::ALL {
        pipe.cmd("ZREMRANGEBYSCORE").arg(bridge.keys.jobs(state)).arg("-inf").arg(until_ms).ignore();
    }
    let trimmed: redis::RedisResult<()> = pipe.query_async(&mut connection).await;
    let _ = trimmed.inspect_err(|error| bridge.link.suspect(error));
}

async fn this_node(bridge: &Bridge) -> Node {
    let counts = bridge.jobs.counts().await.unwrap_or_default();
    Node {
        id: bridge.node,
        host: node::host_name(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").into(),
        slots: bridge.jobs.slot_count(),
        shares: bridge.can_take(),
        jobs: counts.into_iter().map(|(state, count)| (state.to_owned(), count)).collect(),
        seen_at_ms: now_ms(),
    }
}

/// What is known of the storage before it was looked at.
pub(super) fn storage_before_its_probe(jobs: &Jobs) -> Storage {
    let location = jobs.shared().map(|shared| shared.location().to_string());
    let problem = match &location {
        Some(_) => "the shared storage was not looked at yet".to_owned(),
        None => "no storage is shared; give all nodes the same STORAGE_URL (a folder or S3)".to_owned(),
    };
    Storage { shared: false, location, problem: Some(problem) }
}

/// Probes the shared storage for ever, and sweeps it if this node is the one to do so.
pub(super) async fn probe_storage(bridge: Arc<Bridge>) {
    let Some(shared) = bridge.jobs.shared() else { return };
    let location = shared.location().to_string();
    loop {
        bridge.link.connected().await;
        let problem = shared.probe().await.err().map(|error| format!("{location} cannot be used: {error}"));
        if let Some(problem) = &problem {
            tracing::warn!(problem, "the shared storage fails");
        }
        let pause = if problem.is_none() { STORAGE_PAUSE } else { FAILING_STORAGE_PAUSE };
        let storage = Storage { shared: problem.is_none(), location: Some(location.clone()), problem };
        *bridge.storage.write().unwrap_or_else(PoisonError::into_inner) = storage;
        if is_sweeper(&bridge).await {
            match shared.sweep(SHARED_TIME).await {
                Ok(0) => {}
                Ok(deleted) => tracing::info!(deleted, "deleted shared files that nobody needs"),
                Err(error) => tracing::warn!(%error, "the shared storage could not be swept"),
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// One node does it at a time: whoever gets the key, until the key goes.
async fn is_sweeper(bridge: &Bridge) -> bool {
    let Ok(mut connection) = bridge.link.connection() else { return false };
    let seconds = SWEEP_PAUSE.as_secs();
    let mut command = redis::cmd("SET");
    command.arg(bridge.keys.sweeper()).arg(bridge.node.to_string()).arg("NX").arg("EX").arg(seconds);
    let got: redis::RedisResult<Option<String>> = command.query_async(&mut connection).await;
    got.is_ok_and(|got| got.is_some())
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
