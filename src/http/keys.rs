//! `/api/v1/keys`: API keys, for administrators: made, listed, revoked.
//!
//! The key itself is in the answer to its making and then nowhere; lists show its id.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::admin::Admin;
use super::codes;
use super::documented::{AdminProblems, KeyProblems};
use super::error::Problem;
use crate::jobs::{MAX_KEY_DAYS, NewKey};
use crate::queue::{ApiKey, Quota, Scope, Used};
use crate::timestamp::rfc3339;

/// The longest name of a key, in characters.
const MAX_NAME_CHARS: usize = 100;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a new key shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewApiKey)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// What it is for.
    #[schema(example = "shop")]
    name: String,
    /// `upload` if nothing is said.
    #[serde(default)]
    scopes: Vec<Scope>,
    files_per_day: Option<u64>,
    bytes_per_day: Option<u64>,
    expires_in_days: Option<u32>,
}

/// A key, without what makes it one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(super) struct KeyView {
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
        Self {
            id: key.id.to_string(),
            name: key.name,
            scopes: key.scopes,
            files_per_day,
            bytes_per_day,
            used: key.used,
            created_at: rfc3339(key.created_at_ms),
            expires_at: key.expires_at_ms.map(rfc3339),
        }
    }
}

/// All keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKeyList)]
pub(super) struct KeyList {
    keys: Vec<KeyView>,
}

/// A key that was made just now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MadeApiKey)]
pub(super) struct Made {
    #[serde(flatten)]
    view: KeyView,
    /// The key itself; it is shown here and never again.
    key: String,
}

/// List the API keys
///
/// For administrators.
#[utoipa::path(get, operation_id = "list_keys", path = "/api/v1/keys", tag = "server",
    responses((status = 200, description = "All keys, without what makes them keys.", body = KeyList), AdminProblems))]
pub(super) async fn list(_admin: Admin, State(site): State<Site>) -> Result<Json<KeyList>, Problem> {
    let keys = site.jobs.keys().await?.into_iter().map(KeyView::from).collect();
    Ok(Json(KeyList { keys }))
}

/// Make an API key
///
/// For administrators. The key is in the answer and then nowhere.
#[utoipa::path(post, operation_id = "create_key", path = "/api/v1/keys", tag = "server", request_body = Wanted,
    responses((status = 201, description = "The key.", body = Made), KeyProblems))]
pub(super) async fn create(
    _admin: Admin,
    State(site): State<Site>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(wanted) = wanted.map_err(|error| {
        let detail = format!("A key is made of JSON such as {{\"name\": \"shop\"}}: {}.", error.body_text());
        Problem::new(codes::BAD_KEY, detail)
    })?;
    if wanted.expires_in_days.is_some_and(|days| days > MAX_KEY_DAYS) {
        let detail = format!(
            "`expires_in_days` must be at most {MAX_KEY_DAYS}. Leave it out for a key without an end."
        );
        return Err(Problem::new(codes::BAD_KEY, detail));
    }
    let name: String = wanted.name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    let scopes = if wanted.scopes.is_empty() { vec![Scope::Upload] } else { wanted.scopes };
    let quota = Quota { files_per_day: wanted.files_per_day, bytes_per_day: wanted.bytes_per_day };
    let lifetime = wanted.expires_in_days.map(|days| DAY * days);
    let (key, secret) = site.jobs.create_key(NewKey { name, scopes, quota, lifetime }).await?;
    let made = Made { view: KeyView::from(key), key: secret.reveal().to_owned() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(made)))
}

/// Revoke an API key
///
/// For administrators. It is worth nothing from then on.
#[utoipa::path(delete, operation_id = "revoke_key", path = "/api/v1/keys/{id}", tag = "server",
    params(("id" = String, Path, description = "The key's id, as the list shows it")),
    responses((status = 204, description = "It is revoked."), KeyProblems))]
pub(super) async fn revoke(
    _admin: Admin,
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::unknown_key_id())?;
    site.jobs.revoke_key(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
