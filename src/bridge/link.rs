//! The connection to Redis: tried for ever in the background, checked every few seconds, told as it is.
//!
//! Nothing ever waits for a connection: [`Link::connection`] has one or the cause why not. "Connected" is claimed
//! after a real round trip that also writes, so that a replica, a full server or a hung one is not taken for a good
//! one. Commands are not repeated here; whoever sends one makes it safe to be sent again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    TlsCertificates,
};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::cause::Cause;
use crate::config::RedisUrl;
use crate::meter;

/// No process opens more connections than this.
pub const MAX_CONNECTIONS: usize = 20;
/// What this one opens: for commands, for work, for the inbox, for events.
pub const POOL_SIZE: usize = 4;

const CONNECT_TIME: Duration = Duration::from_secs(5);
/// A server that does not answer for so long hangs.
const RESPONSE_TIME: Duration = Duration::from_secs(2);
/// How long a blocking read waits for news, and how much longer its answer may take.
pub(super) const BLOCK: Duration = Duration::from_secs(2);
const BLOCK_RESPONSE_TIME: Duration = Duration::from_secs(5);

/// "attempt k/n" in the log starts over after n.
const ATTEMPTS_A_ROUND: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Whether Redis can be used, and why not.
#[derive(Debug, Clone)]
pub(super) enum State {
    Connected { connection: MultiplexedConnection, latency: Duration },
    Disconnected(Cause),
}

/// The one way to Redis.
#[derive(Debug)]
pub(super) struct Link {
    url: RedisUrl,
    /// Written and gone again at each check.
    probe_key: String,
    client: Client,
    state: RwLock<State>,
    changes: watch::Sender<bool>,
    check_wanted: Notify,
    open: Arc<AtomicUsize>,
}

/// Counts a connection of its own while it lives.
#[derive(Debug)]
pub(super) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Link {
    /// Dials nobody.
    pub(super) fn new(url: RedisUrl, probe_key: String) -> Result<Self, Cause> {
        let place = place(&url);
        let client = client(&url).map_err(|error| Cause::of(&place, url.is_tls, &error))?;
        let state = RwLock::new(State::Disconnected(Cause::NotTried));
        let changes = watch::Sender::new(false);
        let (check_wanted, open) = (Notify::new(), Arc::default());
        Ok(Self { url, probe_key, client, state, changes, check_wanted, open })
    }

    /// Where Redis is.
    #[must_use]
    pub(super) fn url(&self) -> &RedisUrl {
        &self.url
    }

    /// A connection for commands, at once.
    ///
    /// # Errors
    /// The cause why there is none.
    pub(super) fn connection(&self) -> Result<MultiplexedConnection, Cause> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Connected { connection, .. } => Ok(connection.clone()),
            State::Disconnected(cause) => Err(cause.clone()),
        }
    }

    /// Reports that a command failed, so that the connection is looked at now and not in a few seconds.
    pub(super) fn suspect(&self, error: &RedisError) {
        tracing::debug!(%error, "a command of Redis failed");
        self.check_wanted.notify_one();
    }

    /// Whether there is a connection, now and at every change.
    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.changes.subscribe()
    }

    pub(super) fn is_connected(&self) -> bool {
        *self.changes.borrow()
    }

    /// Waits until there is a connection.
    pub(super) async fn connected(&self) {
        let mut changes = self.watch();
        // The sender lives as long as this link.
        let _ = changes.wait_for(|is_connected| *is_connected).await;
    }

    pub(super) fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections are open.
    #[must_use]
    pub(super) fn active_connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// A connection of its own for blocking reads: on a shared one they would hold everybody up.
    pub(super) async fn blocking(&self) -> Result<(MultiplexedConnection, Counted), RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIME))
            .set_response_timeout(Some(BLOCK_RESPONSE_TIME));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok((connection, self.counted()))
    }

    /// A connection of its own that listens.
    pub(super) async fn pubsub(&self) -> Result<(PubSub, Counted), RedisError> {
        let timed_out = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        let pubsub = tokio::time::timeout(CONNECT_TIME, self.client.get_async_pubsub()).await;
        Ok((pubsub.map_err(timed_out)??, self.counted()))
    }

    fn counted(&self) -> Counted {
        self.open.fetch_add(1, Ordering::SeqCst);
        Counted(Arc::clone(&self.open))
    }

    /// Connects and stays connected, for ever. `pause` says how far checks of a good connection are apart.
    pub(super) async fn keep(&self, pause: Duration) {
        let mut failures = 0_u32;
        loop {
            let attempt = failures % ATTEMPTS_A_ROUND + 1;
            match self.connect().await {
                Ok((connection, counted, latency)) => {
                    tracing::info!(redis = %self.url, "Redis connection established (attempt {attempt}/{ATTEMPTS_A_ROUND})");
                    failures = 0;
                    self.set(State::Connected { connection: connection.clone(), latency });
                    let cause = self.check_until_it_fails(connection, pause).await;
                    drop(counted);
                    tracing::warn!(redis = %self.url, %cause, "the connection to Redis is lost");
                    self.set(State::Disconnected(cause));
                }
                Err(cause) => {
                    tracing::warn!(redis = %self.url, %cause, "Redis connection attempt {attempt}/{ATTEMPTS_A_ROUND} failed");
                    self.set(State::Disconnected(cause));
                    tokio::time::sleep(backoff(failures)).await;
                    failures = failures.saturating_add(1);
                }
            }
        }
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, Counted, Duration), Cause> {
        // The library does not say errno; a socket of our own does.
        probe(&self.url).await?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIME))
            .set_response_timeout(Some(RESPONSE_TIME));
        let connected = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let mut connection = connected.map_err(|error| match self.cause(&error) {
            // The port answers. A server without TLS waits for more after its greeting.
            Cause::TimedOut(place) if self.url.is_tls => Cause::Tls(place, "nobody greets back".into()),
            cause => cause,
        })?;
        let counted = self.counted();
        let latency = self.check(&mut connection).await.map_err(|error| self.cause(&error))?;
        Ok((connection, counted, latency))
    }

    async fn check_until_it_fails(&self, mut connection: MultiplexedConnection, pause: Duration) -> Cause {
        loop {
            // Running out of time is as good as being woken.
            let _ = tokio::time::timeout(pause, self.check_wanted.notified()).await;
            match self.check(&mut connection).await {
                Ok(latency) => self.set(State::Connected { connection: connection.clone(), latency }),
                Err(error) => return self.cause(&error),
            }
        }
    }

    /// A round trip that also writes: replicas and full servers answer to PING.
    async fn check(&self, connection: &mut MultiplexedConnection) -> Result<Duration, RedisError> {
        let start = Instant::now();
        let _: String = redis::cmd("PING").query_async(connection).await?;
        let latency = start.elapsed();
        let write = redis::cmd("SET").arg(&self.probe_key).arg(1).arg("PX").arg(1).to_owned();
        let _: String = write.query_async(connection).await?;
        Ok(latency)
    }

    fn cause(&self, error: &RedisError) -> Cause {
        Cause::of(&place(&self.url), self.url.is_tls, error)
    }

    fn set(&self, state: State) {
        let is_connected = matches!(state, State::Connected { .. });
        if let State::Disconnected(cause) = &state {
            meter::redis_failed(cause.code());
        }
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.changes.send_if_modified(|before| std::mem::replace(before, is_connected) != is_connected);
    }
}

