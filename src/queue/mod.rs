//! The embedded queue: jobs in one redb file, nothing lost, no job with two holders.
//!
//! ```text
//!    enqueue            claim              ack
//!   ---------> queued ----------> running -------> completed <--- enqueue, when the result is there already
//!               |  ^               |  |
//!               |  +---------------+  +----------> dead -------+
//!               |    nack, expire, |    nack,                  |
//!               |    release       |    expire                 +-- retry --> queued
//!               |                  |                           |
//!               +----- cancel -----+-------------> cancelled --+
//!
//! enqueue           a stored upload is accepted; under an idempotency key that is known, nothing happens
//! claim             attempt + 1; the holder has the job until its lease runs out
//! extend            the lease runs out later; the state stays
//! ack               the output is stored
//! nack              the attempt failed: queued after a back-off, or dead when the input is bad or this was the last;
//!                   when this node is at fault, the attempt does not count, for about a day
//! expire            the lease ran out, or its holder is known to be dead: queued, or dead after many such ends
//! release           the program stops: queued, and the attempt does not count
//! cancel            from queued or running
//! retry             a dead or cancelled job gets all its attempts again
//! purge             a job in a final state is forgotten
//! ```
//!
//! What always holds, and what `tests/model.rs` and `tests/disk.rs` check:
//!
//! - Every change is one durable transaction. A call that returned is on disk, whole; of one that failed, or that a crash
//!   cut off, either everything is or nothing. [`Queue::extend`] alone is not synced: a crash ends every lease anyway
//!   (see [`Queue::reclaim`]).
//! - `attempt` rises at each claim and never falls. Whoever shows an older one, or one of a job that was purged since,
//!   gets [`Error::LeaseLost`].
//! - Attempts count when they begin, so a file that kills its child is dead after [`MAX_ATTEMPTS`], and one
//!   that took the whole program down would be after [`MAX_LOST_ATTEMPTS`]. Only [`Queue::release`] (a graceful stop),
//!   [`Blame::Node`] and [`Queue::retry`] forgive them.
//! - A job that waits is claimed in the end: a higher priority is a head start, not a right of way ([`Priority`]).
//! - After an I/O error the file is opened again, and the same [`Queue`] goes on (`store.rs`).
//! - One process a file: redb locks it. So at open, every lease belongs to a process that is dead.
//!
//! Synchronous, and time is an argument: tests never sleep. Calls are short but wait for the disk, so async
//! code calls them from a blocking thread ([`crate::jobs`] does). Nothing in here may know of blobs or HTTP.
//! Next: `transition.rs` for the rules, `tables.rs` for the file's layout, `listing.rs` for what can be asked, `upkeep.rs`
//! for what operators do.

mod api_keys;
mod error;
mod file;
mod job;
mod listing;
mod migration;
mod statistics;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod transition;
mod upkeep;
mod webhook;

use std::path::Path;

use redb::backends::InMemoryBackend;
use redb::{Database, Durability};

pub use api_keys::{ApiKey, Quota, Scope, Used};
pub use error::Error;
pub use job::{
    Cached, InBatch, Job, JobError, Lease, LevelFile, NewJob, Output, Priority, Sender, State,
    UnknownPriority, recipe,
};
pub use listing::{Ahead, Cursor, Page, Snapshot};
pub use statistics::{Day, RATIO_STEPS, SECONDS_STEPS};
use store::Store;
use tables::Tables;
use transition::Event;
pub use transition::{Blame, Failure, MAX_ATTEMPTS, MAX_LOST_ATTEMPTS, MAX_NODE_FAULTS};
pub use webhook::Webhook;

use crate::ids::{BlobId, JobId};
use crate::optimize::Settings;

/// The queue's file in a data folder.
pub const FILE: &str = "queue.redb";

/// The queue. Share it by reference: redb lets readers pass and makes writers wait for each other.
pub struct Queue {
    store: Store,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Enqueued {
    /// The job.
    pub job: Job,
    /// Whether it was made now; otherwise an earlier submission had the same idempotency key.
    pub is_new: bool,
}

impl Queue {
    /// Opens or creates the queue in the file `path` and locks it for this process.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::NewerFormat`], [`Error::Damaged`], or the file cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = path.to_owned();
        Ok(Self { store: Store::new(path, move |creation| file::open(&file, creation))? })
    }

