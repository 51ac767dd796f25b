//! `glb-optimizer compare`: how different two models look, whatever tool wrote them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{OfFile, files};
use crate::optimize::Limits;

use crate::optimize::document::{Document, read};
use crate::optimize::proof::{Comparison, Pictures, Reference};

/// What `compare` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  glb-optimizer compare chair.glb chair-optimized.glb
  glb-optimizer compare chair.glb other.glb --max-error 0.05 --images views/")]
pub(super) struct Flags {
    /// The original
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// What was made of it
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// The largest mean error that passes: 0 the same, 1 black against white
    #[arg(long, value_name = "E", default_value_t = BALANCED)]
    max_error: f32,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
    /// Write a PNG of every view there: before, after, difference
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
}

/// What `balanced` allows.
const BALANCED: f32 = 0.035;

/// The models differ by more than was allowed.
#[derive(Debug, thiserror::Error)]
#[error("the error of {found:.4} is over the limit of {limit:.4}; the worst view is \"{view}\"")]
pub(super) struct PastBudget {
    found: f32,
    limit: f32,
    view: String,
}

/// Compares two models and prints the error of every view.
///
/// # Errors
/// A model is refused; a picture cannot be written; [`PastBudget`].
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let before = document(&flags.before)?;
    let after = document(&flags.after)?;
    let reference = Reference::new(&before);
    let comparison = match &flags.images {
        None => reference.compare(&after),
        Some(folder) => {
            let (comparison, pictures) = reference.compare_in_pictures(&after);
            save(folder, &pictures)?;
            comparison
        }
    };
    let mut stdout = io::stdout().lock();
    if flags.json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&comparison)?)?;
    } else {
        stdout.write_all(describe(&comparison).as_bytes())?;
    }
    if comparison.mean > flags.max_error {
        let view = comparison.worst_view().map(|view| view.name.clone()).unwrap_or_default();
        return Err(PastBudget { found: comparison.mean, limit: flags.max_error, view }.into());
    }
    Ok(())
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
            comparison.mean, comparison.worst, comparison.close_worst
        ),
        format!("outlines overlap by at least {:.2} %", 100.0 * comparison.silhouette),
    ];
    if let Some(part) = comparison.surface.filter(|part| *part > 0.0) {
        lines.push(format!("the surface is off by up to {:.3} % of the model's radius", 100.0 * part));
    }
    if let Some(part) = comparison.joints.filter(|part| *part > 0.0) {
        lines.push(format!("joints and nodes are off by up to {:.3} % of the model's radius", 100.0 * part));
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
