//! The passes over a document, the last of them repeated until the model looks as the preset wants it to.
//!
//! [`search`] decides which share of the budget to try, [`super::attempt`] makes an attempt. Where none looks right, the
//! pass at fault is left out ([`culprit`]), and all begins anew.

#[cfg(test)]
mod tests;

use std::cell::RefCell;

use super::attempt::{COMPARE_WEIGHT, Fitted, Job, Original, WRITE_WEIGHT};
use super::budget::{Look, Shares};
use super::codecs::image_file;
use super::culprit;
use super::document::read::{self, Files};
use super::document::{Document, Limits};
use super::error::Error;
use super::inventory;
use super::passes::{self, Memo, PASSES, Pass};
use super::proof::{Comparison, Expectation, Reference, drawn_images};
use super::report::Tried;
use super::search::{Goal, Group, Part, search};
use super::settings::{Effort, Settings, Target};
use super::sizes::{self, GeometrySizes};
use super::stages::Stages;

/// Attempts at a size that was asked for, at least.
const SIZE_ATTEMPTS: usize = 8;

/// Attempts that take one image over a cliff, at most.
const LEAPS: usize = 2;

/// Passes that are left out, at most, before a file is given up.
const MOST_CULPRITS: usize = 2;

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
    fit_by(PASSES, &Original { document, bytes, expected, reference }, settings, stages)
}

/// The same by a list of passes.
fn fit_by(
    passes: &[&dyn Pass],
    original: &Original,
    settings: &Settings,
    stages: &mut Stages,
) -> Result<Fitted, Error> {
    let mut passes = passes.to_vec();
    let mut culprits = Vec::new();
    let mut memo = Memo::default();
    let mut fitted = best(&passes, original, settings, (&memo, stages))?;
    while fitted.fault.is_some() && culprits.len() < MOST_CULPRITS {
        let job = &mut Job::new(original, settings, &memo, stages);
        let Some((at, fault)) = culprit::find(job, &passes)? else { break };
        culprits.push((at, passes.remove(at), fault));
        // What was tried of images may have been tried of what the culprit made of them.
        memo = Memo::default();
        fitted = best(&passes, original, settings, (&memo, stages))?;
    }
    for (at, pass, fault) in culprits.iter().rev() {
        culprit::report(&mut fitted, *at, *pass, fault);
    }
    stages.enter("compare", 0.0);
    if let Some(comparison) = &mut fitted.comparison {
        let result = read::read(&fitted.glb, &Files::new(), &Limits::default())?;
        if fitted.fault.is_some() {
            // Of what looks wrong, only half was looked at.
            *comparison = original.reference.compare(&result);
        }
        fitted.worst = original.reference.complete(&result, comparison);
    }
    Ok(fitted)
}

/// The best result of a list of passes.
fn best(
    passes: &[&dyn Pass],
    original: &Original,
    settings: &Settings,
    (memo, stages): (&Memo, &mut Stages),
) -> Result<Fitted, Error> {
    let goal = settings
        .target_size
        .map_or(Goal::Smallest, |size| Goal::Size(usize::try_from(size.bytes).unwrap_or(usize::MAX)));
    let reference = &original.reference;
    let tries = if reference.is_blank() { 1 } else { attempts_of(settings, original) };
    let from = |is_first: fn(&dyn Pass) -> bool| {
        passes.iter().position(|pass| is_first(*pass)).unwrap_or(passes.len())
    };
    let (repeated, rounding) = (from(|pass| pass.is_repeated()), from(|pass| pass.rounds()));
    let mut job = Job::new(original, settings, memo, stages);
    let mut prepared = original.document.clone();
    job.run(&passes[..repeated], &mut prepared)?;
    let budget = job.budget;
    let (reports, bytes) = (std::mem::take(&mut job.reports), job.bytes);
    let mut curve = Vec::new();
    let geometry = RefCell::new(GeometrySizes::of(&prepared));
    let attempt = |shares: &Shares| {
        let mut document = prepared.clone();
        (job.reports, job.bytes, job.shares) = (reports.clone(), bytes, shares.clone());
        job.run(&passes[repeated..rounding], &mut document)?;
        let left = sizes::coordinates(&document);
        let unrounded = document.clone();
        job.run(&passes[rounding..], &mut document)?;
        let mut made = job.finish(document)?;
        // Whatever happens until the next attempt.
        job.stages.enter("search", 0.0);
        made.unrounded = unrounded;
        // Towards a size, the best is not the smallest.
        if made.fault.is_none() && goal == Goal::Smallest {
            let size = made.glb.len();
            job.too_large = Some(job.too_large.map_or(size, |least| least.min(size)));
        }
        let error = made.comparison.as_ref().map(|seen| seen.mean);
        curve.push(Tried { bytes: made.glb.len() as u64, error });
        geometry.borrow_mut().add(shares.surface, left, geometry_bytes(&made.glb)?);
        Ok(made)
    };
    let look = if goal == Goal::Smallest { budget.look } else { budget.look.of_all() };
    let groups = |made: &Fitted| groups(made, &prepared, reference, (settings.target, &look));
    let taken = |part: &Part, share: f32| match part {
        // The larger, the fewer.
        Part::All => 1.0 / share,
        Part::Images(images) => images.iter().map(|&image| memo.image_bytes(image, share)).sum(),
        Part::Surface => geometry.borrow().surface(share),
        Part::Numbers => geometry.borrow().numbers(share),
    };
    let start = Shares::even(budget.first_share(settings), prepared.images.len());
    // Towards a size, fewer bytes are no better.
    let leaps = if tries > 1 && goal == Goal::Smallest { LEAPS } else { 0 };
    let mut best = search(goal, (tries, leaps), &start, attempt, groups, &taken)?;
    best.curve = curve;
    Ok(best)
}

