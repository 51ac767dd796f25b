//! What stays on disk and what goes: retention, quota, purge; and that nothing goes that a job still needs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use reqwest::StatusCode;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{DEADLINE, Server, padded_glb, triangle_glb};

/// About two seconds, so that a test can wait for the end of it.
const SHORT_RETENTION: (&str, &str) = ("FILE_RETENTION_HOURS", "0.0006");

/// All stored blobs.
fn blobs(data: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(data.join("blobs")).unwrap().map(|folder| folder.unwrap());
    let folders = folders.filter(|folder| folder.file_name().len() == 2);
    folders
        .flat_map(|folder| std::fs::read_dir(folder.path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "still not: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn files_go_when_their_time_is_over_and_the_record_says_so() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[SHORT_RETENTION]);
    let (frozen, child) = server.submit_frozen().await;
    let cancelled = server.submit(triangle_glb()).await;
    server.post(&format!("/api/v1/jobs/{cancelled}/cancel")).await;
    let job = server.job_until(&cancelled, |job| job["files_gone"] == true).await;
    assert_eq!(job["state"], "cancelled");
    for path in ["original", "result", "report"] {
        let answer = server.get(&format!("/api/v1/jobs/{cancelled}/{path}")).await;
        assert_eq!(answer.status(), StatusCode::GONE, "{path}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "files_gone");
        assert!(problem["detail"].as_str().unwrap().contains("FILE_RETENTION_HOURS"), "{problem}");
    }
    let retry = server.post(&format!("/api/v1/jobs/{cancelled}/retry")).await;
    assert_eq!(retry.status(), StatusCode::GONE);
    // Only the input of the job that still runs is left, though it is older.
    until("one blob", || blobs(folder.path()).len() == 1).await;
    rustix::process::kill_process(child, rustix::process::Signal::CONT).unwrap();
    assert_eq!(server.finished(&frozen).await["state"], "completed");
}

#[tokio::test]
async fn content_that_is_stored_again_while_it_is_swept_is_never_missing() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    for _ in 0..8 {
        let id = server.submit(triangle_glb()).await;
        let job = server.finished(&id).await;
        assert_eq!(job["state"], "completed", "{job}");
        // The sweep that this wakes runs beside the next upload of the same content.
        assert_eq!(server.delete(&id).await, StatusCode::NO_CONTENT);
    }
    until("no blob", || blobs(folder.path()).is_empty()).await;
}

#[tokio::test]
async fn equal_files_are_kept_until_the_last_job_that_needs_them_is_gone() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let first = server.submit(triangle_glb()).await;
    server.finished(&first).await;
    let second = server.submit(triangle_glb()).await;
    server.finished(&second).await;
    let count = blobs(folder.path()).len();
    assert_eq!(server.delete(&first).await, StatusCode::NO_CONTENT);
    let answer = server.get(&format!("/api/v1/jobs/{first}")).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    // A sweep has certainly been here once a file that nobody knows is gone.
    let stray = folder.path().join("blobs/00").join("0".repeat(62));
    std::fs::create_dir_all(stray.parent().unwrap()).unwrap();
    std::fs::write(&stray, b"left over").unwrap();
    let third = server.submit(padded_glb(4)).await;
    server.finished(&third).await;
    assert_eq!(server.delete(&third).await, StatusCode::NO_CONTENT);
    until("the stray blob is gone", || !stray.exists()).await;
    until("only the shared blobs", || blobs(folder.path()).len() == count).await;
    let result = server.get(&format!("/api/v1/jobs/{second}/result")).await;
    assert_eq!(result.status(), StatusCode::OK);
}

#[tokio::test]
async fn over_the_quota_the_oldest_files_go_and_live_jobs_keep_theirs() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("DISK_QUOTA_MB", "5")]);
    let mut ended = Vec::new();
    for ballast in 0..4 {
        let id = server.submit(padded_glb((2 << 20) + 4 * ballast)).await;
        assert_eq!(server.finished(&id).await["state"], "completed");
        ended.push(id);
    }
    assert_eq!(server.job(&ended[0]).await["files_gone"], true);
    assert_eq!(server.job(&ended[3]).await["files_gone"], false);
    let used: u64 = blobs(folder.path()).iter().map(|blob| blob.metadata().unwrap().len()).sum();
    assert!(used <= 5 << 20, "{used} bytes are used");
    // Held back, two jobs fill the quota, and nothing may go for the sake of a third.
    server.post("/api/v1/queue/pause").await;
    let waiting = [server.submit(padded_glb(2_200_000)).await, server.submit(padded_glb(2_200_004)).await];
    let upload = server.client.post(server.address("/api/v1/jobs")).body(padded_glb(2_200_008));
    let answer = upload.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::INSUFFICIENT_STORAGE);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "no_room");
    assert!(problem["detail"].as_str().unwrap().contains("DISK_QUOTA_MB"), "{problem}");
    server.post("/api/v1/queue/resume").await;
    for id in &waiting {
        assert_eq!(server.finished(id).await["state"], "completed");
    }
}

#[tokio::test]
async fn what_a_crash_left_is_swept_at_the_next_start() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let id = server.submit(triangle_glb()).await;
    server.finished(&id).await;
    server.kill();
    // Published, but its job was never recorded.
    let orphan = folder.path().join("blobs/ff").join("f".repeat(62));
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(&orphan, b"nobody's").unwrap();
    let server = Server::start(folder.path());
    until("the orphan is gone", || !orphan.exists()).await;
    assert_eq!(server.get(&format!("/api/v1/jobs/{id}/result")).await.status(), StatusCode::OK);
}
