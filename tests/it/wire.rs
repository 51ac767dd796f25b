//! What comes over the wire and is no proper request: spoken over a raw socket, since no client would say it.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{DEADLINE, Server, padded_glb, triangle_glb};

/// Sends the bytes and returns all that is answered until the server closes, or until nothing more comes for a while.
fn answer_to(server: &Server, request: &[u8]) -> String {
    let mut stream = connect(server);
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    // The server may have closed by then.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&piece[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.url.trim_start_matches("http://")).unwrap()
}

fn statuses(answer: &str) -> Vec<&str> {
    let lines = answer.lines().filter(|line| line.starts_with("HTTP/1.1 "));
    lines.filter_map(|line| line.get(9..12)).collect()
}

/// Requests whose end a proxy and this server could see at different places. Each hides a second one behind its
/// body, which must never be answered as a request of its own that follows a good one.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_two_ends_is_refused_or_closed_after() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let hidden = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    let bodies = [
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
        "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX",
        "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        "Content-Length: 0, 44\r\n\r\n",
        "Content-Length: +0\r\n\r\n",
        "Content-Length: -1\r\n\r\n",
        "Content-Length: 0x0\r\n\r\n",
        "Content-Length: 18446744073709551616\r\n\r\n",
        "Transfer-Encoding: identity\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF1\r\n\r\n",
    ];
    for body in bodies {
        let request = format!("POST /api/v1/nothing HTTP/1.1\r\nHost: a\r\n{body}{hidden}");
        let answer = answer_to(&server, request.as_bytes());
        assert!(!answer.contains("alive"), "the hidden request was answered after {body:?}: {answer}");
        let statuses = statuses(&answer);
        assert!(statuses.len() <= 1 && !statuses.contains(&"200"), "{body:?}: {answer}");
    }
    assert_eq!(server.get("/health/live").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_no_head_is_refused() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(80_000));
    let long_line = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(80_000));
    let lines: String = (0..200).map(|number| format!("X-{number}: a\r\n")).collect();
    let many_lines = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let cases: [(&str, &[&str]); 6] = [
        (&long_path, &["414", "431", "400"]),
        (&long_line, &["431"]),
        (&many_lines, &["431"]),
        ("GET / HTTP/9.9\r\n\r\n", &["400"]),
        ("NONSENSE\r\n\r\n", &["400"]),
        ("GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
    ];
    for (request, allowed) in cases {
        let answer = answer_to(&server, request.as_bytes());
        let shown = &request[..request.len().min(60)];
        let statuses = statuses(&answer);
        assert!(!statuses.is_empty(), "{shown:?} is not answered");
        assert!(statuses.iter().all(|status| allowed.contains(status)), "{shown:?}: {answer}");
        assert!(!answer.contains("200 OK"), "{shown:?}");
    }
    assert_eq!(server.get("/health/live").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_says_what_is_wanted_is_hung_up_on() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let mut stream = connect(&server);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: a\r\n").unwrap();
    let start = Instant::now();
    let mut answer = Vec::new();
    // The end comes from the server: this side says nothing more.
    let _ = stream.read_to_end(&mut answer);
    assert!(start.elapsed() < DEADLINE, "the connection is open for ever");
    assert!(!String::from_utf8_lossy(&answer).contains("alive"));
}

fn left_behind(folder: &Path) -> Vec<String> {
    let incoming = fs::read_dir(folder.join("blobs/incoming")).unwrap();
    incoming.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

async fn until_nothing_is_left(folder: &Path) {
    let start = Instant::now();
    while !left_behind(folder).is_empty() {
        assert!(start.elapsed() < DEADLINE, "left behind: {:?}", left_behind(folder));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn until_something_comes(folder: &Path) {
    let start = Instant::now();
    while left_behind(folder).is_empty() {
        assert!(start.elapsed() < DEADLINE, "nothing has arrived");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The head of an upload and the first half of its body.
fn half_an_upload(head: &str) -> Vec<u8> {
    let model = padded_glb(2 << 20);
    let head = format!("POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n").into_bytes();
    [head, model[..1 << 20].to_vec()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let length = format!("Content-Length: {}", padded_glb(2 << 20).len());
    for head in [length.as_str(), "Transfer-Encoding: chunked"] {
        let mut stream = connect(&server);
        let mut upload = half_an_upload(head);
        if head.starts_with("Transfer") {
            let body = upload.split_off(upload.len() - (1 << 20));
            upload.extend_from_slice(b"100000\r\n");
            upload.extend(body);
        }
        stream.write_all(&upload).unwrap();
        until_something_comes(data.path()).await;
        drop(stream);
        until_nothing_is_left(data.path()).await;
    }
    let list: Value = server.get("/api/v1/jobs").await.json().await.unwrap();
    assert_eq!(list["jobs"], Value::Array(Vec::new()), "no job came of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_comes_too_slowly_is_stopped_and_leaves_nothing() {
    let data = tempdir().unwrap();
    // More than half a megabyte in ten seconds: the first half of the upload is not enough.
    let server = Server::start_with(data.path(), &[("MIN_UPLOAD_KBPS", "1024")]);
    let mut stream = connect(&server);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = format!("Content-Length: {}", padded_glb(2 << 20).len());
    stream.write_all(&half_an_upload(&length)).unwrap();
    until_something_comes(data.path()).await;
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert_eq!(statuses(&answer), ["408"], "{answer}");
    until_nothing_is_left(data.path()).await;
}

#[tokio::test]
async fn paths_that_climb_reach_nothing() {
    let data = tempdir().unwrap();
    fs::write(data.path().join("private"), b"top secret").unwrap();
    let server = Server::start(data.path());
    server.submit(triangle_glb()).await;
    for path in [
        "/../private",
        "/..%2fprivate",
        "/%2e%2e/private",
        "/assets/../../private",
        "/assets/..%5c..%5cprivate",
        "//etc/passwd",
        "/api/v1/jobs/..%2f..%2fprivate",
        "/api/v1/jobs/%00",
        "/index.html%00.png",
    ] {
        let answer = answer_to(
            &server,
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        assert!(!answer.contains("top secret") && !answer.contains("root:"), "{path}: {answer}");
        let statuses = statuses(&answer);
        assert!(!statuses.is_empty(), "{path} is not answered");
        assert!(statuses.iter().all(|status| ["400", "404"].contains(status)), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_name_cannot_add_a_header_or_leave_its_folder() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let long = "x".repeat(300);
    let names = [
        "a\r\nSet-Cookie: evil=1\r\n\r\n<script>.glb",
        "..\\..\\windows\\a\".glb",
        "../../etc/passwd",
        "\u{202e}blg.exe\u{0}.glb",
        &long,
    ];
    for name in names {
        let url = server.address("/api/v1/jobs");
        let request = Client::new().post(url).query(&[("name", name)]).body(triangle_glb());
        let job: Value = request.send().await.unwrap().json().await.unwrap();
        let id = job["id"].as_str().unwrap();
        let answer = server.get(&format!("/api/v1/jobs/{id}/original")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{name:?}");
        assert!(!answer.headers().contains_key("set-cookie"), "{name:?}");
        let shown = answer.headers()["content-disposition"].to_str().unwrap();
        assert!(shown.starts_with("attachment; filename=\"") && shown.len() < 1_000, "{shown}");
        let kept = job["input_name"].as_str().unwrap();
        assert!(!kept.contains(['/', '\\']) && !kept.chars().any(char::is_control), "{kept:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_something_else_is_refused_whatever_it_is_called() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let files: [(&str, &[u8]); 5] = [
        ("image", b"\x89PNG\r\n\x1a\n0000000000000000"),
        ("page", b"<!doctype html><script>alert(1)</script>"),
        ("archive", b"PK\x03\x04 0000000000000000000000"),
        ("program", b"\x7fELF\x02\x01\x01 000000000000000000"),
        ("old glTF", b"glTF\x01\x00\x00\x00\x20\x00\x00\x00 000000000000"),
    ];
    for (what, bytes) in files {
        let request = Client::new().post(server.address("/api/v1/jobs?name=model.glb"));
        let answer =
            request.header("content-type", "model/gltf-binary").body(bytes.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{what}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "not_a_glb", "{what}");
    }
    assert!(left_behind(data.path()).is_empty());
}

#[tokio::test]
async fn uploads_in_progress_count_against_the_disk_quota() {
    let data = tempdir().unwrap();
    let server = Server::start_with(data.path(), &[("DISK_QUOTA_MB", "2")]);
    let mut first = connect(&server);
    let length = format!("Content-Length: {}", padded_glb(2 << 20).len());
    first.write_all(&half_an_upload(&length)).unwrap();
    let start = Instant::now();
    let size = || {
        fs::read_dir(data.path().join("blobs/incoming"))
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum::<u64>()
    };
    while size() < 1 << 20 {
        assert!(start.elapsed() < DEADLINE, "only {} bytes have arrived", size());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = Client::new().post(server.address("/api/v1/jobs")).body(padded_glb(1_500_000));
    let answer = second.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::INSUFFICIENT_STORAGE);
    drop(first);
    until_nothing_is_left(data.path()).await;
    let third = Client::new().post(server.address("/api/v1/jobs")).body(padded_glb(1_500_000));
    assert_eq!(third.send().await.unwrap().status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_full_queue_refuses_and_says_when_to_come_back() {
    let data = tempdir().unwrap();
    let server = Server::start_with(data.path(), &[("MAX_QUEUED_JOBS", "2")]);
    assert_eq!(server.post("/api/v1/queue/pause").await.status(), StatusCode::OK);
    for ballast in [0, 4] {
        server.submit(padded_glb(ballast)).await;
    }
    let answer = Client::new().post(server.address("/api/v1/jobs")).body(padded_glb(8)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "60");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "queue_full");
}
