//! The passes over a document, the last of them repeated until the model looks as the preset wants it to.
//!
//! [`search`] decides which share of the budget to try; here an attempt is made: passes run,
//! the file is written, read back, and compared with the original in pictures ([`super::proof`]).

use super::budget::Budget;
use super::document::read::{self, Files};
use super::document::{Document, Limits, write};
use super::error::Error;
use super::passes::{self, Context, PASSES, Pass};
use super::proof::{Comparison, Reference};
use super::report::PassReport;
use super::search::{self, search};
use super::settings::{Effort, Settings};
use super::stages::Stages;

/// Parts of a job's time beside the passes, in the unit of [`Pass::weight`].
const WRITE_WEIGHT: f32 = 2.0;
const COMPARE_WEIGHT: f32 = 4.0;

/// What the passes made of a document.
pub(super) struct Fitted {
    /// The document as written.
    pub(super) document: Document,
    /// Its bytes.
    pub(super) glb: Vec<u8>,
    /// Every pass, as it ran for this result.
    pub(super) reports: Vec<PassReport>,
    /// How different it looks; `None` where the original shows nothing.
    pub(super) comparison: Option<Comparison>,
    /// How many results were made and compared, this one included.
    pub(super) attempts: usize,
    part: f32,
}

impl search::Attempt for Fitted {
    fn bytes(&self) -> usize {
        self.glb.len()
    }

    fn part(&self) -> f32 {
        self.part
    }
}

impl Fitted {
    /// Whether the result looks as the preset wants.
    ///
    /// # Errors
    /// How it looks instead, for people.
    pub(super) fn looks_right(&self) -> Result<(), String> {
        let Some(comparison) = self.comparison.as_ref().filter(|_| self.part > 1.0) else { return Ok(()) };
        let worst = comparison.views.iter().max_by(|a, b| a.error.total_cmp(&b.error));
        let place = worst.map(|view| format!(", most of all from \"{}\"", view.name)).unwrap_or_default();
        Err(format!(
            "it looks different (error {:.3} on average, {:.3} close up, outlines the same by {:.1} %{place})",
            comparison.mean,
            comparison.close_worst,
            100.0 * comparison.silhouette
        ))
    }
}

/// Runs the passes. Whether the result looks right is for the caller to ask: [`Fitted::looks_right`].
///
/// # Errors
/// Those of the passes, and of writing and reading back.
pub(super) fn fit(
    document: Document,
    settings: &Settings,
    bytes: u64,
    stages: &mut Stages,
) -> Result<Fitted, Error> {
    let original = document.clone();
    stages.enter("compare", COMPARE_WEIGHT);
    let reference = Reference::new(&original);
    let tries = if reference.is_blank() { 1 } else { attempts_of(settings.effort) };
    let split = PASSES.iter().position(|pass| pass.is_repeated()).unwrap_or(PASSES.len());
    let (once, repeated) = PASSES.split_at(split);
    let budget = Budget::of(settings);
    let mut job = Job { settings, stages, budget, reports: Vec::new(), bytes };
    let mut prepared = document;
    job.run(once, &mut prepared)?;
    let (reports, bytes) = (std::mem::take(&mut job.reports), job.bytes);
    let mut attempts = 0;
    let best = search(tries, |share| {
        attempts += 1;
        let mut document = prepared.clone();
        (job.reports, job.bytes, job.budget) = (reports.clone(), bytes, budget.times(share));
        job.run(repeated, &mut document)?;
        job.finish(document, &reference)
    })?;
    Ok(Fitted { attempts, ..best })
}

/// How many results are made and compared, at most, while they look right.
fn attempts_of(effort: Effort) -> usize {
    match effort {
        Effort::Fast => 1,
        Effort::Normal => 3,
        Effort::Best => 6,
    }
}

/// The weight of everything that [`fit`] does, with one attempt.
pub(super) fn weight() -> f32 {
    2.0 * COMPARE_WEIGHT + WRITE_WEIGHT + PASSES.iter().map(|pass| pass.weight()).sum::<f32>()
}

/// What passes share on their way.
struct Job<'a, 'p> {
    settings: &'a Settings,
    stages: &'a mut Stages<'p>,
    budget: Budget,
    reports: Vec<PassReport>,
    /// Size of the file as it would be written now.
    bytes: u64,
}

impl Job<'_, '_> {
    fn run(&mut self, list: &[&dyn Pass], document: &mut Document) -> Result<(), Error> {
        for pass in list {
            self.stages.enter(pass.name(), pass.weight());
            let report = self.run_one(*pass, document)?;
            self.bytes = report.bytes_after;
            self.reports.push(report);
        }
        Ok(())
    }

    /// Runs one pass; the size after it is that of the file as it would be written at that moment.
    fn run_one(&mut self, pass: &dyn Pass, document: &mut Document) -> Result<PassReport, Error> {
        let mut part = |part: f32| self.stages.within(part);
        let mut context = Context { settings: *self.settings, budget: self.budget, progress: &mut part };
        let (changed, notes) = match passes::run(pass, document, &mut context)? {
            passes::Outcome::Changed(notes) => (true, notes),
            passes::Outcome::Unchanged(reason) => (false, vec![reason]),
        };
        let bytes_before = self.bytes;
        let bytes_after = if changed { write::write(document)?.len() as u64 } else { bytes_before };
        Ok(PassReport { name: pass.name().into(), changed, bytes_before, bytes_after, seconds: None, notes })
    }

    /// Writes the document, reads it back as a viewer would, and looks at it.
    fn finish(&mut self, document: Document, reference: &Reference) -> Result<Fitted, Error> {
        self.stages.enter("write", WRITE_WEIGHT);
        let glb = write::write(&document)?;
        self.stages.enter("compare", COMPARE_WEIGHT);
        let comparison = if reference.is_blank() {
            None
        } else {
            let read_back = read::read(&glb, &Files::new(), &Limits::default())?;
            Some(reference.compare(&read_back))
        };
        let part = comparison.as_ref().map_or(0.0, |comparison| self.budget.look.part(comparison));
        Ok(Fitted {
            document,
            glb,
            reports: std::mem::take(&mut self.reports),
            comparison,
            attempts: 1,
            part,
        })
    }
}
