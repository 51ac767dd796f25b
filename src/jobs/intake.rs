//! How much is accepted: jobs that wait, and jobs of one client.
//!
//! Asked before a file is received, so that nobody sends half a gigabyte in vain, and again before it becomes a job.
//! Two that ask at the same time may both pass, so a limit can be passed by the number of open uploads; what must be
//! exact, the quota of an API key, is in the queue's transaction. Clients are counted in memory: their addresses are
//! written nowhere, and a restart forgets them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Error, Jobs, now_ms};
use crate::ids::JobId;
use crate::queue::{self, Job, Sender, State};

/// How much is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intake {
    /// Jobs that may wait at once.
    pub max_queued_jobs: u64,
    /// Jobs of one client that may wait or run at once.
    pub max_jobs_per_client: usize,
}

/// The unfinished jobs of each client, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<Unfinished>);

#[derive(Debug, Default)]
struct Unfinished {
    owners: HashMap<JobId, String>,
    counts: HashMap<String, usize>,
}

impl Clients {
    /// Keeps up with a change of a job.
    pub(super) fn note(&self, job: &Job) {
        if job.state.is_final() {
            self.with(|unfinished| unfinished.remove(job.id));
        }
    }

    fn add(&self, job: &Job, client: Option<&str>) {
        let Some(client) = client.filter(|_| !job.state.is_final()) else { return };
        self.with(|unfinished| {
            if unfinished.owners.insert(job.id, client.to_owned()).is_none() {
                *unfinished.counts.entry(client.to_owned()).or_default() += 1;
            }
        });
    }

    fn count(&self, client: &str) -> usize {
        self.with(|unfinished| unfinished.counts.get(client).copied().unwrap_or_default())
    }

    fn with<T>(&self, call: impl FnOnce(&mut Unfinished) -> T) -> T {
        call(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Unfinished {
    fn remove(&mut self, id: JobId) {
        let Some(client) = self.owners.remove(&id) else { return };
        if let Some(count) = self.counts.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&client);
            }
        }
    }
}

impl Jobs {
    /// Refuses where so many more jobs of `sender` would be too much.
    ///
    /// # Errors
    /// [`Error::QueueFull`], [`Error::TooManyJobs`], [`queue::Error::QuotaUsedUp`], or the queue cannot be read.
    pub async fn check_intake(&self, sender: &Sender, jobs: usize) -> Result<(), Error> {
        let Intake { max_queued_jobs, max_jobs_per_client } = self.limits.intake;
        let has = |client: &String| self.clients.count(client);
        if sender.client.as_ref().is_some_and(|client| has(client) + jobs > max_jobs_per_client) {
            return Err(Error::TooManyJobs { limit: max_jobs_per_client });
        }
        let key = sender.api_key;
        let queued = self
            .on_queue(move |queue| {
                if let Some(id) = key {
                    queue.api_key(id)?.ok_or(queue::Error::UnknownApiKey(id))?.charged(0, now_ms())?;
                }
                Ok(queue.counts()?.get(State::Queued.name()).copied().unwrap_or_default())
            })
            .await?;
        if queued.saturating_add(jobs as u64) > max_queued_jobs {
            Err(Error::QueueFull { limit: max_queued_jobs })
        } else {
            Ok(())
        }
    }

    pub(super) fn count_for_client(&self, job: &Job, sender: &Sender) {
        self.clients.add(job, sender.client.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_counts_for_its_client_until_it_ends() {
        let clients = Clients::default();
        let (first, second) = (JobId::random(), JobId::random());
        clients.with(|unfinished| {
            for id in [first, second] {
                unfinished.owners.insert(id, "192.0.2.7".into());
            }
            unfinished.counts.insert("192.0.2.7".into(), 2);
        });
        clients.with(|unfinished| unfinished.remove(first));
        clients.with(|unfinished| unfinished.remove(first));
        assert_eq!((clients.count("192.0.2.7"), clients.count("192.0.2.8")), (1, 0));
        clients.with(|unfinished| unfinished.remove(second));
        assert!(clients.with(|unfinished| unfinished.counts.is_empty()));
    }
}
