//! Tells listeners inside this process that a job changed, and remembers how far running jobs are.
//!
//! An announcement says which job and what kind of change, not what the job is now: the queue is the
//! truth, and a listener that was too slow reads it there. Progress lives only here and dies with the
//! process. Announce only what is committed already. Listeners: `http/events.rs`,
//! [`crate::worker`], and what the bridge offers, takes and mirrors.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::ids::JobId;

/// Announcements that a slow listener may fall behind before it has to read the queue again.
const CAPACITY: usize = 1024;

/// What happened to a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The job.
    pub job: JobId,
    /// What about it.
    pub change: Change,
    /// Whether it happened in this process; otherwise another node told of it.
    pub is_here: bool,
}

/// The kinds of change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Its record changed: read it.
    State,
    /// It got further.
    Progress(Progress),
    /// What other nodes told was missed for a while, about any job: read what matters.
    Gap,
}

/// How far a running job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is running: `read`, a pass's name, or `write`.
    pub stage: String,
    /// 0 to 100 over the whole job.
    pub percent: f32,
}

/// The announcements of one process.
#[derive(Debug)]
pub struct Events {
    sender: broadcast::Sender<Event>,
    // A plain lock: it is held for one map operation and never across an await.
    progress: Mutex<HashMap<JobId, Progress>>,
}

impl Default for Events {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY), progress: Mutex::default() }
    }
}

impl Events {
    /// Announces that the job's record changed. Its progress begins anew.
    pub fn announce_state(&self, job: JobId) {
        self.announce(Event { job, change: Change::State, is_here: true });
    }

    /// Announces and remembers how far a running job is.
    pub fn announce_progress(&self, job: JobId, progress: Progress) {
        self.announce(Event { job, change: Change::Progress(progress), is_here: true });
    }

    /// Passes on what another node told.
    pub fn announce_elsewhere(&self, job: JobId, change: Change) {
        self.announce(Event { job, change, is_here: false });
    }

    /// Other nodes may have told something that was missed: whoever waits for a job reads it again.
    pub fn announce_gap(&self) {
        self.announce(Event { job: JobId::from_u128(0), change: Change::Gap, is_here: false });
    }

    /// How far a job is, if it runs.
    #[must_use]
    pub fn progress(&self, job: JobId) -> Option<Progress> {
        self.lock().get(&job).cloned()
    }

    /// Every announcement from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    fn announce(&self, event: Event) {
        match &event.change {
            Change::State => self.lock().remove(&event.job),
            Change::Progress(progress) => self.lock().insert(event.job, progress.clone()),
            Change::Gap => None,
        };
        // An error means that nobody listens, which is fine.
        let _ = self.sender.send(event);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Progress>> {
        // The map is whole after every operation, so a panic elsewhere does not spoil it.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a change of the job's record. May return early: what was missed may have been about this job.
pub async fn state_change(changes: &mut broadcast::Receiver<Event>, id: JobId) {
    loop {
        match changes.recv().await {
            Ok(Event { job, change: Change::State, .. }) if job == id => return,
            Ok(Event { change: Change::Gap, .. }) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // The sender is gone, and nothing will ever change again.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_remembered_until_the_state_changes() {
        let (events, job) = (Events::default(), JobId::random());
        let mut listener = events.subscribe();
        let progress = Progress { stage: "weld".into(), percent: 40.0 };
        events.announce_progress(job, progress.clone());
        assert_eq!(events.progress(job), Some(progress.clone()));
        events.announce_state(job);
        assert_eq!(events.progress(job), None);
        assert_eq!(listener.try_recv().unwrap().change, Change::Progress(progress));
        assert_eq!(listener.try_recv().unwrap().change, Change::State);
    }

    #[tokio::test]
    async fn whoever_waits_for_a_job_looks_again_after_a_gap() {
        let (events, job) = (Events::default(), JobId::random());
        let mut changes = events.subscribe();
        events.announce_state(JobId::random());
        events.announce_gap();
        state_change(&mut changes, job).await;
        assert!(changes.is_empty());
    }
}
