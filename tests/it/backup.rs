//! A backup of a server at work, restored and started: every job of that moment is accounted for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Server, padded_glb, triangle_glb};

fn run(arguments: &[&str]) -> Output {
    run_as("", arguments)
}

fn run_as(token: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
    command.args(arguments).env_clear().env("ADMIN_TOKEN", token).output().unwrap()
}

async fn back_up(server: &Server, archive: &Path) -> Output {
    let (url, archive) = (server.url.clone(), archive.to_str().unwrap().to_owned());
    let token = server.token.clone();
    let run = move || run_as(&token, &["backup", &archive, "--server", &url]);
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn restore(archive: &Path, folder: &Path) -> Output {
    run(&["restore", archive.to_str().unwrap(), "--data-dir", folder.to_str().unwrap()])
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn names(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_server_at_work_is_saved_and_every_job_comes_back() {
    let (data, desk) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path());
    let done = server.submit(triangle_glb()).await;
    server.finished(&done).await;
    let result = server.get(&format!("/api/v1/jobs/{done}/result")).await.bytes().await.unwrap();
    let (running, _child) = server.submit_frozen().await;
    let waiting = server.submit(padded_glb(40)).await;

    let archive = desk.path().join("monday.tar");
    let output = back_up(&server, &archive).await;
    assert!(output.status.success(), "{}", said(&output.stderr));
    assert!(said(&output.stdout).contains(": 3 jobs and "), "{}", said(&output.stdout));
    drop(server);

    let folder = desk.path().join("restored");
    let output = restore(&archive, &folder);
    assert!(output.status.success(), "{}", said(&output.stderr));
    let server = Server::start(&folder);
    let again = server.get(&format!("/api/v1/jobs/{done}/result")).await.bytes().await.unwrap();
    assert_eq!(again, result);
    for id in [&running, &waiting] {
        let job = server.finished(id).await;
        assert_eq!(job["state"], "completed", "{job}");
    }
}

#[tokio::test]
async fn a_folder_without_a_server_is_saved_and_one_in_use_is_refused() {
    let (data, desk) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path());
    let id = server.submit(triangle_glb()).await;
    server.finished(&id).await;
    let archive = desk.path().join("a.tar");
    let arguments =
        ["backup", archive.to_str().unwrap(), "--data-dir", data.path().to_str().unwrap(), "--json"];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output.stderr).contains("in use by another glb-optimizer"), "{}", said(&output.stderr));
    assert!(!archive.exists());
    drop(server);
    let output = run(&arguments);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["jobs"], 1);
    let output = restore(&archive, data.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output.stderr).contains("is not empty"), "{}", said(&output.stderr));
}

#[tokio::test]
async fn a_damaged_archive_is_refused_and_makes_no_queue() {
    let (data, desk) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path());
    let id = server.submit(padded_glb(100_000)).await;
    server.finished(&id).await;
    let archive = desk.path().join("a.tar");
    assert!(back_up(&server, &archive).await.status.success());
    let whole = fs::read(&archive).unwrap();
    // The ballast of the model is somewhere in the middle.
    let mut changed = whole.clone();
    let at = changed.windows(64).position(|bytes| bytes == [7; 64]).unwrap();
    changed[at] ^= 1;
    let cases = [
        ("changed", changed, "is not what its name says"),
        ("cut off", whole[..whole.len() / 2].to_vec(), "no usable backup"),
        ("without end", whole[..whole.len() - 2048].to_vec(), "has no end"),
        ("no archive", b"PK\x03\x04".repeat(400), "no usable backup"),
    ];
    for (what, bytes, reason) in cases {
        let (file, folder) = (desk.path().join(what), desk.path().join(format!("{what}-restored")));
        fs::write(&file, bytes).unwrap();
        let output = restore(&file, &folder);
        assert_eq!(output.status.code(), Some(1), "{what}");
        assert!(said(&output.stderr).contains(reason), "{what}: {}", said(&output.stderr));
        assert!(!names(&folder).iter().any(|path| path.ends_with("queue.redb")), "{what}");
    }
}
