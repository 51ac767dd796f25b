//! Tells other people's servers that a job has ended: signed, again until they have heard it, and never a machine of
//! this network.
//!
//! What is to be told and when is in the queue, so it outlives a crash ([`crate::queue::Webhook`]). Format and signature
//! are those of Standard Webhooks (standardwebhooks.com), so that ready-made libraries check them. An address is looked
//! up here, and the connection goes to what was found and checked: a name that leads elsewhere the second time is of no
//! use. Redirects are not followed, and no proxy is asked.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Url, redirect};
use ring::hmac;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::jobs::{Error, JobView, Jobs};
use crate::queue::Job;
use crate::secrets::Secret;
use crate::timestamp::rfc3339;

/// The longest address, in bytes.
const MOST_URL_BYTES: usize = 2_000;
/// How long one server may take to be found, and to answer.
const FIND_TIME: Duration = Duration::from_secs(5);
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Jobs that are told of at once.
const AT_ONCE: usize = 32;
/// The wait after the queue itself failed.
const PAUSE_AFTER_FAULT: Duration = Duration::from_secs(1);
/// How secrets of Standard Webhooks are written, before base64.
const SECRET_PREFIX: &str = "whsec_";

/// What may be told to whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// What messages are signed with; without it, none are sent.
    pub secret: Option<Secret>,
    /// Whether addresses of this machine and of private networks are allowed.
    pub allow_private: bool,
}

/// Why an address is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing is sent from here.
    #[error(
        "This server sends no webhooks, because it has no WEBHOOK_SECRET to sign them with. Its operator can set one."
    )]
    Disabled,
    /// It is no address that can be told.
    #[error(
        "The webhook must be an address that begins with https:// or http:// and has no password in it, of at most 2000 characters."
    )]
    NotAnAddress,
    /// It is of this machine or of a private network.
    #[error(
        "The webhook leads to {0}, which is not a public address. The server's operator can allow that with WEBHOOK_ALLOW_PRIVATE=1."
    )]
    Private(IpAddr),
}

impl Rules {
    /// The address as it will be used, if it may be. What its name leads to is looked at when it is used.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn check(&self, address: &str) -> Result<String, Refused> {
        if self.secret.is_none() {
            return Err(Refused::Disabled);
        }
        let url = Url::parse(address.trim()).map_err(|_| Refused::NotAnAddress)?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
        let has_password = url.password().is_some() || !url.username().is_empty();
        if !is_web || has_password || url.as_str().len() > MOST_URL_BYTES {
            return Err(Refused::NotAnAddress);
        }
        match literal(&url).filter(|ip| !self.allows(*ip)) {
            Some(ip) => Err(Refused::Private(ip)),
            None => Ok(url.into()),
        }
    }

    fn allows(&self, ip: IpAddr) -> bool {
        self.allow_private || is_public(ip)
    }

    /// Where the host of an address is, as far as it is allowed.
    async fn look_up(&self, url: &Url) -> Result<Vec<SocketAddr>, String> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or(443);
        let found = tokio::time::timeout(FIND_TIME, tokio::net::lookup_host((host, port))).await;
        let found = found.map_err(|_| format!("{host} was not found within {} s", FIND_TIME.as_secs()))?;
        let found: Vec<SocketAddr> =
            found.map_err(|error| format!("{host} is not found: {error}"))?.collect();
        // One address that is not allowed is enough: a name that mixes them means no good.
        match found.iter().find(|address| !self.allows(address.ip())) {
            Some(address) => Err(Refused::Private(address.ip()).to_string()),
            None if found.is_empty() => Err(format!("{host} has no address")),
            None => Ok(found),
        }
    }
}

/// The address in a URL that has no name in it.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// Whether an address is one of the internet, and of nothing nearer.
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let is_special = ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_documentation()
                || ip.is_multicast()
                || matches!(
                    (a, b, c),
                    (0 | 240..=255, ..)
                        | (100, 64..=127, _)
                        | (192, 0, 0)
                        | (192, 88, 99)
                        | (198, 18 | 19, _)
                );
            !is_special
        }
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// Global addresses begin with 2 or 3. Among them, some hold an address of version 4 (6to4, Teredo), some are examples.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    let is_global = first & 0xe000 == 0x2000;
    let is_special =
        first == 0x2002 || (first == 0x2001 && (second < 0x200 || second == 0xdb8)) || first == 0x3fff;
    is_global && !is_special
}

