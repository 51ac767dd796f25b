//! How often one client may ask: counted by this node, and by all nodes together while Redis answers.
//!
//! The answer is 429 with `Retry-After`, or the request goes on; a Redis that fails is no reason to refuse anybody. The
//! own count comes first, so that a client gone wild does not become the load of Redis. Health and metrics are never
//! refused: whoever looks after the server needs them most when much is going on.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::caller::Caller;
use super::error::Problem;
use crate::bridge::Bridge;
use crate::config;

/// Where files are sent to.
const UPLOADS: [&str; 6] = [
    "/api/v1/jobs",
    "/api/v1/jobs/{id}/rerun",
    "/api/v1/batches",
    "/api/v1/optimize",
    "/api/v1/compare",
    "/upload",
];
/// What is never refused begins with one of these.
const FREE: [&str; 2] = ["/health", "/metrics"];
const MINUTE: Duration = Duration::from_secs(60);
/// With more clients than this in memory, those that were quiet are forgotten.
const MANY_CLIENTS: usize = 10_000;

/// The limits of a server.
#[derive(Clone)]
pub(super) struct Rates {
    uploads: Option<Arc<Rate>>,
    requests: Option<Arc<Rate>>,
    bridge: Option<Arc<Bridge>>,
}

/// One limit.
struct Rate {
    name: &'static str,
    a_minute: NonZeroU32,
    own: DefaultKeyedRateLimiter<String>,
}

impl Rates {
    pub(super) fn new(rates: config::Rates, bridge: Option<Arc<Bridge>>) -> Self {
        let rate =
            |name, a_minute: Option<NonZeroU32>| a_minute.map(|a_minute| Arc::new(Rate::new(name, a_minute)));
        Self { uploads: rate("uploads", rates.uploads), requests: rate("requests", rates.requests), bridge }
    }

    fn of(&self, request: &Request) -> Option<&Rate> {
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
        if FREE.iter().any(|free| route.starts_with(free)) {
            return None;
        }
        let is_upload = request.method() == Method::POST && UPLOADS.contains(&route);
        if is_upload { self.uploads.as_deref() } else { self.requests.as_deref() }
    }
}

impl Rate {
    fn new(name: &'static str, a_minute: NonZeroU32) -> Self {
        Self { name, a_minute, own: RateLimiter::keyed(Quota::per_minute(a_minute)) }
    }

    /// Counts one request of the client. The error is how long it should wait.
    async fn take(&self, client: &str, bridge: Option<&Bridge>) -> Result<(), Duration> {
        self.take_here(client)?;
        let Some(bridge) = bridge else { return Ok(()) };
        match bridge.count(&format!("{}:{client}", self.name), MINUTE).await {
            Some(counted) if counted.count > u64::from(self.a_minute.get()) => Err(counted.left),
            _ => Ok(()),
        }
    }

    fn take_here(&self, client: &str) -> Result<(), Duration> {
        if self.own.len() > MANY_CLIENTS {
            self.own.retain_recent();
        }
        let taken = self.own.check_key(&client.to_owned());
        taken.map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

/// Counts every request and refuses those that are too many.
pub(super) async fn limit(State(rates): State<Rates>, request: Request, next: Next) -> Response {
    let Some(rate) = rates.of(&request) else { return next.run(request).await };
    match rate.take(&client(&request), rates.bridge.as_deref()).await {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            tracing::debug!(limit = rate.name, "refused a client that asks too often");
            Problem::too_often(rate.name, rate.a_minute.get(), wait).into_response()
        }
    }
}

impl Rates {
    /// Counts a key that is worth nothing against the address that it came from, and says what to answer: guessing is a
    /// request like any other.
    pub(super) async fn count_refused(&self, caller: &Caller, problem: Problem) -> Problem {
        let Some(rate) = &self.requests else { return problem };
        match rate.take(&caller.client(), self.bridge.as_deref()).await {
            Ok(()) => {
                tracing::warn!("refused an API key that is worth nothing");
                problem
            }
            // Not logged: so many lines would be another harm.
            Err(wait) => Problem::too_often(rate.name, rate.a_minute.get(), wait),
        }
    }
}

/// Whom a request counts for.
fn client(request: &Request) -> String {
    request.extensions().get::<Caller>().map(Caller::client).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_refused_after_its_share_and_others_are_not() {
        let rate = Rate::new("uploads", NonZeroU32::new(3).unwrap());
        for _ in 0..3 {
            assert_eq!(rate.take_here("a"), Ok(()));
        }
        let wait = rate.take_here("a").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(20), "{wait:?}");
        assert_eq!(rate.take_here("b"), Ok(()));
    }
}
