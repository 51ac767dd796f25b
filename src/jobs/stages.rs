//! How long the stages of an attempt take, seen from outside: from one word of the child to the next.
//!
//! The report of a job holds the same, but the child has written it, and a hostile file may have got hold of the child.
//! So nothing of it is believed but the names that are known.

use std::time::{Duration, Instant};

use crate::meter;
use crate::optimize::passes::PASSES;

/// Stages that are no pass.
const OTHERS: [&str; 3] = ["read", "write", "compare"];
/// What an unknown stage is counted as.
const UNKNOWN: &str = "other";

/// The stages of one attempt. Counted when this value goes: what a child was at when it was killed counts too.
#[derive(Debug, Default)]
pub(super) struct Stages {
    done: Vec<(&'static str, Duration)>,
    current: Option<(&'static str, Instant)>,
}

impl Stages {
    /// The child is at this stage now. It may come back to one: passes run again with another share of the budget.
    pub(super) fn enter(&mut self, stage: &str) {
        let stage = known(stage);
        if self.current.is_none_or(|(current, _)| current != stage) {
            self.leave();
            self.current = Some((stage, Instant::now()));
        }
    }

    fn leave(&mut self) {
        let Some((stage, since)) = self.current.take() else { return };
        match self.done.iter_mut().find(|(done, _)| *done == stage) {
            Some((_, sum)) => *sum += since.elapsed(),
            None => self.done.push((stage, since.elapsed())),
        }
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.leave();
        self.done.drain(..).for_each(|(stage, took)| meter::stage_ended(stage, took));
    }
}

fn known(stage: &str) -> &'static str {
    let names = PASSES.iter().map(|pass| pass.name()).chain(OTHERS);
    names.into_iter().find(|name| *name == stage).unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_comes_again_is_one_and_an_unknown_one_has_no_name() {
        let mut stages = Stages::default();
        for stage in ["read", "weld", "compare", "weld", "<script>"] {
            stages.enter(stage);
        }
        stages.leave();
        let names: Vec<_> = stages.done.iter().map(|(stage, _)| *stage).collect();
        assert_eq!(names, ["read", "weld", "compare", "other"]);
    }
}
