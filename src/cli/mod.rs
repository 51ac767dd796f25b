//! The command line: one file a command, and here the list of them.
//!
//! A command reads its flags, calls the crate, and prints. Errors go up as `anyhow` with a sentence at each
//! level; `main` prints them. Adding a command: a `mod` line, a variant, and an arm in [`run`].

mod backup;
mod chaos;
mod child;
mod client;
mod compare;
mod config;
mod doctor;
#[cfg(test)]
mod documents;
mod files;
mod forecast;
mod health;
mod inspect;
mod jobs;
mod keys;
mod limits;
mod log;
mod manual;
mod measured;
mod optimize;
mod outputs;
mod progress;
mod restore;
mod serve;
mod settings;
mod submit;
mod text;
mod version;
mod watch;
mod work;

use std::path::Path;

use clap::error::ContextKind;
use clap::{Parser, Subcommand};

use crate::optimize::Error;
use crate::sandbox;

/// Exit code of a command that failed.
const FAILED: u8 = 1;
/// Exit code for bad input and bad usage; clap uses the same for flags that it does not know.
const BAD_INPUT: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  glb-optimizer optimize chair.glb              write chair-optimized.glb beside it
  glb-optimizer inspect chair.glb               what is in it, and where its bytes are
  glb-optimizer submit chair.glb --wait -o small.glb
                                                let a running server do it
  glb-optimizer                                 serve the page on http://127.0.0.1:5000
  glb-optimizer --listen 0.0.0.0:8080           serve it to the whole network
  glb-optimizer serve --data-dir /srv/models    keep uploads, results and the queue there
  curl -F file=@chair.glb http://127.0.0.1:5000/api/v1/jobs
                                                send it a model

Exit codes: 0 done, 1 failed, 2 bad input or bad usage.";

/// Turns a heavy 3D model (.glb) into a small one that looks the same.
#[derive(Debug, Parser)]
#[command(name = "glb-optimizer", version, long_version = version::LONG, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: crate::config::Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the page and the API; also what runs when no command is given
    Serve(crate::config::Flags),
    /// Work for the other nodes of a fleet, without page and API
    Work(crate::config::Flags),
    /// Make the models of a folder small as they come
    Watch(watch::Flags),
    /// Make models small: .glb, .vrm, or .gltf with its files beside it
    Optimize(optimize::Flags),
    /// Show what is in a model and where its bytes are
    Inspect(inspect::Flags),
    /// Measure how different two models look
    Compare(compare::Flags),
    /// Send models to a running server
    Submit(submit::Flags),
    /// List, show, cancel, retry or purge the jobs of a running server
    Jobs(jobs::Flags),
    /// Show or check the settings of the server
    Config(config::Flags),
    /// Make, list and revoke API keys for those who may send files
    Keys(keys::Flags),
    /// Save all jobs and files of a server in one archive, while it runs
    Backup(backup::Flags),
    /// Make a data folder out of such an archive
    Restore(restore::Flags),
    /// Look at everything that the server depends on, and say what to do
    Doctor(doctor::Flags),
    /// Ask a running server how it does: exit code 0 or 1, for container checks
    Health(health::Flags),
    /// Show or change how much a running server logs
    Log(log::Flags),
    /// Show that no job gets lost: kill a server under load again and again, then count
    Chaos(chaos::Flags),
    /// Print what a shell needs to complete commands: bash, elvish, fish, powershell or zsh
    Completions(manual::CompletionsFlags),
    /// Write the manual pages
    Man(manual::ManFlags),
    /// Optimize one file for a server: the inside of its sandbox
    #[command(name = sandbox::COMMAND, hide = true)]
    SandboxChild,
}

/// Flags that parse but make no sense together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// What went wrong with one file: its name and the reason in one line.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source:#}")]
struct OfFile {
    path: String,
    source: anyhow::Error,
}

impl OfFile {
    fn wrap(path: &Path, source: anyhow::Error) -> anyhow::Error {
        Self { path: path.display().to_string(), source }.into()
    }
}

