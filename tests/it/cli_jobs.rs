//! The commands that speak to a running server: `submit` and `jobs`, as people and scripts call them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::tempdir;

use crate::fixtures::file::glb;
use crate::support::{Server, padded_glb, triangle_glb, wait_for_end};

/// Runs the executable against a server, as a shell would, without blocking the test's own requests.
async fn command(server: &Server, arguments: &[&str]) -> Output {
    run(&server.url, &[("ADMIN_TOKEN", &server.token)], arguments).await
}

async fn run(url: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
    command.args(arguments).env_clear().env("GLB_OPTIMIZER_URL", url).envs(variables.iter().copied());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn json(output: &Output) -> Value {
    serde_json::from_str(&said(output)).unwrap()
}

#[track_caller]
fn refused(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    text(&output.stderr)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn submit_waits_and_fetches_the_result() {
    let (data, desk) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path());
    let model = write(desk.path(), "chair.glb", &padded_glb(100_000));
    let small = desk.path().join("small.glb");
    let output =
        command(&server, &["submit", &model, "-o", small.to_str().unwrap(), "--preset", "high"]).await;
    let printed = said(&output);
    assert!(printed.starts_with("chair.glb: ") && printed.contains("small.glb"), "{printed}");
    assert!(text(&output.stderr).contains("chair.glb: "), "progress: {}", text(&output.stderr));
    let id = printed.split("job ").nth(1).unwrap().split_whitespace().next().unwrap();
    let job = server.job(id).await;
    assert_eq!((&job["input_name"], &job["settings"]["preset"]), (&"chair.glb".into(), &"high".into()));
    let result = server.get(&format!("/api/v1/jobs/{id}/result")).await.bytes().await.unwrap();
    assert_eq!(fs::read(&small).unwrap(), result);
}

#[tokio::test]
async fn submit_without_waiting_names_the_job_and_json_holds_it() {
    let (data, desk) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path());
    let model = write(desk.path(), "a.glb", &triangle_glb());
    let line = json(&command(&server, &["submit", &model, "--json"]).await);
    assert_eq!(line["input"], model);
    let id = line["job"]["id"].as_str().unwrap();
    assert_eq!(server.finished(id).await["state"], "completed");
    let waited = json(&command(&server, &["submit", &model, "--wait", "--json"]).await);
    assert_eq!(waited["job"]["state"], "completed");
}

#[tokio::test]
async fn a_job_that_ends_dead_fails_the_command_with_its_message() {
    let (data, desk) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path());
    let bad = write(desk.path(), "bad.glb", &glb(b"{ this is no JSON }".to_vec(), &[]));
    let message = refused(&command(&server, &["submit", &bad, "--wait"]).await, 2);
    assert!(message.contains("bad.glb: job ") && message.contains("is dead: "), "{message}");
    // What the server refuses at the door is bad input.
    let no_model = write(desk.path(), "no.glb", b"PK\x03\x04 this is an archive");
    let message = refused(&command(&server, &["submit", &no_model]).await, 2);
    assert!(message.contains("no.glb: This is not a usable .glb file"), "{message}");
    // One bad file does not stop the others.
    let good = write(desk.path(), "good.glb", &triangle_glb());
    let output = command(&server, &["submit", &bad, &good, "--wait"]).await;
    assert!(refused(&output, 2).contains("1 of 2 files failed"));
    assert!(text(&output.stdout).starts_with("good.glb: "));
}

#[tokio::test]
async fn without_a_server_the_error_says_what_to_do() {
    let desk = tempdir().unwrap();
    let model = write(desk.path(), "a.glb", &triangle_glb());
    // Port 9 of this machine is not listened on.
    let output = run("http://127.0.0.1:9", &[], &["submit", &model]).await;
    let message = refused(&output, 1);
    assert!(message.contains("no server answers at http://127.0.0.1:9"), "{message}");
    assert!(message.contains("glb-optimizer serve") && message.contains("--server"), "{message}");
    let output = run("ftp://box", &[], &["jobs", "list"]).await;
    assert!(refused(&output, 2).contains("GLB_OPTIMIZER_URL is \"ftp://box\""));
}

