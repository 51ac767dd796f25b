//! The names of everything that is kept in Redis.
//!
//! All begin with the prefix (REDIS_PREFIX), so that several fleets and programs can share one Redis.
//!
//! ```text
//! node:<node>         JSON, lives 10 s     a node that is there: its name, version, slots, jobs by state
//! nodes               set                  nodes that were there
//! work:<version>      stream               offers; its group is `takers`, a consumer is a node
//! offer:<job>         hash, lives 1 day    attempt and message of an offer, and who works on it
//! inbox:<node>        stream               what a node is told: outcomes of its offers, wishes of others
//! wish:<id>           empty, lives 10 s    a wish that nobody has granted or taken back yet
//! reply:<id>          JSON, lives 1 min    the answer to a wish
//! job:<job>           JSON, lives 1 day    the mirror of a job's record
//! batch:<batch>       sorted set, lives 1 day  the mirrored jobs of a batch, by their number in it
//! jobs:<state>        sorted set           the mirrored jobs in a state, by the time of acceptance
//! events              channel              progress, and which jobs changed
//! probe:<node>        gone at once         shows that writing works
//! result:<recipe>      job, lives 1 hour    whose result is that of this content, these settings, this version
//! count:<what>        number, lives 1 min  what a client has asked for in this minute
//! sweeper             node, lives 10 min   who sweeps the shared storage
//! ```
//!
//! The stream is by version: another version of this program would make other bytes out of the same job. Nothing in
//! here is the truth about a job; that is the queue of the node which accepted it.

use std::fmt::Display;

use super::node::NodeId;
use crate::ids::{BatchId, JobId};
use crate::queue::State;

/// Key names under one prefix.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// A name of its own for a counter or a cache: `<prefix><kind>:<name>`.
    #[must_use]
    pub fn own(&self, kind: &str, name: impl Display) -> String {
        format!("{}{kind}:{name}", self.prefix)
    }

    pub(super) fn node(&self, node: NodeId) -> String {
        self.own("node", node)
    }

    pub(super) fn nodes(&self) -> String {
        format!("{}nodes", self.prefix)
    }

    pub(super) fn work(&self) -> String {
        self.own("work", env!("CARGO_PKG_VERSION"))
    }

    pub(super) fn offer(&self, job: JobId) -> String {
        self.own("offer", job)
    }

    pub(super) fn inbox(&self, node: NodeId) -> String {
        self.own("inbox", node)
    }

    pub(super) fn wish(&self, id: &str) -> String {
        self.own("wish", id)
    }

    pub(super) fn reply(&self, id: &str) -> String {
        self.own("reply", id)
    }

    pub(super) fn job(&self, job: JobId) -> String {
        self.own("job", job)
    }

    pub(super) fn batch(&self, batch: BatchId) -> String {
        self.own("batch", batch)
    }

    pub(super) fn result(&self, recipe: [u8; 32]) -> String {
        self.own("result", blake3::Hash::from_bytes(recipe))
    }

    pub(super) fn jobs(&self, state: State) -> String {
        self.own("jobs", state)
    }

    pub(super) fn events(&self) -> String {
        format!("{}events", self.prefix)
    }

    pub(super) fn probe(&self, node: NodeId) -> String {
        self.own("probe", node)
    }

    pub(super) fn sweeper(&self) -> String {
        format!("{}sweeper", self.prefix)
    }
}
