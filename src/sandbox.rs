//! One child process a job: parsing hostile files is where a server would die, so it happens elsewhere.
//!
//! The child is this same executable with a hidden command (`cli/child.rs`). It gets one [`Request`] as
//! JSON on stdin and answers with one [`Line`] of JSON a line on stdout; the last one is the outcome. It has
//! a private folder, an empty environment, a time limit, and it dies with this process. Dropping the
//! future of [`run`] kills it. Nothing here may know of jobs or of the queue.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::optimize::Settings;

/// The hidden command that makes this executable the child.
pub const COMMAND: &str = "sandbox-child";

/// All that a child may say. An honest one needs some hundred lines; a hijacked one gets no more memory.
const MAX_TALK_BYTES: u64 = 8 << 20;

/// What the child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// The file to read.
    pub input: PathBuf,
    /// The file to write the result to.
    pub output: PathBuf,
    /// The file to write the report to, as JSON.
    pub report: PathBuf,
    /// What was asked for.
    pub settings: Settings,
    /// The process that the child must not outlive.
    pub parent: u32,
}

/// One line of the child's answer.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// How far it is.
    Progress {
        /// What is running.
        stage: String,
        /// 0 to 100 over the whole job.
        percent: f32,
    },
    /// The outcome: both files are written.
    Done {},
    /// The outcome: the file was refused or the optimizer failed.
    Error {
        /// A stable word for programs.
        code: String,
        /// A sentence for people.
        message: String,
        /// Whether the input is at fault, so that trying again cannot help.
        bad_input: bool,
    },
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The child said so itself.
    #[error("{message}")]
    Refused {
        /// A stable word for programs.
        code: String,
        /// A sentence for people.
        message: String,
        /// Whether the input is at fault.
        bad_input: bool,
    },
    /// The child ended without an outcome.
    #[error("The optimizer {0}")]
    Crashed(String),
    /// The child took too long and was killed.
    #[error("The optimizer was stopped after {} seconds, the time limit for one job (TASK_TIMEOUT_SECONDS).", .0.as_secs())]
    TimedOut(Duration),
    /// The child could not be started or spoken to.
    #[error("The optimizer's process could not be run: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Crashed(_) => "crashed",
            Self::TimedOut(_) => "timed_out",
            Self::Io(_) => "not_started",
        }
    }

    /// Whether the input is at fault; trying again cannot help then.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::Refused { bad_input: true, .. })
    }
}

/// A folder for one child, removed with everything in it when this value goes.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Creates the folder `path`, for this user only.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: PathBuf) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a job's folder stays until the next start");
        }
    }
}

/// Runs one child to its end and hands its progress on.
///
/// Call it from a task, never from a blocking thread: the kernel ties the child's life to the thread that
/// starts it, and blocking threads come and go.
///
/// # Errors
/// See [`Error`]. The child is gone in any case.
pub async fn run(
    request: &Request,
    time_limit: Duration,
    on_progress: impl FnMut(String, f32),
) -> Result<(), Error> {
    let mut child = spawn()?;
    let talk = converse(&mut child, request, on_progress);
    match tokio::time::timeout(time_limit, talk).await {
        Ok(Ok((outcome, status))) => judge(outcome, status),
        Ok(Err(error)) => Err(error.into()),
        Err(_elapsed) => {
            child.kill().await?;
            Err(Error::TimedOut(time_limit))
        }
    }
}

fn spawn() -> io::Result<Child> {
    // This path stays right when the executable is replaced by a newer one while the server runs.
    let own = PathBuf::from("/proc/self/exe");
    let program = if own.exists() { own } else { std::env::current_exe()? };
    Command::new(program)
        .arg(COMMAND)
        // Passwords of this process are none of the child's business.
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
}

/// Sends the request, reads to the end, and returns the last line that was an outcome.
async fn converse(
    child: &mut Child,
    request: &Request,
    mut on_progress: impl FnMut(String, f32),
) -> io::Result<(Option<Line>, ExitStatus)> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("its pipes are missing"));
    };
    // A child that died at once breaks the pipe; its exit status says more than that.
    let _ = stdin.write_all(&serde_json::to_vec(request)?).await;
    drop(stdin);
    let mut lines = BufReader::new(stdout.take(MAX_TALK_BYTES)).split(b'\n');
    let mut outcome = None;
    while let Some(line) = lines.next_segment().await? {
        match serde_json::from_slice(&line) {
            Ok(Line::Progress { stage, percent }) => on_progress(stage, percent),
            Ok(last) => outcome = Some(last),
            // A codec that prints to stdout must not cost the job its result.
            Err(error) => tracing::debug!(%error, "the optimizer said something that is not an answer"),
        }
    }
    // A child that talks without end gets a broken pipe here instead of waiting for ever.
    drop(lines);
    Ok((outcome, child.wait().await?))
}

fn judge(outcome: Option<Line>, status: ExitStatus) -> Result<(), Error> {
    match outcome {
        Some(Line::Done {}) if status.success() => Ok(()),
        Some(Line::Error { code, message, bad_input }) => Err(Error::Refused { code, message, bad_input }),
        _ => Err(Error::Crashed(describe(status))),
    }
}

/// How a process ended, in plain words.
fn describe(status: ExitStatus) -> String {
    let Some(signal) = status.signal() else {
        return format!("ended with exit code {} and without a result.", status.code().unwrap_or(-1));
    };
    let meaning = match signal {
        6 => "it gave up, often for want of memory",
        7 | 11 => "it touched memory that is not its own",
        9 => "often the sign that the machine ran out of memory",
        15 => "somebody asked it to stop",
        24 => "it used more processor time than allowed",
        25 => "it wrote a larger file than allowed",
        31 => "it tried something that the sandbox forbids",
        _ => "an unusual one",
    };
    format!("was killed by signal {signal} ({meaning}).")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_explained() {
        let error = judge(None, ExitStatus::from_raw(9)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The optimizer was killed by signal 9 (often the sign that the machine ran out of memory)."
        );
        assert!(!error.is_bad_input());
    }

    #[test]
    fn a_result_counts_only_if_the_child_ended_well() {
        let done = || Some(Line::Done {});
        assert!(judge(done(), ExitStatus::from_raw(0)).is_ok());
        assert_eq!(judge(done(), ExitStatus::from_raw(11)).unwrap_err().code(), "crashed");
        assert_eq!(judge(None, ExitStatus::from_raw(0)).unwrap_err().code(), "crashed");
    }

    #[test]
    fn lines_look_as_promised() {
        let line = Line::Progress { stage: "weld".into(), percent: 12.5 };
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(json, r#"{"progress":{"stage":"weld","percent":12.5}}"#);
        assert_eq!(serde_json::to_string(&Line::Done {}).unwrap(), r#"{"done":{}}"#);
    }

    #[test]
    fn a_folder_goes_with_its_value() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(root.path().join("work/job")).unwrap();
        std::fs::write(folder.path().join("output.glb"), b"x").unwrap();
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }
}