#[tokio::test]
async fn jobs_are_listed_shown_cancelled_retried_and_purged() {
    let (data, desk) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path());
    assert_eq!(said(&command(&server, &["jobs", "list"]).await), "no jobs\n");
    let (running, child) = server.submit_frozen().await;
    let model = write(desk.path(), "waiting.glb", &triangle_glb());
    let sent = json(&command(&server, &["submit", &model, "--json"]).await);
    let waiting = sent["job"]["id"].as_str().unwrap();

    let printed = said(&command(&server, &["jobs", "list"]).await);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 2, "{printed}");
    assert!(lines[0].starts_with(waiting) && lines[0].contains("queued") && lines[0].contains("waiting.glb"));
    assert!(lines[1].starts_with(&running) && lines[1].contains("running"), "{printed}");
    let only = json(&command(&server, &["jobs", "list", "--state", "queued", "--json"]).await);
    assert_eq!(only["jobs"].as_array().unwrap().len(), 1);

    let printed = said(&command(&server, &["jobs", "show", waiting]).await);
    assert!(printed.contains("position      1"), "{printed}");
    let refusal = refused(&command(&server, &["jobs", "purge", waiting]).await, 1);
    assert!(refusal.contains("a queued job cannot be purged"), "{refusal}");
    let printed = said(&command(&server, &["jobs", "cancel", waiting, &running]).await);
    assert_eq!(printed.matches("cancelled").count(), 2, "{printed}");
    wait_for_end(child);
    assert!(said(&command(&server, &["jobs", "retry", waiting]).await).contains("queued"));
    assert_eq!(server.finished(waiting).await["state"], "completed");

    assert_eq!(said(&command(&server, &["jobs", "purge", &running]).await), "purged 1\n");
    assert_eq!(said(&command(&server, &["jobs", "purge", "--older-than", "1h"]).await), "purged 0\n");
    assert_eq!(said(&command(&server, &["jobs", "purge", "--older-than", "0s"]).await), "purged 1\n");
    let unknown = refused(&command(&server, &["jobs", "show", waiting]).await, 2);
    assert!(unknown.contains("There is no job"), "{unknown}");
    let usage = refused(&command(&server, &["jobs", "purge"]).await, 2);
    assert!(usage.contains("--older-than"), "{usage}");
    let usage = refused(&command(&server, &["jobs", "cancel", "../../health"]).await, 2);
    assert!(usage.contains("is no id"), "{usage}");
}

#[tokio::test]
async fn on_the_same_machine_the_token_is_found_in_the_data_folder() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let folder = data.path().to_str().unwrap();
    assert_eq!(said(&run(&server.url, &[("DATA_DIR", folder)], &["jobs", "list"]).await), "no jobs\n");
    // Elsewhere it is not: the refusal says what is missing.
    let nowhere = tempdir().unwrap();
    let output = run(&server.url, &[("DATA_DIR", nowhere.path().to_str().unwrap())], &["jobs", "list"]).await;
    let message = refused(&output, 1);
    assert!(message.contains("ADMIN_TOKEN") && message.contains("admin-token"), "{message}");
}

#[tokio::test]
async fn a_wait_outlives_a_restart_of_the_server() {
    let (data, desk) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path());
    let (_blocking, _child) = server.submit_frozen().await;
    let model = write(desk.path(), "a.glb", &triangle_glb());
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
    command.args(["submit", &model, "--wait", "--server", &server.url]).env_clear();
    let mut waiting = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut progress = BufReader::new(waiting.stderr.take().unwrap()).lines();
    // The job is accepted, and what it waits for is known.
    assert_eq!(progress.next().unwrap().unwrap(), "a.glb: queued (0 %)");
    server.kill();
    let _again = Server::start_at(data.path(), &address);
    let progress = std::thread::spawn(move || progress.map_while(Result::ok).count());
    let output = tokio::task::spawn_blocking(move || waiting.wait_with_output().unwrap()).await.unwrap();
    assert!(said(&output).starts_with("a.glb: "));
    assert!(progress.join().unwrap() > 0);
}
