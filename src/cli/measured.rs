//! [`optimize`](crate::optimize::optimize) with a clock around it, because the core has none.
//!
//! The only caller of that entry. Enters into the report how long each stage and the whole took.

use std::time::Instant;

use crate::optimize::report::StageTime;
use crate::optimize::{self, Error, Files, Output, Progress, Settings};

/// Optimizes `input` with the `files` that it refers to, and measures it.
///
/// # Errors
/// See [`optimize::optimize`].
pub(super) fn optimize(
    input: &[u8],
    files: &Files,
    settings: &Settings,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Output, Error> {
    let mut stages = Stages::default();
    let start = Instant::now();
    let mut output = optimize::optimize(input, files, settings, &mut |progress| {
        stages.enter(progress.stage);
        on_progress(progress);
    })?;
    let stages = stages.finish();
    output.report.set_times(start.elapsed().as_secs_f64(), stages);
    Ok(output)
}

/// Which stage runs since when, and what the earlier ones took.
#[derive(Default)]
struct Stages {
    done: Vec<(&'static str, f64)>,
    current: Option<(&'static str, Instant)>,
}

impl Stages {
    fn enter(&mut self, stage: &'static str) {
        if self.current.is_some_and(|(current, _)| current == stage) {
            return;
        }
        self.leave();
        self.current = Some((stage, Instant::now()));
    }

    fn leave(&mut self) {
        let Some((stage, since)) = self.current.take() else { return };
        let seconds = since.elapsed().as_secs_f64();
        // A pass may run again, with another share of the budget: what it took in all is what counts.
        match self.done.iter_mut().find(|(done, _)| *done == stage) {
            Some((_, sum)) => *sum += seconds,
            None => self.done.push((stage, seconds)),
        }
    }

    fn finish(mut self) -> Vec<StageTime> {
        self.leave();
        self.done.into_iter().map(|(name, seconds)| StageTime { name: name.into(), seconds }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_lasts_from_its_first_call_to_the_next_stage() {
        let mut stages = Stages::default();
        for stage in ["read", "weld", "weld", "write"] {
            stages.enter(stage);
        }
        let done = stages.finish();
        assert_eq!(done.iter().map(|stage| &stage.name).collect::<Vec<_>>(), ["read", "weld", "write"]);
        assert!(done.iter().all(|stage| stage.seconds >= 0.0));
    }
}
