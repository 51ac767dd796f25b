//! How the queue lies in its file, and the indexes that must never disagree with the records.
//!
//! ```text
//! meta    "format"                       -> 3            version of this layout, see `migration.rs`
//!         "paused"                       -> 1            present while nothing may be claimed
//!         "set_aside"                    -> 1            present while a record cannot be read and is in no index
//! jobs    id                             -> JSON of the Job    the truth
//! due     (priority, run_at_ms, id)      -> input_bytes  exactly the queued jobs, each priority by its age
//! leases  (lease_until_ms, id)           -> ()           exactly the running jobs, the next to expire first
//! states  (state, created_at_ms, id)     -> ()           every job, for lists
//! ended   (finished_at_ms, id)           -> ()           exactly the jobs in a final state, the first to go first
//! keys    idempotency key                -> id           every job that was submitted with one
//! results hash of content, settings,
//!         version                        -> id           the latest job that was completed for these
//! batches (batch, place in it)           -> id           every job that came with others
//! hooks   (due_at_ms, id)                -> ()           every job of whose end somebody is still to be told
//! counts  state name                     -> number       how many jobs are in each state
//! days    day since 1970                 -> JSON of the Day    what became of the jobs of a day, also of forgotten ones
//! api_keys id of the API key             -> JSON of the ApiKey    who may send, and what was sent today
//! ```
//!
//! All but `meta`, `jobs`, `days` and `api_keys` follow from `jobs`, and all but `meta` and `api_keys` change in the same transaction, by [`Tables::write`] and
//! [`Tables::remove`] alone. A change of this layout needs a new format number and a migration.

use std::cmp::Ordering;
use std::ops::Range;

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

use super::error::Error;
use super::job::{InBatch, Job, Priority, State};
use super::statistics;
use super::transition::MAX_BACKOFF_MS;
use crate::ids::JobId;

pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
pub(super) const JOBS: TableDefinition<u128, &[u8]> = TableDefinition::new("jobs");
pub(super) const DUE: TableDefinition<DueKey, u64> = TableDefinition::new("due");
pub(super) const LEASES: TableDefinition<TimeKey, ()> = TableDefinition::new("leases");
pub(super) const STATES: TableDefinition<StateKey, ()> = TableDefinition::new("states");
pub(super) const ENDED: TableDefinition<TimeKey, ()> = TableDefinition::new("ended");
const KEYS: TableDefinition<&str, u128> = TableDefinition::new("keys");
pub(super) const RESULTS: TableDefinition<[u8; 32], u128> = TableDefinition::new("results");
pub(super) const API_KEYS: TableDefinition<u64, &[u8]> = TableDefinition::new("api_keys");
pub(super) const BATCHES: TableDefinition<(u128, u32), u128> = TableDefinition::new("batches");
pub(super) const HOOKS: TableDefinition<TimeKey, ()> = TableDefinition::new("hooks");
pub(super) const DAYS: TableDefinition<u64, &[u8]> = TableDefinition::new("days");
pub(super) const COUNTS: TableDefinition<&str, u64> = TableDefinition::new("counts");

/// The entry of `meta` that holds claims back.
pub(super) const PAUSED: &str = "paused";
/// The entry of `meta` that asks for the indexes to be made again at the next start: another version may read more.
pub(super) const SET_ASIDE: &str = "set_aside";

/// Milliseconds first, so that the first key of an index is the next thing to happen.
pub(super) type TimeKey = (u64, u128);
/// Priority, then the time from which the job waits.
pub(super) type DueKey = (u8, u64, u128);
/// State, then the time of acceptance.
pub(super) type StateKey = (u8, u64, u128);

