//! `GET /sample.glb`: a model for the first try, so that nobody has to look for one. What it is: [`crate::sample`].

use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use tokio::sync::OnceCell;

use super::error::Problem;
use crate::sample;

/// Made once, at the first request: it is the same for everybody.
static VASE: OnceCell<Bytes> = OnceCell::const_new();

/// A model for the first try
#[utoipa::path(get, operation_id = "show_sample", path = "/sample.glb", tag = "server",
    responses((status = 200, description = "A vase, larger than it has to be.", body = Vec<u8>, content_type = "model/gltf-binary")))]
pub(super) async fn show() -> Result<impl IntoResponse, Problem> {
    let vase = VASE.get_or_try_init(make).await?.clone();
    let headers =
        [(header::CONTENT_TYPE, "model/gltf-binary"), (header::CACHE_CONTROL, "public, max-age=86400")];
    Ok((headers, vase))
}

async fn make() -> Result<Bytes, Problem> {
    let made = tokio::task::spawn_blocking(sample::vase).await;
    let made = made.map_err(|error| Problem::internal(&error.to_string()))?;
    made.map(Bytes::from).map_err(|error| Problem::internal(&error.to_string()))
}
