//! Builds the parts of the server, starts them, and stops them in order.
//!
//! No part is made anywhere else, so who depends on whom can be read here. Knows nothing of signals or of
//! the terminal: `cli/serve.rs` hands in when to stop and whom to tell that all is ready.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::bridge::{Bridge, Cause};
use crate::config::{self, Config, Watch};
use crate::health::Observer;
use crate::http::{self, Access, OpenBodies, Site};
use crate::jobs::{Intake, Jobs, Limits, OpenError, Tier};
use crate::log::Log;
use crate::meter::{Meter, MeterError};
use crate::secrets::{self, Secret};
use crate::{sandbox, service, watch, webhook, worker};

/// How long open connections and running jobs get to end. Platforms kill after 10 seconds or more.
const STOP_TIME: Duration = Duration::from_secs(8);

/// What is known once requests are answered.
#[derive(Debug)]
pub struct Ready {
    /// Where they are answered.
    pub address: SocketAddr,
    /// The admin token, if it was made just now.
    pub new_token: Option<Secret>,
}

/// Why the server could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// What systemd handed over cannot be listened on.
    #[error(
        "systemd handed over something that is no socket to listen on: {0}; see ListenStream= of its unit"
    )]
    Handed(io::Error),
    /// Nothing can be counted.
    #[error("the counters for /metrics cannot be made: {0}; please report it")]
    Meter(#[from] MeterError),
    /// The address of Redis makes no sense to its client.
    #[error("Redis cannot be used: {0}")]
    Redis(#[from] Cause),
    /// The admin token cannot be kept.
    #[error("the admin token in the data folder cannot be read or written: {0}; set one with ADMIN_TOKEN")]
    Token(io::Error),
    /// Serving failed later.
    #[error("the server stopped: {0}")]
    Serve(#[from] io::Error),
}

/// Runs the server until `stop`. Calls `on_ready` once, when requests are answered, with the
/// real address.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    config: &Config,
    log: Log,
    stop: CancellationToken,
    on_ready: impl FnOnce(Ready),
) -> Result<(), Error> {
    use_ring();
    let jobs = Arc::new(open_jobs(config)?);
    let bridge = Bridge::new(Arc::clone(&jobs), &config.fleet, &config.data_dir)?;
    let (admin_token, is_new) = admin_token(config, &jobs)?;
    let (listener, address) = listen(config.listen).await?;
    on_ready(Ready { address, new_token: is_new.then(|| admin_token.clone()) });

    let config::Access { requires_api_key, cors_origins, trusted_proxies, .. } = config.access.clone();
    let min_upload_bytes_per_s = config.intake.min_upload_bytes_per_s;
    let access =
        Access { admin_token, requires_api_key, cors_origins, trusted_proxies, min_upload_bytes_per_s };
    let meter = Meter::install()?;
    let webhooks = config.webhooks.clone();
    let site = Site {
        jobs: Arc::clone(&jobs),
        observer: Observer::new(Arc::clone(&jobs), bridge.clone()),
        meter: meter.clone(),
        rates: config.rates,
        bridge: bridge.clone(),
        access: Arc::new(access),
        open_bodies: OpenBodies::default(),
        webhooks: webhooks.clone(),
        log,
        config: Arc::new(config.clone()),
        stop: stop.clone(),
    };
    tokio::spawn(stop.clone().run_until_cancelled_owned(meter.keep_small()));
    // Nobody waits for it: what it was doing is done again at the next start.
    tokio::spawn(webhook::run(Arc::clone(&jobs), webhooks, stop.clone()));
    tokio::spawn(service::say_alive(Arc::clone(&jobs)));
    let working = tokio::spawn(work(jobs, config.watch.clone(), bridge, stop.clone()));
    let serving = tokio::spawn(http::serve(listener, site));
    stop_in_order(working, serving, &stop).await
}

/// Works for the other nodes and for the watched folder until `stop`, without a page or an API. Calls `on_ready` once,
/// when it may get work.
///
/// # Errors
/// See [`Error`].
pub async fn work_unseen(
    config: &Config,
    stop: CancellationToken,
    on_ready: impl FnOnce(),
) -> Result<(), Error> {
    use_ring();
    let jobs = Arc::new(open_jobs(config)?);
    let bridge = Bridge::new(Arc::clone(&jobs), &config.fleet, &config.data_dir)?;
    on_ready();
    tokio::spawn(service::say_alive(Arc::clone(&jobs)));
    let working = tokio::spawn(work(jobs, config.watch.clone(), bridge, stop.clone()));
    stop.cancelled().await;
    if tokio::time::timeout(STOP_TIME, working).await.is_err() {
        tracing::warn!(seconds = STOP_TIME.as_secs(), "stopped with work still under way");
    }
    Ok(())
}

/// Works until `stop`, for this node, its watched folder and the other nodes, as far as there are any.
async fn work(jobs: Arc<Jobs>, watched: Option<Watch>, bridge: Option<Arc<Bridge>>, stop: CancellationToken) {
    let bridging = bridge.map(|bridge| tokio::spawn(bridge.run(stop.clone())));
    let watching = watched.map(|folder| tokio::spawn(watch::run(folder, Arc::clone(&jobs), stop.clone())));
    worker::run(jobs, stop).await;
    for side in bridging.into_iter().chain(watching) {
        // It only ends early if it panicked, which was logged.
        let _ = side.await;
    }
}

/// The socket that systemd listens on for us, or one of our own.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let listen_error = |source| Error::Listen { address, source };
    let listener = match service::listener().map_err(Error::Handed)? {
        Some(listener) => TcpListener::from_std(listener).map_err(Error::Handed)?,
        None => TcpListener::bind(address).await.map_err(listen_error)?,
    };
    let address = listener.local_addr().map_err(listen_error)?;
    Ok((listener, address))
}

