//! Who sends a request: from where, in which words the log calls it, and with which rights. Found out once, before any
//! handler.
//!
//! Headers that proxies add are believed only from proxies that are named in TRUSTED_PROXIES; anybody else could write
//! them too. An API key that is worth nothing is refused here, whatever was asked for, so that nobody goes on with it
//! unnoticed. What rights are needed for what: `admin.rs`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use tracing::Instrument;
use uuid::Uuid;

use super::Site;
use super::admin;
use super::error::Problem;
use super::rate::Rates;
use crate::jobs::{KEY_PREFIX, Sender};
use crate::queue::{ApiKey, Scope};

const REQUEST_ID: &str = "x-request-id";
/// The longest id of a request that is taken from a proxy, in bytes.
const MAX_ID_BYTES: usize = 64;

/// Who sends a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The client's address: the peer, or what a trusted proxy says.
    pub(super) address: IpAddr,
    /// Whether the client reaches us by HTTPS, as far as a trusted proxy says.
    pub(super) is_https: bool,
    /// What the log calls this request.
    pub(super) request_id: String,
    /// What was shown.
    pub(super) rights: Rights,
}

/// What a request may do beyond what everybody may.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rights {
    /// Nothing.
    Nobody,
    /// What the API key allows.
    Key(Box<ApiKey>),
    /// Everything.
    Admin,
}

impl Caller {
    /// The client as it is counted: an API key, or an address. Who has an IPv6 address has a network of them.
    pub(super) fn client(&self) -> String {
        match (&self.rights, self.address) {
            (Rights::Key(key), _) => key.id.to_string(),
            (_, IpAddr::V4(address)) => address.to_string(),
            (_, IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }

    /// As whom it submits a job.
    fn sender(&self) -> Sender {
        let api_key = match &self.rights {
            Rights::Key(key) => Some(key.id),
            _ => None,
        };
        Sender { client: Some(self.client()), api_key, request_id: Some(self.request_id.clone()) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::internal("nobody has looked who sends a request"))
    }
}

/// Proof that a request may send files. A handler that makes jobs has it as an argument, and hands it on.
#[derive(Debug)]
pub(super) struct Uploader(pub(super) Sender);

impl FromRequestParts<Site> for Uploader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, site).await?;
        match &caller.rights {
            Rights::Key(key) if !key.allows(Scope::Upload) => Err(Problem::scope_needed("upload")),
            Rights::Nobody if site.access.requires_api_key => Err(Problem::key_needed()),
            _ => Ok(Self(caller.sender())),
        }
    }
}

/// Finds out who calls, tells the handlers, and gives the request its id and its line in the log.
pub(super) async fn identify(
    State((site, rates)): State<(Site, Rates)>,
    mut request: Request,
    next: Next,
) -> Response {
    let (peer, proxies) = (peer(&request), &site.access.trusted_proxies);
    let is_proxied = trusts(proxies, peer);
    let headers = request.headers();
    let request_id = headers.get(REQUEST_ID).filter(|_| is_proxied).and_then(readable_id);
    let request_id = request_id.unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    let mut caller = Caller {
        address: if is_proxied { client_of(headers, peer, proxies) } else { peer },
        is_https: is_proxied && last_word(headers, "x-forwarded-proto") == Some("https"),
        request_id: request_id.clone(),
        rights: Rights::Nobody,
    };
    let span = tracing::info_span!("request", id = request_id, client = %caller.address);
    // Never the query: it may hold a token. Control characters cannot be in a path.
    let (method, path, start) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let answer = async {
        let answer = match admin::rights(&site, &caller, request.headers()).await {
            Ok(rights) => {
                caller.rights = rights;
                request.extensions_mut().insert(caller);
                next.run(request).await
            }
            Err(problem) => rates.count_refused(&caller, problem).await.into_response(),
        };
        let (status, ms) = (answer.status().as_u16(), start.elapsed().as_millis());
        tracing::debug!(%method, path, status, ms, "answered");
        answer
    };
    let mut answer = answer.instrument(span).await;
    if let Ok(id) = HeaderValue::try_from(request_id) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer
}

/// The API key that a request shows, as text, if it shows one.
pub(super) fn shown_key(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).filter(|token| token.starts_with(KEY_PREFIX))
}

/// What a request shows as `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = shown.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn peer(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    // Without a peer nobody is trusted.
    peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip().to_canonical())
}

fn trusts(proxies: &[IpNet], address: IpAddr) -> bool {
    proxies.iter().any(|network| network.contains(&address))
}

/// The last address that no trusted proxy has: every proxy adds the one that it was asked by at the end, and what
/// stands before the first that is not trusted could be anything.
fn client_of(headers: &HeaderMap, peer: IpAddr, proxies: &[IpNet]) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").into_iter().filter_map(|line| line.to_str().ok());
    let mut client = peer;
    for word in lines.flat_map(|line| line.split(',')).collect::<Vec<_>>().into_iter().rev() {
        let Some(address) = address(word.trim()) else { break };
        client = address;
        if !trusts(proxies, client) {
            break;
        }
    }
    client
}

/// An address, which some proxies write with a port.
fn address(word: &str) -> Option<IpAddr> {
    let found = word.parse::<IpAddr>().ok();
    found
        .or_else(|| word.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
        .map(|ip| ip.to_canonical())
}

/// The last value of a header that every proxy adds to.
fn last_word<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let line = headers.get_all(name).into_iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim)
}

/// An id that can stand in a log and a header as it is.
fn readable_id(value: &HeaderValue) -> Option<String> {
    let id = value.to_str().ok()?;
    let is_readable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_id = !id.is_empty() && id.len() <= MAX_ID_BYTES && id.bytes().all(is_readable);
    is_id.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::try_from(*line).unwrap());
        }
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        client_of(&headers, "10.0.0.1".parse().unwrap(), &proxies).to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_no_trusted_proxy_has() {
        assert_eq!(client(&[]), "10.0.0.1");
        assert_eq!(client(&["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client(&["198.51.100.1, 192.0.2.7, 10.0.0.9"]), "192.0.2.7");
        assert_eq!(client(&["198.51.100.1", "192.0.2.7:4000"]), "192.0.2.7");
        assert_eq!(client(&["192.0.2.7, nonsense, 10.0.0.9"]), "10.0.0.9");
        assert_eq!(client(&["[2001:db8::1]:99"]), "2001:db8::1");
    }

    #[test]
    fn an_id_that_could_forge_a_line_is_not_taken() {
        let id = |text: &str| readable_id(&HeaderValue::try_from(text).unwrap());
        assert_eq!(id("a1-B_2.c"), Some("a1-B_2.c".to_owned()));
        for wrong in ["", "two words", "\"quoted\"", &"x".repeat(MAX_ID_BYTES + 1)] {
            assert_eq!(id(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let caller = |address: &str| Caller {
            address: address.parse().unwrap(),
            is_https: false,
            request_id: String::new(),
            rights: Rights::Nobody,
        };
        assert_eq!(caller("2001:db8:1:2:3:4:5:6").client(), "2001:db8:1:2::/64");
        assert_eq!(caller("192.0.2.7").client(), "192.0.2.7");
    }
}
