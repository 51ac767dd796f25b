//! How a server says that it does well or not, to people, to platforms and to `glb-optimizer health`.

mod fleet;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{DEADLINE, Server};

async fn health(server: &Server) -> Value {
    server.get("/health").await.json().await.unwrap()
}

/// Runs `glb-optimizer health` with these variables and no others.
async fn ask(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
    command.arg("health").args(arguments).env_clear().envs(variables.iter().copied());
    command.stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn each_component_says_how_it_is_and_since_when() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let health = health(&server).await;
    assert_eq!((&health["status"], &health["workers"]), (&"ok".into(), &Value::from(1)), "{health}");
    for (name, status) in [
        ("queue", "readable"),
        ("data_folder", "writable"),
        ("sandbox", "ready"),
        ("workers", "workers_active"),
    ] {
        let component = &health["components"][name];
        assert_eq!((&component["healthy"], &component["status"]), (&true.into(), &status.into()), "{name}");
        assert_eq!(component["error"], Value::Null, "{name}");
        let timestamp = component["timestamp"].as_str().unwrap();
        assert!(timestamp.ends_with('Z') && timestamp.contains('T'), "{timestamp}");
        let is_timed = component["response_time_ms"].as_f64().is_some_and(|ms| ms >= 0.0);
        assert!(is_timed || name == "workers", "{component}");
    }
    assert_eq!(health["components"]["workers"]["worker_count"], 1);
    assert!(health["uptime_seconds"].is_u64());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_any_more_is_unhealthy() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let incoming = folder.path().join("blobs/incoming");
    // Root may write in any folder, but not in one that is gone.
    std::fs::remove_dir(&incoming).unwrap();
    let response = server.get("/health").await;
    assert_eq!(response.status(), 503);
    let health: Value = response.json().await.unwrap();
    assert_eq!(health["status"], "unhealthy");
    let part = &health["components"]["data_folder"];
    assert_eq!((&part["healthy"], &part["status"]), (&false.into(), &"unwritable".into()), "{health}");
    assert_eq!(server.get("/health/ready").await.status(), 503);
    assert_eq!(server.get("/health/live").await.status(), 200);
    let said = ask(&[("GLB_OPTIMIZER_URL", &server.url)], &[]).await;
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.starts_with("glb-optimizer: unhealthy: ") && said.contains("data_folder: "), "{said}");
    assert_eq!(said.lines().count(), 1);

    std::fs::create_dir(&incoming).unwrap();
    std::fs::set_permissions(&incoming, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(server.get("/health").await.status(), 200);
}

#[tokio::test]
async fn the_command_says_in_one_line_that_a_server_works() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    // By address, and as in a container, where server and check have the same environment.
    for (variables, arguments) in
        [(vec![("PORT", port.as_str())], vec![]), (vec![], vec!["--server", &server.url])]
    {
        let said = ask(&variables, &arguments).await;
        assert_eq!(said.status.code(), Some(0), "{said:?}");
        let line = String::from_utf8(said.stdout).unwrap();
        assert_eq!(line, "ok: tier embedded, 0 queued, 0 running\n");
    }
    let json = ask(&[("PORT", &port)], &["--json"]).await;
    let health: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(health["status"], "ok");
}

#[tokio::test]
async fn no_server_and_another_server_and_a_silent_one_are_all_failures_in_time() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let nobody = ask(&[("PORT", &free)], &[]).await;
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8(nobody.stderr).unwrap().contains("no server answers"));

    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    server.freeze();
    let start = Instant::now();
    let silent = ask(&[("GLB_OPTIMIZER_URL", &server.url)], &[]).await;
    server.signal(Signal::CONT);
    assert_eq!(silent.status.code(), Some(1), "{silent:?}");
    assert!(start.elapsed() < DEADLINE && start.elapsed() > Duration::from_secs(1));
}
