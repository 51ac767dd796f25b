//! How the queue lies in its file, and the indexes that must never disagree with the records.
//!
//! ```text
//! meta    "format"            -> 1               version of this layout, checked at open
//! jobs    id                  -> JSON of the Job the truth
//! due     (run_at_ms, id)     -> ()              exactly the queued jobs, the longest waiting first
//! leases  (lease_until_ms, id)-> ()              exactly the running jobs, the next to expire first
//! counts  state name          -> number          how many jobs are in each state
//! ```
//!
//! `due`, `leases` and `counts` follow from `jobs` and change in the same transaction, by [`Tables::write`]
//! alone. A change of this layout raises [`FORMAT`] and needs a migration in [`check_format`].

use std::path::Path;

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

use super::error::Error;
use super::job::{Job, State};
use crate::ids::JobId;

/// The newest layout that this version knows.
const FORMAT: u64 = 1;
const FORMAT_KEY: &str = "format";

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
pub(super) const JOBS: TableDefinition<u128, &[u8]> = TableDefinition::new("jobs");
pub(super) const DUE: TableDefinition<TimeKey, ()> = TableDefinition::new("due");
pub(super) const LEASES: TableDefinition<TimeKey, ()> = TableDefinition::new("leases");
pub(super) const COUNTS: TableDefinition<&str, u64> = TableDefinition::new("counts");

/// Milliseconds first, so that the first key of an index is the next thing to happen.
pub(super) type TimeKey = (u64, u128);

/// Every table, open for writing.
pub(super) struct Tables<'txn> {
    jobs: Table<'txn, u128, &'static [u8]>,
    due: Table<'txn, TimeKey, ()>,
    leases: Table<'txn, TimeKey, ()>,
    counts: Table<'txn, &'static str, u64>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            jobs: transaction.open_table(JOBS)?,
            due: transaction.open_table(DUE)?,
            leases: transaction.open_table(LEASES)?,
            counts: transaction.open_table(COUNTS)?,
        })
    }

    pub(super) fn read(&self, id: JobId) -> Result<Job, Error> {
        read_job(&self.jobs, id)
    }

    /// The queued job that has waited longest, if its time has come.
    pub(super) fn first_due(&self, now_ms: u64) -> Result<Option<Job>, Error> {
        first_before(&self.due, now_ms)?.map(|id| self.read(id)).transpose()
    }

    /// The running job whose lease ran out first, if one did.
    pub(super) fn first_expired(&self, now_ms: u64) -> Result<Option<Job>, Error> {
        first_before(&self.leases, now_ms)?.map(|id| self.read(id)).transpose()
    }

    /// Stores `new` and moves its index entries from where `old` had them.
    pub(super) fn write(&mut self, old: Option<&Job>, new: &Job) -> Result<(), Error> {
        if let Some(old) = old {
            self.unindex(old)?;
        }
        let json = serde_json::to_vec(new).map_err(|source| Error::Record { id: new.id, source })?;
        self.jobs.insert(new.id.as_u128(), json.as_slice())?;
        self.index(new)
    }

    fn index(&mut self, job: &Job) -> Result<(), Error> {
        if let Some(key) = due_key(job) {
            self.due.insert(key, ())?;
        }
        if let Some(key) = lease_key(job) {
            self.leases.insert(key, ())?;
        }
        self.count(job.state, 1)
    }

    fn unindex(&mut self, job: &Job) -> Result<(), Error> {
        if let Some(key) = due_key(job) {
            self.due.remove(key)?;
        }
        if let Some(key) = lease_key(job) {
            self.leases.remove(key)?;
        }
        self.count(job.state, -1)
    }

    fn count(&mut self, state: State, change: i64) -> Result<(), Error> {
        let count = self.counts.get(state.name())?.map_or(0, |count| count.value());
        self.counts.insert(state.name(), count.saturating_add_signed(change))?;
        Ok(())
    }
}

/// Creates what is missing, and refuses a file that a newer version wrote.
pub(super) fn check_format(transaction: &WriteTransaction, path: &Path) -> Result<(), Error> {
    let mut meta = transaction.open_table(META)?;
    let found = meta.get(FORMAT_KEY)?.map_or(FORMAT, |format| format.value());
    if found > FORMAT {
        return Err(Error::NewerFormat { path: path.into(), found, known: FORMAT });
    }
    meta.insert(FORMAT_KEY, FORMAT)?;
    Tables::open(transaction).map(|_| ())
}

/// Reads and decodes one record.
pub(super) fn read_job(jobs: &impl ReadableTable<u128, &'static [u8]>, id: JobId) -> Result<Job, Error> {
    let record = jobs.get(id.as_u128())?.ok_or(Error::UnknownJob(id))?;
    serde_json::from_slice(record.value()).map_err(|source| Error::Record { id, source })
}

/// The job of an index's first entry, if that entry's time is not after `now_ms`.
pub(super) fn first_before(
    index: &impl ReadableTable<TimeKey, ()>,
    now_ms: u64,
) -> Result<Option<JobId>, Error> {
    let first = index.first()?.map(|(key, _)| key.value());
    Ok(first.filter(|&(time_ms, _)| time_ms <= now_ms).map(|(_, id)| JobId::from_u128(id)))
}

fn due_key(job: &Job) -> Option<TimeKey> {
    (job.state == State::Queued).then_some((job.run_at_ms, job.id.as_u128()))
}

fn lease_key(job: &Job) -> Option<TimeKey> {
    job.lease_until_ms.map(|until_ms| (until_ms, job.id.as_u128()))
}
