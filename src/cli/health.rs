//! `glb-optimizer health`: asks a running server how it does, for container checks: one line, exit code 0 or 1.
//!
//! Needs no curl in the image. A degraded server is a healthy one: it works, and to start it again would not help.

use std::io::{self, Write};

use serde_json::Value;

use super::client::Client;
use crate::config::RemoteFlags;

/// What `health` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 the server works (status ok or degraded), 1 it does not, or does not answer.
In a Dockerfile:
  HEALTHCHECK CMD [\"glb-optimizer\", \"health\"]")]
pub(super) struct Flags {
    #[command(flatten)]
    remote: RemoteFlags,
    /// Print what the server says as JSON
    #[arg(long)]
    json: bool,
}

/// The server answers, and says that it does not work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unhealthy(String);

/// Asks, and prints one line.
///
/// # Errors
/// No server answers, or it is not healthy.
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let health = Client::new(&flags.remote)?.health()?;
    let said = if flags.json { health.to_string() } else { summary(&health) };
    match health["status"].as_str() {
        Some("ok" | "degraded") => Ok(writeln!(io::stdout().lock(), "{said}")?),
        _ => Err(Unhealthy(said).into()),
    }
}

/// Status, tier, jobs, and what is wrong, in one line.
fn summary(health: &Value) -> String {
    let word = |member: &str| health[member].as_str().unwrap_or("unknown").to_owned();
    let count = |state: &str| health["queue"][state].as_u64().unwrap_or_default();
    let mut said = format!(
        "{}: tier {}, {} queued, {} running",
        word("status"),
        word("tier"),
        count("queued"),
        count("running")
    );
    let parts = health["components"].as_object().into_iter().flatten();
    for (name, part) in parts {
        if let Some(error) = part["error"].as_str() {
            said += &format!("; {name}: {error}");
        }
    }
    if let Some(reason) = health["tier_reason"].as_str() {
        said += &format!("; {reason}");
    }
    // One line for whoever reads logs of container engines.
    said.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_matters_is_in_one_line() {
        let health = serde_json::json!({
            "status": "unhealthy", "tier": "embedded", "queue": { "queued": 3, "running": 0 },
            "components": { "queue": { "error": null }, "data_folder": { "error": "disk\nfull" } }
        });
        assert_eq!(summary(&health), "unhealthy: tier embedded, 3 queued, 0 running; data_folder: disk full");
    }
}
