//! Whom to tell when a job has ended, until they have heard it. Sending is done elsewhere: [`crate::webhook`].
//!
//! What is to be sent is part of the record, so it survives a crash like everything else; whoever was told just before
//! one is told again. When to try again is decided here.

use serde::{Deserialize, Serialize};

use super::Queue;
use super::error::Error;
use super::job::Job;
use super::tables::{self, HOOKS, JOBS};
use crate::ids::JobId;

/// How often an address is tried before it is given up.
const MAX_TRIES: u32 = 8;
/// The wait before the second try, in milliseconds. Each later one waits four times as long: 15 hours in all.
const FIRST_BACKOFF_MS: u64 = 10_000;

/// An address, and how far telling it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The address.
    pub url: String,
    /// How often it was tried for this end of the job.
    #[serde(default)]
    pub tries: u32,
    /// When to try next, in milliseconds since 1970; none before the job has ended and when all is said.
    #[serde(default)]
    pub due_at_ms: Option<u64>,
    /// When it was told.
    #[serde(default)]
    pub delivered_at_ms: Option<u64>,
    /// Why the last try failed.
    #[serde(default)]
    pub error: Option<String>,
}

impl Webhook {
    pub(super) fn new(url: String, due_at_ms: Option<u64>) -> Self {
        Self { url, tries: 0, due_at_ms, delivered_at_ms: None, error: None }
    }

    pub(super) fn due_at(self, due_at_ms: u64) -> Self {
        Self::new(self.url, Some(due_at_ms))
    }

    pub(super) fn waiting(self) -> Self {
        Self::new(self.url, None)
    }

    fn tried(self, outcome: Result<(), String>, now_ms: u64) -> Self {
        let tries = self.tries + 1;
        match outcome {
            Ok(()) => Self { tries, due_at_ms: None, delivered_at_ms: Some(now_ms), error: None, ..self },
            Err(error) => {
                let wait_ms = FIRST_BACKOFF_MS << (2 * (tries - 1)).min(32);
                let due_at_ms = (tries < MAX_TRIES).then(|| now_ms.saturating_add(wait_ms));
                Self { tries, due_at_ms, error: Some(error), ..self }
            }
        }
    }
}

impl Queue {
    /// Up to `limit` ended jobs of whose end somebody is to be told at `now_ms`.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn due_webhooks(&self, now_ms: u64, limit: usize) -> Result<Vec<Job>, Error> {
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        self.store.read(|snapshot| {
            let (hooks, jobs) = (snapshot.open_table(HOOKS)?, snapshot.open_table(JOBS)?);
            for entry in hooks.range(..=(now_ms, u128::MAX))?.take(limit) {
                let key = entry?.0.value();
                match tables::read_job(&jobs, JobId::from_u128(key.1)) {
                    Err(Error::Record { .. } | Error::UnknownJob(_)) => unreadable.push(key),
                    read => found.push(read?),
                }
            }
            Ok(())
        })?;
        self.give_up_hooks(unreadable)?;
        Ok(found)
    }

    /// Nobody can be told of a job that cannot be read, and what is due for ever would never let anybody rest.
    fn give_up_hooks(&self, keys: Vec<(u64, u128)>) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        for (_, id) in &keys {
            let job = JobId::from_u128(*id);
            tracing::error!(%job, "its record cannot be read, so its webhook is never told");
        }
        self.change(|tables| keys.iter().try_for_each(|key| tables.give_up_hook(*key)))
    }

    /// When the next is due, in milliseconds since 1970.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next_webhook_ms(&self) -> Result<Option<u64>, Error> {
        self.store.read(|snapshot| {
            let hooks = snapshot.open_table(HOOKS)?;
            let first = hooks.range::<(u64, u128)>(..)?.next().transpose()?;
            Ok(first.map(|(key, _)| key.value().0))
        })
    }

    /// Writes down what came of telling of `job`, as it was when that began. Of one that has changed since, nothing:
    /// what was told is not its end any more.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn webhook_tried(&self, job: &Job, outcome: Result<(), String>, now_ms: u64) -> Result<(), Error> {
        self.change(|tables| {
            let now = match tables.read(job.id) {
                Err(Error::UnknownJob(_)) => return Ok(()),
                read => read?,
            };
            match now.webhook.clone().filter(|_| now.webhook == job.webhook) {
                Some(webhook) => {
                    let webhook = Some(webhook.tried(outcome, now_ms));
                    tables.write(Some(&now), &Job { webhook, ..now.clone() })
                }
                None => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_does_not_answer_is_tried_later_and_later_and_then_given_up() {
        let mut webhook = Webhook::new("https://example.org".into(), Some(0));
        let mut waits = Vec::new();
        while let Some(now_ms) = webhook.due_at_ms {
            webhook = webhook.tried(Err("no answer".into()), now_ms);
            waits.extend(webhook.due_at_ms.map(|due_at_ms| due_at_ms - now_ms));
        }
        assert_eq!((waits[0], waits[6], webhook.tries), (10_000, 40_960_000, MAX_TRIES));
        assert_eq!(webhook.error.as_deref(), Some("no answer"));
        let told = webhook.due_at(5).tried(Ok(()), 7);
        assert_eq!((told.due_at_ms, told.delivered_at_ms, told.tries), (None, Some(7), 1));
    }
}
