//! Looking at the queue: one job, lists of jobs, how many there are, when the next is due. Changes nothing.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::FromStr;

use redb::{ReadTransaction, ReadableTable};
use serde::{Deserialize, Serialize};

use super::Queue;
use super::api_keys::{self, ApiKey};
use super::error::Error;
use super::job::{Job, Priority, State};
use super::statistics::{self, Day};
use super::tables::{self, BATCHES, COUNTS, DUE, ENDED, JOBS, META, STATES};
use crate::ids::{BatchId, BlobId, InvalidId, JobId};

/// Where a list goes on: after this job. Written as `1700000000000-<job id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When the job was accepted.
    pub created_at_ms: u64,
    /// The job, which need not exist any more.
    pub id: JobId,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The jobs, the newest first.
    pub jobs: Vec<Job>,
    /// Where the rest begins, if there is more.
    pub next: Option<Cursor>,
}

/// All that a queue holds, as a backup keeps it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Whether claims are held back.
    pub is_paused: bool,
    /// Every job.
    pub jobs: Vec<Job>,
    /// What became of the jobs of each day since 1970, also of those that were forgotten. Backups of old had none.
    #[serde(default)]
    pub days: BTreeMap<u64, Day>,
    /// Who may send files. Backups of old had none.
    #[serde(default)]
    pub api_keys: Vec<ApiKey>,
}

/// What is before a queued job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ahead {
    /// How many queued jobs go first.
    pub jobs: u64,
    /// The sizes of their inputs together.
    pub input_bytes: u64,
}

impl Queue {
    /// The job as it is now.
    ///
    /// # Errors
    /// [`Error::UnknownJob`], or the file cannot be read.
    pub fn get(&self, id: JobId) -> Result<Job, Error> {
        self.store.read(|snapshot| tables::read_job(&snapshot.open_table(JOBS)?, id))
    }

