//! The connections: how many at once, how long a client may take to say what it wants and to take the answer, and how they end.
//!
//! HTTP/1.1 only: whoever encrypts in front speaks HTTP/2 with the client. axum's own loop has none of these limits,
//! so this one speaks with hyper itself. What is answered is decided in [`super::router`].

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::tally::{Counted, Tally};

/// Connections at once; one more waits in the system's own line until another ends.
pub(super) const MAX_CONNECTIONS: usize = 4_096;
/// And from one address: a proxy has one for everybody, and still cannot take all.
pub(super) const MAX_CONNECTIONS_PER_ADDRESS: usize = MAX_CONNECTIONS / 2;
/// How long nothing of an answer may be taken. Events have signs of life in between, so this ends their listeners too.
pub(super) const TAKE_TIME: Duration = Duration::from_secs(60);
/// How long the head of a request may take, from its first byte or from the end of the request before.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(20);
/// What the head of a request may hold: lines, and bytes in all, the address included.
pub(super) const MAX_HEADER_LINES: usize = 100;
pub(super) const MAX_HEAD_BYTES: usize = 32 << 10;
/// The wait after the system had no connection to give, mostly for want of file descriptors.
const PAUSE_AFTER_FAULT: Duration = Duration::from_millis(100);

/// Answers connections by `router` until `stop`, then lets the open requests end.
///
/// # Errors
/// The listener fails for good.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    let peers = Tally::default();
    while let Some(Ok(place)) = stop.run_until_cancelled(Arc::clone(&places).acquire_owned()).await {
        match stop.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok((stream, peer))) => {
                let Some(of_peer) = admit(&peers, peer.ip()) else { continue };
                connections.spawn(converse(stream, peer, router.clone(), stop.clone(), (place, of_peer)));
            }
            Some(Err(error)) if is_of_one_connection(&error) => {}
            Some(Err(error)) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE_AFTER_FAULT).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// None where the address has as many connections as it may.
fn admit(peers: &Tally<IpAddr>, address: IpAddr) -> Option<Counted<IpAddr>> {
    let has_room = |counts: &HashMap<IpAddr, usize>| {
        let own = counts.get(&address).copied().unwrap_or_default();
        if own < MAX_CONNECTIONS_PER_ADDRESS { Ok(()) } else { Err(()) }
    };
    peers.admit(address, has_room).ok()
}

/// Sees one connection through.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
    _places: (OwnedSemaphorePermit, Counted<IpAddr>),
) {
    // Answers are short or come in large pieces: waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(TAKE_TIME));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_headers(MAX_HEADER_LINES)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(Box::pin(stream)), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, client = %peer.ip(), "a connection broke off");
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_never_has_all_connections() {
        let (peers, one) = (Tally::default(), IpAddr::from([192, 0, 2, 1]));
        let all: Vec<_> = std::iter::from_fn(|| admit(&peers, one)).collect();
        assert_eq!(all.len(), MAX_CONNECTIONS_PER_ADDRESS);
        assert!(admit(&peers, IpAddr::from([192, 0, 2, 2])).is_some());
        drop(all);
        assert!(admit(&peers, one).is_some() && peers.is_empty());
    }
}
