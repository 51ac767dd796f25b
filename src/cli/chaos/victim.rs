//! The server under attack: this same executable, in a folder that outlives it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use super::ledger::Ledger;

/// What the server says when it answers, before its address.
const READY: &str = "GLB Optimizer is ready: ";
/// The longest that a start may take.
const START_TIME: Duration = Duration::from_secs(60);

/// A running server; killed when dropped.
pub(super) struct Victim {
    process: Child,
    /// The line with the address, once it comes.
    ready: Receiver<String>,
    url: Option<String>,
    log: Option<thread::JoinHandle<()>>,
}

impl Victim {
    /// Starts a server on `folder`, whose log goes to the ledger.
    pub(super) fn start(folder: &Path, workers: usize, ledger: &Arc<Ledger>) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("this executable does not know where it is")?;
        let mut process = Command::new(own)
            .args(["serve", "--listen", "127.0.0.1:0", "--workers", &workers.to_string(), "--data-dir"])
            .arg(folder)
            .env_clear()
            // All of the load comes from one client.
            .envs([("RATE_LIMIT_UPLOADS", "0"), ("RATE_LIMIT_REQUESTS", "0")])
            .envs([("MAX_JOBS_PER_CLIENT", "1000000"), ("MAX_QUEUED_JOBS", "1000000")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("the server cannot be started")?;
        let stderr = process.stderr.take().context("the server has no log")?;
        let (tell, ready) = mpsc::channel();
        let ledger = Arc::clone(ledger);
        let log = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix(READY) {
                    // Nobody may listen any more: it was killed first.
                    let _ = tell.send(url.to_owned());
                }
                ledger.read_log(&line);
            }
        });
        Ok(Self { process, ready, url: None, log: Some(log) })
    }

    /// The server's address, when it answers.
    pub(super) fn url(&mut self) -> anyhow::Result<String> {
        if self.url.is_none() {
            let url = self.ready.recv_timeout(START_TIME).context("the server does not start")?;
            self.url = Some(url);
        }
        self.url.clone().context("the server has no address")
    }

    /// As the out-of-memory killer would: no warning, no clean-up.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().context("the server cannot be killed")?;
        self.wait()
    }

    /// As a platform does it: SIGTERM, then wait.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::TERM).context("the server cannot be stopped")?;
        self.wait()
    }

    /// Takes the processor away for a while.
    pub(super) fn freeze(&self, time: Duration) {
        let pid = Pid::from_child(&self.process);
        if kill_process(pid, Signal::STOP).is_ok() {
            thread::sleep(time);
            let _ = kill_process(pid, Signal::CONT);
        }
    }

    /// Kills a process that works on a job. False when there is none.
    pub(super) fn kill_child(&self) -> bool {
        // It may be gone by now, which is as good as there being none.
        self.child().is_some_and(|child| kill_process(child, Signal::KILL).is_ok())
    }

    /// Known on Linux only; elsewhere no children are killed.
    fn child(&self) -> Option<Pid> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process.id())).ok()?;
        let children =
            threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
        children.collect::<String>().split_whitespace().find_map(|pid| Pid::from_raw(pid.parse().ok()?))
    }

    /// Until the process is gone and its log is read to the end.
    fn wait(&mut self) -> anyhow::Result<()> {
        self.process.wait().context("the server cannot be waited for")?;
        match self.log.take().map(thread::JoinHandle::join) {
            Some(Err(_)) => anyhow::bail!("the log of the server could not be read"),
            _ => Ok(()),
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
