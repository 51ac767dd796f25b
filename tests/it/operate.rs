//! What an operator counts on: how fast the server is there, what it takes when it has nothing to do, how it stops.
//!
//! Figures are only right for the optimized executable on a machine with nothing else to do: `tests/run --bars` compares
//! them with what was promised; every other run with bounds that only something wrong passes.

#![expect(clippy::print_stderr, reason = "what was measured is shown with --nocapture")]

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Server, heavy_glb};

const READY: Duration = Duration::from_millis(300);
const IDLE_KIB: u64 = 40 << 10;
const STOP: Duration = Duration::from_secs(10);
/// How long the server is watched while it has nothing to do.
const IDLE: Duration = Duration::from_secs(20);

fn is_full() -> bool {
    std::env::var("GLB_OPTIMIZER_BARS").is_ok_and(|bars| bars == "full")
}

/// The processor time that the server has used, in ticks of 10 ms.
fn ticks(server: &Server) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_there_at_once_and_idles_without_work_or_memory() {
    let folder = tempdir().unwrap();
    drop(Server::start(folder.path()));
    let start = Instant::now();
    let server = Server::start(folder.path());
    let ready = start.elapsed();
    server.get("/").await;
    server.get("/health").await;
    let watched = if is_full() { IDLE } else { Duration::from_secs(1) };
    let before = ticks(&server);
    tokio::time::sleep(watched).await;
    let (used, memory_kib) = (ticks(&server) - before, server.memory_kib());
    eprintln!("ready after {ready:?}; idle: {memory_kib} KiB, {used} ticks of 10 ms in {watched:?}");
    // The executable of tests is slower and larger, and shares its machine.
    let (most_ready, most_kib, most_ticks) =
        if is_full() { (READY, IDLE_KIB, 1) } else { (READY * 50, IDLE_KIB * 4, 20) };
    assert!(ready < most_ready, "ready after {ready:?}");
    assert!(memory_kib < most_kib, "{memory_kib} KiB");
    assert!(used <= most_ticks, "{used} ticks of 10 ms in {watched:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_hands_every_job_back_in_time() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut ids = Vec::new();
    for _ in 0..4 {
        let job = server.submit_with(heavy_glb(), "", &[("cache-control", "no-cache")]).await;
        ids.push(job["id"].as_str().unwrap().to_owned());
    }
    server.job_until(&ids[0], |job| job["state"] != "queued").await;
    // Platforms send it to every process, and again.
    server.signal(Signal::TERM);
    let start = Instant::now();
    let status = server.terminate();
    let took = start.elapsed();
    eprintln!("stopped under load after {took:?}");
    assert!(status.success(), "{status}");
    assert!(took < STOP || !is_full(), "it took {took:?}");
    let server = Server::start(folder.path());
    for id in ids {
        let job = server.finished(&id).await;
        assert_eq!((&job["state"], &job["error"]), (&Value::from("completed"), &Value::Null), "{job}");
    }
}
