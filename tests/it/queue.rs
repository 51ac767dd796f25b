//! Nothing that was accepted is lost: the server is killed and stopped with jobs queued and running.

use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Server, command, padded_glb, triangle_glb, wait_for_end};

#[tokio::test]
async fn every_accepted_job_completes_after_kill_9() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (running, child) = server.submit_frozen().await;
    let mut accepted = vec![running.clone()];
    for ballast in 0..8 {
        accepted.push(server.submit(padded_glb(ballast * 4)).await);
    }
    assert_eq!(server.job(accepted.last().unwrap()).await["state"], "queued");
    let start = Instant::now();
    server.kill();
    // Even a stopped child goes with its parent.
    wait_for_end(child);

    let server = Server::start(folder.path());
    let health: Value = server.get("/health").await.json().await.unwrap();
    let known: u64 = health["queue"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(known, accepted.len() as u64);
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    for id in &accepted {
        let job = server.finished(id).await;
        assert_eq!(job["state"], "completed", "{job}");
        assert_eq!(job["attempt"], if *id == running { 2 } else { 1 });
    }
}

#[tokio::test]
async fn a_graceful_stop_is_quick_and_counts_no_attempt() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let (id, child) = server.submit_frozen().await;
    let start = Instant::now();
    assert!(server.terminate().success());
    assert!(start.elapsed().as_secs() < 10, "took {:?}", start.elapsed());
    wait_for_end(child);
    // More stops than a job has attempts, each with the job running, as far as it can be caught.
    for _ in 0..3 {
        server = Server::start(folder.path());
        if server.freeze_child(&id).await.is_none() {
            break;
        }
        assert!(server.terminate().success());
    }
    let server = Server::start(folder.path());
    let job = server.finished(&id).await;
    assert_eq!((&job["state"], &job["error"]), (&Value::from("completed"), &Value::Null), "{job}");
}

#[tokio::test]
async fn a_stop_ends_open_event_streams() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (id, _child) = server.submit_frozen().await;
    let mut response = server.get(&format!("/api/v1/jobs/{id}/events")).await;
    assert!(response.chunk().await.unwrap().is_some());
    let start = Instant::now();
    assert!(server.terminate().success());
    assert!(start.elapsed().as_secs() < 10, "took {:?}", start.elapsed());
    while let Ok(Some(_)) = response.chunk().await {}
}

#[tokio::test]
async fn a_cancelled_job_stops_at_once_and_can_be_retried() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (id, child) = server.submit_frozen().await;
    let start = Instant::now();
    let job: Value = server.post(&format!("/api/v1/jobs/{id}/cancel")).await.json().await.unwrap();
    assert_eq!(job["state"], "cancelled");
    wait_for_end(child);
    assert!(start.elapsed() < Duration::from_secs(1), "took {:?}", start.elapsed());
    // The only slot is free again.
    let next = server.submit(triangle_glb()).await;
    assert_eq!(server.finished(&next).await["state"], "completed");
    assert_eq!(server.job(&id).await["state"], "cancelled");
    server.post(&format!("/api/v1/jobs/{id}/retry")).await;
    assert_eq!(server.finished(&id).await["state"], "completed");
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused_and_harms_nothing() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (id, child) = server.submit_frozen().await;
    let second = command(folder.path(), &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        said.starts_with("glb-optimizer: ") && said.contains("in use by another glb-optimizer"),
        "{said}"
    );
    assert!(said.contains(&format!("process {}", server.id())), "{said}");
    rustix::process::kill_process(child, rustix::process::Signal::CONT).unwrap();
    let job = server.finished(&id).await;
    assert_eq!((&job["state"], &job["attempt"]), (&Value::from("completed"), &Value::from(1)), "{job}");
}

#[tokio::test]
async fn the_same_file_and_settings_are_answered_from_the_result() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let first = server.submit(padded_glb(4_000)).await;
    let done = server.finished(&first).await;
    let again = server.submit_with(padded_glb(4_000), "", &[]).await;
    assert_eq!((&again["state"], &again["cached"]), (&"completed".into(), &Value::from(true)));
    assert_eq!(again["output_bytes"], done["output_bytes"]);
    let result = async |id: &Value| {
        let path = format!("/api/v1/jobs/{}/result", id.as_str().unwrap());
        server.get(&path).await.bytes().await.unwrap()
    };
    assert_eq!(result(&again["id"]).await, result(&done["id"]).await);
    // Out of a cached job, the one that did the work is still named.
    let third = server.submit_with(padded_glb(4_000), "", &[]).await;
    assert_eq!(third["cached"], true);
    for (query, headers) in [("&preset=high", &[][..]), ("", &[("cache-control", "no-cache")])] {
        let job = server.submit_with(padded_glb(4_000), query, headers).await;
        assert_eq!((&job["state"], &job["cached"]), (&"queued".into(), &Value::from(false)), "{job}");
        assert_eq!(server.finished(job["id"].as_str().unwrap()).await["state"], "completed");
    }
}

