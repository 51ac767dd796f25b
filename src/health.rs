//! One model of how this node does, for `/health`, the system page and `doctor`.
//!
//! Reads, and writes one probe file; never repairs. A new concern is a field here, shown by all three.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::jobs::{Jobs, Tier};
use crate::sandbox::Confinement;

/// How this node does.
#[derive(Debug, Serialize)]
pub struct Health {
    /// `ok`; `degraded` when jobs run but are not kept as they should be; `failing` if any part below is not ok.
    pub status: &'static str,
    /// Version of this program.
    pub version: &'static str,
    /// Where accepted jobs are kept: `embedded` is the data folder of this node; `sync` is nowhere, so that uploads
    /// wait for their result.
    pub tier: &'static str,
    /// Why it is not the data folder.
    pub tier_reason: Option<String>,
    /// Whether queued jobs are held back.
    pub paused: bool,
    /// How many jobs are in each state; absent when the queue cannot be read.
    pub queue: Option<BTreeMap<&'static str, u64>>,
    /// How many jobs may run at once.
    pub workers: usize,
    /// Whether files can be stored.
    pub data_folder: Part,
    /// Whether jobs can be run, and how they are kept from doing harm.
    pub sandbox: Sandbox,
}

/// One part that works or does not.
#[derive(Debug, Serialize)]
pub struct Part {
    /// Whether it works.
    pub ok: bool,
    /// What is wrong if it does not.
    pub problem: Option<String>,
}

/// The processes in which jobs run.
#[derive(Debug, Serialize)]
pub struct Sandbox {
    /// Whether one can be started.
    #[serde(flatten)]
    pub part: Part,
    /// What protects this server from them, and what could not be had. A missing measure is no failure.
    #[serde(flatten)]
    pub confinement: Confinement,
}

impl Part {
    fn of(problem: Option<impl ToString>) -> Self {
        Self { ok: problem.is_none(), problem: problem.map(|problem| problem.to_string()) }
    }
}

impl Health {
    /// Whether everything that a job needs is there.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.queue.is_some() && self.data_folder.ok && self.sandbox.part.ok
    }
}

/// Looks at everything once.
pub async fn check(jobs: &Jobs, workers: usize) -> Health {
    let data_folder = Part::of(jobs.probe_data_folder().await.err());
    let (confinement, problem) = match jobs.confinement().await {
        Ok(confinement) => (confinement.clone(), None),
        Err(error) => (Confinement::default(), Some(error)),
    };
    let sandbox = Sandbox { part: Part::of(problem), confinement };
    let queue = jobs.counts().await.ok();
    let paused = jobs.is_paused().await.unwrap_or(false);
    let tier = jobs.tier().name();
    let tier_reason = match jobs.tier() {
        Tier::Embedded => None,
        Tier::Sync { reason } => Some(reason.clone()),
    };
    let version = env!("CARGO_PKG_VERSION");
    let status = if tier_reason.is_some() { "degraded" } else { "ok" };
    let mut health =
        Health { status, version, tier, tier_reason, paused, queue, workers, data_folder, sandbox };
    if !health.is_ok() {
        health.status = "failing";
    }
    health
}
