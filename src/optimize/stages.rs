//! Stages and parts of them as a percentage that never falls.

use super::settings::{Effort, Settings};
use super::{Progress, fit};

/// Part of a job's time before the passes, in the unit of [`passes::Pass::weight`](super::passes::Pass::weight).
pub(super) const READ_WEIGHT: f32 = 1.0;

/// The part of a job's time that is over with the first attempt: how many will follow is not known, only how many there may be.
fn first_attempt(settings: &Settings) -> f32 {
    match (settings.target_size, settings.effort) {
        (Some(_), _) => 0.1,
        (None, Effort::Fast) => 0.95,
        (None, Effort::Normal) => 0.4,
        (None, Effort::Best) => 0.25,
    }
}

/// Tells how far a job is.
pub(super) struct Stages<'a> {
    progress: &'a mut dyn FnMut(Progress),
    stage: &'static str,
    done: f32,
    weight: f32,
    total: f32,
    /// See [`first_attempt`].
    first: f32,
}

impl<'a> Stages<'a> {
    pub(super) fn new(settings: &Settings, progress: &'a mut dyn FnMut(Progress)) -> Self {
        let (total, first) = (READ_WEIGHT + fit::weight(), first_attempt(settings));
        Self { progress, stage: "read", done: 0.0, weight: 0.0, total, first }
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
        // What comes after the first attempt goes on towards the end without reaching it.
        let done = if done < 1.0 { done * self.first } else { 1.0 - (1.0 - self.first) / done };
        (self.progress)(Progress { stage: self.stage, percent: 100.0 * done });
    }

    /// Everything is done.
    pub(super) fn finish(&mut self) {
        (self.progress)(Progress { stage: self.stage, percent: 100.0 });
    }
}
