//! Offering: jobs for which no slot is free here go to the stream, and come back if nothing becomes of them.
//!
//! The bridge claims a job like a worker, and keeps extending its lease while Redis knows the offer. No new state and
//! no recovery of its own: an offer that is forgotten, or whose Redis is away for too long, is released, which puts the
//! job back into its old place in the line. Its outcome comes by the inbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Bridge;
use super::scripts::{Offered, Scripts};
use crate::events::{Change, Event};
use crate::ids::JobId;
use crate::jobs::{Error, LEASE};
use crate::queue::{self, Job, Lease, State};

/// How often offers are looked at.
const TICK: Duration = Duration::from_millis(500);
/// Leases are extended this often.
const EXTEND_PAUSE: Duration = Duration::from_secs(5);
/// Redis knows an offer no more as soon as its outcome is in the inbox; so long it may take to be read.
const INBOX_TIME: Duration = Duration::from_secs(5);
/// So long Redis may be away before offers that nobody has taken come back.
const UNTAKEN_TIME: Duration = Duration::from_secs(3);
/// More than what runs, so that no node waits for the next offer; not all, so that priorities still count.
const OFFERS_PER_SLOT: usize = 3;
/// Jobs whose files go out at the same time.
const AT_ONCE: usize = 4;

/// What this node has offered and not got back.
#[derive(Debug, Default)]
pub(super) struct Offers {
    // A plain lock: it is held for a few steps and never across an await.
    out: Mutex<HashMap<JobId, Out>>,
}

/// One offer.
#[derive(Debug, Clone, Copy)]
struct Out {
    lease: Lease,
    is_taken: bool,
    /// When Redis last knew it.
    known: Instant,
    extended: Instant,
    /// The job is not this offer's any more; Redis has to be told.
    is_over: bool,
}

impl Offers {
    /// The offer has an outcome: whoever calls it looks after the lease from now on.
    pub(super) fn take_out(&self, lease: Lease) {
        let mut out = self.lock();
        if out.get(&lease.id).is_some_and(|one| one.lease == lease) {
            out.remove(&lease.id);
        }
    }

    fn get(&self, id: JobId) -> Option<Out> {
        self.lock().get(&id).copied()
    }

    fn all(&self) -> Vec<Out> {
        self.lock().values().copied().collect()
    }

