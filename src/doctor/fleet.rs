//! The fleet: whether its Redis can be used and is set up to keep work, who else is there, whether files can be shared.

use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::{Finding, mebibytes};
use crate::blobs::Shared;
use crate::bridge::{Cause, Examined, examine};
use crate::config::{Fleet, RedisUrl};

/// A Redis further away makes every job wait.
const FAR: Duration = Duration::from_millis(50);
/// What is said where a cause does not say what to do.
const USUAL_ADVICE: &str = "check REDIS_URL; without it this node works alone";

/// The Redis of the fleet, looked at once for all checks.
pub(super) struct Redis<'a> {
    fleet: &'a Fleet,
    seen: OnceCell<Result<Examined, Cause>>,
}

impl<'a> Redis<'a> {
    pub(super) fn of(fleet: &'a Fleet) -> Self {
        Self { fleet, seen: OnceCell::new() }
    }

    pub(super) fn is_configured(&self) -> bool {
        self.fleet.redis.is_some()
    }

    async fn seen(&self, url: &RedisUrl) -> &Result<Examined, Cause> {
        self.seen.get_or_init(|| examine(url, self.fleet)).await
    }

    /// What it says, once it can be used; nothing otherwise, as that is said already.
    async fn usable(&self) -> Option<&Examined> {
        self.seen(self.fleet.redis.as_ref()?).await.as_ref().ok()
    }

    /// Socket, password, database, a round trip and a write.
    pub(super) async fn connection(&self) -> Finding {
        let Some(url) = &self.fleet.redis else {
            return Finding::pass("none is configured (REDIS_URL): this node works alone");
        };
        match self.seen(url).await {
            Ok(Examined { reached, round_trip, version, .. }) => {
                let found = format!(
                    "{url}: reached in {:.1} ms, answers in {:.1} ms, takes writes; version {version}",
                    ms(*reached),
                    ms(*round_trip)
                );
                if *round_trip > FAR {
                    return Finding::warn(found, "a Redis nearer to this machine makes the fleet quicker");
                }
                Finding::pass(found)
            }
            Err(cause) => {
                let said = cause.to_string();
                let (found, advice) = said.split_once("; ").unwrap_or((&said, USUAL_ADVICE));
                Finding::fail(format!("{url} ({}): {found}", cause.code()), advice)
            }
        }
    }

    /// `appendonly`. Accepted jobs are on the disk of their node either way.
    pub(super) async fn persistence(&self) -> Finding {
        match self.usable().await.map(|seen| seen.is_persistent) {
            Some(Some(true)) => Finding::pass("appendonly yes"),
            Some(Some(false)) => Finding::warn(
                "appendonly no: offers and the list of other nodes' jobs are gone after a restart of Redis",
                "no job is lost, as each node keeps its own; `CONFIG SET appendonly yes` spares the work of offering again",
            ),
            _ => unknown(),
        }
    }

    /// `maxmemory-policy`, and how full it is.
    pub(super) async fn memory(&self) -> Finding {
        let Some(seen) = self.usable().await else { return unknown() };
        let Some(policy) = &seen.memory_policy else { return unknown() };
        let limit = if seen.max_bytes == 0 { "no limit".to_owned() } else { mebibytes(seen.max_bytes) };
        let found = format!("{} of {limit} used, maxmemory-policy {policy}", mebibytes(seen.used_bytes));
        if policy != "noeviction" {
            return Finding::warn(
                found,
                "under pressure it throws offers away, which then wait until they are offered again: `CONFIG SET maxmemory-policy noeviction`",
            );
        }
        if seen.max_bytes > 0 && seen.used_bytes > seen.max_bytes / 10 * 9 {
            return Finding::warn(found, "it will soon take no writes: raise maxmemory");
        }
        Finding::pass(found)
    }

    /// The nodes that are there, and how much they can do.
    pub(super) async fn nodes(&self) -> Finding {
        let Some(seen) = self.usable().await else { return unknown() };
        let slots: usize = seen.nodes.iter().filter(|node| node.shares).map(|node| node.slots).sum();
        let own = env!("CARGO_PKG_VERSION");
        let names = seen.nodes.iter().map(|node| format!("{} (version {})", node.host, node.version));
        let names: Vec<String> = names.collect();
        let found = format!("{} nodes, {slots} jobs at once: {}", seen.nodes.len(), names.join(", "));
        if seen.nodes.is_empty() {
            return Finding::warn(
                "no node is there: nobody works",
                "start a server or `glb-optimizer work` with this REDIS_URL",
            );
        }
        if slots == 0 {
            return Finding::warn(found, "none of them shares work: give all the same STORAGE_URL");
        }
        if seen.nodes.iter().any(|node| node.version != own) {
            return Finding::warn(
                found,
                format!("nodes share work with their own version only; this is {own}"),
            );
        }
        Finding::pass(found)
    }
}

fn unknown() -> Finding {
    Finding::warn("not known", "see the check `redis`, or ask whoever runs it")
}

/// Writes, reads and deletes where files are shared.
pub(super) async fn storage(fleet: &Fleet) -> Finding {
    let Some(location) = &fleet.storage else {
        return match &fleet.redis {
            Some(_) => Finding::warn(
                "no storage is shared (STORAGE_URL): status is shared over Redis, work is not",
                "give all nodes the same STORAGE_URL, such as file:///mnt/shared or s3://bucket/prefix",
            ),
            None => Finding::pass("none is configured (STORAGE_URL)"),
        };
    };
    let start = Instant::now();
    match Shared::new(location.clone()).probe().await {
        Ok(()) => {
            Finding::pass(format!("{location}: written, read and deleted in {:.1} ms", ms(start.elapsed())))
        }
        Err(error) => Finding::fail(
            format!("{location} cannot be used: {error}"),
            "check STORAGE_URL, the rights there, and for S3 the usual AWS variables",
        ),
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