#[tokio::test]
async fn a_result_that_is_gone_is_made_again() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let done = server.submit(padded_glb(4_000)).await;
    server.finished(&done).await;
    let etag = server.get(&format!("/api/v1/jobs/{done}/result")).await.headers()["etag"].clone();
    let hash = etag.to_str().unwrap().trim_matches('"');
    std::fs::remove_file(folder.path().join("blobs").join(&hash[..2]).join(&hash[2..])).unwrap();
    let again = server.submit(padded_glb(4_000)).await;
    assert_eq!(server.finished(&again).await["cached"], false);
    assert_eq!(server.get(&format!("/api/v1/jobs/{again}/result")).await.status(), 200);
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_job_even_after_a_crash() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let key = [("idempotency-key", "\"order-1\"")];
    let first = server.submit_with(triangle_glb(), "", &key).await;
    server.kill();
    let server = Server::start(folder.path());
    let again = server.submit_with(triangle_glb(), "", &key).await;
    assert_eq!(again["id"], first["id"]);
    for (path, glb) in [("/api/v1/jobs", padded_glb(8)), ("/api/v1/jobs?preset=high", triangle_glb())] {
        let request = server.client.post(server.address(path)).header("idempotency-key", "order-1").body(glb);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 422);
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], "idempotency_key_reused");
        // Whose job that is, is nobody else's business.
        assert!(!problem["detail"].as_str().unwrap().contains(first["id"].as_str().unwrap()), "{problem}");
    }
    let health: Value = server.get("/health").await.json().await.unwrap();
    let jobs: u64 = health["queue"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(jobs, 1);
}

#[tokio::test]
async fn a_pause_outlives_a_restart_and_then_jobs_go_by_priority() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    // So that there is something to estimate from.
    let measured = server.submit(padded_glb(1_000)).await;
    server.finished(&measured).await;
    server.post("/api/v1/queue/pause").await;
    let mut ids = Vec::new();
    for (ballast, priority) in [(4, "low"), (8, "normal"), (12, "high")] {
        let job = server.submit_with(padded_glb(ballast), &format!("&priority={priority}"), &[]).await;
        assert_eq!((&job["priority"], &job["position"]), (&priority.into(), &Value::from(1)), "{job}");
        ids.push(job["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(server.job(&ids[0]).await["position"], 3);
    assert_eq!(server.job(&ids[0]).await["wait_seconds"], Value::Null);
    server.kill();

    let server = Server::start(folder.path());
    let health: Value = server.get("/health").await.json().await.unwrap();
    assert_eq!((&health["paused"], &health["queue"]["queued"]), (&true.into(), &Value::from(3)));
    server.post("/api/v1/queue/resume").await;
    let mut started = Vec::new();
    for id in &ids {
        let job = server.finished(id).await;
        assert_eq!((&job["state"], &job["position"]), (&"completed".into(), &Value::Null), "{job}");
        started.push(job["started_at"].as_str().unwrap().to_owned());
    }
    assert!(started[2] <= started[1] && started[1] <= started[0], "{started:?}");
}

#[tokio::test]
async fn the_wait_is_estimated_from_what_was_measured_and_not_before() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (running, child) = server.submit_frozen().await;
    let waiting = server.submit(triangle_glb()).await;
    let job = server.job(&waiting).await;
    assert_eq!((&job["position"], &job["wait_seconds"]), (&1.into(), &Value::Null), "{job}");
    rustix::process::kill_process(child, rustix::process::Signal::CONT).unwrap();
    server.finished(&running).await;
    let (_running, _child) = server.submit_frozen().await;
    let waiting = server.submit(padded_glb(16)).await;
    let job = server.job(&waiting).await;
    assert!(job["wait_seconds"].as_f64().unwrap() > 0.0, "{job}");
}
