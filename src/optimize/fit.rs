//! The passes over a document, the last of them repeated until the model looks as the preset wants it to.
//!
//! [`search`] decides which share of the budget to try; here an attempt is made: passes run,
//! the file is written, read back, and compared with the original in pictures ([`super::proof`]).

use std::cell::RefCell;

use super::budget::{Budget, Look, Shares};
use super::codecs::image_file;
use super::document::read::{self, Files};
use super::document::{Document, Limits, write};
use super::error::Error;
use super::inventory;
use super::passes::{self, Context, Memo, PASSES, Pass};
use super::proof::{self, Comparison, Expectation, Reference};
use super::report::{PassReport, Tried};
use super::search::{self, Group, Part, Rank, search};
use super::settings::{Effort, Settings, Target};
use super::sizes::{self, GeometrySizes};
use super::stages::Stages;

/// Parts of a job's time beside the passes, in the unit of [`Pass::weight`].
const WRITE_WEIGHT: f32 = 2.0;
const COMPARE_WEIGHT: f32 = 4.0;

/// How wrong a result counts, as a part of what is allowed, whose shape is not the original's.
const OUT_OF_SHAPE: f32 = 2.0;

/// What part of all that is allowed is used up where a size is met: a little less than what the search aims at, so that the
/// result stays just below it.
const NEARLY: f32 = 0.96;

/// Attempts at a size that was asked for, at least.
const SIZE_ATTEMPTS: usize = 8;

/// What the passes made of a document.
pub(super) struct Fitted {
    /// The document as written.
    pub(super) document: Document,
    /// The same before numbers were rounded.
    unrounded: Document,
    /// Its bytes.
    pub(super) glb: Vec<u8>,
    /// Every pass, as it ran for this result.
    pub(super) reports: Vec<PassReport>,
    /// How different it looks; `None` where the original shows nothing.
    pub(super) comparison: Option<Comparison>,
    /// All results that were made and compared, this one included.
    pub(super) curve: Vec<Tried>,
    /// What is wrong with it, for people.
    pub(super) fault: Option<String>,
    part: f32,
    /// The size that was asked for.
    wanted_bytes: Option<u64>,
}

impl search::Attempt for Fitted {
    fn bytes(&self) -> usize {
        self.glb.len()
    }

    fn part(&self) -> f32 {
        self.wanted_bytes
            .map_or(self.part, |wanted| self.part.max(NEARLY * wanted as f32 / self.glb.len() as f32))
    }

    fn rank(&self) -> Rank {
        let bytes = self.glb.len();
        match self.wanted_bytes {
            _ if self.part > 1.0 => Rank::Wrong(self.part),
            Some(wanted) if bytes as u64 > wanted => Rank::TooLarge(bytes as f32),
            Some(_) => Rank::Right(self.part),
            None => Rank::Right(bytes as f32),
        }
    }
}

/// Runs the passes. Whether the result is right is for the caller to ask: [`Fitted::fault`].
///
/// # Errors
/// Those of the passes, and of writing.
pub(super) fn fit(
    document: Document,
    bytes: u64,
    settings: &Settings,
    expected: &Expectation,
    stages: &mut Stages,
) -> Result<Fitted, Error> {
    stages.enter("compare", COMPARE_WEIGHT);
    let reference = Reference::new(&document);
    let tries = if reference.is_blank() { 1 } else { attempts_of(settings, &document, bytes) };
    let split = |list: &'static [&'static dyn Pass], is_after: fn(&dyn Pass) -> bool| {
        list.split_at(list.iter().position(|pass| is_after(*pass)).unwrap_or(list.len()))
    };
    let (once, repeated) = split(PASSES, |pass| pass.is_repeated());
    let (shaping, rounding) = split(repeated, |pass| pass.rounds());
    let budget = Budget::of(settings);
    let memo = Memo::default();
    let shares = Shares::even(1.0, 0);
    let mut job =
        Job { settings, stages, budget, shares, memo: &memo, reports: Vec::new(), input_bytes: bytes, bytes };
    let mut prepared = document;
    job.run(once, &mut prepared)?;
    let (reports, bytes) = (std::mem::take(&mut job.reports), job.bytes);
    let mut curve = Vec::new();
    let geometry = RefCell::new(GeometrySizes::of(&prepared));
    let attempt = |shares: &Shares| {
        let mut document = prepared.clone();
        (job.reports, job.bytes, job.shares) = (reports.clone(), bytes, shares.clone());
        job.run(shaping, &mut document)?;
        let left = sizes::coordinates(&document);
        let unrounded = document.clone();
        job.run(rounding, &mut document)?;
        let made = Fitted { unrounded, ..job.finish(document, expected, &reference)? };
        let error = made.comparison.as_ref().map(|seen| seen.mean);
        curve.push(Tried { bytes: made.glb.len() as u64, error });
        geometry.borrow_mut().add(shares.surface, left, geometry_bytes(&made.glb)?);
        Ok(made)
    };
    let groups = |first: &Fitted| groups(first, &prepared, &reference, (settings.target, &budget.look));
    let taken = |part: &Part, share: f32| match part {
        // The larger, the fewer.
        Part::All => 1.0 / share,
        Part::Images(images) => images.iter().map(|&image| memo.image_bytes(image, share)).sum(),
        Part::Surface => geometry.borrow().surface(share),
        Part::Numbers => geometry.borrow().numbers(share),
    };
    let start = Shares::even(budget.first_share(settings), prepared.images.len());
    let best = search(tries, &start, attempt, groups, &taken)?;
    Ok(Fitted { curve, ..best })
}

