//! `POST /api/v1/queue/pause` and `/resume`: queued jobs are held back, also over a restart; running ones go on.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Site;
use super::error::Problem;

pub(super) async fn pause(State(site): State<Site>) -> Result<Json<Value>, Problem> {
    site.jobs.pause().await?;
    Ok(Json(json!({ "paused": true })))
}

pub(super) async fn resume(State(site): State<Site>) -> Result<Json<Value>, Problem> {
    site.jobs.resume().await?;
    Ok(Json(json!({ "paused": false })))
}
