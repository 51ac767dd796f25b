//! `glb-optimizer sandbox-child`: one job, inside the sandbox. Not for people.
//!
//! Reads one [`Request`] on stdin, answers with [`Line`]s on stdout, and touches only the files that the
//! request names. It opens all of these, then gives its rights away, and only then looks into the model. The
//! other side is [`crate::sandbox`].

use std::fs::File;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::Context;

use super::measured;
use crate::optimize::{Error, Files, Output, Progress, Settings};
use crate::sandbox::{DISK_FULL, Line, Request, Task, confine, outlast_signals};

/// Smaller steps of progress than this are not worth a line, in per cent.
const PROGRESS_STEP: f32 = 0.5;

/// Runs the one job.
///
/// # Errors
/// The other side cannot be understood or heard any more. A file that is refused is an answer, no error.
pub(super) fn run() -> anyhow::Result<()> {
    outlast_signals().context("signals cannot be ignored")?;
    let request: Request = serde_json::from_reader(io::stdin().lock()).context("stdin holds no request")?;
    let answer = match work(&request)? {
        Ok(()) => Line::Done {},
        Err(error) => Line::Error {
            code: error.code().into(),
            message: error.to_string(),
            bad_input: error.is_bad_input(),
        },
    };
    say(&answer).context("the server does not listen any more")
}

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The optimizer says so.
    #[error(transparent)]
    Optimizer(#[from] Error),
    /// A file of the job cannot be read or written.
    #[error("{doing} failed: {source}")]
    File { doing: &'static str, source: io::Error },
}

impl Failure {
    fn code(&self) -> &'static str {
        match self {
            Self::Optimizer(error) => error.code(),
            // Any other fault may come back with this model alone, such as a result that is too large.
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => DISK_FULL,
            Self::File { .. } => "internal",
        }
    }

    fn is_bad_input(&self) -> bool {
        matches!(self, Self::Optimizer(error) if error.is_bad_input())
    }
}

/// Opens, confines, optimizes. The inner error is the job's, the outer one this process's.
fn work(request: &Request) -> anyhow::Result<Result<(), Failure>> {
    // A look into /proc and the cgroups, which is not possible any more later.
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let job = match request.task.as_ref().map(Job::open).transpose() {
        Ok(job) => job,
        Err(error) => return Ok(Err(error)),
    };
    let input_bytes = job.as_ref().map_or(0, |job| job.input.len() as u64);
    let confinement = confine(request, input_bytes, threads as u64);
    // It may have died before this process was tied to it.
    anyhow::ensure!(is_alive(request.parent), "the server is gone");
    say(&Line::Confined(confinement)).context("the server does not listen")?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("no threads can be started")?;
    Ok(job.map_or(Ok(()), Job::optimize))
}

/// A model, and open files for what comes of it.
struct Job {
    input: Vec<u8>,
    output: File,
    report: File,
    worst_view: File,
    settings: Settings,
}

impl Job {
    fn open(task: &Task) -> Result<Self, Failure> {
        let create = |path: &Path| File::create(path).map_err(|error| fault("writing the result", error));
        Ok(Self {
            input: std::fs::read(&task.input).map_err(|error| fault("reading the upload", error))?,
            output: create(&task.output)?,
            report: create(&task.report)?,
            worst_view: create(&task.worst_view)?,
            settings: task.settings,
        })
    }

    fn optimize(self) -> Result<(), Failure> {
        let mut progress = Throttled::default();
        let run = || {
            let on_progress = &mut |now| progress.report(now);
            measured::optimize(&self.input, &Files::new(), &self.settings, on_progress)
        };
        // The panic's own words go to stderr, and so into the server's log.
        let Output { glb, report, worst_view } =
            catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
                Err(Error::Internal("the optimizer stopped in the middle of its work".into()))
            })?;
        let report =
            serde_json::to_vec(&report).map_err(|error| fault("writing the report", error.into()))?;
        write(self.output, &glb)?;
        write(self.report, &report)?;
        let pictures = worst_view.map(|pictures| pictures.png()).transpose();
        let pictures = pictures.map_err(|error| Error::Internal(error.to_string()))?;
        write(self.worst_view, &pictures.unwrap_or_default())
    }
}

fn write(mut file: File, bytes: &[u8]) -> Result<(), Failure> {
    file.write_all(bytes).map_err(|error| fault("writing the result", error))
}

fn fault(doing: &'static str, source: io::Error) -> Failure {
    Failure::File { doing, source }
}

/// Whether the process that started this one is still its parent.
fn is_alive(parent: u32) -> bool {
    let is_parent = |pid: rustix::process::Pid| pid.as_raw_nonzero().get().cast_unsigned() == parent;
    rustix::process::getppid().is_some_and(is_parent)
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
