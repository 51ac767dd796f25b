//! `glb-optimizer restore`: a data folder out of an archive that `backup` made.
//!
//! Into an empty folder only: what is there already is never mixed with something else, or lost.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::Context;

use super::backup::say;
use crate::jobs;

/// What `restore` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  glb-optimizer restore monday.tar --data-dir /srv/models
  glb-optimizer serve --data-dir /srv/models")]
pub(super) struct Flags {
    /// The archive
    #[arg(value_name = "FILE")]
    archive: PathBuf,
    /// The folder to make; it must be empty if it exists
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Makes the folder.
///
/// # Errors
/// The archive cannot be read or is damaged, or the folder is not empty or cannot be written.
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let archive = &flags.archive;
    let file = File::open(archive).with_context(|| format!("{} cannot be read", archive.display()))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().context("no threads can be started")?;
    let contents = runtime
        .block_on(jobs::restore(BufReader::new(file), &flags.data_dir))
        .with_context(|| format!("{} was not restored", archive.display()))?;
    say(&flags.data_dir.display().to_string(), &contents, flags.json)
}