/// Parses the command line and runs one command.
///
/// # Errors
/// The command failed; see [`exit_code`].
pub fn run() -> anyhow::Result<()> {
    let cli = Cli::try_parse().or_else(explain)?;
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    if !matches!(command, Command::SandboxChild) {
        limits::outlast_long_files();
    }
    match command {
        Command::Serve(flags) => serve::run(flags),
        Command::Work(flags) => work::run(flags),
        Command::Watch(flags) => watch::run(flags),
        Command::Optimize(flags) => optimize::run(&flags),
        Command::Inspect(flags) => inspect::run(&flags),
        Command::Compare(flags) => compare::run(&flags),
        Command::Submit(flags) => submit::run(&flags),
        Command::Jobs(flags) => jobs::run(&flags),
        Command::Config(flags) => config::run(flags),
        Command::Keys(flags) => keys::run(&flags),
        Command::Backup(flags) => backup::run(&flags),
        Command::Restore(flags) => restore::run(&flags),
        Command::Doctor(flags) => doctor::run(flags),
        Command::Health(flags) => health::run(&flags),
        Command::Log(flags) => log::run(&flags),
        Command::Completions(flags) => manual::completions(&flags),
        Command::Man(flags) => manual::man(&flags),
        Command::Chaos(flags) => chaos::run(&flags),
        Command::SandboxChild => child::run(),
    }
}

/// Lets clap print its message and exit, unless somebody gave a model and forgot the command.
fn explain(error: clap::Error) -> anyhow::Result<Cli> {
    let given = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string).unwrap_or_default();
    let is_model = [".glb", ".gltf", ".vrm"].iter().any(|end| given.to_lowercase().ends_with(end));
    if is_model {
        let what = format!("what shall be done with {given}? Try: glb-optimizer optimize {given}");
        return Err(UsageError(what).into());
    }
    error.exit()
}

/// Some of several files failed; each was named on stderr when it did.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {total} files failed")]
struct SomeFailed {
    failed: usize,
    total: usize,
    /// The exit code that says the most: 1 as soon as one failure was not the input's fault.
    exit_code: u8,
}

impl SomeFailed {
    /// By the exit codes of those that failed.
    fn of(codes: &[u8], total: usize) -> anyhow::Result<()> {
        match codes.iter().min() {
            None => Ok(()),
            Some(&exit_code) => Err(Self { failed: codes.len(), total, exit_code }.into()),
        }
    }
}

/// The exit code for an error of [`run`]: whether the input or the usage is at fault, or something else.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(several) = error.downcast_ref::<SomeFailed>() {
        return several.exit_code;
    }
    let is_usage = error.chain().any(|cause| cause.is::<crate::config::Error>() || cause.is::<UsageError>());
    let is_unseen = error.chain().any(|cause| cause.is::<compare::NotCompared>());
    let is_refused = error.chain().any(|cause| {
        cause.downcast_ref().is_some_and(client::Refused::is_bad_input)
            || cause.downcast_ref().is_some_and(submit::NotCompleted::is_bad_input)
    });
    let refused = error.chain().find_map(|cause| cause.downcast_ref::<Error>());
    if is_usage || is_unseen || is_refused || refused.is_some_and(Error::is_bad_input) {
        BAD_INPUT
    } else {
        FAILED
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_means_serve_with_the_same_flags() {
        let cli = Cli::try_parse_from(["glb-optimizer", "--workers", "2"]).unwrap();
        assert_eq!(cli.serve.workers.as_deref(), Some("2"));
        let cli = Cli::try_parse_from(["glb-optimizer", "serve", "--workers", "2"]).unwrap();
        assert!(matches!(cli.command, Some(Command::Serve(flags)) if flags.workers.as_deref() == Some("2")));
    }

    #[test]
    fn bad_input_and_our_own_faults_have_different_exit_codes() {
        let code = |error: Error| exit_code(&Err::<(), _>(error).context("a.glb").unwrap_err());
        assert_eq!(code(Error::Container("it is empty".into())), 2);
        assert_eq!(code(Error::Internal("oh".into())), 1);
        assert_eq!(exit_code(&anyhow::anyhow!("disk full")), 1);
    }
}
