//! One child: started, spoken to, and killed with all that it may have started.
//!
//! It may be hijacked, so nothing that it says is kept in full, and that it closes its pipes is no proof of its end.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStderr, ChildStdout, Command};

use super::{COMMAND, Line, Request};

/// All that a child may say. An honest one needs some hundred lines; a hijacked one gets no more memory.
const MAX_TALK_BYTES: u64 = 8 << 20;
/// What is kept of its stderr: the end.
const COMPLAINT_BYTES: usize = 2 << 10;

/// What a child leaves.
pub(super) struct Farewell {
    /// The last line that was an outcome.
    pub(super) outcome: Option<Line>,
    /// The end of what it wrote to stderr.
    pub(super) complaint: String,
    pub(super) status: ExitStatus,
}

/// A child and whatever it may have started; all of it is killed when this value goes.
pub(super) struct Child(tokio::process::Child);

impl Child {
    pub(super) fn spawn() -> io::Result<Self> {
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

    /// Sends the request, hands on what the child says, and waits for its end.
    pub(super) async fn converse(
        &mut self,
        request: &Request,
        on_line: &mut impl FnMut(Line),
    ) -> io::Result<Farewell> {
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
        // Closed pipes are no end: a hijacked child may live on without them, and what it has started without it. The
        // last is killed while the child's number is certainly its own: until it is waited for.
        let pid = self.pid();
        ended(pid).await?;
        self.kill_group();
        Ok(Farewell { outcome, complaint, status: self.0.wait().await? })
    }

    pub(super) async fn kill(&mut self) -> io::Result<()> {
        self.kill_group();
        self.0.wait().await.map(|_| ())
    }

    /// None once it was waited for: the number may be somebody else's by now.
    fn pid(&self) -> Option<Pid> {
        self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()))
    }

    fn kill_group(&self) {
        if let Some(pid) = self.pid() {
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

/// Returns when a process has ended, and leaves it to be waited for.
async fn ended(pid: Option<Pid>) -> io::Result<()> {
    let Some(pid) = pid else { return Ok(()) };
    let look =
        move || retry_on_intr(|| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
    tokio::task::spawn_blocking(look).await?.map(|_| ()).map_err(Into::into)
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
