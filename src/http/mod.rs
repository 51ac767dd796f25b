//! The HTTP side: thin handlers over [`crate::jobs`], one file a concern, one table of routes.
//!
//! A handler reads the request, makes one call, and writes the answer; what a job is and may do is decided
//! elsewhere. Every refusal is a problem document (`error.rs`), every answer has the headers set here.
//! Adding a route: a handler in its file, documented there, and a row in [`routes`].

mod admin;
mod assets;
mod at_once;
mod backup;
mod batches;
mod bodies;
mod caller;
mod code_samples;
mod codes;
mod connections;
mod docs_page;
mod doctor;
mod documented;
mod download;
mod error;
mod events;
mod headers;
mod health;
mod jobs;
mod keys;
mod legacy;
mod legacy_issues;
mod legacy_stats;
#[cfg(test)]
mod limits;
mod lods;
mod log;
mod login;
mod meter;
mod openapi;
mod path;
mod queue;
mod rate;
mod receive;
mod sample;
mod settings;
mod stats;
mod tally;
mod upload;
mod zip;

use std::any::Any;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::bridge::Bridge;
use crate::config::{self, Config};
use crate::health::Observer;
use crate::jobs::Jobs;
use crate::log::Log;
use crate::meter::Meter;
use crate::secrets::Secret;
use crate::webhook;
pub use bodies::Open as OpenBodies;
use error::Problem;
use rate::Rates;

/// The longest body that is read whole before it is looked at.
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
    /// Whom the end of a job may be told to.
    pub webhooks: webhook::Rules,
    /// What is logged.
    pub log: Log,
    /// What this server was told, for a thorough look at it.
    pub config: Arc<Config>,
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

/// Every route with its documentation: the description of the API is made from this list.
fn routes() -> OpenApiRouter<Site> {
    OpenApiRouter::with_openapi(openapi::Head::openapi())
        .routes(routes!(upload::submit, queue::list))
        .routes(routes!(jobs::show, jobs::delete))
        .routes(routes!(events::listen))
        .routes(routes!(download::result))
        .routes(routes!(download::original))
        .routes(routes!(lods::list))
        .routes(routes!(lods::level))
        .routes(routes!(jobs::report))
        .routes(routes!(jobs::worst_view))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(upload::rerun))
        .routes(routes!(batches::submit))
        .routes(routes!(batches::show))
        .routes(routes!(batches::result))
        .routes(routes!(at_once::optimize))
        .routes(routes!(at_once::compare))
        .routes(routes!(settings::list))
        .routes(routes!(stats::show))
        .routes(routes!(doctor::examine))
        .routes(routes!(sample::show))
        .routes(routes!(queue::purge))
        .routes(routes!(queue::pause))
        .routes(routes!(queue::resume))
        .routes(routes!(backup::send))
        .routes(routes!(log::show, log::change))
        .routes(routes!(health::show))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(meter::show))
        .routes(routes!(openapi::document))
        .routes(routes!(openapi::page))
        .routes(routes!(openapi::style))
        .merge(rights())
        .merge(old_routes())
}

/// Who may do what. What is sent there is short.
fn rights() -> OpenApiRouter<Site> {
    OpenApiRouter::new()
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(login::show, login::submit))
        .routes(routes!(login::leave))
        .layer(DefaultBodyLimit::max(SMALL_BODY_BYTES))
}

/// What the former GLB Optimizer had.
fn old_routes() -> OpenApiRouter<Site> {
    OpenApiRouter::new()
        .routes(routes!(legacy::upload))
        .routes(routes!(legacy::progress))
        .routes(routes!(legacy::download))
        .routes(routes!(legacy::original))
        .routes(routes!(legacy::cleanup))
        .routes(routes!(legacy::error_logs))
        .routes(routes!(legacy::stats))
        .routes(routes!(legacy::analytics))
        .routes(routes!(legacy_issues::list))
}

fn router(site: Site) -> Router {
    let rates = Rates::new(site.rates, site.bridge.clone());
    let (routes, _) = routes().split_for_parts();
    let router = routes
        .fallback(assets::serve)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        // Uploads are counted while they stream; the limit of the framework would buffer nothing but cut
        // the connection without an answer.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(rates.clone(), rate::limit))
        .layer(from_fn_with_state(site.clone(), bodies::guard))
        .layer(from_fn(meter::count))
        .layer(CatchPanicLayer::custom(answer_panic));
    headers::added(router.with_state(site.clone()), &site)
        .layer(from_fn_with_state((site, rates), caller::identify))
}

fn answer_panic(_panic: Box<dyn Any + Send>) -> Response {
    // The panic itself is on stderr already, with its place.
    Problem::internal("a handler stopped unexpectedly").into_response()
}
