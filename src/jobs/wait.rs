//! How long a queued job will wait: measured on this node, or not said at all.
//!
//! What is before it in the queue, in bytes, times what the latest jobs took for a byte, over the number of workers.
//! An estimate: jobs differ, and those of higher priority may come in between.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::Jobs;
use crate::ids::JobId;
use crate::queue::{self, Ahead, Job, Queue, State};

/// Jobs that the estimate is made from: enough to even out single ones, few enough to follow a change.
const LATEST_JOBS: usize = 20;

/// More running jobs than this are not looked at.
const MAX_RUNNING: usize = 64;

/// What is before a queued job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wait {
    /// Its place in the line; 1 is the next to run.
    pub position: u64,
    /// When it may begin, in milliseconds from now. None while the queue is paused and before anything was measured.
    pub estimate_ms: Option<u64>,
}

/// What a queued job has before it, as the queue knows it.
pub(super) struct Before {
    ahead: Ahead,
    running: Vec<Job>,
    is_paused: bool,
}

/// The job, and what is before it if it is queued.
pub(super) fn look(queue: &Queue, id: JobId) -> Result<(Job, Option<Before>), queue::Error> {
    let job = queue.get(id)?;
    if job.state != State::Queued {
        return Ok((job, None));
    }
    let running = queue.list(Some(State::Running), None, MAX_RUNNING)?.jobs;
    let before = Before { ahead: queue.ahead_of(&job)?, running, is_paused: queue.is_paused()? };
    Ok((job, Some(before)))
}

/// Of a long list only so many queued jobs are given their place: each costs a walk along the line.
const MOST_PLACES: usize = 100;

/// The places of the queued ones among these jobs; those of other nodes stand in other lines.
pub(super) fn places(queue: &Queue, jobs: &[Job]) -> Result<HashMap<JobId, u64>, queue::Error> {
    let is_in_line = |job: &&Job| job.state == State::Queued && queue.get(job.id).is_ok();
    let queued = jobs.iter().filter(is_in_line).take(MOST_PLACES);
    queued.map(|job| Ok((job.id, queue.ahead_of(job)?.jobs + 1))).collect()
}

impl Jobs {
    pub(super) fn wait_after(&self, before: &Before) -> Wait {
        let running_bytes: f64 = before.running.iter().map(|job| self.bytes_to_do(job)).sum();
        let bytes = running_bytes + before.ahead.input_bytes as f64;
        let is_next_free = before.ahead.jobs == 0 && before.running.len() < self.limits.workers;
        let estimate = |ms_per_byte: f64| {
            if is_next_free { 0 } else { (bytes * ms_per_byte / self.limits.workers as f64) as u64 }
        };
        let ms_per_byte = self.pace.ms_per_byte().filter(|_| !before.is_paused);
        Wait { position: before.ahead.jobs + 1, estimate_ms: ms_per_byte.map(estimate) }
    }

    /// What a running job still has before it, by its progress.
    fn bytes_to_do(&self, job: &Job) -> f64 {
        let percent = self.events.progress(job.id).map_or(0.0, |progress| progress.percent);
        job.input_bytes as f64 * f64::from(1.0 - percent / 100.0)
    }
}

/// What the latest jobs of this node took.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Bytes and milliseconds. A plain lock: it is held for a few steps and never across an await.
    latest: Mutex<VecDeque<(u64, u64)>>,
}

impl Pace {
    /// Takes a job into account if it was completed.
    pub(super) fn learn(&self, job: &Job) {
        let (State::Completed, Some(start_ms), Some(end_ms)) =
            (job.state, job.started_at_ms, job.finished_at_ms)
        else {
            return;
        };
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.push_back((job.input_bytes, end_ms.saturating_sub(start_ms)));
        if latest.len() > LATEST_JOBS {
            latest.pop_front();
        }
    }

    fn ms_per_byte(&self) -> Option<f64> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let (bytes, ms) = latest.iter().fold((0, 0), |(bytes, ms), one| (bytes + one.0, ms + one.1));
        (bytes > 0).then(|| ms as f64 / bytes as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_is_nothing_said() {
        let pace = Pace::default();
        assert_eq!(pace.ms_per_byte(), None);
        pace.latest.lock().unwrap().extend([(1_000, 100), (3_000, 300)]);
        assert_eq!(pace.ms_per_byte(), Some(0.1));
    }
}
