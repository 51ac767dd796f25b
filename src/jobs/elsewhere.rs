//! Jobs of other nodes: asked for here, answered there.
//!
//! A job that is not in this node's queue may be in another's. What is known of it comes from a mirror, what is to
//! be done with it goes to the node that accepted it, which alone may. Nothing in here knows how nodes speak with
//! each other: [`Elsewhere`] does, and without one there are no other nodes.

use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Error, Jobs};
use crate::events::Change;
use crate::ids::{BatchId, JobId};
use crate::queue::{self, Cursor, Job, Page, State};

/// An answer on its way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The other nodes. None of these calls waits for long.
pub trait Elsewhere: Send + Sync {
    /// A job of another node as it was mirrored; none if there is none. [`Error::RedisAway`] if nobody can tell.
    fn job(&self, id: JobId) -> Answer<'_, Result<Option<Job>, Error>>;

    /// A job of another node that was completed not long ago and has this recipe (see [`queue::recipe`]); none if nobody
    /// can tell at once.
    fn result(&self, recipe: [u8; 32]) -> Answer<'_, Option<Job>>;

    /// Has the node that accepted the job do something with it.
    fn ask(&self, id: JobId, wish: Wish) -> Answer<'_, Result<Job, Error>>;

    /// The jobs of a batch that another node has accepted, in their order; none where nobody knows it.
    fn batch(&self, id: BatchId) -> Answer<'_, Vec<Job>>;

    /// Up to `limit` jobs of other nodes in `state` (in any, if none is given), the newest first, after `after`.
    fn list(&self, state: Option<State>, after: Option<Cursor>, limit: usize) -> Answer<'_, Vec<Job>>;
}

/// What can be done with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// See [`Jobs::cancel`].
    Cancel,
    /// See [`Jobs::retry`].
    Retry,
    /// See [`Jobs::purge`].
    Purge,
}

impl Wish {
    /// The word for it after "cannot be".
    #[must_use]
    pub fn participle(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled",
            Self::Retry => "retried",
            Self::Purge => "purged",
        }
    }
}

impl Jobs {
    /// From now on, other nodes are asked too. Only the first call counts.
    pub fn set_elsewhere(&self, elsewhere: Arc<dyn Elsewhere>) {
        let _ = self.elsewhere.set(elsewhere);
    }

    /// Does what another node wishes, with a job of this node.
    ///
    /// # Errors
    /// As the call of that name; [`queue::Error::UnknownJob`] also where yet another node has the job.
    pub async fn grant(&self, id: JobId, wish: Wish) -> Result<Job, Error> {
        // Nothing is passed on: two nodes could pass it to each other for ever.
        self.own(id).await?;
        match wish {
            Wish::Cancel => self.cancel(id).await,
            Wish::Retry => self.retry(id).await,
            Wish::Purge => self.purge(id).await,
        }
    }

    /// A job of this node as it is now, whatever others know.
    ///
    /// # Errors
    /// [`queue::Error::UnknownJob`], or the queue cannot be read.
    pub async fn own(&self, id: JobId) -> Result<Job, Error> {
        self.on_queue(move |queue| queue.get(id)).await
    }

    /// Passes on to listeners what another node told about a job.
    pub fn announce_elsewhere(&self, id: JobId, change: Change) {
        self.events.announce_elsewhere(id, change);
    }

    /// Tells listeners that they may have missed what other nodes told.
    pub fn announce_gap(&self) {
        self.events.announce_gap();
    }

    /// The jobs of a batch of another node.
    pub(super) async fn batch_elsewhere(&self, id: BatchId) -> Vec<Job> {
        match self.elsewhere.get() {
            Some(elsewhere) => elsewhere.batch(id).await,
            None => Vec::new(),
        }
    }

    /// A job as it is now, or as another node has told of it.
    pub(super) async fn known(&self, id: JobId) -> Result<Job, Error> {
        match self.own(id).await {
            Err(Error::Queue(queue::Error::UnknownJob(_))) => self.job_elsewhere(id).await,
            own => own,
        }
    }

    pub(super) async fn job_elsewhere(&self, id: JobId) -> Result<Job, Error> {
        let found = match self.elsewhere.get() {
            Some(elsewhere) => elsewhere.job(id).await?,
            None => None,
        };
        found.ok_or_else(|| queue::Error::UnknownJob(id).into())
    }

    /// What was done here; or, with a job that is not here, what is done where it is.
    pub(super) async fn or_elsewhere(
        &self,
        id: JobId,
        done: Result<Job, Error>,
        wish: Wish,
    ) -> Result<Job, Error> {
        match (done, self.elsewhere.get()) {
            // It ended before: to forget it is no news of that kind.
            (Ok(job), _) if wish == Wish::Purge => {
                self.events.announce_state(job.id);
                Ok(job)
            }
            (Err(Error::Queue(queue::Error::UnknownJob(_))), Some(elsewhere)) => {
                elsewhere.ask(id, wish).await
            }
            (done, _) => done,
        }
    }

    /// A page of this node's jobs, with those of others put between.
    pub(super) async fn with_jobs_elsewhere(
        &self,
        page: Page,
        state: Option<State>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, Error> {
        let Some(elsewhere) = self.elsewhere.get() else { return Ok(page) };
        // One more than asked for shows whether there is more.
        let others = elsewhere.list(state, after, limit.saturating_add(1)).await;
        let mut jobs = page.jobs;
        jobs.extend(others);
        let cursor = |job: &Job| Cursor { created_at_ms: job.created_at_ms, id: job.id };
        jobs.sort_by_key(|job| std::cmp::Reverse(cursor(job)));
        let has_more = page.next.is_some() || jobs.len() > limit;
        jobs.truncate(limit);
        let next = jobs.last().map(cursor).filter(|_| has_more);
        Ok(Page { jobs, next })
    }
}
