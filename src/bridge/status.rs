//! How the fleet looks from here: the connection, the storage, the nodes, and which tier was in force when.
//!
//! Plain values for `/health`, metrics and `doctor`. Never holds a password.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::cause::Cause;
use super::node::{Node, NodeId};
use crate::meter;

/// Switches that are remembered.
const MAX_SWITCHES: usize = 100;

/// What is known now.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// `redis` while work can be shared; otherwise what this node is without the fleet: `embedded` or `sync`.
    pub tier: &'static str,
    /// Why the tier is not `redis`.
    pub reason: Option<String>,
    /// `connected` or `disconnected`.
    pub state: &'static str,
    /// Why it is disconnected: a stable word.
    pub cause: Option<&'static str>,
    /// Why it is disconnected: a sentence.
    pub error: Option<String>,
    /// How long the latest round trip took, in milliseconds.
    pub latency_ms: Option<f64>,
    /// The connection to Redis.
    pub connection: Connection,
    /// Whether files can be shared.
    pub storage: Storage,
    /// This node.
    pub node: NodeId,
    /// The nodes that are there, this one among them; none while disconnected.
    pub nodes: Vec<Node>,
}

/// The connection to Redis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Name or address of its machine.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The number of the database.
    pub database: i64,
    /// Whether it is encrypted.
    pub tls: bool,
    /// Whether a password is sent.
    pub password_set: bool,
    /// Connections that this process opens.
    pub pool_size: usize,
    /// Connections that are open.
    pub active_connections: usize,
    /// Connections that it never has more of.
    pub max_connections: usize,
}

/// The shared storage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Storage {
    /// Whether it works.
    pub shared: bool,
    /// Where it is.
    pub location: Option<String>,
    /// What is wrong if it does not.
    pub problem: Option<String>,
}

/// One change of the tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Switch {
    /// What it was.
    pub from: &'static str,
    /// What it became.
    pub to: &'static str,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// The latest switches, the newest last.
#[derive(Debug, Default)]
pub(super) struct Switches {
    // A plain lock: it is held for a few steps and never across an await.
    latest: Mutex<VecDeque<Switch>>,
}

impl Switches {
    pub(super) fn all(&self) -> Vec<Switch> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn remember(&self, switch: Switch) {
        let Switch { from, to, reason, .. } = &switch;
        tracing::info!(from, to, reason, "the tier changed");
        meter::tier_switched(from, to);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.push_back(switch);
        if latest.len() > MAX_SWITCHES {
            latest.pop_front();
        }
    }
}

/// Why work is not shared; none if it is.
pub(super) fn why_alone(cause: Option<&Cause>, storage: &Storage, is_kept: bool) -> Option<String> {
    match (cause, &storage.problem) {
        (Some(cause), _) => Some(cause.to_string()),
        (None, Some(problem)) => Some(format!("Redis is connected, but work is not shared: {problem}")),
        (None, None) if !is_kept => Some("jobs are not kept on this node, so it offers none".into()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_switches_are_kept() {
        let switches = Switches::default();
        for at_ms in 0..150 {
            let reason = String::new();
            switches.remember(Switch { from: "embedded", to: "redis", reason, at_ms });
        }
        let all = switches.all();
        assert_eq!((all.len(), all[0].at_ms, all[99].at_ms), (100, 50, 149));
    }
}