/// Tells of ended jobs until `stop`.
pub async fn run(jobs: Arc<Jobs>, rules: Rules, stop: CancellationToken) {
    // A provider that is there already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tell_all = async {
        loop {
            if let Err(error) = tell_due(&jobs, &rules).await {
                tracing::error!(%error, "webhooks cannot be looked up");
                tokio::time::sleep(PAUSE_AFTER_FAULT).await;
            }
        }
    };
    stop.run_until_cancelled(tell_all).await;
}

/// Tells of what is due, or waits until something is.
async fn tell_due(jobs: &Jobs, rules: &Rules) -> Result<(), Error> {
    let due = jobs.due_webhooks(AT_ONCE).await?;
    if due.is_empty() {
        return jobs.wait_for_webhook().await;
    }
    let tell_one = async |job: Job| {
        let outcome = tell(&job, rules).await;
        match &outcome {
            Ok(()) => tracing::info!(job = %job.id, "told its webhook"),
            Err(error) => tracing::warn!(job = %job.id, error, "its webhook could not be told"),
        }
        jobs.webhook_tried(job, outcome).await
    };
    futures_util::future::try_join_all(due.into_iter().map(tell_one)).await.map(|_| ())
}

async fn tell(job: &Job, rules: &Rules) -> Result<(), String> {
    let (Some(webhook), Some(secret)) = (&job.webhook, &rules.secret) else {
        return Err(Refused::Disabled.to_string());
    };
    let url = Url::parse(&webhook.url).map_err(|error| error.to_string())?;
    let addresses = rules.look_up(&url).await?;
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(ANSWER_TIME)
        .resolve_to_addrs(url.host_str().unwrap_or_default(), &addresses)
        .build()
        .map_err(|error| error.to_string())?;
    let Message { id, timestamp_s, body } = Message::about(job);
    let signature = sign(secret.reveal(), &format!("{id}.{timestamp_s}.{body}"));
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("user-agent", concat!("glb-optimizer/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp_s)
        .header("webhook-signature", signature);
    // Without the address: it may hold a secret of its owner, and this is logged.
    let answer = request.body(body).send().await.map_err(|error| describe(&error.without_url()))?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answers {status}")) }
}

/// An error with its causes, which say more than it does.
fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What is sent.
struct Message {
    /// The same at every try, so that whoever hears it twice knows.
    id: String,
    timestamp_s: u64,
    body: String,
}

impl Message {
    fn about(job: &Job) -> Self {
        let ended_ms = job.finished_at_ms.unwrap_or_default();
        let body = json!({
            "type": format!("job.{}", job.state),
            "timestamp": rfc3339(ended_ms),
            "data": JobView::from(job.clone()),
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { id: format!("{}-{ended_ms}", job.id), timestamp_s: now.as_secs(), body: body.to_string() }
    }
}

/// The signature of Standard Webhooks: HMAC-SHA256 over id, time and body.
fn sign(secret: &str, text: &str) -> String {
    let decoded = secret.strip_prefix(SECRET_PREFIX).and_then(|secret| BASE64_STANDARD.decode(secret).ok());
    let bytes = decoded.unwrap_or_else(|| secret.as_bytes().to_vec());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), text.as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules { secret: Some("secret".to_owned().into()), allow_private: false }
    }

    #[test]
    fn the_signature_is_that_of_the_specification() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let text = r#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        assert_eq!(sign(secret, text), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn only_public_addresses_of_the_web_are_taken() {
        for good in
            ["https://example.org/hook?a=b", "http://93.184.216.34:8080/", "https://[2606:2800:220:1::1]/"]
        {
            assert!(rules().check(good).is_ok(), "{good}");
        }
        for private in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://10.0.0.1/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://0.0.0.0/",
            "http://100.64.0.1/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://[fc00::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
        ] {
            assert!(matches!(rules().check(private), Err(Refused::Private(_))), "{private}");
        }
        for bad in ["ftp://example.org/", "file:///etc/passwd", "example.org", "https://a:b@example.org/", ""]
        {
            assert_eq!(rules().check(bad), Err(Refused::NotAnAddress), "{bad}");
        }
        assert_eq!(Rules::default().check("https://example.org"), Err(Refused::Disabled));
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_when_it_is_used() {
        let url = Url::parse("http://localhost:1/").unwrap();
        assert!(rules().check(url.as_str()).is_ok());
        assert!(rules().look_up(&url).await.unwrap_err().contains("not a public address"));
    }
}
