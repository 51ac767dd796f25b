//! The API's own description (OpenAPI 3.1), out of the code of its handlers, and a page to read it on.
//!
//! The page is plain HTML without scripts, made from the document, so it can say nothing that the document does not.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse};
use serde_json::Value;
use utoipa::OpenApi;

use super::error::ProblemView;
use super::{code_samples, docs_page, routes};

const JSON: &str = "application/json";

/// What stands above the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "GLB Optimizer",
        description = "Makes 3D models (.glb, glTF 2.0) small and proves that they still look the same. A job's id is the right to \
            see and change it: keep it to yourself. What only administrators may do says so. Every refusal is a problem document \
            (RFC 9457) with a stable `code` and a sentence in `detail`.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(ProblemView)),
    tags(
        (name = "jobs", description = "One model each."),
        (name = "batches", description = "Several models at once."),
        (name = "at once", description = "Without jobs, for scripts."),
        (name = "server", description = "The server itself, and all jobs together."),
        (name = "old", description = "The addresses of the former GLB Optimizer, for scripts that know them.")
    )
)]
pub(super) struct Head;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::to_value(routes().into_openapi()).unwrap_or_default();
    code_samples::add(&mut document);
    document
});
static TEXT: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_string());
static PAGE: LazyLock<String> = LazyLock::new(|| docs_page::render(&DOCUMENT));

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server",
    responses((status = 200, description = "OpenAPI 3.1.", content_type = "application/json")))]
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], TEXT.as_str())
}

/// This document, for people
#[utoipa::path(get, path = "/api/docs", tag = "server",
    responses((status = 200, description = "A page.", content_type = "text/html")))]
pub(super) async fn page() -> impl IntoResponse {
    Html(PAGE.as_str())
}

/// How that page looks
#[utoipa::path(get, path = "/api/docs.css", tag = "server",
    responses((status = 200, description = "A style sheet.", content_type = "text/css")))]
pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], docs_page::STYLE)
}
