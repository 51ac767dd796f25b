//! The HTTP side: thin handlers over [`crate::jobs`], one file a concern, one table of routes.
//!
//! A handler reads the request, makes one call, and writes the answer; what a job is and may do is decided
//! elsewhere. Every refusal is a problem document (`error.rs`), every answer has the headers set here.
//! Adding a route: a handler in its file and a row in [`router`].

mod admin;
mod assets;
mod backup;
mod download;
mod error;
mod events;
mod health;
mod job_view;
mod jobs;
mod meter;
mod queue;
mod rate;
mod upload;

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use crate::bridge::Bridge;
use crate::config;
use crate::health::Observer;
use crate::jobs::Jobs;
use crate::meter::Meter;
use error::Problem;
use rate::Rates;

/// The page may load only what this server serves, and nobody else may frame it or post its forms.
/// WebAssembly is for the mesh and texture decoders, `blob:` for the models that people drop on the page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; img-src 'self' data: blob:; connect-src 'self' data: blob:; worker-src 'self' blob:; \
    object-src 'none'; base-uri 'none'; frame-ancestors 'self'; form-action 'self'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
];

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
    /// What an administrator has to show, if anything.
    pub admin_token: Option<Arc<str>>,
    /// When to stop: no new connections, and event streams end.
    pub stop: CancellationToken,
}

/// Serves until the site stops and the open requests are answered.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, site: Site) -> io::Result<()> {
    let stop = site.stop.clone().cancelled_owned();
    let service = router(site).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await
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
        .layer(from_fn(meter::count))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(TraceLayer::new_for_http())
        .with_state(site);
    HEADERS.into_iter().fold(router, |router, (name, value)| {
        router.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)))
    })
}

fn answer_panic(_panic: Box<dyn Any + Send>) -> Response {
    // The panic itself is on stderr already, with its place.
    Problem::internal("a handler stopped unexpectedly").into_response()
}
