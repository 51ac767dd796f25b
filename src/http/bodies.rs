//! Bodies on their way in: how many at once, and how slowly. Not what is in them, nor how large: see `upload.rs`.
//!
//! A body that comes too slowly ends with an error for whoever reads it, who then lets go of what was received; the
//! answer becomes 408. Time that this server needs to store what came does not count against the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};

use super::Site;
use super::caller::Caller;
use super::error::Problem;
use super::tally::{Counted, Tally};

/// Bodies that may come in at once. Each holds a file and a buffer of 64 kB or so.
pub(super) const MAX_OPEN: usize = 256;
/// And from one client: more than any browser opens, and enough for a script with fifty uploads.
pub(super) const MAX_OPEN_PER_CLIENT: usize = 64;
/// A body that is known to be smaller is no upload: it is watched, but not counted.
pub(super) const SMALL_BYTES: u64 = 64 << 10;
/// How long a client is waited for before it is looked at how much has come.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// Bodies that are coming in, by client.
#[derive(Debug, Clone, Default)]
pub struct Open(Tally<String>);

impl Open {
    fn admit(&self, client: String) -> Result<Counted<String>, Problem> {
        self.0.admit(client.clone(), |open| {
            if open.values().sum::<usize>() >= MAX_OPEN {
                return Err(Problem::too_many_uploads());
            }
            if open.get(&client).is_some_and(|own| *own >= MAX_OPEN_PER_CLIENT) {
                return Err(Problem::too_many_own_uploads(MAX_OPEN_PER_CLIENT));
            }
            Ok(())
        })
    }
}

/// Admits a body or refuses it, and watches how fast it comes.
pub(super) async fn guard(
    State(site): State<Site>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    let is_small = request.body().size_hint().upper().is_some_and(|bytes| bytes <= SMALL_BYTES);
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let permit = match (!is_small).then(|| site.open_bodies.admit(caller.client())).transpose() {
        Ok(permit) => permit,
        Err(problem) => return problem.into_response(),
    };
    let is_slow = Arc::new(AtomicBool::new(false));
    let least_bytes = site.access.min_upload_bytes_per_s.saturating_mul(WINDOW.as_secs());
    let watch = Watch { least_bytes, is_slow: Arc::clone(&is_slow), waited: Duration::ZERO, bytes: 0 };
    let (parts, body) = request.into_parts();
    let body = Body::from_stream(watched(body, watch, permit));
    let answer = next.run(Request::from_parts(parts, body)).await;
    if is_slow.load(Ordering::Relaxed) { Problem::too_slow(least_bytes).into_response() } else { answer }
}

/// How a body comes in.
struct Watch {
    least_bytes: u64,
    is_slow: Arc<AtomicBool>,
    /// Since it was last looked at: how long the client was waited for, and what came.
    waited: Duration,
    bytes: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("it came too slowly")]
struct TooSlow;

type Chunk = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

fn watched(body: Body, watch: Watch, permit: Option<Counted<String>>) -> impl Stream<Item = Chunk> {
    let start = Some((body.into_data_stream(), watch, permit));
    stream::unfold(start, async |state| {
        let (mut chunks, mut watch, permit) = state?;
        match watch.next(&mut chunks).await {
            Err(error) => Some((Err(error.into()), None)),
            Ok(None) => None,
            Ok(Some(chunk)) => Some((chunk.map_err(Into::into), Some((chunks, watch, permit)))),
        }
    })
    // Whoever found no room for a body that had come whole reads on all the same, to let the client finish.
    .fuse()
}

impl Watch {
    /// The next chunk, unless the client has brought too little for the time that it was waited for.
    async fn next<S: Stream<Item = Result<Bytes, axum::Error>> + Unpin>(
        &mut self,
        chunks: &mut S,
    ) -> Result<Option<Result<Bytes, axum::Error>>, TooSlow> {
        loop {
            let start = Instant::now();
            let next = tokio::time::timeout(WINDOW.saturating_sub(self.waited), chunks.next()).await;
            self.waited += start.elapsed();
            if let Ok(Some(Ok(chunk))) = &next {
                self.bytes += chunk.len() as u64;
            }
            if self.waited >= WINDOW {
                if self.bytes < self.least_bytes {
                    self.is_slow.store(true, Ordering::Relaxed);
                    return Err(TooSlow);
                }
                (self.waited, self.bytes) = (Duration::ZERO, 0);
            }
            if let Ok(next) = next {
                return Ok(next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(least_bytes: u64) -> Watch {
        Watch { least_bytes, is_slow: Arc::default(), waited: Duration::ZERO, bytes: 0 }
    }

    #[tokio::test]
    async fn a_body_that_brings_too_little_ends_with_an_error() {
        let mut nothing = Box::pin(stream::pending());
        let mut watch = Watch { waited: WINDOW, bytes: 99, ..watch(100) };
        assert!(watch.next(&mut nothing).await.is_err());
        assert!(watch.is_slow.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn a_body_that_brings_enough_goes_on() {
        let mut chunks = stream::iter([Ok(Bytes::from_static(b"x"))]);
        let mut watch = Watch { waited: WINDOW, bytes: 100, ..watch(100) };
        assert!(watch.next(&mut chunks).await.unwrap().is_some());
        assert_eq!(watch.bytes, 0, "a new window has begun");
    }

    #[test]
    fn one_client_cannot_take_all_places() {
        let open = Open::default();
        let taken: Vec<_> = (0..MAX_OPEN_PER_CLIENT).map(|_| open.admit("a".into()).unwrap()).collect();
        assert!(open.admit("a".into()).is_err());
        assert!(open.admit("b".into()).is_ok());
        drop(taken);
        assert!(open.admit("a".into()).is_ok() && open.0.is_empty());
    }
}
