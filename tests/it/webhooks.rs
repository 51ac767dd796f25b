//! Others are told of a job's end: signed, again until they have heard it, over a restart, and nobody of this network
//! unless that is allowed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{DEADLINE, Server, triangle_glb};

const SECRET: (&str, &str) = ("WEBHOOK_SECRET", "a secret of the test");
const ALLOW: (&str, &str) = ("WEBHOOK_ALLOW_PRIVATE", "1");

/// Somebody who wants to be told, and answers the requests with these statuses in turn.
struct Listener {
    url: String,
    heard: mpsc::Receiver<(Vec<(String, String)>, String)>,
}

impl Listener {
    fn start(statuses: &'static [u16]) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", socket.local_addr().unwrap());
        let (sender, heard) = mpsc::channel();
        std::thread::spawn(move || {
            for status in statuses {
                let (stream, _) = socket.accept().unwrap();
                let _ = sender.send(answer(stream, *status));
            }
        });
        Self { url, heard }
    }

    async fn next(self) -> ((Vec<(String, String)>, String), Self) {
        tokio::task::spawn_blocking(move || (self.heard.recv_timeout(DEADLINE).unwrap(), self)).await.unwrap()
    }
}

fn answer(mut stream: TcpStream, status: u16) -> (Vec<(String, String)>, String) {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
    }
    let headers = text.lines().filter_map(|line| line.split_once(": "));
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let mut body = vec![0; header(&headers, "content-length").parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    let location = if status == 302 { "location: http://127.0.0.1:1/\r\n" } else { "" };
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{location}connection: close\r\n\r\n")
        .unwrap();
    (headers, String::from_utf8(body).unwrap())
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str()).unwrap()
}

#[tokio::test]
async fn the_end_of_a_job_is_told_with_a_signature_that_can_be_checked() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[SECRET, ALLOW]);
    let listener = Listener::start(&[204]);
    let job = server.submit_with(triangle_glb(), &format!("&webhook={}", listener.url), &[]).await;
    let ((headers, body), _listener) = listener.next().await;
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&told["type"], &told["data"]["id"]), (&json!("job.completed"), &job["id"]));
    assert_eq!(told["data"]["state"], "completed");
    let signed =
        format!("{}.{}.{body}", header(&headers, "webhook-id"), header(&headers, "webhook-timestamp"));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.1.as_bytes());
    let signature = header(&headers, "webhook-signature").strip_prefix("v1,").unwrap();
    ring::hmac::verify(&key, signed.as_bytes(), &BASE64_STANDARD.decode(signature).unwrap()).unwrap();
    let id = job["id"].as_str().unwrap();
    let job = server.job_until(id, |job| job["webhook"]["delivered_at"].is_string()).await;
    assert_eq!(job["webhook"]["tries"], 1);
}

#[tokio::test]
async fn a_failed_call_is_made_again_after_a_restart_and_redirects_are_not_followed() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[SECRET, ALLOW]);
    let listener = Listener::start(&[302, 200]);
    let id = server.submit_with(triangle_glb(), &format!("&webhook={}", listener.url), &[]).await;
    let id = id["id"].as_str().unwrap().to_owned();
    let ((headers, _), listener) = listener.next().await;
    let first = header(&headers, "webhook-id").to_owned();
    let job = server.job_until(&id, |job| job["webhook"]["error"].is_string()).await;
    assert!(job["webhook"]["error"].as_str().unwrap().contains("302"), "{job}");
    server.kill();
    let server = Server::start_with(folder.path(), &[SECRET, ALLOW]);
    let ((headers, _), _listener) = listener.next().await;
    assert_eq!(header(&headers, "webhook-id"), first);
    let job = server.job_until(&id, |job| job["webhook"]["delivered_at"].is_string()).await;
    assert_eq!(job["webhook"]["tries"], 2);
}

#[tokio::test]
async fn private_addresses_are_refused_and_a_name_for_one_is_never_called() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[SECRET]);
    let post = async |webhook: &str| {
        let request = server.client.post(server.address("/api/v1/jobs")).query(&[("webhook", webhook)]);
        request.body(triangle_glb()).send().await.unwrap()
    };
    for address in [
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "http://0x7f.1/",
        "http://10.1.2.3/",
    ] {
        let answer = post(address).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{address}");
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "private_webhook", "{address}");
    }
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let name = format!("http://localhost:{}/", socket.local_addr().unwrap().port());
    let job: Value = post(&name).await.json().await.unwrap();
    let id = job["id"].as_str().unwrap();
    let job = server.job_until(id, |job| job["webhook"]["error"].is_string()).await;
    assert!(job["webhook"]["error"].as_str().unwrap().contains("not a public address"), "{job}");
    assert!(socket.accept().is_err(), "somebody called");
    let ftp = post("ftp://example.org/").await;
    assert_eq!(ftp.json::<Value>().await.unwrap()["code"], "bad_webhook");
}

#[tokio::test]
async fn without_a_secret_nothing_is_promised() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let request = server.client.post(server.address("/api/v1/jobs?webhook=https://example.org/"));
    let answer: Value = request.body(triangle_glb()).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["code"], "webhooks_disabled");
}
