//! What [`crate::webhook`] needs to know, and what statistics are made of: calls of the queue, off the async threads.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Error, Jobs, LONGEST_WAIT, now_ms};
use crate::queue::{Day, Job, Queue};

impl Jobs {
    /// Up to `limit` ended jobs of whose end somebody is to be told now.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn due_webhooks(&self, limit: usize) -> Result<Vec<Job>, Error> {
        self.on_queue(move |queue| queue.due_webhooks(now_ms(), limit)).await
    }

    /// Returns when one may be due. May return early; never misses one. For one waiter at a time.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn wait_for_webhook(&self) -> Result<(), Error> {
        let due_ms = self.on_queue(Queue::next_webhook_ms).await?;
        let wait = due_ms.map_or(LONGEST_WAIT, |due_ms| {
            Duration::from_millis(due_ms.saturating_sub(now_ms())).min(LONGEST_WAIT)
        });
        // Running out of time is as good as being woken.
        let _ = tokio::time::timeout(wait, self.webhook_waiting.notified()).await;
        Ok(())
    }

    /// Writes down what came of telling of a job.
    ///
    /// # Errors
    /// The queue cannot be written: it will be told again.
    pub async fn webhook_tried(&self, job: Job, outcome: Result<(), String>) -> Result<(), Error> {
        self.on_queue(move |queue| queue.webhook_tried(&job, outcome, now_ms())).await
    }

    /// What became of the jobs of each day, by its number since 1970.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn days(&self) -> Result<BTreeMap<u64, Day>, Error> {
        self.on_queue(Queue::days).await
    }
}
