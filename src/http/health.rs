//! `/health` for people and monitors, `/health/live` and `/health/ready` for platforms.
//!
//! What is looked at is in [`crate::health`]; here is only the status code. Degraded is 200: jobs run, and a platform that
//! restarts the program would help nobody.

use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Site;
use super::admin::Admin;
use super::error::Problem;

/// What proxies add. Behind one, everybody seems to ask from this machine.
const PASSED_ON: [HeaderName; 3] =
    [header::FORWARDED, HeaderName::from_static("x-forwarded-for"), HeaderName::from_static("x-real-ip")];

/// How this server does
///
/// Everything that is known, for administrators and whoever asks on this machine; for others, what helps to decide
/// whether to come here. 503 when something that a job needs does not work.
#[utoipa::path(get, operation_id = "show_health", path = "/health", tag = "server", responses(
    (status = 200, description = "It works; perhaps not all of it.", body = serde_json::Value),
    (status = 503, description = "It does not.", body = serde_json::Value)))]
pub(super) async fn show(admin: Result<Admin, Problem>, State(site): State<Site>, parts: Parts) -> Response {
    let health = site.observer.look().await;
    let status = if health.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if admin.is_ok() || is_direct(&parts) {
        return (status, Json(health)).into_response();
    }
    (status, Json(health.brief())).into_response()
}

/// Whether somebody on this machine asks, and no proxy or page for somebody else: a proxy says so, and the page of a
/// stranger has a name of its own, also where that leads here.
fn is_direct(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let is_loopback = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let is_named_so =
        header(header::HOST).and_then(|host| host.parse::<Authority>().ok()).is_some_and(|host| {
            let name = host.host().trim_matches(['[', ']']);
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
        });
    let is_of_a_stranger = header(HeaderName::from_static("sec-fetch-site")) == Some("cross-site");
    let is_passed_on = PASSED_ON.iter().any(|name| parts.headers.contains_key(name));
    is_loopback && is_named_so && !is_of_a_stranger && !is_passed_on
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
    let is_ready = !site.stop.is_cancelled() && site.observer.look().await.is_ok();
    if is_ready { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
