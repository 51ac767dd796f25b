//! `glb-optimizer jobs`: what a running server has to do, has done, and shall forget.
//!
//! The server decides what is allowed; this asks and prints. Lists and purges by age are for administrators: with
//! the token of the data folder, or ADMIN_TOKEN in the environment.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::Value;

use super::client::Client;
use super::{UsageError, text};
use crate::config::RemoteFlags;
use crate::queue::State;

/// What `jobs` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    remote: RemoteFlags,
    /// Print JSON on stdout
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show the newest jobs
    List {
        /// Only those in this state: queued, running, completed, dead or cancelled
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<State>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show all that is known of jobs
    Show(Ids),
    /// Stop queued or running jobs
    Cancel(Ids),
    /// Queue dead or cancelled jobs again
    Retry(Ids),
    /// Forget ended jobs and delete their files
    Purge {
        /// Which jobs
        #[arg(value_name = "ID")]
        ids: Vec<String>,
        /// All jobs that ended so long ago, such as 7days or 12h
        #[arg(long, value_name = "AGE", conflicts_with = "ids", value_parser = humantime::parse_duration)]
        older_than: Option<Duration>,
    },
}

#[derive(Debug, clap::Args)]
struct Ids {
    /// Which jobs
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

/// Does it.
///
/// # Errors
/// The usage is wrong, no server answers, or it refuses.
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let client = Client::new(&flags.remote)?;
    let show = |job: &Value, lines: fn(&Value) -> String| {
        let text = if flags.json { format!("{job}\n") } else { lines(job) };
        io::stdout().lock().write_all(text.as_bytes())
    };
    match &flags.action {
        Action::List { state, limit } => {
            let state = state.map(|state| format!("&state={state}")).unwrap_or_default();
            show(&client.get(&format!("/api/v1/jobs?limit={limit}{state}"))?, list)?;
        }
        Action::Show(Ids { ids }) => {
            for id in ids {
                show(&client.get(&job_path(id)?)?, details)?;
            }
        }
        Action::Cancel(Ids { ids }) => {
            for id in ids {
                show(&client.post(&format!("{}/cancel", job_path(id)?))?, line)?;
            }
        }
        Action::Retry(Ids { ids }) => {
            for id in ids {
                show(&client.post(&format!("{}/retry", job_path(id)?))?, line)?;
            }
        }
        Action::Purge { ids, older_than } => purge(&client, ids, *older_than, flags.json)?,
    }
    Ok(())
}

fn purge(client: &Client, ids: &[String], older_than: Option<Duration>, json: bool) -> anyhow::Result<()> {
    let purged = match older_than {
        Some(age) => {
            let path = format!("/api/v1/queue/purge?older_than_seconds={}", age.as_secs());
            client.post(&path)?["purged"].as_u64().unwrap_or_default()
        }
        None if ids.is_empty() => {
            return Err(
                UsageError("name the jobs to purge, or say how old: --older-than 7days".into()).into()
            );
        }
        None => {
            for id in ids {
                client.delete(&job_path(id)?)?;
            }
            ids.len() as u64
        }
    };
    let said =
        if json { serde_json::json!({ "purged": purged }).to_string() } else { format!("purged {purged}") };
    Ok(writeln!(io::stdout().lock(), "{said}")?)
}

/// What is no id must not become another address.
fn job_path(id: &str) -> anyhow::Result<String> {
    let Ok(id) = id.parse::<crate::ids::JobId>() else {
        return Err(
            UsageError(format!("\"{id}\" is no id of a job: these have 32 digits and letters")).into()
        );
    };
    Ok(format!("/api/v1/jobs/{id}"))
}

fn state(word: &str) -> Result<State, String> {
    let found = State::ALL.into_iter().find(|state| state.name() == word);
    found.ok_or_else(|| "use queued, running, completed, dead or cancelled".into())
}

fn list(page: &Value) -> String {
    let jobs = page["jobs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text: String = jobs.iter().map(line).collect();
    if jobs.is_empty() {
        text += "no jobs\n";
    }
    if page["next"].is_string() {
        text += "there are more: --limit shows up to 1000\n";
    }
    text
}

/// One job in one line: id, state, what came of it, name.
fn line(job: &Value) -> String {
    let word = |member: &str| job[member].as_str().unwrap_or_default();
    let bytes = |member: &str| job[member].as_u64().map(text::bytes);
    let became = match (word("state"), bytes("input_bytes"), bytes("output_bytes")) {
        ("completed", Some(before), Some(after)) => format!("{before} -> {after}"),
        ("running", ..) => format!("{:.0} % {}", job["percent"].as_f64().unwrap_or_default(), word("stage")),
        (_, Some(before), _) => before,
        _ => String::new(),
    };
    format!(
        "{}  {:<9}  {:<20}  {}  {}\n",
        word("id"),
        word("state"),
        became,
        word("created_at"),
        word("input_name")
    )
}

/// One job in full, a line for each thing known of it.
fn details(job: &Value) -> String {
    let Some(members) = job.as_object() else { return String::new() };
    let shown = members.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| match value {
        Value::String(text) => format!("{name:<13} {text}\n"),
        other => format!("{name:<13} {other}\n"),
    });
    shown.collect()
}
