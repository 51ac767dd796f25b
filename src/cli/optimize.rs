//! `glb-optimizer optimize`: models from disk, results to disk, no server needed.
//!
//! One file after the other; each uses all cores. A file that is refused does not stop the others.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::files::Model;
use super::progress::Display;
use super::settings::SettingsFlags;
use super::{OfFile, SomeFailed, UsageError, exit_code, files, forecast, measured, outputs, text};
use crate::optimize::proof::Comparison;
use crate::optimize::report::Outcome;
use crate::optimize::{Effort, Error, Lod, LodCount, Output, Report, Settings, inventory, lods};

/// What `optimize` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  glb-optimizer optimize chair.glb                       write chair-optimized.glb beside it
  glb-optimizer optimize chair.gltf -o small.glb         .gltf with its files, to a name of your own
  glb-optimizer optimize *.glb -o small/                 many files, into a folder
  glb-optimizer optimize chair.glb --preset maximum --json | jq .report.after.bytes")]
pub(super) struct Flags {
    /// Models: .glb, .vrm, or .gltf with its files beside it
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// Result file, or folder for the results [default: <IN>-optimized.glb beside each input]
    #[arg(short, long, value_name = "OUT|DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsFlags,
    /// Levels of detail to make as well, 0 to 8, each with half the triangles of the one before
    #[arg(long, default_value_t, value_name = "N")]
    lods: LodCount,
    /// Where levels of detail go: files (OUT.lod1.glb and so on, with half the sides of images too), or msft-lod (into
    /// the result, as the extension MSFT_lod)
    #[arg(long, value_enum, default_value_t, value_name = "FORM", requires = "lods")]
    lods_as: LodForm,
    /// Write the report of the one input to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the view in which the result of the one input looks most different to this file, as PNG: before, after, and
    /// the difference
    #[arg(long, value_name = "FILE")]
    worst_view: Option<PathBuf>,
    /// Print one line of JSON a file on stdout: the input, the output and the report
    #[arg(long)]
    json: bool,
}

/// Where levels of detail go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum LodForm {
    /// Into files of their own.
    #[default]
    Files,
    /// Into the result.
    MsftLod,
}

/// Optimizes every input.
///
/// # Errors
/// The usage is wrong, or at least one file failed.
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    if flags.inputs.len() > 1 && (flags.report.is_some() || flags.worst_view.is_some()) {
        let reason = "--report and --worst-view name one file, so there can be but one input; --json prints all reports";
        return Err(UsageError(reason.to_owned()).into());
    }
    let outputs = outputs::of(&flags.inputs, flags.output.as_deref(), flags.lod_files())?;
    let mut codes = Vec::new();
    for (input, output) in flags.inputs.iter().zip(&outputs) {
        let Err(error) = one(input, output, flags) else { continue };
        if flags.json {
            let code = error.downcast_ref::<Error>().map_or("failed", Error::code);
            let message = format!("{error:#}");
            let line = json!({ "input": input, "error": { "code": code, "message": message } });
            writeln!(io::stdout().lock(), "{line}")?;
        }
        let error = OfFile::wrap(input, error);
        if flags.inputs.len() == 1 {
            return Err(error);
        }
        writeln!(io::stderr(), "glb-optimizer: {error}")?;
        codes.push(exit_code(&error));
    }
    SomeFailed::of(&codes, flags.inputs.len())
}

fn one(input: &Path, output: &Path, flags: &Flags) -> anyhow::Result<()> {
    let model = files::read(input)?;
    let settings = flags.settings();
    let display = Display::new(input);
    if settings.effort == Effort::Best {
        forecast(input, &model)?;
    }
    let result = measured::optimize(&model.bytes, &model.files, &settings, &mut |now| {
        display.show(now.stage, now.percent)
    });
    display.clear();
    let Output { glb, report, worst_view } = result?;
    files::write(output, &glb)?;
    if let Some(path) = &flags.report {
        files::write(path, &serde_json::to_vec_pretty(&report)?)?;
    }
    match (&flags.worst_view, &worst_view) {
        (Some(path), Some(pictures)) => files::write(path, &pictures.png()?)?,
        (Some(path), None) => {
            let why = "there is no view in which the result looks different, or none at all";
            writeln!(io::stderr().lock(), "{} is not written: {why}", path.display())?;
        }
        (None, _) => {}
    }
    let levels = if flags.lod_files() > 0 { levels(input, &model, &glb, flags)? } else { Vec::new() };
    let paths = (1..).map(|level| outputs::of_level(output, level));
    let levels: Vec<(PathBuf, Lod)> = paths.zip(levels).collect();
    for (path, level) in &levels {
        files::write(path, &level.glb)?;
    }
    if flags.json {
        let mut line = json!({ "input": input, "output": output, "report": report });
        if flags.lod_files() > 0 {
            line["lods"] = levels.iter().map(|(path, level)| level_json(path, level)).collect();
        }
        writeln!(io::stdout().lock(), "{line}")?;
    } else {
        let mut text = summary(input, output, &report);
        levels.iter().for_each(|(path, level)| text += &level_line(path, level));
        if levels.len() < usize::from(flags.lod_files()) {
            text += "  a further level of detail would hardly be smaller\n";
        }
        io::stdout().lock().write_all(text.as_bytes())?;
    }
    Ok(())
}

