//! `glb-optimizer submit`: models to a running server, and their results back if wanted.
//!
//! The server keeps what it has accepted: a wait that is broken off, or that outlives a restart of the server,
//! loses nothing. All files are sent before the first is waited for.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Client, Refused};
use super::progress::Display;
use super::settings::SettingsFlags;
use super::{OfFile, SomeFailed, exit_code, files, outputs, text};
use crate::config::RemoteFlags;
use crate::optimize::{LodCount, Settings};
use crate::sandbox;

/// How often a server that does not answer any more is asked again, and how long between two times.
const MOST_RETRIES: u32 = 30;
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How often a file is sent again whose upload broke off.
const MOST_RESENDS: u32 = 2;

/// What `submit` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  glb-optimizer submit chair.glb                    send it; prints the id of the job
  glb-optimizer submit chair.glb -o small.glb       send it, wait, fetch the result
  glb-optimizer submit *.glb --wait --json | jq .job.output_bytes")]
pub(super) struct Flags {
    /// Models: .glb or .vrm
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// Wait until the jobs have ended
    #[arg(long)]
    wait: bool,
    /// Result file, or folder for the results; waits for them
    #[arg(short, long, value_name = "OUT|DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsFlags,
    /// Levels of detail inside of the result, 0 to 8, as the extension MSFT_lod
    #[arg(long, value_name = "N")]
    lods: Option<LodCount>,
    #[command(flatten)]
    remote: RemoteFlags,
    /// Print one line of JSON a file on stdout: the input, the job and the output
    #[arg(long)]
    json: bool,
}

/// A job that came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("job {id} is {state}{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
pub(super) struct NotCompleted {
    id: String,
    state: String,
    reason: Option<String>,
    code: String,
}

impl NotCompleted {
    /// Whether the file was at fault.
    pub(super) fn is_bad_input(&self) -> bool {
        sandbox::is_of_input(&self.code)
    }
}

/// Submits every file.
///
/// # Errors
/// The usage is wrong, no server answers, or at least one file failed.
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let outputs = flags.output.as_deref().map(|output| outputs::of(&flags.inputs, Some(output), 0));
    let outputs = outputs.transpose()?;
    let client = Client::new(&flags.remote)?;
    let sent: Vec<_> = flags.inputs.iter().map(|input| send(&client, input, flags)).collect();
    let mut codes = Vec::new();
    for (index, (input, sent)) in flags.inputs.iter().zip(sent).enumerate() {
        let output = outputs.as_ref().map(|outputs| outputs[index].as_path());
        let Err(error) = sent.and_then(|job| see_through(&client, (input, output), job, flags)) else {
            continue;
        };
        let error = OfFile::wrap(input, error);
        if flags.inputs.len() == 1 {
            return Err(error);
        }
        writeln!(io::stderr(), "glb-optimizer: {error}")?;
        codes.push(exit_code(&error));
    }
    SomeFailed::of(&codes, flags.inputs.len())
}

fn send(client: &Client, input: &Path, flags: &Flags) -> anyhow::Result<Value> {
    let file = File::open(input).context("it cannot be read")?;
    let name = input.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut query = vec![("name".to_owned(), name)];
    // Every setting is written as the API takes it.
    if let Value::Object(settings) =
        serde_json::to_value(Settings { lods: flags.lods, ..flags.settings.settings() })?
    {
        let settings =
            settings.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        query.extend(settings);
    }
    // Of its own for each file and call: an answer that gets lost on the way costs no second job.
    let key = Uuid::new_v4().to_string();
    let mut retries = 0;
    loop {
        let mut file = &file;
        file.rewind().context("it cannot be read again")?;
        match client.upload("/api/v1/jobs", &query, &key, file) {
            Err(error) if retries < MOST_RESENDS && !error.is::<Refused>() && is_sent_before(&error) => {
                retries += 1;
                std::thread::sleep(RETRY_PAUSE);
            }
            answer => return answer,
        }
    }
}

/// Whether the connection broke after there was one: then nobody knows what the server has received.
fn is_sent_before(error: &anyhow::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let source = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    source.is_some_and(|error| {
        matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
    })
}

/// Waits for the job if that is wanted, fetches its result, and prints what became of it.
fn see_through(
    client: &Client,
    (input, output): (&Path, Option<&Path>),
    job: Value,
    flags: &Flags,
) -> anyhow::Result<()> {
    let id = job["id"].as_str().context("the server's answer names no job")?.to_owned();
    let job = if flags.wait || output.is_some() { end_of(client, input, &id, job)? } else { job };
    let is_over = job["finished_at"].is_string();
    if let Some(output) = output.filter(|_| job["state"] == "completed") {
        let mut result = client.download(&format!("/api/v1/jobs/{id}/result"))?;
        files::write_with(output, |file| Ok(io::copy(&mut result, file)?))?;
    }
    if flags.json {
        writeln!(io::stdout().lock(), "{}", json!({ "input": input, "job": job, "output": output }))?;
    }
    if is_over && job["state"] != "completed" {
        let state = job["state"].as_str().unwrap_or_default().to_owned();
        let reason = job["error"]["message"].as_str().map(str::to_owned);
        let code = job["error"]["code"].as_str().unwrap_or_default().to_owned();
        return Err(NotCompleted { id, state, reason, code }.into());
    }
    if !flags.json {
        io::stdout().lock().write_all(summary(client, (input, output), &id, &job).as_bytes())?;
    }
    Ok(())
}

/// Follows the job's events to its end, over restarts of the server too.
fn end_of(client: &Client, input: &Path, id: &str, mut job: Value) -> anyhow::Result<Value> {
    let display = Display::new(input);
    let mut retries = 0;
    while !job["finished_at"].is_string() {
        let events = match client.events(id) {
            Err(error) if retries == MOST_RETRIES || error.is::<Refused>() => return Err(error),
            Err(_) => {
                retries += 1;
                std::thread::sleep(RETRY_PAUSE);
                continue;
            }
            Ok(events) => events,
        };
        retries = 0;
        for event in events {
            #[expect(clippy::cast_possible_truncation, reason = "0 to 100")]
            let percent = event.body["percent"].as_f64().unwrap_or_default() as f32;
            match event.name.as_str() {
                "progress" => {
                    display.show(event.body["stage"].as_str().unwrap_or_default(), percent);
                }
                "state" => {
                    display.show(event.body["state"].as_str().unwrap_or_default(), percent);
                    job = event.body;
                }
                _ => {}
            }
        }
    }
    display.clear();
    Ok(job)
}

/// What became of one file, in lines for people.
fn summary(client: &Client, (input, output): (&Path, Option<&Path>), id: &str, job: &Value) -> String {
    let name = input.file_name().unwrap_or_default().to_string_lossy();
    let bytes = |member: &str| job[member].as_u64();
    let (Some(before), Some(after)) = (bytes("input_bytes"), bytes("output_bytes")) else {
        return format!("{name}: job {id} is {}\n", job["state"].as_str().unwrap_or_default());
    };
    let smaller = text::percent(before.saturating_sub(after), before);
    let place = match output {
        Some(output) => format!("written to {}", output.display()),
        None => format!("result: {}", client.address(&format!("/api/v1/jobs/{id}/result"))),
    };
    let (before, after) = (text::bytes(before), text::bytes(after));
    format!("{name}: {before} -> {after} ({smaller} smaller), job {id}\n  {place}\n")
}