    /// Writes a changed offer down, unless it was taken out meanwhile.
    fn update(&self, one: Out) {
        if let Some(known) = self.lock().get_mut(&one.lease.id).filter(|known| known.lease == one.lease) {
            *known = one;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Out>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until `stop`; then takes all offers back.
pub(super) async fn run(bridge: Arc<Bridge>, stop: CancellationToken) {
    // Two loops: the leases of what is out must not wait for files that are going out.
    tokio::join!(look_after_all(&bridge, &stop), offer_all(&bridge, &stop));
    for one in bridge.offers.all() {
        give_up(&bridge, one).await;
    }
}

async fn look_after_all(bridge: &Bridge, stop: &CancellationToken) {
    let mut changes = bridge.jobs.subscribe();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let changed = tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => None,
            changed = own_change(&mut changes) => changed,
        };
        match changed {
            // Cancelled, perhaps: then whoever works on it should stop soon.
            Some(id) => {
                if let Some(one) = bridge.offers.get(id) {
                    look_after(bridge, one, true).await;
                }
            }
            None => {
                for one in bridge.offers.all() {
                    look_after(bridge, one, false).await;
                }
            }
        }
    }
}

async fn offer_all(bridge: &Arc<Bridge>, stop: &CancellationToken) {
    let mut changes = bridge.jobs.subscribe();
    let mut going_out = JoinSet::new();
    let mut rest_until = Instant::now();
    loop {
        while Instant::now() >= rest_until && wants_others(bridge, going_out.len()) {
            let Some(job) = next_waiting(bridge).await else { break };
            going_out.spawn(offer(Arc::clone(bridge), job, stop.clone()));
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(TICK) => {}
            _ = own_change(&mut changes) => {}
            Some(is_out) = going_out.join_next() => {
                if !is_out.unwrap_or(false) {
                    rest_until = Instant::now() + TICK;
                }
            }
        }
    }
    while going_out.join_next().await.is_some() {}
}

/// Waits until a record of this node's changes. None when it may have been any: some were missed.
async fn own_change(changes: &mut broadcast::Receiver<Event>) -> Option<JobId> {
    loop {
        match changes.recv().await {
            Ok(Event { job, change: Change::State, is_here: true }) => return Some(job),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

async fn next_waiting(bridge: &Bridge) -> Option<Job> {
    // Looked at first: a claim that finds nothing would be a transaction all the same.
    if !bridge.jobs.has_work().await.unwrap_or(false) {
        return None;
    }
    bridge.jobs.claim().await.ok().flatten()
}

/// Whether there is anybody who could do what this node has no slot for, beside the jobs that are `going_out`.
fn wants_others(bridge: &Bridge, going_out: usize) -> bool {
    if going_out >= AT_ONCE || bridge.jobs.free_slots() > 0 || bridge.tier().0 != "redis" {
        return false;
    }
    let same_version = |version: &str| version == env!("CARGO_PKG_VERSION");
    let nodes = bridge.nodes();
    let takers = nodes.iter().filter(|node| node.shares && same_version(&node.version));
    let others: usize = takers.filter(|node| node.id != bridge.node).map(|node| node.slots).sum();
    let all = others + bridge.jobs.slot_count();
    others > 0 && bridge.offers.lock().len() + going_out < all * OFFERS_PER_SLOT
}

/// Offers a claimed job. Returns whether that worked; otherwise the job is back in the queue.
async fn offer(bridge: Arc<Bridge>, job: Job, stop: CancellationToken) -> bool {
    let lease = job.lease();
    // Files may take longer to share than a lease lasts.
    let put = tokio::select! {
        put = put_out(&bridge, &job) => put,
        () = keep_lease(&bridge, lease) => return false,
        () = stop.cancelled() => Err("this node stops".into()),
    };
    match put {
        Ok(()) => {
            tracing::info!(job = %lease.id, attempt = lease.attempt.0, "offered a job to other nodes");
            true
        }
        Err(error) => {
            tracing::warn!(job = %lease.id, %error, "a job could not be offered");
            if let Err(error) = bridge.jobs.release(lease).await {
                tracing::warn!(job = %lease.id, %error, "it waits until its lease has run out");
            }
            false
        }
    }
}

async fn put_out(bridge: &Bridge, job: &Job) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    bridge.jobs.share(job).await?;
    let mut connection = bridge.link.connection()?;
    let now = Instant::now();
    let one = Out { lease: job.lease(), is_taken: false, known: now, extended: now, is_over: false };
    // Before it is out, so that its outcome cannot come before.
    bridge.offers.lock().insert(job.id, one);
    // It may have been cancelled while its files went out; from here on that is seen.
    let known = bridge.jobs.own(job.id).await?;
    if known.lease() != job.lease() || known.state != State::Running {
        bridge.offers.take_out(job.lease());
        return Err("it has changed meanwhile".into());
    }
    let json = serde_json::to_string(job)?;
    let mut scripts = Scripts { connection: &mut connection, keys: &bridge.keys };
    let offered = scripts.offer(bridge.node, job.lease(), &json).await;
    if let Err(error) = &offered {
        bridge.link.suspect(error);
        // It may be out all the same.
        bridge.offers.update(Out { is_over: true, ..one });
    }
    Ok(offered?)
}

/// Sees how an offer does, and extends its lease or gives it up. Extending also shows whether there is still a lease:
/// it `is_due` at once when the job has changed.
async fn look_after(bridge: &Bridge, one: Out, is_due: bool) {
    if one.is_over {
        return forget(bridge, one).await;
    }
    let found = look(bridge, one.lease).await;
    let one = match found {
        Some(Offered::Waits) => Out { is_taken: false, known: Instant::now(), ..one },
        Some(Offered::Taken) => Out { is_taken: true, known: Instant::now(), ..one },
        Some(Offered::Forgotten) | None => one,
    };
    let patience = match found {
        Some(_) => INBOX_TIME,
        None if one.is_taken => bridge.visibility,
        None => UNTAKEN_TIME,
    };
    if one.known.elapsed() > patience {
        tracing::warn!(job = %one.lease.id, "an offer was lost with Redis; the job is queued here again");
        return give_up(bridge, one).await;
    }
    if !is_due && one.extended.elapsed() < EXTEND_PAUSE {
        return bridge.offers.update(one);
    }
    match bridge.jobs.extend(one.lease).await {
        Ok(()) => bridge.offers.update(Out { extended: Instant::now(), ..one }),
        Err(Error::Queue(queue::Error::LeaseLost { .. })) => {
            forget(bridge, one).await;
        }
        Err(error) => tracing::warn!(job = %one.lease.id, %error, "a lease could not be extended"),
    }
}

/// None when Redis does not answer.
async fn look(bridge: &Bridge, lease: Lease) -> Option<Offered> {
    let mut connection = bridge.link.connection().ok()?;
    let found = Scripts { connection: &mut connection, keys: &bridge.keys }.look(lease).await;
    found.inspect_err(|error| bridge.link.suspect(error)).ok()
}

/// Puts the job back into the line; the attempt does not count.
async fn give_up(bridge: &Bridge, one: Out) {
    if let Err(error) = bridge.jobs.release(one.lease).await {
        tracing::debug!(job = %one.lease.id, %error, "an offer was over already");
    }
    forget(bridge, one).await;
}

/// Takes the offer out of Redis; now or, when it does not answer, later.
async fn forget(bridge: &Bridge, one: Out) {
    let withdrawn = match bridge.link.connection() {
        Ok(mut connection) => {
            let withdrawn =
                Scripts { connection: &mut connection, keys: &bridge.keys }.withdraw(one.lease).await;
            withdrawn.inspect_err(|error| bridge.link.suspect(error)).is_ok()
        }
        Err(_) => false,
    };
    match withdrawn {
        true => bridge.offers.take_out(one.lease),
        false => bridge.offers.update(Out { is_over: true, ..one }),
    }
}

/// While the files of an outcome come, its lease must not run out.
pub(super) async fn keep_lease(bridge: &Bridge, lease: Lease) {
    loop {
        if bridge.jobs.extend(lease).await.is_err() {
            return std::future::pending().await;
        }
        tokio::time::sleep(LEASE / 3).await;
    }
}
