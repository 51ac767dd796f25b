//! `glb-optimizer completions` and `glb-optimizer man`: what shells and `man` want to know of the commands.
//!
//! Made of the command line itself, so that nothing in them can be out of date. `.ci/release` packs both.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;

/// What `completions` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  glb-optimizer completions bash > ~/.local/share/bash-completion/completions/glb-optimizer
  glb-optimizer completions fish > ~/.config/fish/completions/glb-optimizer.fish")]
pub(super) struct CompletionsFlags {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// What `man` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct ManFlags {
    /// The folder that gets the pages, such as ~/.local/share/man/man1; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the completions of a shell.
///
/// # Errors
/// They cannot be printed.
pub(super) fn completions(flags: &CompletionsFlags) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut Cli::command(), "glb-optimizer", &mut script);
    Ok(io::stdout().lock().write_all(&script)?)
}

/// Writes a page for each command.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn man(flags: &ManFlags) -> anyhow::Result<()> {
    let folder = &flags.folder;
    let write = || {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), folder)
    };
    write().with_context(|| format!("the pages cannot be written to {}", folder.display()))
}