/// TLS for everybody who speaks it. Fails only if that was said before.
fn use_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What administrators have to show, and whether nobody can know it yet.
fn admin_token(config: &Config, jobs: &Jobs) -> Result<(Secret, bool), Error> {
    if let Some(token) = &config.access.admin_token {
        return Ok((token.clone(), false));
    }
    match jobs.tier() {
        Tier::Embedded => secrets::admin_token(&config.data_dir).map_err(Error::Token),
        // There is no folder to keep it in.
        Tier::Sync { .. } => Ok((Secret::random(), true)),
    }
}

/// The jobs of the data folder; without any folder to keep them in where that cannot be used.
fn open_jobs(config: &Config) -> Result<Jobs, OpenError> {
    let Config { max_file_bytes, task_timeout, workers, retention, disk_quota_bytes, .. } = *config;
    let memory_bytes = config.memory_limit_bytes.unwrap_or_else(|| sandbox::memory_share(workers));
    let task = sandbox::Limits { time: task_timeout, memory_bytes };
    let config::Intake { max_queued_jobs, max_jobs_per_client, .. } = config.intake;
    let intake = Intake { max_queued_jobs, max_jobs_per_client };
    let limits = Limits { max_file_bytes, task, workers, retention, disk_quota_bytes, intake };
    let jobs = match Jobs::open(&config.data_dir, limits) {
        Err(error) if error.is_of_the_folder() => {
            tracing::error!(%error, "no queue on disk: uploads wait for their result, and none is kept");
            Jobs::open_temporary(&config.temp_dir, limits, error.to_string())
        }
        opened => opened,
    }?;
    Ok(jobs.sharing(config.fleet.storage.clone()))
}

/// Waits for `stop`, or for the HTTP side to fail; then ends both sides together, within [`STOP_TIME`].
async fn stop_in_order(
    working: tokio::task::JoinHandle<()>,
    mut serving: tokio::task::JoinHandle<io::Result<()>>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let failed = tokio::select! {
        () = stop.cancelled() => None,
        ended = &mut serving => Some(ended),
    };
    stop.cancel();
    let rest = async {
        let _ = working.await;
        match failed {
            Some(ended) => ended,
            None => serving.await,
        }
    };
    match tokio::time::timeout(STOP_TIME, rest).await {
        Ok(served) => Ok(served.map_err(io::Error::other)??),
        Err(_elapsed) => {
            tracing::warn!(seconds = STOP_TIME.as_secs(), "stopped with connections still open");
            Ok(())
        }
    }
}
