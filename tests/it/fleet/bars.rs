//! What the fleet promises, with small numbers in every run and the full ones with GLB_OPTIMIZER_BARS=full.

#![expect(clippy::print_stderr, reason = "what was measured is shown with --nocapture")]

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::nodes::{Fleet, until_nodes, until_tier};
use crate::redis_server::Redis;
use crate::support::{DEADLINE, Server, padded_glb};

pub(super) fn is_full() -> bool {
    std::env::var("GLB_OPTIMIZER_BARS").is_ok_and(|bars| bars == "full")
}

/// Uploads, and asks until the answer is there; nothing may answer with a fault of the server.
pub(super) async fn upload(node: &Server, glb: Vec<u8>) -> String {
    let request = node.client.post(node.address("/api/v1/jobs?name=model.glb")).body(glb);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let job: serde_json::Value = answer.json().await.unwrap();
    job["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nothing_is_lost_while_redis_comes_and_goes() {
    let (uploads, pause) =
        if is_full() { (200, Duration::from_secs(5)) } else { (24, Duration::from_secs(2)) };
    let mut redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let nodes = [fleet.node("a").await, fleet.node("b").await, fleet.node("c").await];
    until_nodes(&nodes[0], 3).await;
    let toggles = Cell::new(0);
    let uploading = async {
        let mut ids = Vec::new();
        for index in 0.. {
            if index >= uploads && toggles.get() > 0 {
                break;
            }
            // Most go to one node, so that it has something to offer.
            let node = if index % 4 == 0 { 1 + index / 4 % 2 } else { 0 };
            ids.push((node, upload(&nodes[node], padded_glb((1 << 20) + 4 * index)).await));
        }
        let mut attempts = Vec::new();
        for (node, id) in &ids {
            let job = nodes[*node].job_until(id, |job| job["finished_at"].is_string()).await;
            assert_eq!(job["state"], "completed", "{job:#}");
            attempts.push(job["attempt"].as_u64().unwrap());
        }
        attempts
    };
    let toggling = async {
        loop {
            tokio::time::sleep(pause).await;
            redis.kill();
            tokio::time::sleep(pause).await;
            redis.start_again();
            toggles.set(toggles.get() + 1);
        }
    };
    let attempts: Vec<u64> = tokio::select! {
        attempts = uploading => attempts,
        () = toggling => unreachable!("it toggles for ever"),
    };
    let (uploads, toggles) = (attempts.len(), toggles.get());
    eprintln!("{uploads} uploads, {toggles} toggles, most attempts {:?}", attempts.iter().max());
    drop(redis);
    for node in &nodes {
        until_tier(node, "embedded").await;
    }
}

#[tokio::test]
async fn a_job_through_redis_costs_little_more_than_one_here() {
    let jobs = if is_full() { 50 } else { 8 };
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (busy, free) = (fleet.node("busy").await, fleet.node("free").await);
    until_nodes(&busy, 2).await;
    let timed = async |node: &Server, from: usize| {
        let mut times = Vec::new();
        for index in 0..jobs {
            let start = Instant::now();
            let id = upload(node, padded_glb(4 * (from + index))).await;
            tokio::time::timeout(DEADLINE, node.finished(&id)).await.unwrap();
            times.push(start.elapsed());
        }
        times.sort();
        times[times.len() / 2]
    };
    let here = timed(&free, 0).await;
    let (_frozen, _child) = busy.submit_frozen().await;
    let there = timed(&busy, 1_000).await;
    eprintln!("median of {jobs} jobs: {here:?} here, {there:?} through Redis");
    // Other tests run beside this one unless it is the full measurement.
    let bound = if is_full() { Duration::from_millis(20) } else { DEADLINE };
    assert!(there.saturating_sub(here) < bound, "{there:?} against {here:?}");
}