/// Says how long the search may take; nothing of a file that is refused, as that is said elsewhere.
fn forecast(input: &Path, model: &Model) -> io::Result<()> {
    let Ok(inventory) = inventory::take(&model.bytes, &model.files) else { return Ok(()) };
    let [least, most] = forecast::of_best(&inventory, rayon::current_num_threads()).map(text::about);
    let name = input.file_name().unwrap_or_default().to_string_lossy();
    writeln!(io::stderr().lock(), "{name}: the search takes some {least} to {most}")
}

fn levels(input: &Path, model: &Model, glb: &[u8], flags: &Flags) -> Result<Vec<Lod>, Error> {
    let display = Display::new(input);
    let mut show = |part: f32| display.show("lods", 100.0 * part);
    let made = lods((&model.bytes, &model.files), glb, &flags.settings(), flags.lods, &mut show);
    display.clear();
    made
}

fn level_json(path: &Path, level: &Lod) -> Value {
    let Lod { glb, triangles, comparison } = level;
    json!({ "output": path, "bytes": glb.len(), "triangles": triangles, "comparison": comparison })
}

fn level_line(path: &Path, level: &Lod) -> String {
    let bytes = text::bytes(level.glb.len() as u64);
    let error = level.comparison.as_ref();
    let error = error.map(|seen| format!(", error {:.3} on average", seen.mean)).unwrap_or_default();
    format!("  written to {}: {bytes}, {} triangles{error}\n", path.display(), level.triangles)
}

/// What was done to one file, in lines for people.
fn summary(input: &Path, output: &Path, report: &Report) -> String {
    let (before, after) = (report.before.bytes, report.after.bytes);
    let name = input.file_name().unwrap_or_default().to_string_lossy();
    let mut lines = match report.outcome {
        Outcome::Optimized => vec![format!(
            "{name}: {} -> {} ({} {}), {:.1} s",
            text::bytes(before),
            text::bytes(after),
            text::percent(before.abs_diff(after), before),
            // With levels of detail inside.
            if after > before { "larger" } else { "smaller" },
            report.seconds.unwrap_or_default(),
        )],
        Outcome::AlreadyOptimal => vec![
            format!("{name}: {} is already optimal; the result is the same file", text::bytes(before)),
            "  tried, without making it smaller:".to_owned(),
        ],
        Outcome::KeptOriginal => {
            vec![format!("{name}: the result was not good enough; the original was kept")]
        }
    };
    lines.extend(report.comparison.as_ref().map(|comparison| looks(comparison, report.attempts)));
    for pass in &report.passes {
        let notes = pass.notes.iter().map(|note| format!("  {:<9} {note}", pass.name));
        lines.extend(notes);
    }
    lines.extend(report.warnings.iter().map(|warning| format!("  warning: {warning}")));
    lines.extend(report.dropped.iter().map(|dropped| format!("  dropped: {dropped}")));
    lines.push(format!("  written to {}", output.display()));
    lines.join("\n") + "\n"
}

impl Flags {
    fn settings(&self) -> Settings {
        let lods = (self.lods_as == LodForm::MsftLod).then_some(self.lods);
        Settings { lods, ..self.settings.settings() }
    }

    /// How many levels of detail become files of their own.
    fn lod_files(&self) -> u8 {
        if self.lods_as == LodForm::Files { self.lods.get() } else { 0 }
    }
}

/// How different result and original look, in a line for people.
fn looks(comparison: &Comparison, attempts: usize) -> String {
    let tried = if attempts > 1 { format!("; the best of {attempts} attempts") } else { String::new() };
    format!(
        "  compared  error {:.3} on average, {:.3} close up (0 is the same), at {} views and poses{tried}",
        comparison.mean,
        comparison.closest_worst(),
        comparison.views.len()
    )
}
