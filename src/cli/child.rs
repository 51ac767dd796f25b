//! `glb-optimizer sandbox-child`: one job, inside the sandbox. Not for people.
//!
//! Reads one [`Request`] on stdin, answers with [`Line`]s on stdout, and touches only the files that the
//! request names. The other side is [`crate::sandbox`].

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::Context;

use super::measured;
use crate::optimize::{Error, Files, Output, Progress};
use crate::sandbox::{Line, Request};

/// Smaller steps of progress than this are not worth a line, in per cent.
const PROGRESS_STEP: f32 = 0.5;

/// Runs the one job.
///
/// # Errors
/// The other side cannot be understood or heard any more. A file that is refused is an answer, no error.
pub(super) fn run() -> anyhow::Result<()> {
    let request: Request = serde_json::from_reader(io::stdin().lock()).context("stdin holds no request")?;
    die_with(request.parent)?;
    let answer = match optimize(&request) {
        Ok(()) => Line::Done {},
        Err(error) => Line::Error {
            code: error.code().into(),
            message: error.to_string(),
            bad_input: error.is_bad_input(),
        },
    };
    say(&answer).context("the server does not listen any more")
}

fn optimize(request: &Request) -> Result<(), Error> {
    let input = std::fs::read(&request.input).map_err(|error| fault("reading the upload", &error))?;
    let mut progress = Throttled::default();
    let run =
        || measured::optimize(&input, &Files::new(), &request.settings, &mut |now| progress.report(now));
    // The panic's own words go to stderr, and so into the server's log.
    let Output { glb, report, .. } = catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Error::Internal("the optimizer stopped in the middle of its work".into())))?;
    let report = serde_json::to_vec(&report).map_err(|error| fault("writing the report", &error.into()))?;
    write(&request.output, &glb)?;
    write(&request.report, &report)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes).map_err(|error| fault("writing the result", &error))
}

fn fault(doing: &str, error: &io::Error) -> Error {
    Error::Internal(format!("{doing} failed: {error}"))
}

/// Makes the kernel kill this process when the one that started it dies.
#[cfg(target_os = "linux")]
fn die_with(parent: u32) -> anyhow::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot be tied to the server")?;
    // It may have died before that call.
    let is_parent = |pid: rustix::process::Pid| pid.as_raw_nonzero().get().cast_unsigned() == parent;
    anyhow::ensure!(getppid().is_some_and(is_parent), "the server is gone");
    Ok(())
}

/// Other kernels have no such tie: there the child ends with its job.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: u32) -> anyhow::Result<()> {
    Ok(())
}

/// Hands progress on, but not every bit of it.
#[derive(Default)]
struct Throttled {
    last: Option<Progress>,
}

impl Throttled {
    fn report(&mut self, now: Progress) {
        let is_news = |last: Progress| now.stage != last.stage || now.percent - last.percent >= PROGRESS_STEP;
        if self.last.is_none_or(is_news) {
            self.last = Some(now);
            // If nobody listens, the end of the parent ends this process too.
            let _ = say(&Line::Progress { stage: now.stage.into(), percent: now.percent });
        }
    }
}

fn say(line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&text)?;
    stdout.flush()
}
