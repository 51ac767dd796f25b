//! Who may do what, as it was told: the admin token, API keys, other sites, proxies that may speak for others.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Error, Given, flag};
use crate::secrets::Secret;

/// Who may do what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Access {
    /// What administrators have to show; if nothing is said, the token of the data folder.
    pub admin_token: Option<Secret>,
    /// Whether uploads need an API key.
    pub requires_api_key: bool,
    /// Sites whose pages may use the API: `https://shop.example`, or `*` for all.
    pub cors_origins: Vec<String>,
    /// Proxies that are believed when they say for whom they ask.
    pub trusted_proxies: Vec<IpNet>,
}

/// What `TRUSTED_PROXIES` may say instead of addresses.
const WORDS: [(&str, &[&str]); 2] = [
    ("loopback", &["127.0.0.0/8", "::1/128"]),
    (
        "private",
        &[
            "127.0.0.0/8",
            "::1/128",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "fc00::/7",
        ],
    ),
];

pub(super) fn resolve(var: &dyn Fn(&'static str) -> Given) -> Result<Access, Error> {
    let cors_origins =
        list(var("CORS_ORIGINS"), "sites such as https://shop.example, with commas between, or *", |word| {
            is_origin(word).then(|| vec![word.to_owned()])
        })?;
    let expected =
        "addresses such as 10.0.0.5 or 10.0.0.0/8, or the words loopback or private, with commas between";
    let trusted_proxies = list(var("TRUSTED_PROXIES"), expected, networks)?;
    Ok(Access {
        admin_token: var("ADMIN_TOKEN").map(|(_, token)| Secret::from(token.trim().to_owned())),
        requires_api_key: flag(var("REQUIRE_API_KEY"))?.unwrap_or(false),
        cors_origins,
        trusted_proxies,
    })
}

/// The parts of a list with commas, each turned into what it stands for.
fn list<T>(
    given: Given,
    expected: &'static str,
    read: impl Fn(&str) -> Option<Vec<T>>,
) -> Result<Vec<T>, Error> {
    let Some((name, value)) = given else { return Ok(Vec::new()) };
    let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
    let read: Option<Vec<Vec<T>>> = words.map(read).collect();
    read.map(|found| found.into_iter().flatten().collect()).ok_or(Error::Value { name, value, expected })
}

fn networks(word: &str) -> Option<Vec<IpNet>> {
    if let Some((_, networks)) = WORDS.iter().find(|(name, _)| *name == word) {
        return networks.iter().map(|network| network.parse().ok()).collect();
    }
    let address = word.parse::<IpAddr>().map(IpNet::from);
    word.parse().ok().or(address.ok()).map(|network| vec![network])
}

/// Scheme, host and maybe a port, as browsers send it, without a path.
fn is_origin(word: &str) -> bool {
    let host = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://"));
    word == "*"
        || host.is_some_and(|host| !host.is_empty() && host.is_ascii() && !host.contains(['/', '*', ' ']))
}
