//! Work that nodes do for each other, and what becomes of it when one of them, or Redis, goes.

use rustix::process::{Pid, Signal, kill_process};

use super::nodes::{Fleet, until_nodes, until_tier};
use crate::fixtures::file::glb;
use crate::redis_server::Redis;
use crate::support::{Server, heavy_glb, is_stopped, padded_glb, triangle_glb, wait_for_end};

/// Two nodes; the first one's only slot is held by a child that does not move.
async fn busy_and_free(fleet: &Fleet) -> (Server, Server, (String, Pid)) {
    let (busy, free) = (fleet.node("busy").await, fleet.node("free").await);
    until_nodes(&busy, 2).await;
    let frozen = busy.submit_frozen().await;
    (busy, free, frozen)
}

/// Waits until the node works on a job of another one, and stops that work.
async fn freeze_taken(owner: &Server, taker: &Server) -> (String, Pid) {
    for _ in 0..20 {
        let job = owner.submit_with(heavy_glb(), "", &[("cache-control", "no-cache")]).await;
        let id = job["id"].as_str().unwrap().to_owned();
        let job =
            owner.job_until(&id, |job| job["stage"].is_string() || job["finished_at"].is_string()).await;
        let Some(child) = taker.child().filter(|_| job["state"] == "running") else { continue };
        let _ = kill_process(child, Signal::STOP);
        if is_stopped(child) && owner.job(&id).await["state"] == "running" {
            return (id, child);
        }
    }
    panic!("no taken job could be caught at work");
}

#[tokio::test]
async fn a_node_without_a_free_slot_has_its_jobs_done_by_others() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (busy, _free, (frozen, child)) = busy_and_free(&fleet).await;
    let mut ids = Vec::new();
    for index in 0..6 {
        ids.push(busy.submit(padded_glb(4 * index)).await);
    }
    for id in &ids {
        let job = busy.finished(id).await;
        assert_eq!((&job["state"], &job["attempt"]), (&"completed".into(), &1.into()), "{job:#}");
        assert_eq!(busy.get(&format!("/api/v1/jobs/{id}/result")).await.status(), 200);
        assert_eq!(busy.get(&format!("/api/v1/jobs/{id}/report")).await.status(), 200);
    }
    kill_process(child, Signal::CONT).unwrap();
    assert_eq!(busy.finished(&frozen).await["state"], "completed");
    assert_eq!(redis.say("XLEN glb-optimizer:work:0.1.0"), ":0", "done messages are deleted");
}

#[tokio::test]
async fn a_bad_file_is_refused_by_the_other_node_in_the_same_words() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (busy, free, _frozen) = busy_and_free(&fleet).await;
    let bad = || glb(b"{ no JSON }".to_vec(), &[]);
    let (here, there) = (free.submit(bad()).await, busy.submit(bad()).await);
    let (here, there) = (free.finished(&here).await, busy.finished(&there).await);
    assert_eq!((&there["state"], &there["error"]), (&"dead".into(), &here["error"]), "{there:#}");
}

#[tokio::test]
async fn a_job_that_is_cancelled_at_its_owner_stops_at_its_taker() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (busy, free, _frozen) = busy_and_free(&fleet).await;
    let (id, child) = freeze_taken(&busy, &free).await;
    assert_eq!(busy.post(&format!("/api/v1/jobs/{id}/cancel")).await.status(), 200);
    wait_for_end(child);
    assert_eq!(busy.job(&id).await["state"], "cancelled");
    // The slot is free again.
    let next = busy.submit(triangle_glb()).await;
    assert_eq!(busy.finished(&next).await["state"], "completed");
}

#[tokio::test]
async fn what_a_killed_taker_was_doing_another_one_does() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (busy, free, _frozen) = busy_and_free(&fleet).await;
    let (id, _child) = freeze_taken(&busy, &free).await;
    free.kill();
    let _third = fleet.node("third").await;
    let job = busy.finished(&id).await;
    assert_eq!((&job["state"], &job["attempt"]), (&"completed".into(), &1.into()), "{job:#}");
}

#[tokio::test]
async fn a_taker_that_stops_hands_its_work_back() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (busy, free, _frozen) = busy_and_free(&fleet).await;
    let (id, _child) = freeze_taken(&busy, &free).await;
    assert!(free.terminate().success());
    let _third = fleet.node("third").await;
    assert_eq!(busy.finished(&id).await["state"], "completed");
}

#[tokio::test]
async fn an_owner_that_stops_takes_its_jobs_with_it_and_does_them_later() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (busy, free, _frozen) = busy_and_free(&fleet).await;
    let (id, child) = freeze_taken(&busy, &free).await;
    assert!(busy.terminate().success());
    wait_for_end(child);
    let busy = fleet.node("busy").await;
    assert_eq!(busy.finished(&id).await["state"], "completed");
}

#[tokio::test]
async fn a_redis_that_forgets_everything_loses_no_job() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (busy, free, (frozen, child)) = busy_and_free(&fleet).await;
    let (taken, _child) = freeze_taken(&busy, &free).await;
    let waiting = busy.submit(padded_glb(8)).await;
    assert_eq!(redis.say("FLUSHALL"), "+OK");
    kill_process(child, Signal::CONT).unwrap();
    for id in [&frozen, &taken, &waiting] {
        assert_eq!(busy.finished(id).await["state"], "completed");
    }
    until_tier(&busy, "redis").await;
}

#[tokio::test]
async fn a_redis_that_dies_gives_the_jobs_back() {
    let mut redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (busy, free, (frozen, child)) = busy_and_free(&fleet).await;
    let (taken, _child) = freeze_taken(&busy, &free).await;
    let waiting = busy.submit(padded_glb(8)).await;
    redis.kill();
    kill_process(child, Signal::CONT).unwrap();
    for id in [&frozen, &taken, &waiting] {
        let job = busy.finished(id).await;
        assert_eq!(job["state"], "completed", "{job:#}");
    }
}