/// Opens a socket to where Redis should be, and closes it.
///
/// # Errors
/// The cause why that cannot be done.
pub async fn probe(url: &RedisUrl) -> Result<Duration, Cause> {
    let place = place(url);
    let start = Instant::now();
    let connect = async {
        let resolved = tokio::net::lookup_host((url.host.as_str(), url.port)).await;
        let addresses: Vec<_> =
            resolved.map_err(|error| Cause::Unresolvable(place.clone(), error.to_string()))?.collect();
        let socket = TcpStream::connect(addresses.as_slice()).await;
        socket.map(|_| start.elapsed()).map_err(|error| Cause::of_socket(&place, &error))
    };
    let in_time = tokio::time::timeout(CONNECT_TIME, connect).await;
    in_time.unwrap_or_else(|_| Err(Cause::TimedOut(place.clone())))
}

/// Doubles up to its limit, with up to half of it more, so that nodes do not all come at once.
fn backoff(failures: u32) -> Duration {
    let base = FIRST_BACKOFF.saturating_mul(1 << failures.min(10)).min(LONGEST_BACKOFF);
    let random = Uuid::new_v4().as_u128() % 500;
    base + base.mul_f64(random as f64 / 1_000.0)
}

pub(super) fn place(url: &RedisUrl) -> String {
    format!("{}:{}", url.host, url.port)
}

pub(super) fn client(url: &RedisUrl) -> Result<Client, RedisError> {
    let (host, port) = (url.host.clone(), url.port);
    let address = match url.is_tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    };
    let mut settings = RedisConnectionInfo::default().set_db(url.database);
    if let Some(user) = &url.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &url.password {
        settings = settings.set_password(password);
    }
    let info = address.into_connection_info()?.set_redis_settings(settings);
    match &url.ca_file {
        Some(file) if url.is_tls => {
            let root_cert = std::fs::read(file).map_err(|error| {
                std::io::Error::new(error.kind(), format!("REDIS_CA_FILE ({}): {error}", file.display()))
            })?;
            Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
        }
        _ => Client::open(info),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_between_attempts_grows_and_has_an_end() {
        assert!(backoff(0) < Duration::from_millis(376));
        assert!((5.0..7.5).contains(&backoff(40).as_secs_f64()));
    }
}
