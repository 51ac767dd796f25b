//! `/api/v1/keys`: API keys, for administrators: made, listed, revoked.
//!
//! The key itself is in the answer to its making and then nowhere; lists show its id.

use std::time::{Duration, UNIX_EPOCH};

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Site;
use super::admin::Admin;
use super::error::Problem;
use crate::jobs::NewKey;
use crate::queue::{ApiKey, Quota, Scope, Used};

/// The longest name of a key, in characters.
const MAX_NAME_CHARS: usize = 100;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a new key shall be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    name: String,
    /// `upload` if nothing is said.
    #[serde(default)]
    scopes: Vec<Scope>,
    files_per_day: Option<u64>,
    bytes_per_day: Option<u64>,
    expires_in_days: Option<u32>,
}

/// A key, without what makes it one.
#[derive(Debug, Serialize)]
struct KeyView {
    id: String,
    name: String,
    scopes: Vec<Scope>,
    files_per_day: Option<u64>,
    bytes_per_day: Option<u64>,
    /// What it has sent on the day, UTC, on which it has sent something last.
    used: Used,
    created_at: String,
    expires_at: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        let Quota { files_per_day, bytes_per_day } = key.quota;
        let time = |ms| humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(ms)).to_string();
        Self {
            id: key.id.to_string(),
            name: key.name,
            scopes: key.scopes,
            files_per_day,
            bytes_per_day,
            used: key.used,
            created_at: time(key.created_at_ms),
            expires_at: key.expires_at_ms.map(time),
        }
    }
}

/// `GET /api/v1/keys`
pub(super) async fn list(_admin: Admin, State(site): State<Site>) -> Result<Json<Value>, Problem> {
    let keys: Vec<KeyView> = site.jobs.keys().await?.into_iter().map(KeyView::from).collect();
    Ok(Json(json!({ "keys": keys })))
}

/// `POST /api/v1/keys`: the answer holds the key, as `key`.
pub(super) async fn create(
    _admin: Admin,
    State(site): State<Site>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(wanted) = wanted.map_err(|error| {
        let detail = format!("A key is made of JSON such as {{\"name\": \"shop\"}}: {}.", error.body_text());
        Problem::bad_request("bad_key", detail)
    })?;
    let name: String = wanted.name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    let scopes = if wanted.scopes.is_empty() { vec![Scope::Upload] } else { wanted.scopes };
    let quota = Quota { files_per_day: wanted.files_per_day, bytes_per_day: wanted.bytes_per_day };
    let lifetime = wanted.expires_in_days.map(|days| DAY * days);
    let (key, secret) = site.jobs.create_key(NewKey { name, scopes, quota, lifetime }).await?;
    let mut body = serde_json::to_value(KeyView::from(key)).unwrap_or_default();
    body["key"] = secret.reveal().into();
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(body)))
}

/// `DELETE /api/v1/keys/{id}`
pub(super) async fn revoke(
    _admin: Admin,
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::unknown_key_id())?;
    site.jobs.revoke_key(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
