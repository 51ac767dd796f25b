//! One child process a job: parsing hostile files is where a server would die, so it happens elsewhere.
//!
//! The child is this same executable with a hidden command (`cli/child.rs`). It gets one [`Request`] as
//! JSON on stdin and answers with one [`Line`] of JSON a line on stdout: how it is confined, its progress, the
//! outcome. It has an empty environment, limits on memory and time, and it dies with this process. Dropping the
//! future of [`Sandbox::run`] kills it. Nothing here may know of jobs or of the queue.
//!
//! Next: `confine.rs` for what a child may not do, `ending.rs` for why one ended, `memory.rs` for its share.

mod confine;
mod ending;
#[cfg(target_os = "linux")]
mod filter;
mod folder;
mod memory;
mod protocol;

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStderr, ChildStdout, Command};
use tokio::sync::OnceCell;

pub use confine::{Confinement, Missing, confine, outlast_signals};
use ending::Ending;
pub use ending::Error;
pub use folder::Folder;
pub use memory::share as memory_share;
pub use protocol::{Line, Request, Task};

/// The hidden command that makes this executable the child.
pub const COMMAND: &str = "sandbox-child";

/// The code of a child that could not write its result for want of room on the disk.
pub const DISK_FULL: &str = "disk_full";

/// All that a child may say. An honest one needs some hundred lines; a hijacked one gets no more memory.
const MAX_TALK_BYTES: u64 = 8 << 20;
/// What is kept of its stderr: the end.
const COMPLAINT_BYTES: usize = 2 << 10;
/// A child that does nothing else than say how it is confined takes milliseconds; whoever asks is not kept waiting.
const PROBE_TIME: Duration = Duration::from_secs(10);
/// Starts of a child that was asked to stop while it could not refuse yet: in its first milliseconds.
const MOST_STARTS: u32 = 3;

/// What one child may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may run.
    pub time: Duration,
    /// How much memory it may have, in bytes.
    pub memory_bytes: u64,
}

/// Starts children under the same limits.
#[derive(Debug)]
pub struct Sandbox {
    limits: Limits,
    confinement: OnceCell<Confinement>,
}

impl Sandbox {
    /// A sandbox with these limits for each child.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, confinement: OnceCell::new() }
    }

    /// Runs one child to its end and hands its progress on.
    ///
    /// Call it from a task, never from a blocking thread: the kernel ties the child's life to the thread that
    /// starts it, and blocking threads come and go.
    ///
    /// # Errors
    /// See [`Error`]. The child is gone in any case.
    pub async fn run(&self, task: Task, mut on_progress: impl FnMut(String, f32)) -> Result<(), Error> {
        let request = self.request(Some(task));
        let on_line = |line| match line {
            Line::Progress { stage, percent } => on_progress(stage, percent),
            Line::Confined(found) => self.learn(found),
            Line::Done {} | Line::Error { .. } => {}
        };
        self.start(&request, on_line).await
    }

    /// How children are confined here. The first call may start one that does nothing else than find out.
    ///
    /// # Errors
    /// See [`Error`]: then no job can be run either.
    pub async fn confinement(&self) -> Result<&Confinement, Error> {
        let probe = || async {
            let found = tokio::time::timeout(PROBE_TIME, self.probe()).await;
            found.unwrap_or_else(|_elapsed| Err(io::Error::other("it does not answer").into()))
        };
        self.confinement.get_or_try_init(probe).await
    }

    /// All children are confined alike: the first that tells is enough.
    fn learn(&self, found: Confinement) {
        if !self.confinement.initialized() {
            found.log_missing();
            // Another child may have been quicker.
            let _ = self.confinement.set(found);
        }
    }

    async fn probe(&self) -> Result<Confinement, Error> {
        let mut found = None;
        let on_line = |line| {
            if let Line::Confined(confinement) = line {
                found = Some(confinement);
            }
        };
        self.start(&self.request(None), on_line).await?;
        let found = found.ok_or_else(|| Error::Io(io::Error::other("it did not say how it is confined")))?;
        found.log_missing();
        Ok(found)
    }

    fn request(&self, task: Option<Task>) -> Request {
        let Limits { time, memory_bytes } = self.limits;
        Request { task, memory_bytes, time_s: time.as_secs().max(1), parent: std::process::id() }
    }

    /// A stop is meant for this process, which ends its children itself. One that reaches a child before it has
    /// learnt to ignore it is no crash: it starts again, unless this process stops and drops the future.
    async fn start(&self, request: &Request, mut on_line: impl FnMut(Line)) -> Result<(), Error> {
        let mut starts = 1;
        loop {
            match self.start_once(request, &mut on_line).await {
                Err(Error::AskedToStop) if starts < MOST_STARTS => starts += 1,
                ended => return ended,
            }
        }
    }

    async fn start_once(&self, request: &Request, on_line: &mut impl FnMut(Line)) -> Result<(), Error> {
        let oom_kills = memory::oom_kills();
        let mut child = Child::spawn()?;
        let Ok(ended) = tokio::time::timeout(self.limits.time, child.converse(request, on_line)).await else {
            child.kill().await?;
            return Err(Error::TimedOut(self.limits.time));
        };
        let (outcome, complaint, status) = ended?;
        if !complaint.is_empty() {
            tracing::warn!(complaint, "what the optimizer's process wrote to stderr, or the end of it");
        }
        let is_oom_kill = memory::oom_kills() > oom_kills;
        Ending { outcome, status, complaint, is_oom_kill, memory_bytes: self.limits.memory_bytes }.judge()
    }
}

