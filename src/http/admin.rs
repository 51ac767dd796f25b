//! Who may do what concerns all jobs: see them, purge, pause, back up, make API keys.
//!
//! Whoever shows the admin token as a bearer token, an API key with the scope for it, or the cookie that logging in
//! sets (`login.rs`). A cookie is sent along by the browser whoever asked for it, so with one the request must also
//! come from a page of this very server. A handler asks for the right by having [`Admin`] or [`Reader`] as an argument.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::Site;
use super::caller::{Caller, Rights, bearer, shown_key};
use super::error::Problem;
use crate::queue::Scope;
use crate::secrets::Secret;

/// What the value of the cookie is derived from the token for.
const COOKIE_PURPOSE: &str = "glb-optimizer 2026 the admin cookie";

/// Proof that a request may do what administrators do.
#[derive(Debug)]
pub(super) struct Admin;

/// Proof that a request may see what concerns all jobs.
#[derive(Debug)]
pub(super) struct Reader;

impl FromRequestParts<Site> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        check(parts, site, Scope::Admin, "admin").await.map(|()| Self)
    }
}

impl FromRequestParts<Site> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        check(parts, site, Scope::Read, "read").await.map(|()| Self)
    }
}

async fn check(parts: &mut Parts, site: &Site, scope: Scope, name: &str) -> Result<(), Problem> {
    match Caller::from_request_parts(parts, site).await?.rights {
        Rights::Admin => Ok(()),
        Rights::Key(key) if key.allows(scope) => Ok(()),
        Rights::Key(_) => Err(Problem::scope_needed(name)),
        Rights::Nobody => Err(Problem::token_needed()),
    }
}

/// What a request may do, by what it shows.
///
/// # Errors
/// It shows an API key that is worth nothing.
pub(super) async fn rights(site: &Site, caller: &Caller, headers: &HeaderMap) -> Result<Rights, Problem> {
    let token = &site.access.admin_token;
    if bearer(headers).is_some_and(|shown| token.is(shown)) {
        return Ok(Rights::Admin);
    }
    if let Some(shown) = shown_key(headers) {
        let key = site.jobs.recognise_key(shown).await?;
        return key.map(|key| Rights::Key(Box::new(key))).ok_or_else(Problem::unknown_key);
    }
    let cookie = Cookie::of(token);
    let is_shown = cookies(headers).any(|(name, value)| name == cookie.name && cookie.value.is(value));
    if is_shown && is_of_own_page(headers, caller.is_https) { Ok(Rights::Admin) } else { Ok(Rights::Nobody) }
}

/// The cookie of administrators. It says nothing about the token, and is worth nothing once the token is another.
pub(super) struct Cookie {
    /// Two servers on one machine have the same cookies, whatever their ports: so each has a name of its own.
    pub(super) name: String,
    pub(super) value: Secret,
}

impl Cookie {
    pub(super) fn of(token: &Secret) -> Self {
        let value = token.derived(COOKIE_PURPOSE);
        let own = value.derived("glb-optimizer 2026 the name of the admin cookie");
        Self { name: format!("glb_optimizer_{}", &own.reveal()[..8]), value }
    }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// Whether a page of this server, or a person by a link or bookmark, sends the request. Browsers leave out the one or
/// the other header; one that sends neither does not send our cookie for another site either (`SameSite=Strict`).
pub(super) fn is_of_own_page(headers: &HeaderMap, is_https: bool) -> bool {
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = headers.get("sec-fetch-site").map(|site| site.to_str().unwrap_or_default());
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    let scheme = if is_https { "https" } else { "http" };
    let own = format!("{scheme}://{}", text(header::HOST).unwrap_or_default());
    text(header::ORIGIN).is_none_or(|origin| origin.eq_ignore_ascii_case(&own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (header::HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_page_of_another_site_is_told_by_either_header() {
        let own = |pairs: &[(&'static str, &str)]| is_of_own_page(&headers(pairs), false);
        let host = ("host", "127.0.0.1:5000");
        assert!(own(&[host]));
        assert!(own(&[host, ("origin", "http://127.0.0.1:5000"), ("sec-fetch-site", "same-origin")]));
        assert!(own(&[host, ("sec-fetch-site", "none")]));
        for wrong in ["https://evil.example", "null", "http://127.0.0.1:5001", "https://127.0.0.1:5000"] {
            assert!(!own(&[host, ("origin", wrong)]), "{wrong}");
        }
        for wrong in ["cross-site", "same-site", ""] {
            assert!(!own(&[host, ("sec-fetch-site", wrong)]), "{wrong}");
        }
        let behind_https = headers(&[("host", "glb.example"), ("origin", "https://glb.example")]);
        assert!(is_of_own_page(&behind_https, true));
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let both = headers(&[("cookie", "a=1; glb=2"), ("host", "h")]);
        assert_eq!(cookies(&both).collect::<Vec<_>>(), [("a", "1"), ("glb", "2")]);
    }
}