    /// Up to `limit` jobs in `state` (in any, if none is given), the newest first, after `after`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self, state: Option<State>, after: Option<Cursor>, limit: usize) -> Result<Page, Error> {
        self.store.read(|snapshot| {
            let mut found = Vec::new();
            for state in State::ALL.into_iter().filter(|one| state.is_none_or(|state| state == *one)) {
                // One more than asked for shows whether there is more.
                found.extend(newest(snapshot, state, after, limit.saturating_add(1))?);
            }
            found.sort_unstable_by(|a, b| b.cmp(a));
            let has_more = found.len() > limit;
            found.truncate(limit);
            let jobs = snapshot.open_table(JOBS)?;
            let next = found.last().copied().filter(|_| has_more);
            // A record that cannot be read is left out; asked for alone, it says why.
            let read = |cursor: &Cursor| match tables::read_job(&jobs, cursor.id) {
                Err(Error::Record { .. }) => None,
                read => Some(read),
            };
            let jobs = found.iter().filter_map(read).collect::<Result<_, _>>()?;
            Ok(Page { jobs, next })
        })
    }

    /// The jobs of a batch that are still known, in their order; none for an unknown batch.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn batch(&self, id: BatchId) -> Result<Vec<Job>, Error> {
        self.store.read(|snapshot| {
            let (batches, jobs) = (snapshot.open_table(BATCHES)?, snapshot.open_table(JOBS)?);
            let all = batches.range((id.as_u128(), 0)..=(id.as_u128(), u32::MAX))?;
            let mut found = Vec::new();
            for entry in all {
                match tables::read_job(&jobs, JobId::from_u128(entry?.1.value())) {
                    Err(Error::Record { .. }) => {}
                    read => found.push(read?),
                }
            }
            Ok(found)
        })
    }

    /// The ended jobs whose files are still kept, those that ended first first, as long as `wanted`.
    pub(super) fn ended_with_files(&self, mut wanted: impl FnMut(&Job) -> bool) -> Result<Vec<JobId>, Error> {
        self.store.read(|snapshot| {
            let (ended, jobs) = (snapshot.open_table(ENDED)?, snapshot.open_table(JOBS)?);
            let mut found = Vec::new();
            for entry in ended.iter()? {
                let job = match tables::read_job(&jobs, JobId::from_u128(entry?.0.value().1)) {
                    // Whatever it needs stays.
                    Err(Error::Record { .. }) => continue,
                    read => read?,
                };
                if !job.files_gone && !wanted(&job) {
                    break;
                }
                found.extend(Some(job.id).filter(|_| !job.files_gone));
            }
            Ok(found)
        })
    }

    /// Every blob that a record refers to. What is not in here, nobody needs; but a blob that was stored a
    /// moment ago may get its record the next.
    ///
    /// # Errors
    /// The file cannot be read, or a record is damaged: then nothing can be said about what it needs.
    pub fn needed_blobs(&self) -> Result<HashSet<BlobId>, Error> {
        self.store.read(|snapshot| {
            let mut needed = HashSet::new();
            for entry in snapshot.open_table(JOBS)?.iter()? {
                let (id, record) = entry?;
                needed.extend(tables::decode(id.value(), record.value())?.blobs());
            }
            Ok(needed)
        })
    }

    /// All that the queue holds at one moment: all that a copy of it needs. Records that cannot be read are left out, and
    /// logged.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        self.store.read(|snapshot| {
            let mut jobs = Vec::new();
            for entry in snapshot.open_table(JOBS)?.iter()? {
                let (id, record) = entry?;
                match tables::decode(id.value(), record.value()) {
                    Ok(job) => jobs.push(job),
                    Err(error) => tracing::error!(%error, "a job is left out of the copy"),
                }
            }
            Ok(Snapshot {
                is_paused: is_paused(snapshot)?,
                jobs,
                days: statistics::all_days(snapshot)?,
                api_keys: api_keys::all(snapshot)?,
            })
        })
    }

    /// When the queued job that has waited longest was accepted, in milliseconds since 1970; `None` when none is queued.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn oldest_queued_ms(&self) -> Result<Option<u64>, Error> {
        self.store.read(|snapshot| {
            let rank = tables::state_rank(State::Queued);
            let states = snapshot.open_table(STATES)?;
            let first = states.range((rank, 0, 0)..=(rank, u64::MAX, u128::MAX))?.next().transpose()?;
            Ok(first.map(|(key, _)| key.value().1))
        })
    }

    /// When the next queued job is due, in milliseconds since 1970; `None` when none is queued or the queue is paused.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next_due_ms(&self) -> Result<Option<u64>, Error> {
        self.store.read(|snapshot| {
            if is_paused(snapshot)? {
                return Ok(None);
            }
            let ends = tables::ends(&snapshot.open_table(DUE)?)?;
            Ok(ends.into_iter().map(|(_, run_at_ms, _)| run_at_ms).min())
        })
    }

    /// What is before a queued job, by priority and age; nothing for a job in another state.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn ahead_of(&self, job: &Job) -> Result<Ahead, Error> {
        let Some(own) = tables::due_key(job) else { return Ok(Ahead::default()) };
        self.store.read(|snapshot| {
            let due = snapshot.open_table(DUE)?;
            let mut ahead = Ahead::default();
            for priority in Priority::ALL {
                for entry in due.range(tables::before(own, priority.rank()))? {
                    ahead.jobs += 1;
                    ahead.input_bytes += entry?.1.value();
                }
            }
            Ok(ahead)
        })
    }

    /// Whether a claim would find a job.
    pub(super) fn has_due(&self, now_ms: u64) -> Result<bool, Error> {
        self.store.read(|snapshot| {
            let due = snapshot.open_table(DUE)?;
            Ok(!is_paused(snapshot)? && tables::next_due(&due, now_ms)?.is_some())
        })
    }

    /// Whether claims are held back.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_paused(&self) -> Result<bool, Error> {
        self.store.read(is_paused)
    }

    /// How many jobs are in each state; every state is listed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn counts(&self) -> Result<BTreeMap<&'static str, u64>, Error> {
        self.store.read(|snapshot| {
            let counts = snapshot.open_table(COUNTS)?;
            let count_of = |state: State| -> Result<(&'static str, u64), Error> {
                Ok((state.name(), counts.get(state.name())?.map_or(0, |count| count.value())))
            };
            State::ALL.into_iter().map(count_of).collect()
        })
    }
}

/// Up to `limit` jobs in one state, the newest first.
fn newest(
    snapshot: &ReadTransaction,
    state: State,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Vec<Cursor>, Error> {
    let rank = tables::state_rank(state);
    let end =
        after.map_or((rank, u64::MAX, u128::MAX), |after| (rank, after.created_at_ms, after.id.as_u128()));
    let states = snapshot.open_table(STATES)?;
    let newest = states.range((rank, 0, 0)..end)?.rev().take(limit);
    newest
        .map(|entry| {
            let (_, created_at_ms, id) = entry?.0.value();
            Ok(Cursor { created_at_ms, id: JobId::from_u128(id) })
        })
        .collect()
}

fn is_paused(snapshot: &ReadTransaction) -> Result<bool, Error> {
    Ok(snapshot.open_table(META)?.get(tables::PAUSED)?.is_some())
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.created_at_ms, self.id)
    }
}

impl FromStr for Cursor {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (created_at_ms, id) = text.split_once('-').ok_or(InvalidId)?;
        Ok(Self { created_at_ms: created_at_ms.parse().map_err(|_| InvalidId)?, id: id.parse()? })
    }
}
