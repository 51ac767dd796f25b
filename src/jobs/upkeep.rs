//! What its operator does with all jobs: lists them, forgets ended ones, holds them back.

use std::time::Duration;

use super::{Error, Jobs, Status, Wait, Wish, as_ms, now_ms, wait};
use crate::ids::JobId;
use crate::queue::{Cursor, Job, Page, Queue, State};

impl Jobs {
    /// Up to `limit` jobs in `state` (in any, if none is given), the newest first, after `after`.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn list(
        &self,
        state: Option<State>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, Error> {
        let page = self.on_queue(move |queue| queue.list(state, after, limit)).await?;
        self.with_jobs_elsewhere(page, state, after, limit).await
    }

    /// The same, of this node's own jobs alone.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn list_own(
        &self,
        state: Option<State>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, Error> {
        self.on_queue(move |queue| queue.list(state, after, limit)).await
    }

    /// These jobs as people look at them: running ones with their progress, queued ones with their place, without a guess
    /// of the time.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn statuses(&self, jobs: Vec<Job>) -> Result<Vec<Status>, Error> {
        let look = move |queue: &Queue| wait::places(queue, &jobs).map(|places| (jobs, places));
        let (jobs, places) = self.on_queue(look).await?;
        let status = |job: Job| {
            let progress = self.events.progress(job.id).filter(|_| job.state == State::Running);
            let wait = places.get(&job.id).map(|&position| Wait { position, estimate_ms: None });
            Status { job, progress, wait }
        };
        Ok(jobs.into_iter().map(status).collect())
    }

    /// Forgets a job that has ended. Its blobs go with the next sweep, unless another job needs them.
    ///
    /// # Errors
    /// [`queue::Error::UnknownJob`], [`queue::Error::Refused`], or the queue cannot be written.
    pub async fn purge(&self, id: JobId) -> Result<Job, Error> {
        let purged = self.on_queue(move |queue| queue.purge(id)).await;
        self.sweep_wanted.notify_one();
        self.or_elsewhere(id, purged, Wish::Purge).await
    }

    /// Forgets all jobs that ended at least `age` ago. Returns how many.
    ///
    /// # Errors
    /// The queue cannot be read or written.
    pub async fn purge_ended(&self, age: Duration) -> Result<usize, Error> {
        let until_ms = now_ms().saturating_sub(as_ms(age));
        let purged = self.on_queue(move |queue| queue.purge_ended(until_ms)).await?;
        let count = purged.len();
        self.sweep_wanted.notify_one();
        for job in purged {
            self.events.announce_state(job.id);
        }
        Ok(count)
    }

    /// Holds claims back until [`Jobs::resume`], even over a restart. Running jobs go on.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub async fn pause(&self) -> Result<(), Error> {
        self.on_queue(Queue::pause).await
    }

    /// Lets jobs be claimed again.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub async fn resume(&self) -> Result<(), Error> {
        self.on_queue(Queue::resume).await?;
        self.work_waiting.notify_one();
        Ok(())
    }

    /// Whether claims are held back.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn is_paused(&self) -> Result<bool, Error> {
        self.on_queue(Queue::is_paused).await
    }
}
