//! A backlog that was made on one node: who does how much of it, and what becomes of it when one of them dies.

#![expect(clippy::print_stderr, reason = "what was measured is shown with --nocapture")]

use std::time::{Duration, Instant};

use super::bars::{is_full, upload};
use super::nodes::{Fleet, VISIBILITY_S, until_nodes};
use crate::held::Held;
use crate::redis_server::Redis;
use crate::support::{Server, padded_glb};

async fn backlog(node: &Server, jobs: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for index in 0..jobs {
        ids.push(upload(node, padded_glb(4 * index)).await);
    }
    ids
}

#[tokio::test]
async fn three_nodes_share_a_backlog_evenly() {
    // What a job costs the processor must be little beside what it lasts, on any machine.
    let (jobs, time) = if is_full() { (60, 1_000) } else { (15, 600) };
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let nodes = [fleet.node("a").await, fleet.node("b").await, fleet.node("c").await];
    until_nodes(&nodes[0], 3).await;
    let held = Held::hold(&nodes.each_ref(), Duration::from_millis(time));
    let start = Instant::now();
    for id in backlog(&nodes[0], jobs).await {
        let job = nodes[0].job_until(&id, |job| job["finished_at"].is_string()).await;
        assert_eq!((&job["state"], &job["attempt"]), (&"completed".into(), &1.into()), "{job:#}");
    }
    let took = start.elapsed();
    let seconds = held.work_seconds();
    let even = seconds.iter().sum::<f64>() / 3.0;
    let off = seconds.iter().map(|one| (one / even - 1.0).abs()).fold(0.0, f64::max);
    eprintln!(
        "{jobs} jobs in {took:.1?}: {seconds:.1?} seconds of work, at most {:.0} % off even",
        100.0 * off
    );
    // Other tests may keep one of them from its turn.
    assert!(off <= if is_full() { 0.2 } else { 0.6 }, "{seconds:?}");
}

#[tokio::test]
async fn ten_jobs_outlive_a_node_that_is_killed_among_them() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (owner, doomed, _other) = (fleet.node("a").await, fleet.node("b").await, fleet.node("c").await);
    until_nodes(&owner, 3).await;
    // The others are not held: what is measured is how soon they have done what the dead one was doing.
    let held = Held::hold(&[&doomed], Duration::from_secs(3));
    let ids = backlog(&owner, 10).await;
    let start = Instant::now();
    while doomed.child().is_none() {
        assert!(start.elapsed() < crate::support::DEADLINE, "it gets no work");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    doomed.kill();
    let killed = Instant::now();
    for id in &ids {
        let job = owner.job_until(id, |job| job["finished_at"].is_string()).await;
        assert_eq!((&job["state"], &job["attempt"]), (&"completed".into(), &1.into()), "{job:#}");
    }
    let (took, timeout) = (killed.elapsed(), Duration::from_secs(VISIBILITY_S.parse().unwrap()));
    drop(held);
    eprintln!("all ten done {took:.1?} after the kill; the visibility timeout is {timeout:?}");
    // Work is slow when other tests run beside it.
    let slack = if is_full() { Duration::ZERO } else { Duration::from_secs(30) };
    assert!(took < timeout + slack, "{took:?}");
}
