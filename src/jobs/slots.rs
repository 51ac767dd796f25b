//! How many jobs may run in this process, and how many do, for those who ask how it does.
//!
//! Only told, never decided: a worker says that it is there, and when it stops, or panics, its slots are nobody's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::Jobs;

/// The slots of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Jobs that may run at once; none while no worker is there.
    pub open: usize,
    /// Jobs that run, those of other nodes among them.
    pub busy: usize,
}

/// How many workers are there: one, or none.
#[derive(Debug, Clone, Default)]
pub(super) struct Workers(Arc<AtomicUsize>);

/// A worker is there until this value goes.
#[derive(Debug)]
pub struct Present(Workers);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

impl Jobs {
    /// Says that a worker is there, until the value goes.
    #[must_use]
    pub fn worker_comes(&self) -> Present {
        self.workers.0.fetch_add(1, Relaxed);
        Present(self.workers.clone())
    }

    /// The slots of this process now.
    #[must_use]
    pub fn slots(&self) -> Slots {
        let all = self.slot_count();
        let is_worked = self.workers.0.load(Relaxed) > 0;
        Slots { open: if is_worked { all } else { 0 }, busy: all.saturating_sub(self.free_slots()) }
    }
}
