//! How many jobs may run in this process, and how many do: what the worker says of itself while it lives.
//!
//! Only told, never asked by the worker: what may run is decided there. A worker that stops, or panics, takes its
//! slots with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::Jobs;

/// The slots of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Jobs that may run at once.
    pub open: usize,
    /// Jobs that run.
    pub busy: usize,
}

/// What workers have said.
#[derive(Debug, Default)]
pub(super) struct Counts {
    open: Arc<AtomicUsize>,
    busy: Arc<AtomicUsize>,
}

/// A number of slots, open or busy until this value goes.
#[derive(Debug)]
pub struct Held {
    count: Arc<AtomicUsize>,
    slots: usize,
}

impl Held {
    fn new(count: &Arc<AtomicUsize>, slots: usize) -> Self {
        count.fetch_add(slots, Relaxed);
        Self { count: Arc::clone(count), slots }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.count.fetch_sub(self.slots, Relaxed);
    }
}

impl Jobs {
    /// A worker is there for so many jobs at once, until the value goes.
    #[must_use]
    pub fn open_slots(&self, slots: usize) -> Held {
        Held::new(&self.slots.open, slots)
    }

    /// One of the slots is busy until the value goes.
    #[must_use]
    pub fn occupy_slot(&self) -> Held {
        Held::new(&self.slots.busy, 1)
    }

    /// The slots of this process now.
    #[must_use]
    pub fn slots(&self) -> Slots {
        Slots { open: self.slots.open.load(Relaxed), busy: self.slots.busy.load(Relaxed) }
    }
}
