//! `glb-optimizer inspect`: what is in a model and where its bytes are, without changing it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{OfFile, files, text};
use crate::optimize::Limits;
use crate::optimize::document::read;
use crate::optimize::inventory::{self, ImageEntry, Inventory};

/// What `inspect` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  glb-optimizer inspect chair.glb
  glb-optimizer inspect chair.glb --json | jq .bytes_by.images")]
pub(super) struct Flags {
    /// The model: .glb, .vrm, or .gltf with its files beside it
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Prints what is in a model.
///
/// # Errors
/// The model is refused, for the same reasons as by `optimize`.
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let (inventory, warnings) = look(&flags.input).map_err(|error| OfFile::wrap(&flags.input, error))?;
    let mut stdout = io::stdout().lock();
    if flags.json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&inventory)?)?;
    } else {
        stdout.write_all(describe(&inventory, &warnings).as_bytes())?;
    }
    Ok(())
}

/// What is in a model, and what is odd about it.
fn look(input: &Path) -> anyhow::Result<(Inventory, Vec<String>)> {
    let model = files::read(input)?;
    let document = read::read(&model.bytes, &model.files, &Limits::default())?;
    Ok((inventory::take(&model.bytes, &model.files)?, document.warnings))
}

/// The inventory in lines for people.
fn describe(inventory: &Inventory, warnings: &[String]) -> String {
    let mut lines = vec![format!("{} in all", text::bytes(inventory.bytes))];
    let parts = inventory.bytes_by.parts().into_iter().filter(|&(_, bytes)| bytes > 0);
    lines.extend(parts.map(|(name, bytes)| {
        format!("  {name:<14}{:>10}{:>9}", text::bytes(bytes), text::percent(bytes, inventory.bytes))
    }));
    lines.push("Contents".to_owned());
    let counts = [
        ("scenes", inventory.scenes as u64),
        ("nodes", inventory.nodes as u64),
        ("meshes", inventory.meshes as u64),
        ("primitives", inventory.primitives as u64),
        ("triangles", inventory.triangles),
        ("vertices", inventory.vertices),
        ("morph targets", inventory.morph_targets as u64),
        ("materials", inventory.materials as u64),
        ("textures", inventory.textures as u64),
        ("skins", inventory.skins as u64),
        ("animations", inventory.animations as u64),
        ("channels", inventory.channels as u64),
        ("keyframes", inventory.keyframes),
    ];
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    lines.extend(counts.map(|(name, count)| format!("  {name:<14}{count:>10}")));
    if !inventory.images.is_empty() {
        let gpu = text::bytes(inventory.gpu_texture_bytes);
        lines.push(format!("Images ({gpu} of GPU memory once uploaded)"));
        lines.extend(inventory.images.iter().enumerate().map(image));
    }
    for (title, names) in [
        ("Extensions used", &inventory.extensions_used),
        ("of these required", &inventory.extensions_required),
    ] {
        if !names.is_empty() {
            lines.push(format!("{title}: {}", names.join(", ")));
        }
    }
    lines.extend(warnings.iter().map(|warning| format!("Warning: {warning}")));
    lines.join("\n") + "\n"
}

fn image((index, image): (usize, &ImageEntry)) -> String {
    let name = image.name.as_deref().unwrap_or_default();
    let size = format!("{} x {}", image.width, image.height);
    let format = image.mime.strip_prefix("image/").unwrap_or(&image.mime);
    let slots = image.slots.join(", ");
    let bytes = text::bytes(image.bytes);
    format!(
        "  {index:<3} {format:<5}{size:>12}{bytes:>10}  {name}{}({slots})",
        if name.is_empty() { "" } else { " " }
    )
}