/// A child and whatever it may have started; all of it is killed when this value goes.
struct Child(tokio::process::Child);

impl Child {
    fn spawn() -> io::Result<Self> {
        let child = Command::new(own_executable()?)
            .arg(COMMAND)
            // Passwords of this process are none of the child's business.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C in a terminal is for this process, and a kill reaches all of the group.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self(child))
    }

    /// Sends the request, reads and waits to the end; returns the outcome, the end of what it wrote to stderr, and
    /// how it ended.
    async fn converse(
        &mut self,
        request: &Request,
        on_line: &mut impl FnMut(Line),
    ) -> io::Result<(Option<Line>, String, ExitStatus)> {
        let child = &mut self.0;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("its pipes are missing"));
        };
        // A child that died at once breaks the pipe; its exit status says more than that.
        let _ = stdin.write_all(&serde_json::to_vec(request)?).await;
        drop(stdin);
        let (outcome, complaint) = tokio::try_join!(outcome(stdout, on_line), complaint(stderr))?;
        // Closed pipes are no end: a hijacked child may live on without them.
        Ok((outcome, complaint, child.wait().await?))
    }

    async fn kill(&mut self) -> io::Result<()> {
        self.kill_group();
        self.0.wait().await.map(|_| ())
    }

    fn kill_group(&self) {
        // No id means that it was waited for: the number may be somebody else's by now.
        let pid = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            // It fails only if nobody is left to kill.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// The path of this program, which stays right when its file is replaced by a newer one while it runs.
fn own_executable() -> io::Result<PathBuf> {
    let own = PathBuf::from("/proc/self/exe");
    if own.exists() { Ok(own) } else { std::env::current_exe().or_else(without_proc) }
}

/// What the kernel was told to run: right as long as the file and the working folder stay where they are.
#[cfg(target_os = "linux")]
fn without_proc(_error: io::Error) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let path = rustix::param::linux_execfn().to_bytes();
    Ok(std::ffi::OsStr::from_bytes(path).into())
}

#[cfg(not(target_os = "linux"))]
fn without_proc(error: io::Error) -> io::Result<PathBuf> {
    Err(error)
}

/// Reads to the end and returns the last line that was an outcome.
async fn outcome(stdout: ChildStdout, on_line: &mut impl FnMut(Line)) -> io::Result<Option<Line>> {
    let mut lines = BufReader::new(stdout.take(MAX_TALK_BYTES)).split(b'\n');
    let mut outcome = None;
    while let Some(line) = lines.next_segment().await? {
        match serde_json::from_slice::<Line>(&line) {
            Ok(line) if line.is_outcome() => outcome = Some(line),
            Ok(line) => on_line(line.shortened()),
            // A codec that prints to stdout must not cost the job its result.
            Err(error) => tracing::debug!(%error, "the optimizer said something that is not an answer"),
        }
    }
    // A child that talks without end gets a broken pipe here instead of waiting for ever.
    Ok(outcome.map(Line::shortened))
}

/// Reads to the end and returns the end.
async fn complaint(mut stderr: ChildStderr) -> io::Result<String> {
    tail(&mut stderr).await.map(|tail| String::from_utf8_lossy(&tail).trim().to_owned())
}

async fn tail(source: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut tail = Vec::with_capacity(2 * COMPLAINT_BYTES);
    while source.take(COMPLAINT_BYTES as u64).read_to_end(&mut tail).await? > 0 {
        let excess = tail.len().saturating_sub(COMPLAINT_BYTES);
        tail.drain(..excess);
    }
    Ok(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_a_long_complaint_the_end_is_kept() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let kept = tail(&mut text.as_slice()).await.unwrap();
        assert_eq!(kept, text[text.len() - COMPLAINT_BYTES..]);
    }
}
