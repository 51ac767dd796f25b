//! `glb-optimizer doctor`: passes on a machine in order, and each check is made to fail for real.

mod fleet;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::tempdir;

use crate::support::Server;

/// What the doctor said.
struct Said {
    code: Option<i32>,
    all: Value,
}

impl Said {
    fn check(&self, name: &str) -> &Value {
        let mut checks = self.all["checks"].as_array().unwrap().iter();
        checks.find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {}", self.all))
    }

    #[track_caller]
    fn expect(&self, name: &str, verdict: &str, found: &str) {
        let check = self.check(name);
        assert_eq!(check["verdict"], verdict, "{check}");
        assert!(check["found"].as_str().unwrap().contains(found), "{check}");
        assert_eq!(check["advice"].is_string(), verdict != "pass", "{check}");
    }
}

fn doctor(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
    command.arg("doctor").arg("--data-dir").arg(folder).args(arguments);
    command.env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

fn parse(output: &Output) -> Said {
    let all = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    Said { code: output.status.code(), all }
}

async fn examine(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = doctor(folder, variables, arguments);
    command.arg("--json");
    parse(&tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn administrators_ask_a_server_for_the_same() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let stranger = reqwest::get(server.address("/api/v1/doctor")).await.unwrap();
    assert_eq!(stranger.status(), reqwest::StatusCode::UNAUTHORIZED);
    let said = Said { code: None, all: server.get("/api/v1/doctor").await.json().await.unwrap() };
    assert_eq!(said.check("data_folder")["verdict"], "pass", "{}", said.all);
    assert_ne!(said.all["verdict"], "fail", "{}", said.all);
}

#[tokio::test]
async fn a_machine_in_order_passes_with_every_codec() {
    let folder = tempdir().unwrap();
    let said = examine(&folder.path().join("data"), &[], &["--listen", &free_address()]).await;
    assert_eq!(said.code, Some(0), "{}", said.all);
    for codec in ["png", "jpeg", "webp", "avif", "ktx2", "meshopt", "draco"] {
        said.expect(&format!("codec_{codec}"), "pass", "bytes and decoded");
    }
    said.expect("data_folder", "pass", "written and synced in");
    said.expect("port", "pass", "is free");
    said.expect("server", "pass", "none runs");
    said.expect("redis", "pass", "none is configured");
    said.expect("storage", "pass", "none is configured");
    said.expect("platform", "pass", "");
    assert!(said.check("sandbox")["found"].as_str().unwrap().contains("limits"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was left behind");
}

#[tokio::test]
async fn people_get_a_line_for_each_check_and_what_to_do() {
    let folder = tempdir().unwrap();
    let mut command = doctor(&folder.path().join("data"), &[("MAX_CONCURRENT_TASKS", "64")], &[]);
    command.args(["--listen", &free_address()]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("pass  codec_avif")), "{text}");
    let warned = text.lines().position(|line| line.starts_with("warn  processors")).unwrap();
    assert!(text.lines().nth(warned + 1).unwrap().trim_start().starts_with("-> "), "{text}");
    assert!(!text.contains('\x1b'), "colours are for terminals");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_fails() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"in the way").unwrap();
    let said = examine(&file.join("data"), &[], &["--listen", &free_address()]).await;
    assert_eq!((said.code, &said.all["verdict"]), (Some(1), &"fail".into()));
    said.expect("data_folder", "fail", "cannot be written");
}

#[tokio::test]
async fn a_read_only_folder_and_a_full_disk_are_named() {
    let folder = tempdir().unwrap();
    for (options, check, found) in [
        ("ro", "data_folder", "Read-only file system (errno 30)"),
        ("size=1m", "disk", "1 MB free"),
        ("size=96m", "data_lasts", "in memory"),
    ] {
        let inner = doctor(folder.path(), &[], &["--listen", &free_address(), "--json"]);
        let script = format!("mount -t tmpfs -o {options} tmpfs \"$0\" && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).arg(folder.path());
        command.arg(inner.get_program()).args(inner.get_args());
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        // Nothing at all where nobody may mount.
        if !output.stdout.is_empty() {
            let verdict = if check == "data_lasts" { "warn" } else { "fail" };
            parse(&output).expect(check, verdict, found);
        }
    }
}

#[tokio::test]
async fn a_server_that_runs_is_found_and_not_disturbed() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let address = server.url.strip_prefix("http://").unwrap();
    let said = examine(folder.path(), &[], &["--listen", address]).await;
    assert_eq!(said.code, Some(0), "{}", said.all);
    said.expect("data_folder", "pass", "in use by a running server");
    said.expect("port", "pass", "in use by a running glb-optimizer");
    said.expect("server", "pass", "ok; tier embedded; 1 workers (workers_active)");
    assert_eq!(server.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_port_of_somebody_else_and_an_address_of_nobody_fail_with_their_numbers() {
    let folder = tempdir().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    // It takes the connection and says nothing sensible.
    std::thread::spawn(move || {
        for stream in other.incoming() {
            drop(stream);
        }
    });
    let said = examine(folder.path(), &[], &["--listen", &address]).await;
    assert_eq!(said.code, Some(1));
    said.expect("port", "fail", "errno 98");
    let said = examine(folder.path(), &[], &["--listen", "192.0.2.1:5000"]).await;
    said.expect("port", "fail", "errno 99");
}

#[tokio::test]
async fn the_platform_is_named_with_what_follows_from_it() {
    let folder = tempdir().unwrap();
    let on = |name: &'static str, value: &'static str, more: &'static str| {
        let folder = folder.path().to_owned();
        async move { examine(&folder, &[(name, value), ("PORT", more)], &[]).await }
    };
    let port = free_address().rsplit(':').next().unwrap().to_owned().leak();
    let railway = on("RAILWAY_PROJECT_ID", "p", port).await;
    railway.expect("platform", "pass", "Railway: only 0 seconds to stop");
    let heroku = on("DYNO", "web.1", port).await;
    heroku.expect("platform", "pass", "Heroku: 30 seconds to stop, enough");
    let here = ("REPLIT_DEPLOYMENT", "1");
    let replit = examine(folder.path(), &[here], &["--listen", "127.0.0.1:0"]).await;
    replit.expect("platform", "pass", "Replit deployment");
    replit.expect("port", "fail", "reached from this machine only");
}

#[tokio::test]
async fn a_wrong_setting_is_a_failed_check() {
    let folder = tempdir().unwrap();
    let said = examine(folder.path(), &[("TASK_TIMEOUT_SECONDS", "soon")], &[]).await;
    assert_eq!(said.code, Some(1));
    said.expect("configuration", "fail", "TASK_TIMEOUT_SECONDS is \"soon\"");
}