/// Bytes of vertices, indices and morph targets in a file.
fn geometry_bytes(glb: &[u8]) -> Result<u64, Error> {
    let by = inventory::take(glb, &Files::new())?.bytes_by;
    Ok(by.vertices + by.indices + by.morph_targets)
}

/// Up to this many images are looked at one by one: each takes as long as a comparison.
const SINGLE_IMAGES: usize = 8;

/// The parts whose errors are told apart, and what is seen of each in an attempt: images of the same kind together where they
/// are many. Images that no picture shows, such as those for viewers that lack an extension, are taken to show what the others
/// do on average; thumbnails, which are small beside the model, as little as can be.
fn groups(
    made: &Fitted,
    original: &Document,
    reference: &Reference,
    (target, look): (Target, &Look),
) -> Vec<Group> {
    let lists = match target {
        // Block formats have no qualities to choose from.
        Target::Gpu => Vec::new(),
        Target::Web | Target::Universal => passes::images_of_a_kind(original, SINGLE_IMAGES),
    };
    let drawn = drawn_images(original);
    let (lists, hidden): (Vec<_>, Vec<_>) =
        lists.into_iter().partition(|images| images.iter().any(|image| drawn.contains(image)));
    let as_it_is = made.comparison.as_ref().map(|seen| reference.as_parts(seen)).unwrap_or_default();
    // The same images on a surface that is only rounded, and on the original's.
    let surfaces = [&made.unrounded, original];
    let (restored, on_surfaces) = reference.compare_parts(&made.document, (original, &lists), &surfaces);
    let whole = look.pressure(&as_it_is);
    let effect = |seen: &Comparison| whole - look.pressure(seen);
    let images = lists.into_iter().zip(&restored);
    let mut groups: Vec<Group> =
        images.map(|(images, seen)| Group { part: Part::Images(images), effect: effect(seen) }).collect();
    if !groups.is_empty() {
        let usual = groups.iter().map(|group| group.effect.max(0.0)).sum::<f32>() / groups.len() as f32;
        let thumbnails = passes::thumbnails(original);
        groups.extend(hidden.into_iter().map(|images| {
            let is_small = images.iter().all(|image| thumbnails.contains(image));
            Group { part: Part::Images(images), effect: if is_small { 0.0 } else { usual } }
        }));
    }
    let mut on_surfaces = on_surfaces.iter().map(effect);
    let numbers = on_surfaces.next().unwrap_or(0.0).max(0.0);
    groups.push(Group { part: Part::Numbers, effect: numbers });
    groups.push(Group { part: Part::Surface, effect: on_surfaces.next().unwrap_or(0.0) - numbers });
    groups
}

/// Up to this many pixels in all images, an attempt takes a second or two.
const FEW_PIXELS: u64 = 12 << 20;

/// Below this size, in bytes, what two more attempts save is not worth a second.
const FEW_BYTES: u64 = 500_000;

/// Below this one, in bytes, there is nothing to save that is worth a second look.
const TINY_BYTES: u64 = 30_000;

/// How many results are made and compared, at most, while they look right.
fn attempts_of(settings: &Settings, original: &Original) -> usize {
    let pixels =
        || original.document.images.iter().map(|image| image_file::pixels(image.bytes())).sum::<u64>();
    let tries = match settings.effort {
        Effort::Fast => 1,
        Effort::Normal if original.bytes < TINY_BYTES => 2,
        Effort::Normal if original.bytes > FEW_BYTES && pixels() <= FEW_PIXELS => 6,
        Effort::Normal => 4,
        Effort::Best => 8,
    };
    if settings.target_size.is_some() { tries.max(SIZE_ATTEMPTS) } else { tries }
}

/// The weight of everything that [`fit`] does, with one attempt.
pub(super) fn weight() -> f32 {
    2.0 * COMPARE_WEIGHT + WRITE_WEIGHT + PASSES.iter().map(|pass| pass.weight()).sum::<f32>()
}
