//! Nothing that was accepted is lost: the server is killed and stopped with jobs queued and running.

use std::time::Instant;

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
    server.kill();
    // Even a stopped child goes with its parent.
    wait_for_end(child);

    let server = Server::start(folder.path());
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
    let job: Value = server.post(&format!("/api/v1/jobs/{id}/cancel")).await.json().await.unwrap();
    assert_eq!(job["state"], "cancelled");
    wait_for_end(child);
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
    rustix::process::kill_process(child, rustix::process::Signal::CONT).unwrap();
    let job = server.finished(&id).await;
    assert_eq!((&job["state"], &job["attempt"]), (&Value::from("completed"), &Value::from(1)), "{job}");
}
