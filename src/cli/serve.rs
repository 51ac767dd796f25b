//! `glb-optimizer serve`: the surroundings of the server: log, signals, the line that says it is ready.
//!
//! What the server consists of is in [`crate::app`].

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

use crate::app;
use crate::config::{Config, Flags};

/// How long blocking calls get to end after everything else has.
const RUNTIME_STOP_TIME: Duration = Duration::from_secs(1);

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// The configuration is wrong, the data folder or the address cannot be used, or serving failed.
pub(super) fn run(flags: Flags) -> anyhow::Result<()> {
    let config = Config::from_process(flags)?;
    surround(config.log_level, async |stop| app::run(&config, stop, say_ready).await)
}

/// Runs `body` with a log and threads around it, and tells it when to stop: at SIGTERM or SIGINT.
///
/// # Errors
/// None of that can be had, or `body` failed.
pub(super) fn surround(
    log_level: LevelFilter,
    body: impl AsyncFnOnce(CancellationToken) -> Result<(), app::Error>,
) -> anyhow::Result<()> {
    start_log(log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the server cannot be started")?;
    let result = runtime.block_on(async { Ok(body(stop_at_a_signal()?).await?) });
    runtime.shutdown_timeout(RUNTIME_STOP_TIME);
    result
}

fn stop_at_a_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let on_signal = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: running jobs go back to the queue");
        on_signal.cancel();
    });
    Ok(stop)
}

/// For people on a terminal, for programs elsewhere; always on stderr.
fn start_log(level: LevelFilter) {
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    if io::stderr().is_terminal() {
        log.init();
    } else {
        log.json().flatten_event(true).with_current_span(false).init();
    }
}

/// One plain line, whatever the log's level and format, for people and for scripts that wait for it.
fn say_ready(address: SocketAddr) {
    let mut shown = address;
    if address.ip().is_unspecified() {
        // 0.0.0.0 is where to listen, not where to go.
        shown.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    // Without a stderr there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "GLB Optimizer is ready: http://{shown}");
}
