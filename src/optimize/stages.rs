//! Stages and parts of them as a percentage that never falls.

use super::{Progress, fit};

/// Part of a job's time before the passes, in the unit of [`passes::Pass::weight`](super::passes::Pass::weight).
pub(super) const READ_WEIGHT: f32 = 1.0;

/// Attempts after the first are counted as this part of what is left: how many there will be is not known.
const LEFT: f32 = 0.95;

/// Tells how far a job is.
pub(super) struct Stages<'a> {
    progress: &'a mut dyn FnMut(Progress),
    stage: &'static str,
    done: f32,
    weight: f32,
    total: f32,
}

impl<'a> Stages<'a> {
    pub(super) fn new(progress: &'a mut dyn FnMut(Progress)) -> Self {
        Self { progress, stage: "read", done: 0.0, weight: 0.0, total: READ_WEIGHT + fit::weight() }
    }

    /// Begins a stage of this weight.
    pub(super) fn enter(&mut self, stage: &'static str, weight: f32) {
        self.done += self.weight;
        self.stage = stage;
        self.weight = weight;
        self.within(0.0);
    }

    /// Says which part of the stage is done, 0 to 1.
    pub(super) fn within(&mut self, part: f32) {
        let done = (self.done + self.weight * part.clamp(0.0, 1.0)) / self.total;
        // The first attempt takes the job to LEFT; what comes after goes on towards the end without reaching it.
        let done = if done < 1.0 { done * LEFT } else { 1.0 - (1.0 - LEFT) / done };
        (self.progress)(Progress { stage: self.stage, percent: 100.0 * done });
    }

    /// Everything is done.
    pub(super) fn finish(&mut self) {
        (self.progress)(Progress { stage: self.stage, percent: 100.0 });
    }
}
