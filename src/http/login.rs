//! `/login`: shows the admin token once and gets a cookie for it, so that administrators can use a browser.
//!
//! The link that the server prints at its first start is `/login?token=...`; without a token there is a form. The
//! answer leads away at once, so that the token does not stay in the address. No script is needed.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::Site;
use super::admin::{Cookie, is_of_own_page};
use super::caller::Caller;
use super::error::Problem;

/// How long a browser keeps the cookie: 30 days.
const COOKIE_AGE_S: u32 = 30 * 24 * 3600;

const FORM: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Log in: GLB Optimizer</title>
<main>
<h1>Log in</h1>
<p>This is for the administrators of this server. MESSAGE</p>
<form method=\"post\" action=\"login\">
<label>Admin token <input type=\"password\" name=\"token\" autocomplete=\"current-password\" required autofocus></label>
<button>Log in</button>
</form>
<p>The token is in the file <code>admin-token</code> of the server's data folder, unless ADMIN_TOKEN sets another.</p>
</main>
</html>
";

/// What is shown.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = Login)]
pub(super) struct Shown {
    /// The admin token.
    #[serde(default)]
    #[schema(required = true, example = "$TOKEN")]
    token: String,
}

/// Log a browser in
///
/// Shows a form. With the admin token in the query, as in the link that the server prints: a cookie and the way to the page.
#[utoipa::path(get, operation_id = "show_login", path = "/login", tag = "server",
    params(("token" = Option<String>, Query, description = "The admin token")),
    responses((status = 200, description = "A form.", content_type = "text/html"),
        (status = 303, description = "Logged in: a cookie, and the way to the page."),
        (status = 403, description = "Not the token of this server.", content_type = "text/html")))]
pub(super) async fn show(State(site): State<Site>, caller: Caller, Query(shown): Query<Shown>) -> Response {
    match shown.token.as_str() {
        "" => form(StatusCode::OK, ""),
        token => enter(&site, &caller, token),
    }
}

/// Log a browser in by the form
#[utoipa::path(post, operation_id = "log_in", path = "/login", tag = "server",
    request_body(content = Shown, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "Logged in: a cookie, and the way to the page."),
        (status = 400, description = "The form did not arrive whole.", content_type = "text/html"),
        (status = 403, description = "Not the token of this server.", content_type = "text/html")))]
pub(super) async fn submit(
    State(site): State<Site>,
    caller: Caller,
    shown: Result<Form<Shown>, FormRejection>,
) -> Response {
    match shown {
        Ok(Form(shown)) => enter(&site, &caller, &shown.token),
        Err(_) => form(StatusCode::BAD_REQUEST, "The form did not arrive whole; try again."),
    }
}

/// Log a browser out
#[utoipa::path(post, operation_id = "log_out", path = "/logout", tag = "server",
    responses((status = 303, description = "The cookie is gone."),
        (status = 403, description = "A page of another site has asked: `other_site`.")))]
pub(super) async fn leave(
    State(site): State<Site>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !is_of_own_page(&headers, caller.is_https) {
        return Err(Problem::other_site());
    }
    Ok(lead(set_cookie(&Cookie::of(&site.access.admin_token).name, "", 0, caller.is_https)))
}

fn enter(site: &Site, caller: &Caller, token: &str) -> Response {
    if !site.access.admin_token.is(token.trim()) {
        tracing::warn!(client = %caller.address, "a wrong admin token was shown");
        return form(StatusCode::FORBIDDEN, "<strong>That is not the token of this server.</strong>");
    }
    tracing::info!(client = %caller.address, "an administrator has logged in");
    let Cookie { name, value } = Cookie::of(&site.access.admin_token);
    lead(set_cookie(&name, value.reveal(), COOKIE_AGE_S, caller.is_https))
}

fn set_cookie(name: &str, value: &str, age_s: u32, is_https: bool) -> String {
    let secure = if is_https { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}")
}

/// To the page, with a cookie.
fn lead(cookie: String) -> Response {
    let headers = [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, no_store(), headers).into_response()
}

fn form(status: StatusCode, message: &str) -> Response {
    (status, no_store(), Html(FORM.replace("MESSAGE", message))).into_response()
}

fn no_store() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}
