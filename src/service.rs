//! What systemd hands over and what it is told: the socket, that the service is ready, alive, and stopping.
//!
//! Started by anything else, none of this does anything: systemd says by variables what it wants, which the two
//! libraries read. Units: `assets/deploy`.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use listenfd::ListenFd;
use rustix::io::{FdFlags, fcntl_setfd};
use sd_notify::NotifyState;

use crate::jobs::Jobs;

/// The socket that systemd listens on for this program, if it does.
///
/// # Errors
/// What was handed over is no such socket.
pub fn listener() -> io::Result<Option<TcpListener>> {
    let mut handed = ListenFd::from_env();
    if handed.len() > 1 {
        tracing::warn!(count = handed.len(), "only the first of the sockets of systemd is served");
    }
    let Some(listener) = handed.take_tcp_listener(0)? else { return Ok(None) };
    // The children that work on hostile files get nothing.
    fcntl_setfd(&listener, FdFlags::CLOEXEC)?;
    listener.set_nonblocking(true)?;
    Ok(Some(listener))
}

/// Requests are answered, or work is taken, from now on.
pub fn say_ready() {
    say(&NotifyState::Ready);
}

/// The program was asked to stop, and does.
pub fn say_stopping() {
    say(&NotifyState::Stopping);
}

/// Says that the program is alive as long as its queue answers, if systemd wants to know. Else it is killed and started
/// again, and the jobs go on.
///
/// Asking the queue takes a turn of the threads that serve, one of those that may block, and the lock of the queue:
/// a dead end in any of them is seen. An error of the disk is an answer. Not asked is the port: a server whose
/// connections are all in use works.
pub async fn say_alive(jobs: Arc<Jobs>) {
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    let half = interval / 2;
    loop {
        match tokio::time::timeout(half, jobs.counts()).await {
            Ok(_) => say(&NotifyState::Watchdog),
            Err(_elapsed) => tracing::error!(seconds = half.as_secs(), "the queue does not answer"),
        }
        tokio::time::sleep(half.max(Duration::from_millis(1))).await;
    }
}

fn say(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, "systemd cannot be told how this service does");
    }
}
