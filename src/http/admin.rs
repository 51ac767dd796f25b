//! Who may do what concerns all jobs: list them, purge, pause, back up.
//!
//! With ADMIN_TOKEN set, whoever sends it as a bearer token. Without it, programs on this machine: the request comes
//! from a loopback address, was not passed on by a proxy, and is not a page's doing (a browser says whose page sends
//! a request, and by which name it found us). A handler asks for it by having [`Admin`] as an argument.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, header};

use super::Site;
use super::error::Problem;

/// What proxies add. Behind one, every request seems to come from this machine.
const PASSED_ON: [HeaderName; 3] =
    [header::FORWARDED, HeaderName::from_static("x-forwarded-for"), HeaderName::from_static("x-real-ip")];

/// Proof that a request may do what administrators do.
#[derive(Debug)]
pub(super) struct Admin;

impl FromRequestParts<Site> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        match &site.admin_token {
            Some(token) if has_token(&parts.headers, token) => Ok(Self),
            Some(_) => Err(Problem::token_needed()),
            None if is_local(parts) => Ok(Self),
            None => Err(Problem::local_only()),
        }
    }
}

fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer "));
    // Hashes are compared in a time that tells nothing about where they differ.
    given.is_some_and(|given| blake3::hash(given.trim().as_bytes()) == blake3::hash(token.as_bytes()))
}

fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let is_loopback = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
    let is_passed_on = PASSED_ON.iter().any(|name| parts.headers.contains_key(name));
    is_loopback && !is_passed_on && names_this_machine(&parts.headers) && !is_of_a_page(&parts.headers)
}

/// A name that somebody has made to lead here is not enough.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    authority.is_some_and(|authority| matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]"))
}

/// Whether a page of another site sends the request. Browsers leave out the one or the other header.
fn is_of_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://")) != Some(host)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(peer: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().header("host", "127.0.0.1:5000");
        for (name, value) in headers {
            if *name == "host" {
                request.headers_mut().unwrap().clear();
            }
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
        parts
    }

    #[test]
    fn only_programs_on_this_machine_need_no_token() {
        assert!(is_local(&parts("127.0.0.1:4000", &[])));
        assert!(is_local(&parts("[::ffff:127.0.0.1]:4000", &[("host", "localhost:5000")])));
        assert!(is_local(&parts("127.0.0.1:4000", &[("origin", "http://127.0.0.1:5000")])));
        assert!(!is_local(&parts("192.0.2.7:4000", &[])));
        assert!(!is_local(&parts("127.0.0.1:4000", &[("x-forwarded-for", "192.0.2.7")])));
        assert!(!is_local(&parts("127.0.0.1:4000", &[("host", "rebound.example:5000")])));
        assert!(!is_local(&parts("127.0.0.1:4000", &[("origin", "https://evil.example")])));
        assert!(!is_local(&parts("127.0.0.1:4000", &[("origin", "null")])));
        assert!(!is_local(&parts("127.0.0.1:4000", &[("sec-fetch-site", "cross-site")])));
    }

    #[test]
    fn a_token_is_compared_as_a_whole() {
        let with =
            |value: &str| has_token(&parts("192.0.2.7:1", &[("authorization", value)]).headers, "secret");
        assert!(with("Bearer secret"));
        for wrong in ["Bearer secre", "Bearer secrets", "Basic secret", "Bearer ", "secret"] {
            assert!(!with(wrong), "{wrong}");
        }
    }
}
