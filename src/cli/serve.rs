//! `glb-optimizer serve`: the surroundings of the server: log, signals, the line that says it is ready.
//!
//! What the server consists of is in [`crate::app`].

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::limits;
use crate::app::{self, Ready};
use crate::config::{self, Config, Flags, Ignored};
use crate::log::Log;
use crate::service;

/// How long blocking calls get to end after everything else has.
const RUNTIME_STOP_TIME: Duration = Duration::from_secs(1);

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// The configuration is wrong, the data folder or the address cannot be used, or serving failed.
pub(super) fn run(flags: Flags) -> anyhow::Result<()> {
    let config = Config::from_process(flags)?;
    surround(&config, async |log, stop| app::run(&config, log, stop, say_ready).await)
}

/// Runs `body` with a log and threads around it, and tells it when to stop: at SIGTERM or SIGINT.
///
/// # Errors
/// None of that can be had, or too little ([`limits`]), or `body` failed.
pub(super) fn surround(
    config: &Config,
    body: impl AsyncFnOnce(Log, CancellationToken) -> Result<(), app::Error>,
) -> anyhow::Result<()> {
    limits::prepare()?;
    let log = Log::start(config.log_level);
    for Ignored { name, reason } in config::ignored() {
        tracing::warn!("{name} is set and ignored: {reason}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the server cannot be started")?;
    let result = runtime.block_on(async {
        let louder = signal(SignalKind::user_defined1()).context("signals cannot be received")?;
        tokio::spawn(change_log_level(louder, log.clone()));
        Ok(body(log, stop_at_a_signal()?).await?)
    });
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
        service::say_stopping();
        tracing::info!(signal = name, "stopping: running jobs go back to the queue");
        on_signal.cancel();
    });
    Ok(stop)
}

/// SIGUSR1 makes the log tell everything, and again what LOG_LEVEL says: no restart is needed to look closer.
async fn change_log_level(mut signal: Signal, log: Log) {
    while signal.recv().await.is_some() {
        log.toggle();
    }
}

/// One plain line, whatever the log's level and format, for people and for scripts that wait for it.
///
/// The line before it, with a new admin token, comes once in the life of a data folder; it is no line of the log.
fn say_ready(ready: Ready) {
    let mut shown = ready.address;
    if shown.ip().is_unspecified() {
        // 0.0.0.0 is where to listen, not where to go.
        shown.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    // Without a stderr there is nobody to tell.
    if let Some(token) = ready.new_token {
        let token = token.reveal();
        let _ =
            writeln!(io::stderr().lock(), "Administrators log in once at http://{shown}/login?token={token}");
    }
    let _ = writeln!(io::stderr().lock(), "GLB Optimizer is ready: http://{shown}");
    service::say_ready();
}
