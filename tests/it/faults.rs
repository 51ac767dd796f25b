//! What a job survives and what it does not: its process killed, its time used up, its settings wrong.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rustix::process::{Signal, kill_process};
use serde_json::Value;
use tempfile::tempdir;

use crate::fixtures::file::glb;
use crate::support::{Server, command, padded_glb, triangle_glb, wait_for_end};

#[tokio::test]
async fn a_killed_child_is_tried_again() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (id, child) = server.submit_frozen().await;
    kill_process(child, Signal::KILL).unwrap();
    let waiting = server.job_until(&id, |job| job["state"] == "queued").await;
    assert_eq!(waiting["error"]["code"], "crashed");
    let message = waiting["error"]["message"].as_str().unwrap();
    assert!(message.contains("was killed by the system"), "{message}");
    let job = server.finished(&id).await;
    assert_eq!((&job["state"], &job["attempt"]), (&Value::from("completed"), &Value::from(2)), "{job}");
    assert_eq!(job["error"], Value::Null);
}

#[tokio::test]
async fn a_bad_file_is_dead_at_once_with_its_reason() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let id = server.submit(glb(b"{ this is no JSON }".to_vec(), &[])).await;
    let job = server.finished(&id).await;
    assert_eq!((&job["state"], &job["attempt"]), (&Value::from("dead"), &Value::from(1)), "{job}");
    assert_eq!(job["error"]["code"], "invalid_json");
    let answer = server.get(&format!("/api/v1/jobs/{id}/result")).await;
    assert_eq!(answer.status(), 409);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "no_result");
    let (detail, reason) = (problem["detail"].as_str().unwrap(), job["error"]["message"].as_str().unwrap());
    assert!(detail.contains(reason), "{detail}");
    let kept = server.get(&format!("/api/v1/jobs/{id}/original")).await;
    assert_eq!(kept.status(), 200);
}

#[tokio::test]
async fn a_job_that_takes_too_long_is_stopped_and_says_so() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("TASK_TIMEOUT_SECONDS", "2")]);
    let (id, _child) = server.submit_frozen().await;
    let waiting = server.job_until(&id, |job| job["state"] == "queued").await;
    assert_eq!(waiting["error"]["code"], "timed_out");
    let message = waiting["error"]["message"].as_str().unwrap();
    assert!(message.contains("took longer than 2 seconds"), "{message}");
}

#[tokio::test]
async fn other_jobs_run_while_one_waits_for_its_next_attempt() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (id, child) = server.submit_frozen().await;
    kill_process(child, Signal::KILL).unwrap();
    server.job_until(&id, |job| job["state"] == "queued").await;
    let next = server.submit(triangle_glb()).await;
    assert_eq!(server.finished(&next).await["state"], "completed");
    assert_eq!(server.finished(&id).await["state"], "completed");
}

#[test]
fn a_wrong_variable_is_named_and_is_bad_usage() {
    let folder = tempdir().unwrap();
    let output = command(folder.path(), &[("TASK_TIMEOUT_SECONDS", "soon")]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("glb-optimizer: TASK_TIMEOUT_SECONDS is \"soon\""), "{said}");
}

#[tokio::test]
async fn without_a_data_folder_an_upload_waits_for_its_result() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"in the way").unwrap();
    let server = Server::start(&file.join("data"));
    let health: Value = server.get("/health").await.json().await.unwrap();
    assert_eq!((&health["tier"], &health["status"]), (&"sync".into(), &Value::from("degraded")), "{health}");
    let reason = health["tier_reason"].as_str().unwrap();
    assert!(reason.contains("data folder") && reason.contains("--data-dir"), "{reason}");

    let post = |glb: Vec<u8>| server.client.post(server.address("/api/v1/jobs")).body(glb).send();
    for (model, state) in [(triangle_glb(), "completed"), (glb(b"{ no JSON }".to_vec(), &[]), "dead")] {
        let response = post(model).await.unwrap();
        assert_eq!(response.status(), 200);
        let job: Value = response.json().await.unwrap();
        assert_eq!(job["state"], state, "{job}");
    }
    let job: Value = post(triangle_glb()).await.unwrap().json().await.unwrap();
    let result = server.get(&format!("/api/v1/jobs/{}/result", job["id"].as_str().unwrap())).await;
    assert_eq!(result.status(), 200);
    assert!(server.terminate().success());
}

#[tokio::test]
async fn a_read_only_data_folder_is_named_and_done_without() {
    let folder = tempdir().unwrap();
    let Some(server) = Server::start_on_disk(folder.path(), "ro") else { return };
    let health: Value = server.get("/health").await.json().await.unwrap();
    assert!(health["tier_reason"].as_str().unwrap().contains("Read-only file system"), "{health}");
    let request = server.client.post(server.address("/api/v1/jobs")).body(triangle_glb());
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_damaged_queue_file_is_named_and_left_as_it_is() {
    let folder = tempdir().unwrap();
    let queue = folder.path().join("queue.redb");
    for damage in [&b"this is no database"[..], &[0; 8192]] {
        std::fs::write(&queue, damage).unwrap();
        let server = Server::start(folder.path());
        let health: Value = server.get("/health").await.json().await.unwrap();
        let reason = health["tier_reason"].as_str().unwrap();
        assert!(reason.contains("damaged") && reason.contains("queue.redb"), "{reason}");
        server.kill();
        assert_eq!(std::fs::read(&queue).unwrap(), damage);
    }
}

/// Writes to a new file until nothing fits any more.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [1 << 20, 4 << 10, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
}

#[tokio::test]
async fn a_full_disk_refuses_uploads_and_loses_nothing() {
    let folder = tempdir().unwrap();
    let Some(server) = Server::start_on_disk(folder.path(), "size=96m") else { return };
    // Only the server sees what is mounted there.
    let disk = Path::new("/proc").join(server.id().to_string()).join("root");
    let filler = disk.join(folder.path().strip_prefix("/").unwrap()).join("filler");
    let waiting = server.submit_frozen().await;
    let queued = server.submit(padded_glb(4)).await;
    fill(&filler);
    let request = server.client.post(server.address("/api/v1/jobs")).body(padded_glb(8));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 507);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], "storage_full");
    // The result of this one finds no room.
    let (running, child) = waiting;
    kill_process(child, Signal::CONT).unwrap();
    wait_for_end(child);
    std::fs::remove_file(&filler).unwrap();

    for id in [&running, &queued, &server.submit(padded_glb(8)).await] {
        assert_eq!(server.finished(id).await["state"], "completed");
    }
    assert!(server.job(&running).await["attempt"].as_u64() >= Some(2));
    assert_eq!(server.get("/health").await.status(), 200);
}