    /// Whether [`Queue::open`] would find the file free: not there yet, or used by nobody. Changes nothing.
    ///
    /// # Errors
    /// [`Error::InUse`], or the file cannot be read.
    pub fn check_free(path: &Path) -> Result<(), Error> {
        match file::is_held(path) {
            Ok(true) => Err(Error::InUse { path: path.into(), holder: file::holder(path) }),
            Ok(false) => Ok(()),
            Err(error) => Err(redb::StorageError::Io(error).into()),
        }
    }

    /// A queue that ends with this process.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn in_memory() -> Result<Self, Error> {
        let open = |_| Database::builder().create_with_backend(InMemoryBackend::new());
        Ok(Self { store: Store::new(Path::new("memory"), open)? })
    }

    /// Adds a job at `now_ms`, unless one with its idempotency key is there. When this returns, the job survives any crash.
    ///
    /// An API key pays for a new job in the same transaction.
    ///
    /// # Errors
    /// [`Error::KeyReused`], [`Error::QuotaUsedUp`], [`Error::UnknownApiKey`], or the file cannot be written.
    pub fn enqueue(&self, new: NewJob, now_ms: u64) -> Result<Enqueued, Error> {
        self.change(|tables| enqueue(tables, new, now_ms))
    }

    /// Adds jobs that came together: all or none. Otherwise as [`Queue::enqueue`].
    ///
    /// # Errors
    /// [`Error::KeyReused`], or the file cannot be written; none was added then.
    pub fn enqueue_all(&self, new: Vec<NewJob>, now_ms: u64) -> Result<Vec<Enqueued>, Error> {
        self.change(|tables| new.into_iter().map(|new| enqueue(tables, new, now_ms)).collect())
    }

    /// The latest job that was completed for this content, with these settings, by this version of the program.
    /// Whether its blobs are still there is for the caller to see.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn result_of(&self, input: BlobId, settings: &Settings) -> Result<Option<Job>, Error> {
        let recipe = recipe(input, settings, env!("CARGO_PKG_VERSION"))?;
        self.store.read(|snapshot| {
            let id = snapshot.open_table(tables::RESULTS)?.get(recipe)?.map(|id| id.value());
            let jobs = snapshot.open_table(tables::JOBS)?;
            id.map(|id| tables::read_job(&jobs, JobId::from_u128(id))).transpose()
        })
    }

    /// Hands out the job whose turn it is, for `lease_ms`; `None` when nothing is due or the queue is paused.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn claim(&self, now_ms: u64, lease_ms: u64) -> Result<Option<Job>, Error> {
        // Looking first keeps an idle queue from writing.
        if !self.has_due(now_ms)? {
            return Ok(None);
        }
        self.change(|tables| {
            let Some(job) = tables.next_due(now_ms)? else { return Ok(None) };
            move_on(tables, &job, Event::Claim { lease_ms }, now_ms).map(Some)
        })
    }

    /// Lets the holder keep the job until `lease_ms` from now.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], or the file cannot be written.
    pub fn extend(&self, lease: Lease, now_ms: u64, lease_ms: u64) -> Result<(), Error> {
        let event = Event::Extend { attempt: lease.attempt, lease_ms };
        self.store
            .write(Durability::None, |tables| find_and_move_on(tables, lease.id, event, now_ms).map(|_| ()))
    }

    /// Completes the job. Its output must be stored by now.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], or the file cannot be written.
    pub fn ack(&self, lease: Lease, output: Output, now_ms: u64) -> Result<Job, Error> {
        self.apply(lease.id, Event::Ack { attempt: lease.attempt, output }, now_ms)
    }

    /// Reports a failed attempt: queued again after a back-off, or dead.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], or the file cannot be written.
    pub fn nack(&self, lease: Lease, failure: Failure, now_ms: u64) -> Result<Job, Error> {
        self.apply(lease.id, Event::Nack { attempt: lease.attempt, failure }, now_ms)
    }

    /// Hands the job back unharmed, because this program stops; the attempt does not count.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], or the file cannot be written.
    pub fn release(&self, lease: Lease, now_ms: u64) -> Result<Job, Error> {
        self.apply(lease.id, Event::Release { attempt: lease.attempt }, now_ms)
    }

    /// Stops a queued or running job. Its holder notices at the next [`Queue::extend`].
    ///
    /// # Errors
    /// [`Error::UnknownJob`], [`Error::Refused`] when it is finished, or the file cannot be written.
    pub fn cancel(&self, id: JobId, now_ms: u64) -> Result<Job, Error> {
        self.apply(id, Event::Cancel, now_ms)
    }

    /// Queues a dead or cancelled job again, with all its attempts.
    ///
    /// # Errors
    /// [`Error::UnknownJob`], [`Error::Refused`] in any other state, or the file cannot be written.
    pub fn retry(&self, id: JobId, now_ms: u64) -> Result<Job, Error> {
        self.apply(id, Event::Retry, now_ms)
    }

    /// Takes the jobs back whose lease ran out; they are queued or dead. Returns them.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn reap(&self, now_ms: u64) -> Result<Vec<Job>, Error> {
        self.expire(now_ms, now_ms)
    }

    /// Takes every leased job back. Only right after [`Queue::open`], when all holders are known to be dead.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn reclaim(&self, now_ms: u64) -> Result<Vec<Job>, Error> {
        self.expire(u64::MAX, now_ms)
    }

    fn expire(&self, until_ms: u64, now_ms: u64) -> Result<Vec<Job>, Error> {
        // Looking first keeps an idle queue from writing.
        let first = self
            .store
            .read(|snapshot| tables::first_before(&snapshot.open_table(tables::LEASES)?, until_ms))?;
        if first.is_none() {
            return Ok(Vec::new());
        }
        self.change(|tables| {
            let mut expired = Vec::new();
            while let Some(job) = tables.first_expired(until_ms)? {
                expired.push(move_on(tables, &job, Event::Expire, now_ms)?);
            }
            Ok(expired)
        })
    }

    fn apply(&self, id: JobId, event: Event, now_ms: u64) -> Result<Job, Error> {
        self.change(|tables| find_and_move_on(tables, id, event, now_ms))
    }

    /// Runs `work` in one durable transaction. An error leaves the file as it was.
    fn change<T>(&self, work: impl FnOnce(&mut Tables<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.store.write(Durability::Immediate, work)
    }
}

