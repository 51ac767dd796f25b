//! What its operator does with the queue: forgetting ended jobs, holding claims back.
//!
//! Only jobs in a final state can be forgotten. Their blobs stay until somebody sweeps.

use super::Queue;
use super::error::Error;
use super::job::Job;
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
            let oldest = self.oldest_ended(1)?;
            if oldest.first().is_none_or(|job| job.finished_at_ms > Some(until_ms)) {
                return Ok(purged);
            }
            purged.extend(self.change(|tables| purge_batch(tables, until_ms))?);
        }
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
