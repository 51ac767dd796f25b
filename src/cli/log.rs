//! `glb-optimizer log`: how much a running server logs, shown or changed without a restart.

use std::io::{self, Write};

use super::client::Client;
use crate::config::RemoteFlags;

/// What `log` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// What to log from now on, until the server starts again: off, error, warn, info, debug or trace
    #[arg(value_name = "LEVEL", value_parser = ["off", "error", "warn", "info", "debug", "trace"])]
    level: Option<String>,
    #[command(flatten)]
    remote: RemoteFlags,
}

/// Prints the level in force, after the change if one is wanted.
///
/// # Errors
/// No server answers, or it refuses.
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let client = Client::new(&flags.remote)?;
    let said = match &flags.level {
        Some(level) => client.put(&format!("/api/v1/log?level={level}"))?,
        None => client.get("/api/v1/log")?,
    };
    Ok(writeln!(io::stdout().lock(), "{}", said["level"].as_str().unwrap_or_default())?)
}
