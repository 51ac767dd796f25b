//! `GET /metrics` in Prometheus's text format, and the counting of requests. For administrators.
//!
//! What is counted and what it means is in [`crate::meter`]; what is so at this moment is looked at here, by
//! [`crate::health`], whenever somebody reads.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Site;
use super::admin::Reader;
use super::documented::AdminProblems;
use crate::health::{self, Health};
use crate::meter;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const TIERS: [&str; 3] = ["redis", "embedded", "sync"];

/// Counters and gauges, for Prometheus
///
/// For administrators.
#[utoipa::path(get, operation_id = "show_metrics", path = "/metrics", tag = "server",
    responses((status = 200, description = "Prometheus's text format.", body = String, content_type = "text/plain"), AdminProblems))]
pub(super) async fn show(_reader: Reader, State(site): State<Site>) -> impl IntoResponse {
    set(&site.observer.look().await);
    meter::now("queue_oldest_seconds", None, site.jobs.oldest_wait().await.as_secs_f64());
    meter::now("stored_bytes", None, site.jobs.stored_bytes() as f64);
    if let Some(bytes) = health::resident_bytes() {
        meter::now("process_resident_bytes", None, bytes as f64);
    }
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], site.meter.text())
}

/// Turns what health found into numbers.
fn set(health: &Health) {
    meter::now("info", Some(("version", health.version)), 1.0);
    meter::now("uptime_seconds", None, health.uptime_seconds as f64);
    for (state, count) in health.queue.iter().flatten() {
        meter::now("jobs", Some(("state", *state)), *count as f64);
    }
    meter::now("queue_paused", None, f64::from(u8::from(health.paused)));
    for tier in TIERS {
        meter::now("tier", Some(("tier", tier)), f64::from(u8::from(health.tier == tier)));
    }
    for (name, component) in health.components.all() {
        meter::now("component_healthy", Some(("component", name)), f64::from(u8::from(component.healthy)));
    }
    if let Some(connection) = &health.components.redis.connection {
        let redis = &health.components.redis.component;
        meter::now("redis_up", None, f64::from(u8::from(redis.healthy)));
        meter::now("redis_latency_seconds", None, redis.response_time_ms.unwrap_or(f64::NAN) / 1_000.0);
        meter::now("redis_connections", None, connection.active_connections as f64);
    }
    meter::now("worker_slots", None, health.workers as f64);
    meter::now("worker_slots_busy", None, health.busy as f64);
}

/// Counts every request, by the pattern of its route: addresses are without number, patterns are not.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "other".to_owned(), |route| route.as_str().to_owned());
    let response = next.run(request).await;
    meter::request_answered(method, route, response.status().as_u16(), start.elapsed());
    response
}

/// Clients may make up methods.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
