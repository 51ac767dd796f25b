//! The address to listen on, and the server that may be there already.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Finding;
use crate::config::Config;

/// How long a server on this machine gets to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// Whether the address can be listened on, or is by a server of ours.
pub(super) async fn port(config: &Config) -> Finding {
    let address = config.listen;
    if config.platform.kind.routes_from_outside() && address.ip().is_loopback() {
        let found = format!(
            "{address} is reached from this machine only, and a {} asks from outside",
            config.platform.kind.name()
        );
        let advice = "listen on every address: HOST=0.0.0.0, and the platform's PORT";
        // A container may be asked from its host, or share the network of it.
        let is_certain = config.platform.kind.is_routed();
        return if is_certain { Finding::fail(found, advice) } else { Finding::warn(found, advice) };
    }
    match TcpListener::bind(address).await {
        Ok(_) => Finding::pass(format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => match health(address).await {
            Ok(_) => Finding::pass(format!("{address} is in use by a running glb-optimizer")),
            Err(_) => Finding::fail(
                format!("{address} is in use by another program ({})", said(&error)),
                "choose another port with PORT or --listen, or stop that program",
            ),
        },
        Err(error) => {
            let advice = match error.kind() {
                ErrorKind::PermissionDenied => {
                    "ports below 1024 are for root: choose another with PORT or --listen"
                }
                ErrorKind::AddrNotAvailable => {
                    "this machine has no such address: 127.0.0.1 or 0.0.0.0 always work"
                }
                _ => "choose another address with HOST and PORT or --listen",
            };
            Finding::fail(format!("{address} cannot be listened on: {}", said(&error)), advice)
        }
    }
}

/// What a running server says of itself.
pub(super) async fn server(config: &Config) -> Finding {
    let health = match health(config.listen).await {
        Ok(health) => health,
        Err(error) => return Finding::pass(format!("none runs at {} ({})", config.listen, said(&error))),
    };
    let word = |member: &str| health[member].as_str().unwrap_or("unknown").to_owned();
    let workers = &health["components"]["workers"];
    let found = format!(
        "{}; tier {}; {} workers ({}); {} queued, {} running",
        word("status"),
        word("tier"),
        workers["worker_count"],
        workers["status"].as_str().unwrap_or("unknown"),
        health["queue"]["queued"],
        health["queue"]["running"],
    );
    let faults = faults(&health).join("; ");
    match health["status"].as_str() {
        Some("ok") => Finding::pass(found),
        Some("degraded") => Finding::warn(found, faults),
        _ => Finding::fail(found, faults),
    }
}

/// What is wrong with the parts, and why the tier is not what it could be.
fn faults(health: &Value) -> Vec<String> {
    let parts = health["components"].as_object().into_iter().flatten();
    let parts = parts.filter_map(|(name, part)| Some(format!("{name}: {}", part["error"].as_str()?)));
    parts.chain(health["tier_reason"].as_str().map(str::to_owned)).collect()
}

/// The `/health` of whoever listens there.
async fn health(mut address: SocketAddr) -> io::Result<Value> {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let answer = tokio::time::timeout(ANSWER_TIME, get(address, "/health")).await??;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let health: Value = serde_json::from_str(body)?;
    if health["status"].is_string() { Ok(health) } else { Err(io::Error::other("it is another program")) }
}

/// One request by hand, in the version of HTTP that closes the connection after it: no client library is needed.
async fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The error with its number, by which people search.
pub(super) fn said(error: &io::Error) -> String {
    // Rust writes "(os error 111)"; everybody else says errno.
    error.to_string().replace("os error", "errno")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_its_number() {
        assert_eq!(said(&io::Error::from_raw_os_error(111)), "Connection refused (errno 111)");
    }

    #[test]
    fn every_fault_of_a_server_is_named() {
        let health = serde_json::json!({
            "tier_reason": "no folder",
            "components": { "queue": { "error": null }, "workers": { "error": "none" } }
        });
        assert_eq!(faults(&health), ["workers: none", "no folder"]);
    }
}
