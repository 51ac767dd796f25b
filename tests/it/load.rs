//! Many at once: downloads, uploads, and somebody who only asks whether the server lives.
//!
//! Small numbers by default; the whole measurement is `tests/run --bars`.

use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use tempfile::tempdir;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::JoinSet;

use crate::support::{Server, padded_glb};

/// What the server may hold, in KiB: 200 MB.
const MEMORY_KIB: u64 = 200 << 10;
/// What somebody may wait in the worst case but one of a hundred; and on a machine that is shared and slow. The measured
/// numbers are printed.
const PROMISED: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(5);

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "the numbers are what the whole measurement is for")]
async fn many_downloads_and_uploads_at_once_cost_no_error_and_little_memory() {
    let (downloads, uploads) = (number("LOAD_DOWNLOADS", 150), number("LOAD_UPLOADS", 12));
    let upload_bytes = number("LOAD_UPLOAD_MB", 4) << 20;
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    // The worker is busy with it meanwhile.
    let id = server.submit(padded_glb(4 << 20)).await;
    let original = server.address(&format!("/api/v1/jobs/{id}/original"));
    let (live, jobs) = (server.address("/health/live"), server.address("/api/v1/jobs?effort=fast"));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    // One for all: making a thousand of them would keep this program from sending what it has connected for.
    let client = Client::new();
    for _ in 0..downloads {
        tasks.spawn(download(client.clone(), original.clone()));
    }
    // One model for all, for as long as this program runs: it is the server's memory that is measured.
    let model: &'static [u8] = padded_glb(upload_bytes).leak();
    for _ in 0..uploads {
        tasks.spawn(upload(client.clone(), jobs.clone(), model));
    }
    // On a thread of its own: what it waits for shall be the server, not this program's own thousand tasks.
    let (asked, stopped) = oneshot::channel();
    let asking = std::thread::spawn(move || ask_until_stopped(&live, stopped));
    let (mut faults, mut peak_kib) = (Vec::new(), 0);
    while let Some(done) = tasks.join_next().await {
        faults.extend(done.unwrap().err());
        peak_kib = peak_kib.max(server.memory_kib());
    }
    let took = start.elapsed();
    drop(asked);
    let (mut waits, unanswered) = asking.join().unwrap();
    waits.sort();
    let p99 = waits[(waits.len() - 1) * 99 / 100];
    eprintln!(
        "{downloads} downloads of 4 MB and {uploads} uploads of {} MB in {took:.1?}: {} errors, the server held {} MB, \
         /health/live p99 {p99:.1?} of {}",
        upload_bytes >> 20,
        faults.len(),
        peak_kib >> 10,
        waits.len()
    );
    assert!(faults.is_empty(), "{} errors, such as {}", faults.len(), faults[0]);
    assert!(peak_kib < MEMORY_KIB, "the server held {peak_kib} KiB");
    assert_eq!(unanswered, 0, "/health/live was not answered");
    let is_full = std::env::var("GLB_OPTIMIZER_BARS").is_ok_and(|bars| bars == "full");
    assert!(p99 < if is_full { PROMISED } else { PATIENCE }, "/health/live took {p99:?}");
}

async fn download(client: Client, url: String) -> Result<(), String> {
    let said = |error: reqwest::Error| format!("a download: {error:?}");
    let mut answer = client.get(url).send().await.map_err(said)?;
    if answer.status() != StatusCode::OK {
        return Err(format!("a download: {}", answer.status()));
    }
    let mut bytes = 0;
    while let Some(chunk) = answer.chunk().await.map_err(said)? {
        bytes += chunk.len();
    }
    if bytes > 4 << 20 { Ok(()) } else { Err(format!("a download ended after {bytes} bytes")) }
}

async fn upload(client: Client, url: String, model: &'static [u8]) -> Result<(), String> {
    // The result of another one is not wanted: the workers shall work.
    let answer = client.post(url).header("cache-control", "no-cache").body(model).send().await;
    let answer = answer.map_err(|error| format!("an upload: {error:?}"))?;
    if answer.status() == StatusCode::ACCEPTED {
        Ok(())
    } else {
        Err(format!("an upload: {}", answer.status()))
    }
}

/// How long each answer took, and how many did not come.
#[tokio::main(flavor = "current_thread")]
async fn ask_until_stopped(url: &str, mut stopped: oneshot::Receiver<()>) -> (Vec<Duration>, usize) {
    let (client, mut waits, mut unanswered) = (Client::new(), Vec::new(), 0);
    while stopped.try_recv() == Err(TryRecvError::Empty) {
        let start = Instant::now();
        if client.get(url).send().await.is_ok_and(|answer| answer.status() == StatusCode::OK) {
            waits.push(start.elapsed());
        } else {
            unanswered += 1;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (waits, unanswered)
}
