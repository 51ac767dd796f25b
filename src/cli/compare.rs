//! `glb-optimizer compare`: how different two models look, whatever tool wrote them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{OfFile, files};
use crate::optimize::compare::compare;
use crate::optimize::document::{Document, read};
use crate::optimize::proof::{Comparison, Pictures};
use crate::optimize::{Limits, MaxError};

/// What `compare` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  glb-optimizer compare chair.glb chair-optimized.glb
  glb-optimizer compare chair.glb other.glb --max-error 0.05 --images views/

Exit codes: 0 the models look the same within all bounds, 1 they do not, 2 they cannot be compared.")]
pub(super) struct Flags {
    /// The original
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// What was made of it
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// How different the models may look (mean FLIP error, such as 0.03), in the place of what balanced allows; all
    /// other bounds follow from it, as they do in optimize
    #[arg(long, value_name = "ERROR", allow_negative_numbers = true)]
    max_error: Option<MaxError>,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
    /// Write a PNG of every view there: before, after, difference
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
}

/// The models differ by more than was allowed.
#[derive(Debug, thiserror::Error)]
#[error("the models look different: {0}")]
pub(super) struct PastBudget(String);

/// A model cannot be read, nothing of it can be drawn, or the pictures cannot be written: nobody knows how the two look.
#[derive(Debug, thiserror::Error)]
#[error("the models cannot be compared")]
pub(super) struct NotCompared(#[source] anyhow::Error);

const NEITHER: &str = "neither model shows anything, and so they look the same\n";

/// Compares two models and prints the error of every view.
///
/// # Errors
/// [`NotCompared`]; [`PastBudget`].
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let reason = look(flags).map_err(NotCompared)?;
    reason.map_or(Ok(()), |reason| Err(PastBudget(reason).into()))
}

/// Why they do not look the same, if they do not.
fn look(flags: &Flags) -> anyhow::Result<Option<String>> {
    let before = document(&flags.before)?;
    let after = document(&flags.after)?;
    let (compared, pictures) = compare(&before, after, flags.max_error, flags.images.is_some())?;
    if let Some(folder) = &flags.images {
        save(folder, &pictures)?;
    }
    let mut stdout = io::stdout().lock();
    if flags.json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&compared)?)?;
    } else {
        let shows_nothing = compared.comparison.views.is_empty() && compared.verdict.passes;
        let text = if shows_nothing { NEITHER.to_owned() } else { describe(&compared.comparison) };
        stdout.write_all(text.as_bytes())?;
    }
    Ok(compared.verdict.reason)
}

fn document(path: &Path) -> anyhow::Result<Document> {
    let read = || {
        let model = files::read(path)?;
        Ok(read::read(&model.bytes, &model.files, &Limits::default())?)
    };
    read().map_err(|error| OfFile::wrap(path, error))
}

fn save(folder: &Path, pictures: &[Pictures]) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for picture in pictures {
        let bytes = picture.png()?;
        let name: String =
            picture.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = folder.join(format!("{name}.png"));
        fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn describe(comparison: &Comparison) -> String {
    let mut lines = vec![
        format!(
            "error {:.4} on average, {:.4} in the worst view, {:.4} in the worst close-up",
            comparison.mean,
            comparison.worst,
            comparison.closest_worst()
        ),
        format!("outlines overlap by at least {:.2} %", 100.0 * comparison.silhouette),
    ];
    if let Some(part) = comparison.surface.filter(|part| *part > 0.0) {
        lines.push(format!("the surface is off by up to {:.3} % of the model's radius", 100.0 * part));
    }
    if let Some(part) = comparison.joints.filter(|part| *part > 0.0) {
        lines.push(format!("joints and nodes are off by up to {:.3} % of the model's radius", 100.0 * part));
    }
    if let (Some(part), Some(target)) = (comparison.morphs, &comparison.morphs_at) {
        lines.push(format!("{target} is off by up to {:.3} % of the model's radius", 100.0 * part));
    }
    if let Some(part) = comparison.durations.filter(|part| *part > 0.0) {
        lines.push(format!("a clip is longer or shorter by up to {:.1} % of its duration", 100.0 * part));
    }
    lines.extend(comparison.views.iter().map(|view| format!("  {:<28}{:>8.4}", view.name, view.error)));
    if let Some(object) =
        comparison.worst_view().filter(|view| view.error > 0.0).and_then(|v| v.object.as_ref())
    {
        lines.push(format!("most of the worst view's error is at {object}"));
    }
    lines.extend(comparison.not_shown.iter().map(|what| format!("not shown: {what}")));
    lines.push("at the views, poses and variants tested".to_owned());
    lines.join("\n") + "\n"
}
