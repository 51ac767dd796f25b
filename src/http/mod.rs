//! The HTTP side: thin handlers over [`crate::jobs`], one file a concern, one table of routes.
//!
//! A handler reads the request, makes one call, and writes the answer; what a job is and may do is decided
//! elsewhere. Every refusal is a problem document (`error.rs`), every answer has the headers set here.
//! Adding a route: a handler in its file and a row in [`router`].

mod admin;
mod assets;
mod backup;
mod bodies;
mod caller;
mod connections;
mod download;
mod error;
mod events;
mod headers;
mod health;
mod job_view;
mod jobs;
mod keys;
#[cfg(test)]
mod limits;
mod login;
mod meter;
mod queue;
mod rate;
mod upload;

use std::any::Any;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::bridge::Bridge;
use crate::config;
use crate::health::Observer;
use crate::jobs::Jobs;
use crate::meter::Meter;
use crate::secrets::Secret;
pub use bodies::Open as OpenBodies;
use error::Problem;
use rate::Rates;

/// The longest body that is no upload.
const SMALL_BODY_BYTES: usize = 16 << 10;

/// What the handlers share.
#[derive(Clone)]
pub struct Site {
    /// All jobs.
    pub jobs: Arc<Jobs>,
    /// Looks how this node does.
    pub observer: Observer,
    /// What was counted.
    pub meter: Meter,
    /// How often one client may ask.
    pub rates: config::Rates,
    /// The other nodes, if this one was told of a Redis.
    pub bridge: Option<Arc<Bridge>>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// Uploads that are coming in.
    pub open_bodies: OpenBodies,
    /// When to stop: no new connections, and event streams end.
    pub stop: CancellationToken,
}

/// Who may do what.
#[derive(Debug)]
pub struct Access {
    /// What administrators have to show.
    pub admin_token: Secret,
    /// Whether uploads need an API key.
    pub requires_api_key: bool,
    /// Sites whose pages may use the API, or `*`.
    pub cors_origins: Vec<String>,
    /// Proxies that are believed when they say for whom they ask.
    pub trusted_proxies: Vec<IpNet>,
    /// What an upload must bring a second, in bytes; 0 allows any.
    pub min_upload_bytes_per_s: u64,
}

/// Serves until the site stops and the open requests are answered.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, site: Site) -> io::Result<()> {
    let stop = site.stop.clone();
    connections::serve(listener, router(site), stop).await
}

fn router(site: Site) -> Router {
    let rates = Rates::new(site.rates, site.bridge.clone());
    let router = Router::new()
        .route("/api/v1/jobs", post(upload::submit).get(queue::list))
        .route("/api/v1/jobs/{id}", get(jobs::show).delete(jobs::delete))
        .route("/api/v1/jobs/{id}/events", get(events::listen))
        .route("/api/v1/jobs/{id}/result", get(download::result))
        .route("/api/v1/jobs/{id}/original", get(download::original))
        .route("/api/v1/jobs/{id}/report", get(jobs::report))
        .route("/api/v1/jobs/{id}/worst-view", get(jobs::worst_view))
        .route("/api/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/api/v1/jobs/{id}/retry", post(jobs::retry))
        .route("/api/v1/queue/purge", post(queue::purge))
        .route("/api/v1/queue/pause", post(queue::pause))
        .route("/api/v1/queue/resume", post(queue::resume))
        .route("/api/v1/backup", get(backup::send))
        .route("/api/v1/keys", get(keys::list).post(keys::create).layer(small_bodies()))
        .route("/api/v1/keys/{id}", delete(keys::revoke))
        .route("/login", get(login::show).post(login::submit).layer(small_bodies()))
        .route("/logout", post(login::leave))
        .route("/health", get(health::show))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(meter::show))
        .fallback(assets::serve)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        // Uploads are counted while they stream; the limit of the framework would buffer nothing but cut
        // the connection without an answer.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(rates, rate::limit))
        .layer(from_fn_with_state(site.clone(), bodies::guard))
        .layer(from_fn(meter::count))
        .layer(CatchPanicLayer::custom(answer_panic));
    headers::added(router.with_state(site.clone()), &site).layer(from_fn_with_state(site, caller::identify))
}

/// For what is read whole before it is looked at.
fn small_bodies() -> DefaultBodyLimit {
    DefaultBodyLimit::max(SMALL_BODY_BYTES)
}

fn answer_panic(_panic: Box<dyn Any + Send>) -> Response {
    // The panic itself is on stderr already, with its place.
    Problem::internal("a handler stopped unexpectedly").into_response()
}
