//! How much the log tells, looked at and changed by administrators while the server runs.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;
use utoipa::IntoParams;

use super::Site;
use super::admin::Admin;
use super::codes;
use super::documented::AdminProblems;
use super::error::Problem;

/// How much is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// off, error, warn, info, debug or trace.
    #[param(example = "info")]
    level: String,
}

/// How much the log tells
///
/// For administrators.
#[utoipa::path(get, operation_id = "show_log_level", path = "/api/v1/log", tag = "server",
    responses((status = 200, description = "The `level`.", body = Value), AdminProblems))]
pub(super) async fn show(_admin: Admin, State(site): State<Site>) -> Json<Value> {
    Json(json!({ "level": site.log.level().to_string() }))
}

/// Make the log tell more or less
///
/// Until the server starts again. For administrators.
#[utoipa::path(put, operation_id = "change_log_level", path = "/api/v1/log", tag = "server", params(Wanted),
    responses((status = 200, description = "The `level`.", body = Value), AdminProblems))]
pub(super) async fn change(
    _admin: Admin,
    State(site): State<Site>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let level = wanted.ok().and_then(|Query(Wanted { level })| level.parse::<LevelFilter>().ok());
    let level = level.ok_or_else(|| {
        Problem::new(codes::BAD_QUERY, "`level` must be off, error, warn, info, debug or trace.")
    })?;
    site.log.set_level(level);
    Ok(Json(json!({ "level": level.to_string() })))
}
