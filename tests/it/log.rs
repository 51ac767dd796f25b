//! What the server writes down: who, what and when, as lines that nothing can forge, without any secret.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::mpsc::{self, Receiver};

use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::fixtures::file::glb;
use crate::support::{DEADLINE, client_with, command};

/// A server whose log is read by the test.
struct Logged {
    process: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    url: String,
}

impl Logged {
    fn start(folder: &std::path::Path, variables: &[(&str, &str)]) -> Self {
        let mut process = command(folder, variables).spawn().unwrap();
        let stderr = process.stderr.take().unwrap();
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
        let mut server = Self { process, lines, seen: Vec::new(), url: String::new() };
        let ready = server.line_with("GLB Optimizer is ready: ");
        server.url = ready.rsplit(' ').next().unwrap().to_owned();
        server
    }

    /// Waits for a line with these words.
    fn line_with(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|_| panic!("no line with {words:?} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_who_and_when_and_holds_no_secret() {
    let data = tempdir().unwrap();
    let token = "an-admin-token-of-more-than-32-characters";
    let mut server = Logged::start(data.path(), &[("ADMIN_TOKEN", token), ("LOG_LEVEL", "debug")]);
    let admin = client_with(token);
    let key =
        admin.post(server.address("/api/v1/keys")).json(&json!({ "name": "shop" })).send().await.unwrap();
    let key: Value = key.json().await.unwrap();
    let secret = key["key"].as_str().unwrap().to_owned();
    let entered = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let entered = entered.get(server.address(&format!("/login?token={token}"))).send().await.unwrap();
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let upload = client_with(&secret).post(server.address("/api/v1/jobs"));
    let upload = upload
        .query(&[("name", "a\u{1b}[31m\n{\"level\":\"ERROR\"}.glb")])
        .body(glb(b"{ this is no JSON }".to_vec(), &[]));
    let answer = upload.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let accepted = server.line_with("accepted a job");
    assert!(accepted.contains(&request_id) && accepted.contains(key["id"].as_str().unwrap()), "{accepted}");
    let ended = server.line_with("gave a job up");
    assert!(ended.contains(&request_id), "the work names the request: {ended}");
    let wrong = client_with("").get(server.address("/login?token=guessed-wrong")).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::FORBIDDEN);
    let warned = server.line_with("a wrong admin token was shown");
    assert!(warned.contains("127.0.0.1"), "{warned}");
    for line in &server.seen {
        for secret in [token, &secret, &cookie, "guessed-wrong"] {
            assert!(!line.contains(secret), "{line}");
        }
        assert!(!line.contains('\u{1b}'), "{line:?}");
        if let Ok(line) = serde_json::from_str::<Value>(line) {
            let time = line["timestamp"].as_str().unwrap();
            assert!(time.ends_with('Z'), "{time}");
        } else {
            assert!(
                line.starts_with("GLB Optimizer is ready: "),
                "neither JSON nor the line for people: {line}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_makes_the_log_say_more_and_again_less() {
    let data = tempdir().unwrap();
    let mut server = Logged::start(data.path(), &[]);
    let signal = |server: &Logged| kill_process(Pid::from_child(&server.process), Signal::USR1).unwrap();
    signal(&server);
    server.line_with("the level of the log has changed");
    Client::new().get(server.address("/health/live")).send().await.unwrap();
    assert!(server.line_with("answered").contains("/health/live"));
    signal(&server);
    assert!(server.line_with("the level of the log has changed").contains("info"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_the_log_say_more_without_a_restart() {
    let data = tempdir().unwrap();
    let mut server = Logged::start(data.path(), &[]);
    let log = |level: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
        command
            .arg("log")
            .args(Some(level).filter(|level| !level.is_empty()))
            .args(["--server", &server.url]);
        let output = command.env_clear().env("DATA_DIR", data.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!((log("").as_str(), log("debug").as_str(), log("").as_str()), ("info\n", "debug\n", "debug\n"));
    let stranger = Client::new().put(server.address("/api/v1/log?level=off")).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    server.line_with("the level of the log has changed");
    Client::new().get(server.address("/health/live")).send().await.unwrap();
    // Other requests were answered before it.
    assert!(server.line_with("/health/live").contains("answered"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_in_the_old_systems_environment_says_what_it_ignores() {
    let data = tempdir().unwrap();
    let variables = [
        ("CELERY_BROKER_URL", "redis://:secret@host/0"),
        ("GUNICORN_WORKERS", "4"),
        ("LOG_LEVEL", "WARNING"),
    ];
    let mut server = Logged::start(data.path(), &variables);
    server.process.kill().unwrap();
    let all = server.seen.join("\n");
    assert!(all.contains("CELERY_BROKER_URL is set and ignored: the queue is inside"), "{all}");
    assert!(all.contains("GUNICORN_WORKERS is set and ignored"), "{all}");
    assert!(!all.contains("secret"), "{all}");
}

/// The pipe of the log holds up to 64 KiB. Once it was full, the server stood still.
#[tokio::test]
async fn a_log_that_nobody_reads_stops_no_server() {
    let folder = tempdir().unwrap();
    let mut process =
        command(folder.path(), &[("LOG_LEVEL", "debug"), ("RATE_LIMIT_REQUESTS", "0")]).spawn().unwrap();
    let mut unread = BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("GLB Optimizer is ready: ") {
        line.clear();
        assert_ne!(unread.read_line(&mut line).unwrap(), 0, "the server has ended");
    }
    let url = line.trim_end().rsplit(' ').next().unwrap().to_owned();
    let (client, path) = (client_with(""), "a".repeat(900));
    for _ in 0..1_000 {
        let answer = client.get(format!("{url}/{path}")).timeout(DEADLINE).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    process.kill().unwrap();
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut unread, &mut rest).unwrap();
    process.wait().unwrap();
    // Of its sixteen pages none is quite filled: a line that does not fit begins the next one.
    assert!(rest.len() >= 48 << 10, "only {} bytes of log: that proves nothing", rest.len());
}
