//! `GET /api/v1/doctor`: what `glb-optimizer doctor` finds, for the system page.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Site;
use super::admin::Admin;
use super::documented::AdminProblems;
use super::error::Problem;
use crate::doctor;

/// A thorough look at the server
///
/// All that it depends on, as `glb-optimizer doctor` looks at it: the machine, the folder, the network, every codec. Takes
/// some seconds. For administrators.
#[utoipa::path(get, operation_id = "examine", path = "/api/v1/doctor", tag = "server",
    responses((status = 200, description = "`verdict` (pass, warn, fail) and `checks`.", body = Value), AdminProblems))]
pub(super) async fn examine(_admin: Admin, State(site): State<Site>) -> Result<Json<Value>, Problem> {
    let checks = doctor::examine(&site.config, |_| {}).await;
    Ok(Json(json!({ "verdict": doctor::verdict(&checks), "checks": checks })))
}