/// Every table, open for writing.
pub(super) struct Tables<'txn> {
    pub(super) meta: Table<'txn, &'static str, u64>,
    pub(super) jobs: Table<'txn, u128, &'static [u8]>,
    due: Table<'txn, DueKey, u64>,
    leases: Table<'txn, TimeKey, ()>,
    states: Table<'txn, StateKey, ()>,
    ended: Table<'txn, TimeKey, ()>,
    keys: Table<'txn, &'static str, u128>,
    results: Table<'txn, [u8; 32], u128>,
    batches: Table<'txn, (u128, u32), u128>,
    hooks: Table<'txn, TimeKey, ()>,
    pub(super) days: Table<'txn, u64, &'static [u8]>,
    counts: Table<'txn, &'static str, u64>,
    pub(super) api_keys: Table<'txn, u64, &'static [u8]>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            meta: transaction.open_table(META)?,
            jobs: transaction.open_table(JOBS)?,
            due: transaction.open_table(DUE)?,
            leases: transaction.open_table(LEASES)?,
            states: transaction.open_table(STATES)?,
            ended: transaction.open_table(ENDED)?,
            keys: transaction.open_table(KEYS)?,
            results: transaction.open_table(RESULTS)?,
            batches: transaction.open_table(BATCHES)?,
            hooks: transaction.open_table(HOOKS)?,
            days: transaction.open_table(DAYS)?,
            counts: transaction.open_table(COUNTS)?,
            api_keys: transaction.open_table(API_KEYS)?,
        })
    }

    pub(super) fn read(&self, id: JobId) -> Result<Job, Error> {
        read_job(&self.jobs, id)
    }

    /// The queued job whose turn it is, if there is one and the queue is not paused.
    pub(super) fn next_due(&mut self, now_ms: u64) -> Result<Option<Job>, Error> {
        if self.meta.get(PAUSED)?.is_some() {
            return Ok(None);
        }
        while let Some(key) = next_due(&self.due, now_ms)? {
            match self.read_or_set_aside(key.2)? {
                None => self.due.remove(key)?.map(|_| ()),
                job => return Ok(job),
            };
        }
        Ok(None)
    }

    /// The running job whose lease ran out first, if one did.
    pub(super) fn first_expired(&mut self, now_ms: u64) -> Result<Option<Job>, Error> {
        self.first_readable(|tables| &mut tables.leases, now_ms)
    }

    /// None for a record that cannot be read, such as one with a setting that only a newer version knows: it stays
    /// where it is until a version that can read it starts, but must not keep all others from their turn.
    fn read_or_set_aside(&mut self, id: u128) -> Result<Option<Job>, Error> {
        match self.read(JobId::from_u128(id)) {
            Err(error @ Error::Record { .. }) => {
                tracing::error!(%error, "a job is set aside");
                self.meta.insert(SET_ASIDE, 1)?;
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    /// Nobody is told any more of what the key stands for.
    pub(super) fn give_up_hook(&mut self, key: (u64, u128)) -> Result<(), Error> {
        self.hooks.remove(key)?;
        Ok(())
    }

    /// The job that has ended longest ago, if that was not after `until_ms`.
    pub(super) fn first_ended(&mut self, until_ms: u64) -> Result<Option<Job>, Error> {
        self.first_readable(|tables| &mut tables.ended, until_ms)
    }

    /// The job of an index's first entry, if the entry's time is not after `until_ms`.
    fn first_readable(
        &mut self,
        index: impl Fn(&mut Self) -> &mut Table<'txn, TimeKey, ()>,
        until_ms: u64,
    ) -> Result<Option<Job>, Error> {
        while let Some(key) = first_before(index(self), until_ms)? {
            match self.read_or_set_aside(key.1)? {
                None => index(self).remove(key)?.map(|_| ()),
                job => return Ok(job),
            };
        }
        Ok(None)
    }

    /// The job that was submitted with this idempotency key.
    pub(super) fn with_key(&self, key: &str) -> Result<Option<Job>, Error> {
        let id = self.keys.get(key)?.map(|id| JobId::from_u128(id.value()));
        id.map(|id| self.read(id)).transpose()
    }

    /// Stores `new` and moves its index entries from where `old` had them.
    pub(super) fn write(&mut self, old: Option<&Job>, new: &Job) -> Result<(), Error> {
        if let Some(old) = old {
            self.unindex(old)?;
        }
        let json = serde_json::to_vec(new).map_err(|source| Error::Record { id: new.id, source })?;
        self.jobs.insert(new.id.as_u128(), json.as_slice())?;
        statistics::tally(&mut self.days, old, new)?;
        self.index(new)
    }

    /// Forgets a job.
    pub(super) fn remove(&mut self, job: &Job) -> Result<(), Error> {
        self.unindex(job)?;
        self.jobs.remove(job.id.as_u128())?;
        Ok(())
    }

    /// Counts a job that was stored before days were counted.
    pub(super) fn tally(&mut self, job: &Job) -> Result<(), Error> {
        statistics::tally(&mut self.days, None, job)
    }

    pub(super) fn index(&mut self, job: &Job) -> Result<(), Error> {
        let id = job.id.as_u128();
        if let Some(key) = due_key(job) {
            self.due.insert(key, job.input_bytes)?;
        }
        if let Some(key) = lease_key(job) {
            self.leases.insert(key, ())?;
        }
        if let Some(key) = ended_key(job) {
            self.ended.insert(key, ())?;
        }
        if let Some(key) = &job.idempotency_key {
            self.keys.insert(key.as_str(), id)?;
        }
        if let Some(recipe) = job.result_recipe()? {
            self.results.insert(recipe, id)?;
        }
        if let Some(InBatch { id: batch, number }) = job.batch {
            self.batches.insert((batch.as_u128(), number), id)?;
        }
        if let Some(key) = hook_key(job) {
            self.hooks.insert(key, ())?;
        }
        self.states.insert(state_key(job), ())?;
        self.count(job.state, 1)
    }

    fn unindex(&mut self, job: &Job) -> Result<(), Error> {
        if let Some(key) = due_key(job) {
            self.due.remove(key)?;
        }
        if let Some(key) = lease_key(job) {
            self.leases.remove(key)?;
        }
        if let Some(key) = ended_key(job) {
            self.ended.remove(key)?;
        }
        if let Some(key) = &job.idempotency_key {
            self.keys.remove(key.as_str())?;
        }
        if let Some(InBatch { id, number }) = job.batch {
            self.batches.remove((id.as_u128(), number))?;
        }
        if let Some(key) = hook_key(job) {
            self.hooks.remove(key)?;
        }
        self.forget_result(job)?;
        self.states.remove(state_key(job))?;
        self.count(job.state, -1)
    }

    /// A later job may have taken the entry over; that stays.
    fn forget_result(&mut self, job: &Job) -> Result<(), Error> {
        let Some(recipe) = job.result_recipe()? else { return Ok(()) };
        let is_own = self.results.get(recipe)?.is_some_and(|id| id.value() == job.id.as_u128());
        if is_own {
            self.results.remove(recipe)?;
        }
        Ok(())
    }

    fn count(&mut self, state: State, change: i64) -> Result<(), Error> {
        let count = self.counts.get(state.name())?.map_or(0, |count| count.value());
        self.counts.insert(state.name(), count.saturating_add_signed(change))?;
        Ok(())
    }
}

/// Reads and decodes one record.
pub(super) fn read_job(jobs: &impl ReadableTable<u128, &'static [u8]>, id: JobId) -> Result<Job, Error> {
    let record = jobs.get(id.as_u128())?.ok_or(Error::UnknownJob(id))?;
    decode(id.as_u128(), record.value())
}

/// A record as [`Tables::write`] stored it.
pub(super) fn decode(id: u128, record: &[u8]) -> Result<Job, Error> {
    serde_json::from_slice(record).map_err(|source| Error::Record { id: JobId::from_u128(id), source })
}

/// The entry whose turn it is among those that are due: two lookups a priority, however many wait.
pub(super) fn next_due(due: &impl ReadableTable<DueKey, u64>, now_ms: u64) -> Result<Option<DueKey>, Error> {
    let due = ends(due)?.into_iter().filter(|&(_, run_at_ms, _)| is_due(run_at_ms, now_ms));
    Ok(due.min_by_key(|&(rank, run_at_ms, id)| (turn_ms(rank, run_at_ms), rank, id)))
}

/// A time further away than any back-off was written before the clock was set back; it means nothing any more.
fn is_due(run_at_ms: u64, now_ms: u64) -> bool {
    run_at_ms <= now_ms || run_at_ms > now_ms.saturating_add(MAX_BACKOFF_MS)
}

/// The first and the last queued job of each priority that has any.
pub(super) fn ends(due: &impl ReadableTable<DueKey, u64>) -> Result<Vec<DueKey>, Error> {
    let mut ends = Vec::with_capacity(2 * Priority::ALL.len());
    for priority in Priority::ALL {
        let rank = priority.rank();
        let mut waiting = due.range((rank, 0, 0)..=(rank, u64::MAX, u128::MAX))?;
        for end in [waiting.next(), waiting.next_back()].into_iter().flatten() {
            ends.push(end?.0.value());
        }
    }
    Ok(ends)
}

/// Whose turn comes first: the age, with a handicap for each step of priority (see [`Priority`]).
pub(super) fn turn_ms(rank: u8, run_at_ms: u64) -> u64 {
    run_at_ms.saturating_add(u64::from(rank) * Priority::STEP_MS)
}

/// The entries of one priority that go before `own`, in the order of [`next_due`].
pub(super) fn before(own: DueKey, rank: u8) -> Range<DueKey> {
    let (own_rank, run_at_ms, id) = own;
    let own_turn_ms = turn_ms(own_rank, run_at_ms);
    let end = match own_turn_ms.checked_sub(turn_ms(rank, 0)) {
        // Even the oldest of them would have to wait longer.
        None => (rank, 0, 0),
        Some(same_ms) => match rank.cmp(&own_rank) {
            Ordering::Less => (rank, same_ms.saturating_add(1), 0),
            Ordering::Equal => (rank, same_ms, id),
            Ordering::Greater => (rank, same_ms, 0),
        },
    };
    (rank, 0, 0)..end
}

/// An index's first entry, if its time is not after `now_ms`.
pub(super) fn first_before(
    index: &impl ReadableTable<TimeKey, ()>,
    now_ms: u64,
) -> Result<Option<TimeKey>, Error> {
    let first = index.first()?.map(|(key, _)| key.value());
    Ok(first.filter(|&(time_ms, _)| time_ms <= now_ms))
}

pub(super) fn due_key(job: &Job) -> Option<DueKey> {
    (job.state == State::Queued).then_some((job.priority.rank(), job.run_at_ms, job.id.as_u128()))
}

fn lease_key(job: &Job) -> Option<TimeKey> {
    job.lease_until_ms.map(|until_ms| (until_ms, job.id.as_u128()))
}

fn hook_key(job: &Job) -> Option<TimeKey> {
    let due_at_ms = job.webhook.as_ref().and_then(|webhook| webhook.due_at_ms);
    due_at_ms.map(|due_at_ms| (due_at_ms, job.id.as_u128()))
}

fn ended_key(job: &Job) -> Option<TimeKey> {
    let ended_ms = job.finished_at_ms.filter(|_| job.state.is_final());
    ended_ms.map(|ended_ms| (ended_ms, job.id.as_u128()))
}

fn state_key(job: &Job) -> StateKey {
    (state_rank(job.state), job.created_at_ms, job.id.as_u128())
}

/// The place of a state in [`State::ALL`].
pub(super) fn state_rank(state: State) -> u8 {
    state as u8
}
