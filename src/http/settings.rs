//! `GET /api/v1/settings`: what may be asked for, out of the one table of settings.

use axum::Json;

use crate::optimize::settings::{self, Setting};

/// What may be asked for
///
/// Every setting with its values, its default and what it means.
#[utoipa::path(get, operation_id = "list_settings", path = "/api/v1/settings", tag = "server",
    responses((status = 200, description = "The settings, in the order in which they matter.", body = Vec<Setting>)))]
pub(super) async fn list() -> Json<Vec<Setting>> {
    Json(settings::table())
}
