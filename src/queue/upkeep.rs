//! What its operator does with the queue: forgetting ended jobs, holding claims back.
//!
//! Only jobs in a final state can be forgotten or lose their files. The blobs themselves stay until somebody sweeps.

use super::Queue;
use super::api_keys;
use super::error::Error;
use super::job::Job;
use super::listing::Snapshot;
use super::statistics;
use super::tables::{self, Tables};
use crate::ids::JobId;

/// Jobs that are forgotten in one transaction, so that others need not wait long for theirs.
const BATCH: usize = 1_000;

impl Queue {
    /// Forgets a job in a final state. Returns what it was.
    ///
    /// # Errors
    /// [`Error::UnknownJob`], [`Error::Refused`] while it is queued or running, or the file cannot be written.
    pub fn purge(&self, id: JobId) -> Result<Job, Error> {
        self.change(|tables| {
            let job = tables.read(id)?;
            if !job.state.is_final() {
                return Err(Error::Refused { state: job.state, wanted: "purged" });
            }
            tables.remove(&job)?;
            Ok(job)
        })
    }

    /// Forgets all jobs that ended at or before `until_ms`. Returns what they were.
    ///
    /// # Errors
    /// The file cannot be read or written; some may be gone by then.
    pub fn purge_ended(&self, until_ms: u64) -> Result<Vec<Job>, Error> {
        let mut purged = Vec::new();
        loop {
            // Looking first keeps an idle queue from writing.
            let first = |snapshot: &redb::ReadTransaction| {
                tables::first_before(&snapshot.open_table(tables::ENDED)?, until_ms)
            };
            if self.store.read(first)?.is_none() {
                return Ok(purged);
            }
            purged.extend(self.change(|tables| purge_batch(tables, until_ms))?);
        }
    }

    /// Lets the files of all jobs go that ended at or before `until_ms`. The records stay. Returns how many.
    ///
    /// # Errors
    /// The file cannot be read or written; some may have gone by then.
    pub fn let_files_go(&self, until_ms: u64) -> Result<usize, Error> {
        let ids = self.ended_with_files(|job| job.finished_at_ms <= Some(until_ms))?;
        self.mark_files_gone(&ids)
    }

    /// Lets the files of jobs go, those that ended first first, until their sizes add up to `bytes`. That is not
    /// what comes free: others may need the same files. Returns how many; none when no ended job has files.
    ///
    /// # Errors
    /// The file cannot be read or written; some may have gone by then.
    pub fn let_oldest_files_go(&self, bytes: u64) -> Result<usize, Error> {
        let mut found_bytes = 0_u64;
        let ids = self.ended_with_files(|job| {
            let goes_on = found_bytes < bytes;
            let output_bytes = job.output.as_ref().map_or(0, |output| output.glb_bytes);
            found_bytes = found_bytes.saturating_add(job.input_bytes).saturating_add(output_bytes);
            goes_on
        })?;
        self.mark_files_gone(&ids)
    }

    fn mark_files_gone(&self, ids: &[JobId]) -> Result<usize, Error> {
        let mut count = 0;
        for batch in ids.chunks(BATCH) {
            count += self.change(|tables| mark_batch(tables, batch))?;
        }
        Ok(count)
    }

    /// Fills an empty queue with what another one held.
    ///
    /// # Errors
    /// The file cannot be written; nothing was changed then.
    pub fn fill(&self, snapshot: &Snapshot) -> Result<(), Error> {
        self.change(|tables| {
            snapshot.jobs.iter().try_for_each(|job| tables.write(None, job))?;
            // These know of forgotten jobs too, which writing the jobs did not count.
            statistics::replace(tables, &snapshot.days)?;
            snapshot.api_keys.iter().try_for_each(|key| api_keys::write(tables, key))
        })?;
        if snapshot.is_paused { self.pause() } else { Ok(()) }
    }

    /// Holds claims back until [`Queue::resume`], even over a restart. Running jobs go on.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn pause(&self) -> Result<(), Error> {
        self.change(|tables| {
            tables.meta.insert(tables::PAUSED, 1)?;
            Ok(())
        })
    }

    /// Lets jobs be claimed again.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn resume(&self) -> Result<(), Error> {
        self.change(|tables| {
            tables.meta.remove(tables::PAUSED)?;
            Ok(())
        })
    }
}

/// Whoever was queued again or purged meanwhile is left alone.
fn mark_batch(tables: &mut Tables<'_>, ids: &[JobId]) -> Result<usize, Error> {
    let mut count = 0;
    for id in ids {
        let job = match tables.read(*id) {
            Err(Error::UnknownJob(_)) => continue,
            read => read?,
        };
        if job.state.is_final() && !job.files_gone {
            tables.write(Some(&job), &Job { files_gone: true, ..job.clone() })?;
            count += 1;
        }
    }
    Ok(count)
}

fn purge_batch(tables: &mut Tables<'_>, until_ms: u64) -> Result<Vec<Job>, Error> {
    let mut purged = Vec::new();
    while purged.len() < BATCH
        && let Some(job) = tables.first_ended(until_ms)?
    {
        tables.remove(&job)?;
        purged.push(job);
    }
    Ok(purged)
}
