//! API keys: made, shown once, used, used up, revoked.

use std::process::{Command, Output};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::tempdir;

use super::code_of;
use crate::support::{Server, client_with, padded_glb, triangle_glb};

async fn make(server: &Server, wanted: Value) -> Value {
    let answer = server.client.post(server.address("/api/v1/keys")).json(&wanted).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    answer.json().await.unwrap()
}

fn text_of(key: &Value) -> &str {
    key["key"].as_str().unwrap()
}

/// Sends a file of its own, `ballast` bytes larger than the smallest.
async fn send(server: &Server, key: &str, ballast: usize) -> reqwest::Response {
    let request = client_with(key).post(server.address("/api/v1/jobs")).body(padded_glb(ballast));
    request.send().await.unwrap()
}

#[tokio::test]
async fn where_keys_are_required_nobody_else_sends_files() {
    let data = tempdir().unwrap();
    let server = Server::start_with(data.path(), &[("REQUIRE_API_KEY", "true")]);
    let answer = send(&server, "", 0).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(code_of(answer).await, "api_key_needed");
    let key = make(&server, json!({ "name": "shop" })).await;
    assert_eq!(send(&server, text_of(&key), 0).await.status(), StatusCode::ACCEPTED);
    // Who may do everything may do this.
    assert_eq!(send(&server, &server.token, 4).await.status(), StatusCode::ACCEPTED);
    let reading = make(&server, json!({ "name": "monitor", "scopes": ["read"] })).await;
    let answer = send(&server, text_of(&reading), 8).await;
    assert_eq!((answer.status(), code_of(answer).await.as_str()), (StatusCode::FORBIDDEN, "scope_needed"));
}

#[tokio::test]
async fn a_scope_allows_what_it_says_and_no_more() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let status = async |key: &Value, path: &str| {
        let client = client_with(text_of(key));
        let request = if path.ends_with("pause") {
            client.post(server.address(path))
        } else {
            client.get(server.address(path))
        };
        request.send().await.unwrap().status().as_u16()
    };
    let upload = make(&server, json!({ "name": "u" })).await;
    let read = make(&server, json!({ "name": "r", "scopes": ["read"] })).await;
    let admin = make(&server, json!({ "name": "a", "scopes": ["admin"] })).await;
    for (key, list, pause) in [(upload, 403, 403), (read, 200, 403), (admin, 200, 200)] {
        assert_eq!(status(&key, "/api/v1/jobs").await, list, "{key}");
        assert_eq!(status(&key, "/api/v1/queue/pause").await, pause, "{key}");
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_stored_as_a_hash() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let key = make(&server, json!({ "name": "shop", "files_per_day": 5 })).await;
    let text = text_of(&key).to_owned();
    assert!(text.starts_with("glbo_") && text.len() == 5 + 16 + 1 + 64, "{text}");
    let listed = server.get("/api/v1/keys").await.text().await.unwrap();
    assert!(listed.contains(key["id"].as_str().unwrap()) && !listed.contains(&text), "{listed}");
    server.terminate();
    let stored = std::fs::read(data.path().join("queue.redb")).unwrap();
    let secret = text.rsplit('_').next().unwrap().as_bytes();
    assert!(!stored.windows(secret.len()).any(|window| window == secret), "the secret is in the file");
}

