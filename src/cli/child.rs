//! `glb-optimizer sandbox-child`: one task, inside the sandbox. Not for people.
//!
//! Reads one [`Request`] on stdin, answers with [`Line`]s on stdout, and touches only the files that the
//! request names. It opens all of these, then gives its rights away, and only then looks into any of them. The
//! other side is [`crate::sandbox`]; each task has a file in `child/`.

mod compare;
mod optimize;
mod unpack;

use std::fs::File;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::Context;

use crate::optimize::Error;
use crate::optimize::proof::Blank;
use crate::sandbox::{DISK_FULL, Line, Request, Task, confine, outlast_signals};

/// Runs the one task.
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

/// Why a task has no result.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// An archive is refused.
    #[error("The archive {name} is refused: {what}.")]
    Archive { name: String, what: String },
    /// One of several files is at fault.
    #[error("{name}: {error}")]
    InFile { name: String, error: Error },
    /// There is something to compare, but no picture of it.
    #[error("Nothing can be compared: {0}.")]
    NothingCompared(Blank),
    /// There is nothing to work on.
    #[error(
        "There is no model among the files: send a .glb, or a .gltf with its files, alone or in a zip archive."
    )]
    NoModel,
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
            Self::Optimizer(error) | Self::InFile { error, .. } => error.code(),
            // Any other fault may come back with this model alone, such as a result that is too large.
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => DISK_FULL,
            Self::File { .. } => "internal",
            Self::Archive { .. } => "bad_archive",
            Self::NoModel => "no_model",
            Self::NothingCompared(_) => "unsupported",
        }
    }

    fn is_bad_input(&self) -> bool {
        match self {
            Self::Optimizer(error) | Self::InFile { error, .. } => error.is_bad_input(),
            Self::File { .. } => false,
            Self::Archive { .. } | Self::NoModel | Self::NothingCompared(_) => true,
        }
    }
}

/// Opens, confines, optimizes. The inner error is the job's, the outer one this process's.
fn work(request: &Request) -> anyhow::Result<Result<(), Failure>> {
    // A look into /proc and the cgroups, which is not possible any more later.
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let opened = match request.task.as_ref().map(Opened::open).transpose() {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(error)),
    };
    let confinement = confine(request, opened.as_ref().map_or(0, Opened::most_bytes), threads as u64);
    // It may have died before this process was tied to it.
    anyhow::ensure!(is_alive(request.parent), "the server is gone");
    say(&Line::Confined(confinement)).context("the server does not listen")?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("no threads can be started")?;
    Ok(opened.map_or(Ok(()), Opened::run))
}

/// A task with all its files open.
enum Opened {
    Optimize(optimize::Job),
    Unpack(unpack::Upload),
    Compare(compare::Pair),
}

impl Opened {
    fn open(task: &Task) -> Result<Self, Failure> {
        Ok(match task {
            Task::Optimize(task) => Self::Optimize(optimize::Job::open(task)?),
            Task::Unpack(task) => Self::Unpack(unpack::Upload::open(task)?),
            Task::Compare(task) => Self::Compare(compare::Pair::open(task)?),
        })
    }

    /// How large a file it may have to write.
    fn most_bytes(&self) -> u64 {
        match self {
            Self::Optimize(job) => job.input_bytes(),
            Self::Unpack(upload) => upload.most_bytes(),
            Self::Compare(_) => 0,
        }
    }

    fn run(self) -> Result<(), Failure> {
        let run = || match self {
            Self::Optimize(job) => job.run(),
            Self::Unpack(upload) => upload.run(),
            Self::Compare(pair) => pair.run(),
        };
        // The panic's own words go to stderr, and so into the server's log.
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
            Err(Error::Internal("the optimizer stopped in the middle of its work".into()).into())
        })
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| fault("writing the result", error))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| fault("reading the upload", error))
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

fn say(line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&text)?;
    stdout.flush()
}
