//! The passes over a document, the last of them repeated until the model looks as the preset wants it to.
//!
//! [`super::search`] decides which share of the budget to try, [`super::attempt`] makes an attempt. Where none looks right, the
//! pass at fault is left out ([`culprit`]), and all begins anew; unless what is made with care to find it looks right itself.

mod series;
mod size;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use self::series::Series;
pub(super) use self::size::missed as size_missed;
use super::attempt::{COMPARE_WEIGHT, Fitted, Job, Original, WRITE_WEIGHT};
use super::budget::Budget;
use super::codecs::image_file;
use super::culprit;
use super::document::read::{self, Files};
use super::document::{Document, Limits};
use super::error::Error;
use super::passes::{Memo, PASSES, Pass};
use super::proof::{Expectation, Reference};
use super::search::Attempt as _;
use super::settings::{Effort, Settings};
use super::stages::Stages;

/// Attempts that take one image over a cliff, at most; where each takes a second or two; and where it takes more.
const LEAPS: usize = 4;
const LEAPS_OF_MANY_PIXELS: usize = 1;
const LEAPS_OF_VERY_MANY_PIXELS: usize = 0;

/// Passes that are left out, or kept from some objects, at most, before a file is given up.
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
    let original = Original { document, bytes, expected, reference, spared: Vec::new() };
    fit_by(PASSES, original, settings, stages)
}

/// The same by a list of passes.
fn fit_by(
    passes: &[&dyn Pass],
    mut original: Original,
    settings: &Settings,
    stages: &mut Stages,
) -> Result<Fitted, Error> {
    let mut passes = passes.to_vec();
    let mut culprits = Vec::new();
    let mut fitted = best(&passes, &original, settings, stages)?;
    while fitted.fault.is_some() && culprits.len() + original.spared.len() < MOST_CULPRITS {
        let memo = Memo::default();
        let found = culprit::find(&mut Job::new(&original, settings, &memo, stages), &passes)?;
        match found {
            culprit::Found::Pass(at, fault) => {
                let pass = passes.remove(at);
                original.spared.retain(|spared| spared.pass != pass.name());
                culprits.push((at, pass, fault));
            }
            culprit::Found::Objects(spared) => original.spared.push(spared),
            culprit::Found::Careful(made) => {
                fitted.curve.push(made.tried());
                fitted = Fitted { curve: fitted.curve, ..*made };
                break;
            }
            culprit::Found::Nothing => break,
        }
        fitted = best(&passes, &original, settings, stages)?;
    }
    for spared in &original.spared {
        fitted.document.warnings.push(format!("`{}`: {}", spared.pass, spared.why()));
    }
    for (at, pass, fault) in culprits.iter().rev() {
        culprit::report(&mut fitted, *at, *pass, fault);
    }
    stages.enter("compare", 0.0);
    let blank = original.reference.blank();
    fitted.document.warnings.extend(blank.map(|why| format!("no picture was made of the result: {why}")));
    if fitted.comparison.is_some() {
        let result = read::read(&fitted.glb, &Files::new(), &Limits::default())?;
        fitted.complete(&result, &original.reference, &Budget::of(settings).look);
    }
    Ok(fitted)
}

/// The best result of a list of passes.
fn best(
    passes: &[&dyn Pass],
    original: &Original,
    settings: &Settings,
    stages: &mut Stages,
) -> Result<Fitted, Error> {
    if let Some(size) = settings.target_size {
        return size::of_size(size.bytes, passes, original, settings, stages);
    }
    let is_long = settings.effort == Effort::Best;
    let usual = Settings { effort: if is_long { Effort::Normal } else { settings.effort }, ..*settings };
    let memo = Memo::default();
    let mut series = Series::new(passes, Job::new(original, &usual, &memo, stages), None)?;
    let start = series.even(series.budget().first_share(settings));
    let mut best = series.smallest(attempts_of(&usual, original), &start, &mut |_| {})?;
    let (mut prepared, mut curve) = series.end();
    if is_long {
        // With slower encoders alone, the search may come to rest at something larger, and from another start at something smaller.
        let memo = Memo::default();
        for goes_on in [false, true] {
            let from = if goes_on { best.shares.clone() } else { start.clone() };
            let job = Job::new(original, settings, &memo, stages);
            let mut series = Series::new(passes, job, Some(prepared))?;
            let made = series.smallest(attempts_of(settings, original), &from, &mut |_| {})?;
            let tried;
            (prepared, tried) = series.end();
            curve.extend(tried);
            if made.fault.is_none() && (best.fault.is_some() || made.bytes() < best.bytes()) {
                best = made;
            }
        }
    }
    Ok(Fitted { curve, ..Rc::unwrap_or_clone(best) })
}

/// Up to this many pixels in all images, an attempt takes a second or two; up to the other, two or three.
const FEW_PIXELS: u64 = 12 << 20;
const MANY_PIXELS: u64 = 24 << 20;

/// Below this one, in bytes, there is nothing to save that is worth a second look.
const TINY_BYTES: u64 = 30_000;

/// How many results are made and compared, at most, while they look right; and how many more leap.
fn attempts_of(settings: &Settings, original: &Original) -> (usize, usize) {
    let pixels =
        || original.document.images.iter().map(|image| image_file::pixels(image.bytes())).sum::<u64>();
    if original.reference.is_blank() {
        return (1, 0);
    }
    match settings.effort {
        Effort::Fast => (1, 0),
        Effort::Normal if original.bytes < TINY_BYTES => (2, LEAPS),
        Effort::Normal if pixels() <= FEW_PIXELS => (6, LEAPS),
        Effort::Normal if pixels() <= MANY_PIXELS => (4, LEAPS_OF_MANY_PIXELS),
        Effort::Normal => (4, LEAPS_OF_VERY_MANY_PIXELS),
        Effort::Best => (8, LEAPS),
    }
}

/// The weight of everything that [`fit`] does, with one attempt.
pub(super) fn weight() -> f32 {
    2.0 * COMPARE_WEIGHT + WRITE_WEIGHT + PASSES.iter().map(|pass| pass.weight()).sum::<f32>()
}
