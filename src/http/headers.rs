//! Headers that every answer has: what the page may load, who may frame it, and which other sites may use the API.
//!
//! No cookie crosses to another site (`SameSite=Strict`), and no credentials are allowed to other sites: whoever is
//! named in CORS_ORIGINS may do what everybody may, with an API key of its own if one is needed.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::Site;
use super::caller::Caller;

/// The page may load only what this server serves, and nobody else may frame it or post its forms.
/// WebAssembly is for the mesh and texture decoders, `blob:` for the models that people drop on the page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; img-src 'self' data: blob:; connect-src 'self' data: blob:; worker-src 'self' blob:; \
    object-src 'none'; base-uri 'none'; frame-ancestors 'self'; form-action 'self'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=(), payment=()"),
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
];

/// A year. Only where a trusted proxy says that the client came by HTTPS: said over HTTP, browsers ignore it.
const HSTS: &str = "max-age=31536000";
/// How long a browser remembers what another site may do.
const PREFLIGHT_AGE: Duration = Duration::from_secs(3600);

/// Adds them to all that `router` answers.
pub(super) fn added(router: Router, site: &Site) -> Router {
    let router = router.layer(from_fn_with_state(site.clone(), add));
    match cors(&site.access.cors_origins) {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

async fn add(State(site): State<Site>, request: Request, next: Next) -> Response {
    let is_https = request.extensions().get::<Caller>().is_some_and(|caller| caller.is_https);
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Pages of other sites may embed what they may fetch.
    let embedding = if site.access.cors_origins.is_empty() { "same-origin" } else { "cross-origin" };
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static(embedding));
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    answer
}

fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let listed = || AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()));
    let allowed = if origins.iter().any(|origin| origin == "*") { AllowOrigin::any() } else { listed() };
    let sent = ["cache-control", "idempotency-key", "last-event-id"].map(HeaderName::from_static);
    let sent = sent.into_iter().chain([header::AUTHORIZATION, header::CONTENT_TYPE, header::RANGE]);
    let seen = [header::LOCATION, header::CONTENT_DISPOSITION, header::ETAG, header::RETRY_AFTER];
    let seen = seen.into_iter().chain([HeaderName::from_static("x-request-id")]);
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
        .allow_headers(sent.collect::<Vec<_>>())
        .expose_headers(seen.collect::<Vec<_>>())
        .max_age(PREFLIGHT_AGE);
    Some(layer)
}
