//! `/health` for people and monitors, `/health/live` and `/health/ready` for platforms.
//!
//! What is looked at is in [`crate::health`]; here is only the status code.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::Site;
use crate::health::{self, Health};

/// How this server does
///
/// Everything that is known. 503 when something that a job needs does not work.
#[utoipa::path(get, operation_id = "show_health", path = "/health", tag = "server", responses(
    (status = 200, description = "It works; perhaps not all of it.", body = serde_json::Value),
    (status = 503, description = "It does not.", body = serde_json::Value)))]
pub(super) async fn show(State(site): State<Site>) -> (StatusCode, Json<Health>) {
    let health = health::check(&site.jobs, site.workers).await;
    let status = if health.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

/// Whether the process answers
///
/// Looks at nothing, so that a full disk does not get it restarted.
#[utoipa::path(get, path = "/health/live", tag = "server",
    responses((status = 200, description = "It does.", body = String)))]
pub(super) async fn live() -> &'static str {
    "alive\n"
}

/// Whether to send requests here
#[utoipa::path(get, path = "/health/ready", tag = "server", responses(
    (status = 200, description = "Yes.", body = String),
    (status = 503, description = "No.", body = String)))]
pub(super) async fn ready(State(site): State<Site>) -> (StatusCode, &'static str) {
    let is_ok = !site.stop.is_cancelled() && health::check(&site.jobs, site.workers).await.is_ok();
    if is_ok { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
