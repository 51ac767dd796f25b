//! `/health` for people and monitors, `/health/live` and `/health/ready` for platforms.
//!
//! What is looked at is in [`crate::health`]; here is only the status code. Degraded is 200: jobs run, and a platform that
//! restarts the program would help nobody.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::Site;
use crate::health::Health;

/// Everything that is known. 503 when something that a job needs does not work.
pub(super) async fn show(State(site): State<Site>) -> (StatusCode, Json<Health>) {
    let health = site.observer.look().await;
    let status = if health.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

/// The process answers. Looks at nothing, so that a full disk does not get it restarted.
pub(super) async fn live() -> &'static str {
    "alive\n"
}

/// Whether to send requests here.
pub(super) async fn ready(State(site): State<Site>) -> (StatusCode, &'static str) {
    let is_ready = !site.stop.is_cancelled() && site.observer.look().await.is_ok();
    if is_ready { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
