//! The optimizer core: bytes and settings in, bytes and a report out.
//!
//! Pure and deterministic: there is no file, socket, clock or async code in here, and the result has the
//! same bytes on any number of threads. Files that a .gltf refers to are read by the caller and handed in.
//!
//! [`document`] reads and writes, [`passes`] change the document, [`codecs`] wrap the libraries, [`budget`]
//! says what a preset allows, [`inventory`] counts what is in a file, [`proof`] compares the result with the
//! original, [`verdict`] says whether that passes, [`report`] holds what is said about it. [`lods()`] makes levels of detail from a result; those inside of it are
//! added here.

mod attempt;
pub mod budget;
pub mod codecs;
pub mod compare;
mod culprit;
pub mod document;
pub mod error;
mod fit;
pub mod inventory;
mod lods;
pub mod passes;
pub mod proof;
pub mod report;
mod search;
pub mod settings;
mod sizes;
mod stages;
pub mod verdict;

pub use document::Limits;
pub use document::pack::pack;
pub use document::read::{Files, external_uris};
pub use error::Error;
pub use inventory::Inventory;
pub use lods::{Lod, level_alone, lods};
pub use report::Report;
pub use settings::{
    Animation, Effort, Geometry, LodCount, MaxError, Nodes, Preset, Settings, Simplify, Target, TargetSize,
};

use attempt::Fitted;
use document::{read, write};
use stages::{READ_WEIGHT, Stages};

/// How far a job is. Percentages never fall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// What is running: see [`report::StageTime::name`].
    pub stage: &'static str,
    /// 0 to 100 over the whole job.
    pub percent: f32,
}

/// A result and what is to be said about it.
#[derive(Debug, Clone)]
pub struct Output {
    /// The optimized file: binary glTF 2.0, never larger than the input unless levels of detail were asked for.
    pub glb: Vec<u8>,
    /// What was done, without times (see [`report`]).
    pub report: Report,
    /// The view in which the result looks most different, in pictures; `None` where it is the original, or shows nothing.
    pub worst_view: Option<proof::Pictures>,
}

const GLB_MAGIC: &[u8] = b"glTF";

/// Optimizes a .glb, or the text of a .gltf together with the `files` that it refers to.
///
/// `progress` is called at the start of every stage and inside long ones, always from the calling thread.
///
/// # Errors
/// See [`Error`]; on an error nothing was produced.
pub fn optimize(
    input: &[u8],
    files: &Files,
    settings: &Settings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Output, Error> {
    let mut stages = Stages::new(settings, progress);
    stages.enter("read", READ_WEIGHT);
    let mut document = read::read(input, files, &Limits::default())?;
    let before = inventory::take(input, files)?;
    let shape = proof::shape(&document).unwrap_or_else(|error| {
        document.warnings.push(format!("the result's shape cannot be compared with the original's: {error}"));
        None
    });
    let expected = proof::Expectation::new(shape, settings);
    let mut fitted = fit::fit(document, before.bytes, settings, &expected, &mut stages)?;
    let lods = lods::add((input, files), &mut fitted, settings, &expected, &mut stages)?;
    // Whoever asks for levels gets them, and pays for them.
    let outcome = if lods.is_empty() {
        choose((input, files), &before, settings, &mut fitted)?
    } else {
        report::Outcome::Optimized
    };
    let Fitted { mut document, glb, reports, comparison, curve, worst, .. } = fitted;
    let after = inventory::take(&glb, &Files::new())?;
    if settings.target == Target::Universal && !after.extensions_required.is_empty() {
        let names = after.extensions_required.join(", ");
        document.warnings.push(format!("like the original, the result only opens where {names} is known"));
    }
    let finest_bytes = (glb.len() as u64).saturating_sub(lods.iter().map(|level| level.bytes).sum());
    if let (Some(wanted), report::Outcome::Optimized) = (settings.target_size, outcome) {
        document.warnings.extend(fit::size_missed(finest_bytes, wanted.bytes, settings, &curve));
    }
    stages.finish();
    let report = Report {
        version: env!("CARGO_PKG_VERSION").into(),
        settings: *settings,
        input_hash: blake3::hash(input).to_hex().to_string(),
        output_hash: blake3::hash(&glb).to_hex().to_string(),
        seconds: None,
        stages: Vec::new(),
        outcome,
        before,
        after,
        attempts: curve.len(),
        curve,
        comparison,
        passes: reports,
        lods,
        warnings: document.warnings,
        dropped: document.dropped,
    };
    let worst_view = worst.filter(|_| report.outcome == report::Outcome::Optimized);
    Ok(Output { glb, report, worst_view })
}

/// A result that looks different at all has to save this part of a .glb; and this part of one that was optimized before, as images
/// in AVIF tell: each turn would lose a little more for ever fewer bytes.
const WORTH_AN_ERROR: f64 = 0.03;
const WORTH_ANOTHER_ERROR: f64 = 0.15;

/// The part of a .glb that a result saves, where that is too little for how different it looks.
fn too_little_saved(before: &Inventory, settings: &Settings, fitted: &Fitted) -> Option<f64> {
    let is_lossy = fitted.comparison.as_ref().is_some_and(|comparison| comparison.mean > 0.0);
    let was_optimized = before.extensions_used.iter().any(|name| name == "EXT_texture_avif");
    let worth = if was_optimized { WORTH_ANOTHER_ERROR } else { WORTH_AN_ERROR };
    let saved = 1.0 - fitted.glb.len() as f64 / before.bytes as f64;
    let is_too_little = is_lossy && settings.target_size.is_none() && (0.0..worth).contains(&saved);
    is_too_little.then_some(saved)
}

/// Puts the original in the place of a result that is no smaller, or by too little, or fails its proof. What is said of losses and
/// of looks follows the choice.
fn choose(
    (input, files): (&[u8], &Files),
    before: &Inventory,
    settings: &Settings,
    fitted: &mut Fitted,
) -> Result<report::Outcome, Error> {
    let is_smaller = fitted.glb.len() < input.len();
    let too_little = too_little_saved(before, settings, fitted).filter(|_| is_smaller);
    if input.starts_with(GLB_MAGIC) && (!is_smaller || too_little.is_some()) {
        fitted.document.warnings.extend(too_little.map(|part| {
            let part = 100.0 * part;
            format!(
                "the result was {part:.1} % smaller, which is not worth its errors: the file stays as it was"
            )
        }));
        // Before the proof: nobody will see the written file.
        fitted.document.dropped.clear();
        fitted.glb = input.to_vec();
        fitted.comparison = None;
        return Ok(report::Outcome::AlreadyOptimal);
    }
    let Some(difference) = fitted.fault.take() else {
        return Ok(report::Outcome::Optimized);
    };
    let warning = format!("the result was thrown away and the original kept: {difference}");
    fitted.document.warnings.push(warning);
    (fitted.glb, fitted.document.dropped) = original(input, files)?;
    Ok(report::Outcome::KeptOriginal)
}

/// The input as a .glb, byte for byte if it is one, and what that could not keep.
fn original(input: &[u8], files: &Files) -> Result<(Vec<u8>, Vec<String>), Error> {
    if input.starts_with(GLB_MAGIC) {
        return Ok((input.to_vec(), Vec::new()));
    }
    let document = read::read(input, files, &Limits::default())?;
    Ok((write::write(&document)?, document.dropped))
}