fn enqueue(tables: &mut Tables<'_>, new: NewJob, now_ms: u64) -> Result<Enqueued, Error> {
    if let Some(job) = known(tables, &new)? {
        return Ok(Enqueued { job, is_new: false });
    }
    if let Some(key) = new.sender.api_key {
        api_keys::charge(tables, key, new.input_bytes, now_ms)?;
    }
    let job = Job::accepted(new, now_ms);
    tables.write(None, &job)?;
    Ok(Enqueued { job, is_new: true })
}

/// The job of an earlier submission with the same idempotency key.
fn known(tables: &Tables<'_>, new: &NewJob) -> Result<Option<Job>, Error> {
    let Some(key) = &new.idempotency_key else { return Ok(None) };
    match tables.with_key(key)? {
        Some(job) if job.input != new.input || job.settings != new.settings => {
            Err(Error::KeyReused { id: job.id })
        }
        job => Ok(job),
    }
}

/// As [`move_on`]. To the holder of a lease it is one whether its job was cancelled, claimed again or forgotten since.
fn find_and_move_on(tables: &mut Tables<'_>, id: JobId, event: Event, now_ms: u64) -> Result<Job, Error> {
    let job = tables.read(id).map_err(|error| match (error, event.attempt()) {
        (Error::UnknownJob(id), Some(attempt)) => Error::LeaseLost { id, attempt },
        (error, _) => error,
    })?;
    move_on(tables, &job, event, now_ms)
}

/// Applies one event to one job and stores the outcome.
fn move_on(tables: &mut Tables<'_>, job: &Job, event: Event, now_ms: u64) -> Result<Job, Error> {
    let next = transition::apply(job, event, now_ms)?;
    tables.write(Some(job), &next)?;
    Ok(next)
}
