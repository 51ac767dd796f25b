//! Redis and the shared storage, from what the bridge knows already: nobody is asked, so a Redis that hangs delays nothing.

use serde::Serialize;

use super::{Component, timestamp};
use crate::bridge::{Bridge, Connection, Status, Storage};
use crate::timestamp::rfc3339;

/// Redis as a part of this node.
#[derive(Debug, Clone, Serialize)]
pub struct Redis {
    /// `connected`, `disconnected` or `not_configured`.
    #[serde(flatten)]
    pub component: Component,
    /// Why it is disconnected, in a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// Where it is and how many connections there are; never the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
}

/// A change of the tier.
#[derive(Debug, Clone, Serialize)]
pub struct Switch {
    /// When: RFC 3339, UTC.
    pub at: String,
    /// What it was.
    pub from: &'static str,
    /// What it became.
    pub to: &'static str,
    /// Why.
    pub reason: String,
}

impl Redis {
    pub(super) fn of(status: Option<&Status>) -> Self {
        let Some(status) = status else {
            return Self {
                component: component("not_configured", None, None),
                cause: None,
                connection: None,
            };
        };
        Self {
            component: component(status.state, status.error.clone(), status.latency_ms),
            cause: status.cause,
            connection: Some(status.connection.clone()),
        }
    }
}

/// The shared storage. To have none is a choice; to have one that does not work is a fault, unless nobody could look yet.
pub(super) fn storage(status: Option<&Status>) -> Component {
    match status.map(|status| (&status.storage, status.state)) {
        None | Some((Storage { location: None, .. }, _)) => component("not_configured", None, None),
        Some((Storage { shared: true, .. }, _)) => component("shared", None, None),
        // It is looked at only while Redis answers, and that has a line of its own.
        Some((_, "disconnected")) => component("not_checked", None, None),
        Some((Storage { problem, .. }, _)) => component("not_shared", problem.clone(), None),
    }
}

/// The latest switches, the newest last.
pub(super) fn switches(bridge: Option<&Bridge>) -> Vec<Switch> {
    let latest = bridge.map(Bridge::switches).unwrap_or_default();
    let shown = latest.into_iter().map(|switch| {
        let crate::bridge::Switch { from, to, reason, at_ms } = switch;
        Switch { at: rfc3339(at_ms), from, to, reason }
    });
    shown.collect()
}

fn component(status: &'static str, error: Option<String>, response_time_ms: Option<f64>) -> Component {
    let (healthy, timestamp) = (error.is_none(), timestamp());
    Component { healthy, status, error, response_time_ms, worker_count: None, timestamp }
}
