//! A real redis-server on a spare port, for one test.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::DEADLINE;

/// A running redis-server; killed when dropped.
pub(crate) struct Redis {
    process: Child,
    pub(crate) port: u16,
    _folder: TempDir,
}

impl Redis {
    /// Starts one with these settings.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_at(port, settings)
    }

    pub(crate) fn start_at(port: u16, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]);
        command.arg(folder.path()).args(settings).stdin(Stdio::null()).stdout(Stdio::null());
        let redis = Self { process: command.spawn().unwrap(), port, _folder: folder };
        let start = Instant::now();
        while !redis.answers() {
            assert!(start.elapsed() < DEADLINE, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Any answer will do: one that wants a password says so.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        stream.write_all(b"PING\r\n").is_ok() && stream.read(&mut [0; 16]).is_ok_and(|read| read > 0)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