/// Bytes of vertices, indices and morph targets in a file.
fn geometry_bytes(glb: &[u8]) -> Result<u64, Error> {
    let by = inventory::take(glb, &Files::new())?.bytes_by;
    Ok(by.vertices + by.indices + by.morph_targets)
}

/// Up to this many images are looked at one by one: each takes as long as a comparison.
const SINGLE_IMAGES: usize = 8;

/// The parts whose errors are told apart, and what is seen of each in an attempt: images of the same kind together where they
/// are many.
fn groups(
    made: &Fitted,
    original: &Document,
    reference: &Reference,
    (target, look): (Target, &Look),
) -> Vec<Group> {
    let mut lists = match target {
        // Block formats have no qualities to choose from.
        Target::Gpu => Vec::new(),
        Target::Web | Target::Universal => passes::images_of_a_kind(original, SINGLE_IMAGES),
    };
    lists.insert(0, Vec::new());
    let restored = reference.compare_restored(&made.document, original, &lists);
    let whole = restored.first().map_or(0.0, |seen| look.pressure(seen));
    let effect = |seen: &Comparison| whole - look.pressure(seen);
    let images = lists.into_iter().zip(&restored).skip(1);
    let mut groups: Vec<Group> =
        images.map(|(images, seen)| Group { part: Part::Images(images), effect: effect(seen) }).collect();
    // The same images on a surface that is only rounded, and on the original's.
    let all = [(0..made.document.images.len()).collect()];
    let on_surface = |surface: &Document| {
        let seen = reference.compare_restored(surface, &made.document, &all);
        seen.first().map_or(0.0, effect)
    };
    let numbers = on_surface(&made.unrounded).max(0.0);
    groups.push(Group { part: Part::Numbers, effect: numbers });
    groups.push(Group { part: Part::Surface, effect: on_surface(original) - numbers });
    groups
}

/// Up to this many pixels in all images, an attempt takes a second or two.
const FEW_PIXELS: u64 = 12 << 20;

/// Below this size, in bytes, what two more attempts save is not worth a second.
const FEW_BYTES: u64 = 500_000;

/// How many results are made and compared, at most, while they look right.
fn attempts_of(settings: &Settings, document: &Document, bytes: u64) -> usize {
    let pixels = || document.images.iter().map(|image| image_file::pixels(image.bytes())).sum::<u64>();
    let tries = match settings.effort {
        Effort::Fast => 1,
        Effort::Normal if bytes > FEW_BYTES && pixels() <= FEW_PIXELS => 6,
        Effort::Normal => 4,
        Effort::Best => 8,
    };
    if settings.target_size.is_some() { tries.max(SIZE_ATTEMPTS) } else { tries }
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
    shares: Shares,
    memo: &'a Memo,
    reports: Vec<PassReport>,
    input_bytes: u64,
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
        let growth = self.input_bytes.saturating_sub(self.bytes);
        let budget = Budget { growth, ..self.budget.times(&self.shares) };
        let mut context = Context {
            settings: *self.settings,
            budget,
            shares: &self.shares,
            memo: self.memo,
            progress: &mut part,
        };
        let (changed, notes) = match passes::run(pass, document, &mut context)? {
            passes::Outcome::Changed(notes) => (true, notes),
            passes::Outcome::Unchanged(reason) => (false, vec![reason]),
        };
        let bytes_before = self.bytes;
        let bytes_after = if changed { write::write(document)?.len() as u64 } else { bytes_before };
        Ok(PassReport { name: pass.name().into(), changed, bytes_before, bytes_after, seconds: None, notes })
    }

    /// Writes the document, reads it back as a viewer would, and compares it.
    fn finish(
        &mut self,
        document: Document,
        expected: &Expectation,
        reference: &Reference,
    ) -> Result<Fitted, Error> {
        self.stages.enter("write", WRITE_WEIGHT);
        let glb = write::write(&document)?;
        self.stages.enter("compare", COMPARE_WEIGHT);
        let reports = std::mem::take(&mut self.reports);
        let mut fitted = Fitted {
            document,
            unrounded: Document::default(),
            glb,
            reports,
            comparison: None,
            curve: Vec::new(),
            fault: None,
            part: 0.0,
            wanted_bytes: self.settings.target_size.map(|size| size.bytes),
        };
        let read_back = read::read(&fitted.glb, &Files::new(), &Limits::default());
        let checked =
            read_back.map_err(|error| format!("it cannot be read back: {error}")).and_then(|result| {
                proof::compare_shape(expected, &result)?;
                Ok(result)
            });
        match checked {
            Err(fault) => (fitted.fault, fitted.part) = (Some(fault), OUT_OF_SHAPE),
            Ok(_) if reference.is_blank() => {}
            Ok(result) => {
                let comparison = reference.compare(&result);
                fitted.part = self.budget.look.part(&comparison);
                fitted.fault = (fitted.part > 1.0).then(|| looks_of(&comparison));
                fitted.comparison = Some(comparison);
            }
        }
        Ok(fitted)
    }
}

/// How a result looks that looks different, for people.
fn looks_of(comparison: &Comparison) -> String {
    let worst = comparison.views.iter().max_by(|a, b| a.error.total_cmp(&b.error));
    let place = worst.map(|view| format!(", most of all from \"{}\"", view.name)).unwrap_or_default();
    format!(
        "it looks different (error {:.3} on average, {:.3} close up, outlines the same by {:.1} %{place})",
        comparison.mean,
        comparison.close_worst,
        100.0 * comparison.silhouette
    )
}
