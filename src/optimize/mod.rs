//! The optimizer core: bytes and settings in, bytes and a report out.
//!
//! Pure and deterministic: there is no file, socket, clock or async code in here, and the result has the
//! same bytes on any number of threads. Files that a .gltf refers to are read by the caller and handed in.
//!
//! [`document`] reads and writes, [`passes`] change the document, [`codecs`] wrap the libraries, [`budget`]
//! says what a preset allows, [`inventory`] counts what is in a file, [`proof`] compares the result with the
//! original, [`report`] holds what is said about it.

pub mod budget;
pub mod codecs;
pub mod document;
pub mod error;
pub mod inventory;
pub mod passes;
pub mod proof;
pub mod report;
pub mod settings;

pub use document::Limits;
pub use document::read::{Files, external_uris};
pub use error::Error;
pub use inventory::Inventory;
pub use report::Report;
pub use settings::{Effort, Preset, Settings, Target};

use document::{Document, read, write};
use passes::{Context, PASSES, Pass};
use report::PassReport;

/// How far a job is. Percentages never fall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// What is running: `read`, a pass's name, or `write`.
    pub stage: &'static str,
    /// 0 to 100 over the whole job.
    pub percent: f32,
}

/// A result and what is to be said about it.
#[derive(Debug, Clone)]
pub struct Output {
    /// The optimized file: binary glTF 2.0, never larger than the input.
    pub glb: Vec<u8>,
    /// What was done, without times (see [`report`]).
    pub report: Report,
}

const GLB_MAGIC: &[u8] = b"glTF";

/// Part of a job's time before and after the passes, in the unit of [`Pass::weight`].
const READ_WEIGHT: f32 = 1.0;
const WRITE_WEIGHT: f32 = 2.0;

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
    let mut stages = Stages::new(progress);
    stages.enter("read", READ_WEIGHT);
    let mut document = read::read(input, files, &Limits::default())?;
    let before = inventory::take(input, files)?;
    let shape = proof::shape(&document).unwrap_or_else(|error| {
        document.warnings.push(format!("the result's shape cannot be compared with the original's: {error}"));
        None
    });
    let mut reports = Vec::new();
    let mut bytes = before.bytes;
    for pass in PASSES {
        stages.enter(pass.name(), pass.weight());
        let sizes = Sizes { input: before.bytes, now: bytes };
        let report = run(*pass, &mut document, settings, sizes, &mut stages)?;
        bytes = report.bytes_after;
        reports.push(report);
    }
    stages.enter("write", WRITE_WEIGHT);
    let written = write::write(&document)?;
    let (glb, outcome) = choose(input, files, written, shape, &mut document)?;
    let after = inventory::take(&glb, &Files::new())?;
    if settings.target == Target::Universal && !after.extensions_required.is_empty() {
        let names = after.extensions_required.join(", ");
        document.warnings.push(format!("like the original, the result only opens where {names} is known"));
    }
    stages.finish();
    let report = Report {
        version: env!("CARGO_PKG_VERSION").into(),
        settings: *settings,
        input_hash: blake3::hash(input).to_hex().to_string(),
        output_hash: blake3::hash(&glb).to_hex().to_string(),
        seconds: None,
        outcome,
        before,
        after,
        passes: reports,
        warnings: document.warnings,
        dropped: document.dropped,
    };
    Ok(Output { glb, report })
}

/// The written file; or the original, where that is as small or the written one fails its proof. What is said of
/// losses in `document` follows the choice.
fn choose(
    input: &[u8],
    files: &Files,
    written: Vec<u8>,
    shape: Option<proof::Shape>,
    document: &mut Document,
) -> Result<(Vec<u8>, report::Outcome), Error> {
    if input.starts_with(GLB_MAGIC) && written.len() >= input.len() {
        // Before the proof: nobody will see the written file.
        document.dropped.clear();
        return Ok((input.to_vec(), report::Outcome::AlreadyOptimal));
    }
    let Err(difference) = proof::compare(shape, &written) else {
        return Ok((written, report::Outcome::Optimized));
    };
    document.warnings.push(format!("the result was thrown away and the original kept: {difference}"));
    let (original, dropped) = original(input, files)?;
    document.dropped = dropped;
    Ok((original, report::Outcome::KeptOriginal))
}

/// Bytes of the file that came in, and of what would be written now.
#[derive(Clone, Copy)]
struct Sizes {
    input: u64,
    now: u64,
}

/// Runs one pass; the size after it is that of the file as it would be written at that moment.
fn run(
    pass: &dyn Pass,
    document: &mut Document,
    settings: &Settings,
    sizes: Sizes,
    stages: &mut Stages,
) -> Result<PassReport, Error> {
    let mut part = |part: f32| stages.within(part);
    let growth = sizes.input.saturating_sub(sizes.now);
    let budget = budget::Budget { growth, ..budget::Budget::of(settings) };
    let mut context = Context { settings: *settings, budget, progress: &mut part };
    let (changed, notes) = match pass.run(document, &mut context)? {
        passes::Outcome::Changed(notes) => (true, notes),
        passes::Outcome::Unchanged(reason) => (false, vec![reason]),
    };
    let bytes_before = sizes.now;
    let bytes_after = if changed { write::write(document)?.len() as u64 } else { bytes_before };
    Ok(PassReport { name: pass.name().into(), changed, bytes_before, bytes_after, seconds: None, notes })
}

/// The input as a .glb, byte for byte if it is one, and what that could not keep.
fn original(input: &[u8], files: &Files) -> Result<(Vec<u8>, Vec<String>), Error> {
    if input.starts_with(GLB_MAGIC) {
        return Ok((input.to_vec(), Vec::new()));
    }
    let document = read::read(input, files, &Limits::default())?;
    Ok((write::write(&document)?, document.dropped))
}

/// Turns stages and parts of them into a percentage that never falls.
struct Stages<'a> {
    progress: &'a mut dyn FnMut(Progress),
    stage: &'static str,
    done: f32,
    weight: f32,
    total: f32,
}

impl<'a> Stages<'a> {
    fn new(progress: &'a mut dyn FnMut(Progress)) -> Self {
        let passes: f32 = PASSES.iter().map(|pass| pass.weight()).sum();
        Self { progress, stage: "read", done: 0.0, weight: 0.0, total: READ_WEIGHT + passes + WRITE_WEIGHT }
    }

    fn enter(&mut self, stage: &'static str, weight: f32) {
        self.done += self.weight;
        self.stage = stage;
        self.weight = weight;
        self.within(0.0);
    }

    fn within(&mut self, part: f32) {
        let done = self.done + self.weight * part.clamp(0.0, 1.0);
        (self.progress)(Progress { stage: self.stage, percent: 100.0 * done / self.total });
    }

    fn finish(&mut self) {
        self.within(1.0);
    }
}
