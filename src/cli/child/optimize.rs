//! The task of a job: optimizes one model, telling how far it is.

use std::fs::File;

use super::{Failure, create, fault, read, say, write};
use crate::cli::measured;
use crate::optimize::{Error, Files, Output, Progress, Settings, level_alone};
use crate::sandbox::{Line, Optimize};

/// Smaller steps of progress than this are not worth a line, in per cent.
const PROGRESS_STEP: f32 = 0.5;

/// A model, and open files for what comes of it.
pub(super) struct Job {
    input: Vec<u8>,
    output: File,
    report: File,
    worst_view: File,
    levels: Vec<File>,
    settings: Settings,
}

impl Job {
    pub(super) fn open(task: &Optimize) -> Result<Self, Failure> {
        Ok(Self {
            input: read(&task.input)?,
            output: create(&task.output)?,
            report: create(&task.report)?,
            worst_view: create(&task.worst_view)?,
            levels: task.levels.iter().map(|level| create(level)).collect::<Result<_, _>>()?,
            settings: task.settings,
        })
    }

    pub(super) fn input_bytes(&self) -> u64 {
        self.input.len() as u64
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        let mut progress = Throttled::default();
        let on_progress = &mut |now| progress.report(now);
        let output = measured::optimize(&self.input, &Files::new(), &self.settings, on_progress)?;
        let Output { glb, report, worst_view } = output;
        for (level, file) in report.lods.iter().zip(self.levels) {
            write(file, &level_alone(&glb, level.level, &self.settings)?)?;
        }
        let report =
            serde_json::to_vec(&report).map_err(|error| fault("writing the report", error.into()))?;
        write(self.output, &glb)?;
        write(self.report, &report)?;
        let pictures = worst_view.map(|pictures| pictures.png()).transpose();
        let pictures = pictures.map_err(|error| Error::Internal(error.to_string()))?;
        write(self.worst_view, &pictures.unwrap_or_default())
    }
}

/// Hands progress on, but not every bit of it.
#[derive(Default)]
struct Throttled {
    last: Option<Progress>,
}

impl Throttled {
    fn report(&mut self, now: Progress) {
        let is_news = |last: Progress| now.stage != last.stage || now.percent - last.percent >= PROGRESS_STEP;
        if self.last.is_none_or(is_news) {
            self.last = Some(now);
            // If nobody listens, the end of the parent ends this process too.
            let _ = say(&Line::Progress { stage: now.stage.into(), percent: now.percent });
        }
    }
}
