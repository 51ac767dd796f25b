//! One child process a job: parsing hostile files is where a server would die, so it happens elsewhere.
//!
//! The child is this same executable with a hidden command (`cli/child.rs`). It gets one [`Request`] as
//! JSON on stdin and answers with one [`Line`] of JSON a line on stdout: how it is confined, its progress, the
//! outcome. It has an empty environment, limits on memory and time, and it dies with this process. Dropping the
//! future of [`Sandbox::run`] kills it. Nothing here may know of jobs or of the queue.
//!
//! Next: `process.rs` for one child's life, `confine.rs` for what a child may not do, `ending.rs` for why one ended, `memory.rs` for its share.

mod confine;
mod ending;
#[cfg(target_os = "linux")]
mod filter;
mod folder;
mod memory;
mod process;
mod protocol;

use std::io;
use std::time::Duration;

use tokio::sync::OnceCell;

pub use confine::{Confinement, Missing, confine, outlast_signals};
use ending::Ending;
pub use ending::{Error, is_of_input};
pub use folder::Folder;
pub use memory::{asides, container_bytes, machine_bytes, share as memory_share};
use process::{Child, Farewell};
pub use protocol::{Compare, Found, Line, Named, Optimize, Request, Task, Unpack, Unpacked};

/// The hidden command that makes this executable the child.
pub const COMMAND: &str = "sandbox-child";

/// The code of a child that could not write its result for want of room on the disk.
pub const DISK_FULL: &str = "disk_full";

/// A child that does nothing else than say how it is confined takes milliseconds; whoever asks is not kept waiting.
const PROBE_TIME: Duration = Duration::from_secs(10);
/// Starts of a child that was asked to stop while it could not refuse yet: in its first milliseconds.
const MOST_STARTS: u32 = 3;

/// What one child may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may run.
    pub time: Duration,
    /// How much memory a job may have, in bytes; what is done beside jobs may have half of it.
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
        let memory_bytes = match task {
            Some(Task::Unpack(_) | Task::Compare(_)) => memory_bytes / 2,
            Some(Task::Optimize(_)) | None => memory_bytes,
        };
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
        let Farewell { outcome, complaint, status } = ended?;
        if !complaint.is_empty() {
            tracing::warn!(complaint, "what the optimizer's process wrote to stderr, or the end of it");
        }
        let is_oom_kill = memory::oom_kills() > oom_kills;
        Ending { outcome, status, complaint, is_oom_kill, memory_bytes: request.memory_bytes }.judge()
    }
}