#[tokio::test]
async fn a_quota_of_files_and_bytes_holds_for_the_day_over_restarts() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let files = make(&server, json!({ "name": "files", "files_per_day": 2 })).await;
    let bytes = make(&server, json!({ "name": "bytes", "bytes_per_day": 5_000 })).await;
    assert_eq!(send(&server, text_of(&files), 0).await.status(), StatusCode::ACCEPTED);
    assert_eq!(send(&server, text_of(&bytes), 3_000).await.status(), StatusCode::ACCEPTED);
    server.kill();
    let server = Server::start(data.path());
    assert_eq!(send(&server, text_of(&files), 4).await.status(), StatusCode::ACCEPTED);
    for (key, ballast) in [(&files, 8), (&bytes, 3_004)] {
        let answer = send(&server, text_of(key), ballast).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=24 * 3600).contains(&wait), "{wait}");
        assert_eq!(code_of(answer).await, "quota_used_up");
    }
    // What is over for one goes on for others.
    assert_eq!(send(&server, "", 12).await.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_key_that_is_revoked_expired_or_wrong_is_worth_nothing() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let key = make(&server, json!({ "name": "shop" })).await;
    let expired = make(&server, json!({ "name": "old", "expires_in_days": 0 })).await;
    let id = key["id"].as_str().unwrap();
    let address = server.address(&format!("/api/v1/keys/{id}"));
    assert_eq!(server.client.delete(&address).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(server.client.delete(&address).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let mut other = text_of(&make(&server, json!({ "name": "b" })).await).to_owned();
    let last = if other.pop() == Some('0') { '1' } else { '0' };
    other.push(last);
    for wrong in [text_of(&key), text_of(&expired), &other, "glbo_", "glbo_ffffffffffffffff_ß"] {
        // A header holds no other letters.
        if !wrong.is_ascii() {
            continue;
        }
        let answer = send(&server, wrong, 0).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{wrong}");
        assert_eq!(code_of(answer).await, "unknown_api_key", "{wrong}");
    }
}

fn command(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).output().unwrap()
}

#[track_caller]
fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn settings_are_shown_with_their_source_and_checked_without_secrets() {
    let variables = [("ADMIN_TOKEN", "s3cret"), ("PORT", "80"), ("SENTRY_DSN", "https://k@s.example/1")];
    let shown = json_of(&command(&variables, &["config", "show", "--json"]));
    let row = |name: &str| {
        let rows = shown["settings"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap().clone()
    };
    assert_eq!((&row("PORT")["value"], &row("PORT")["source"]), (&json!("80"), &json!("environment")));
    assert_eq!(row("ADMIN_TOKEN")["value"], "***");
    assert!(shown["ignored"]["SENTRY_DSN"].is_string(), "{shown}");
    assert!(!shown.to_string().contains("s3cret"));
    let checked = String::from_utf8(command(&variables, &["config", "check"]).stdout).unwrap();
    assert!(checked.contains("ADMIN_TOKEN is shorter") && checked.contains("REQUIRE_API_KEY"), "{checked}");
    let wrong = command(&[("PORT", "http")], &["config", "check"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("PORT is \"http\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_makes_lists_and_revokes_with_a_server_and_without() {
    let data = tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    // No server runs: the folder is opened.
    let made = json_of(&command(&[], &["keys", "create", "shop", "--data-dir", folder, "--json"]));
    let server = Server::start_with(data.path(), &[("REQUIRE_API_KEY", "true")]);
    assert_eq!(send(&server, text_of(&made), 0).await.status(), StatusCode::ACCEPTED);
    // A server runs and is asked.
    let variables = [("GLB_OPTIMIZER_URL", server.url.as_str()), ("DATA_DIR", folder)];
    let arguments = [
        "keys",
        "create",
        "ci",
        "--scope",
        "read",
        "--files-per-day",
        "9",
        "--expires-in-days",
        "30",
        "--json",
    ];
    let second = json_of(&command(&variables, &arguments));
    assert_eq!((&second["scopes"], &second["files_per_day"]), (&json!(["read"]), &json!(9)));
    let listed = command(&variables, &["keys", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("shop") && listed.contains("ci") && !listed.contains("glbo_"), "{listed}");
    let id = made["id"].as_str().unwrap();
    let revoked = command(&variables, &["keys", "revoke", id]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    assert_eq!(send(&server, text_of(&made), 4).await.status(), StatusCode::UNAUTHORIZED);
    // A key serves a command as the token does.
    let model = data.path().join("a.glb");
    std::fs::write(&model, triangle_glb()).unwrap();
    let third = json_of(&command(&variables, &["keys", "create", "cli", "--json"]));
    let variables = [("GLB_OPTIMIZER_URL", server.url.as_str()), ("GLB_OPTIMIZER_API_KEY", text_of(&third))];
    let sent = command(&variables, &["submit", model.to_str().unwrap()]);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
}
