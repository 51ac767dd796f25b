//! Hostile files, uploaded to a real server: it answers others meanwhile, its memory stays flat, and each job ends
//! with a result or a reason that does not blame the server.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::task::JoinHandle;

use crate::fixtures::file::glb;
use crate::roundtrip::beside;
use crate::support::Server;

/// What others may have to wait for an answer while a hostile file is worked on. Generous: machines are shared.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the server may grow by over all files, in KiB. Each job costs it a record and some events.
const GROWTH_KIB: u64 = 32 << 10;
/// One attempt is enough to be hostile; a limit on memory that a laptop has.
const VARIABLES: [(&str, &str); 2] = [("MEMORY_LIMIT_MB", "1024"), ("TASK_TIMEOUT_SECONDS", "60")];

/// A file, its name, and whether it has to be refused.
struct Hostile {
    name: String,
    bytes: Vec<u8>,
    must_be_refused: bool,
    may_be_refused: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_files_made_here_do_no_harm() {
    let refused = |name: &str, bytes: Vec<u8>| Hostile {
        name: name.into(),
        bytes,
        must_be_refused: true,
        may_be_refused: true,
    };
    let deep = format!("{{\"asset\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = json!({
        "asset": { "version": "2.0" },
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
        "accessors": [{ "componentType": 5126, "count": 4_000_000_000_u32, "type": "VEC3" }],
    });
    let outside = json!({
        "asset": { "version": "2.0" },
        "buffers": [{ "uri": "file:///etc/passwd", "byteLength": 100 }],
        "bufferViews": [{ "buffer": 0, "byteLength": 100 }],
        "images": [{ "uri": "/etc/passwd" }],
    });
    let mut cut_off = glb(b"{\"asset\":{\"version\":\"2.0\"}}".to_vec(), &[7; 4_000]);
    cut_off.truncate(100);
    withstand(vec![
        refused("no model", b"PK\x03\x04 this is an archive".to_vec()),
        refused("nothing", Vec::new()),
        refused("cut off", cut_off),
        refused("deep", glb(deep.into_bytes(), &[])),
        refused("huge", glb(huge.to_string().into_bytes(), &[])),
        refused("outside", glb(outside.to_string().into_bytes(), &[])),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_files_at_hand_do_no_harm() {
    let Some(folder) = beside("bad") else { return };
    let table = fs::read_to_string(folder.join("EXPECT.tsv")).unwrap();
    let read = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let path: PathBuf = folder.join(columns[0]);
        let bytes = fs::read(path).unwrap();
        let (must_be_refused, may_be_refused) = (columns[2] == "reject", columns[2].starts_with("reject"));
        Hostile { name: columns[0].into(), bytes, must_be_refused, may_be_refused }
    };
    withstand(table.lines().skip(1).map(read).collect()).await;
}

async fn withstand(files: Vec<Hostile>) {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &VARIABLES);
    // The first file warms caches and thread pools up.
    let before = end_of(&server, &files[0]).await.err();
    let (memory, answering) = (server.memory_kib(), Bystander::start(&server));
    let mut faults: Vec<String> = before.into_iter().collect();
    for file in &files[1..] {
        faults.extend(end_of(&server, file).await.err());
    }
    let slowest = answering.stop().await;
    assert!(slowest < PATIENCE, "others waited {slowest:?} for an answer");
    let grown = server.memory_kib().saturating_sub(memory);
    assert!(grown < GROWTH_KIB, "the server grew by {grown} KiB over {} files", files.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Uploads one file and waits for the end of its job; says what is wrong with that end.
async fn end_of(server: &Server, file: &Hostile) -> Result<(), String> {
    let upload = server
        .client
        .post(server.address("/api/v1/jobs?name=model.glb&effort=fast"))
        .body(file.bytes.clone());
    let answer = upload.send().await.unwrap();
    let status = answer.status();
    let answer: Value = answer.json().await.unwrap();
    let name = &file.name;
    if status == StatusCode::BAD_REQUEST && answer["code"] == "not_a_glb" {
        return if file.may_be_refused { Ok(()) } else { Err(format!("{name}: refused with {answer}")) };
    }
    if status != StatusCode::ACCEPTED {
        return Err(format!("{name}: answered with {status}: {answer}"));
    }
    let job = server.finished(answer["id"].as_str().unwrap()).await;
    let (code, message) = (&job["error"]["code"], job["error"]["message"].as_str().unwrap_or_default());
    let blames_us = ["internal", "crashed", "timed_out", "out_of_memory", "not_started", "storage"];
    match job["state"].as_str() {
        Some("completed") if !file.must_be_refused => Ok(()),
        Some("dead") if !message.is_empty() && !blames_us.iter().any(|blame| code == blame) => Ok(()),
        _ => Err(format!("{name}: ended as {job}")),
    }
}

/// Somebody who asks the server whether it lives, again and again.
struct Bystander {
    stop: Arc<AtomicBool>,
    slowest: JoinHandle<Duration>,
}

impl Bystander {
    fn start(server: &Server) -> Self {
        let (client, url) = (Client::new(), server.address("/health/live"));
        let stop = Arc::new(AtomicBool::new(false));
        let slowest = tokio::spawn(ask(client, url, Arc::clone(&stop)));
        Self { stop, slowest }
    }

    async fn stop(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.slowest.await.unwrap()
    }
}

async fn ask(client: Client, url: String, stop: Arc<AtomicBool>) -> Duration {
    let mut slowest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        slowest = slowest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    slowest
}
