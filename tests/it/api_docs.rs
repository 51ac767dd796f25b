//! The API's description says what the server does: its routes are the router's, and its page holds all of
//! it and needs nothing from elsewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::fixtures::model;
use crate::lods;
use crate::support::{Server, padded_glb, triangle_glb};

#[tokio::test]
async fn every_route_and_every_answer_is_described() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let document: Value = server.get("/api/v1/openapi.json").await.json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            assert!(route["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            assert!(
                operations.insert(route["operationId"].to_string()),
                "{method} {path}: a second operation of that name"
            );
            let answers = route["responses"].as_object().unwrap();
            // Logging in leads elsewhere.
            let is_good = |status: &String| status.starts_with(['2', '3']);
            assert!(answers.keys().any(is_good), "{method} {path}");
        }
    }
    check_references(&document, &document);
    // Whoever adds a route without a description does it by `.route(`.
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    for file in fs::read_dir(source).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains(".route(\""), "a route without a description");
    }
}

/// Every `$ref` leads to something.
fn check_references(value: &Value, document: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                let pointer = target.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{target} is missing");
            }
            members.values().for_each(|member| check_references(member, document));
        }
        Value::Array(items) => items.iter().for_each(|item| check_references(item, document)),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_of_the_api_holds_every_route_and_loads_nothing_from_elsewhere() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let document: Value = server.get("/api/v1/openapi.json").await.json().await.unwrap();
    let page = server.get("/api/docs").await.text().await.unwrap();
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
    }
    assert!(!page.contains('`'), "what is code is shown as code");
    let backup = page.split("/api/v1/backup</code>").nth(1).unwrap().split("</pre>").next().unwrap();
    assert!(backup.contains("Authorization: Bearer $TOKEN"), "{backup}");
    let job = page.split("/api/v1/jobs/{id}</code>").nth(1).unwrap().split("</pre>").next().unwrap();
    assert!(!job.contains("$TOKEN"), "{job}");
    assert!(!page.contains("<script") && !page.contains("style=") && !page.contains("src="), "{page}");
    assert_eq!(server.get("/api/docs.css").await.headers()["content-type"], "text/css; charset=utf-8");
}

/// Makes what a route's command speaks of, and returns its id.
async fn something_for(server: &Server, path: &str, step: usize) -> String {
    let glb = padded_glb(4 * step);
    if path.contains("/batches/") {
        let archive = crate::api::archive(&[("a.glb", &glb), ("b.glb", &padded_glb(4_000 + 4 * step))]);
        let form = Form::new().part("file", Part::bytes(archive).file_name("models.zip"));
        let answer =
            server.client.post(server.address("/api/v1/batches")).multipart(form).send().await.unwrap();
        let batch: Value = answer.json().await.unwrap();
        for job in batch["jobs"].as_array().unwrap() {
            server.finished(job["id"].as_str().unwrap()).await;
        }
        return batch["id"].as_str().unwrap().to_owned();
    }
    if path.contains("/keys/") {
        let wanted = json!({ "name": format!("key {step}") });
        let request = server.client.post(server.address("/api/v1/keys")).bearer_auth(&server.token);
        let made: Value = request.json(&wanted).send().await.unwrap().json().await.unwrap();
        return made["id"].as_str().unwrap().to_owned();
    }
    if !path.contains("{id}") {
        return String::new();
    }
    let (glb, query) = match path.contains("/lods") {
        true => (model::glb(&lods::ring()), "?effort=fast&lods=2"),
        false => (glb, ""),
    };
    let job = server.submit_with(glb, query, &[]).await;
    let id = job["id"].as_str().unwrap().to_owned();
    match path.rsplit('/').next() {
        // What can be cancelled has not ended, and what can be tried again has not succeeded: the worker rests.
        Some("cancel") => {}
        Some("retry") => {
            server.post(&format!("/api/v1/jobs/{id}/cancel")).await;
        }
        _ => {
            server.finished(&id).await;
        }
    }
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_description_runs() {
    let folder = tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let document: Value = server.get("/api/v1/openapi.json").await.json().await.unwrap();
    for name in ["model.glb", "before.glb", "after.glb"] {
        fs::write(folder.path().join(name), triangle_glb()).unwrap();
    }
    let mut failed = Vec::new();
    let routes = document["paths"].as_object().unwrap().iter();
    let routes =
        routes.flat_map(|(path, methods)| methods.as_object().unwrap().iter().map(move |one| (path, one)));
    for (step, (path, (_, route))) in routes.enumerate() {
        let rests = path.ends_with("/cancel") || path.ends_with("/retry");
        let queue = if rests { "pause" } else { "resume" };
        let asked = server.client.post(server.address(&format!("/api/v1/queue/{queue}")));
        assert!(asked.bearer_auth(&server.token).send().await.unwrap().status().is_success());
        let id = something_for(&server, path, step + 1).await;
        let command = route["x-codeSamples"][0]["source"].as_str().unwrap();
        let mut shell = Command::new("sh");
        shell.arg("-euc").arg(command.replacen("curl", "curl --fail", 1)).current_dir(folder.path());
        shell.env("SERVER", &server.url).env("TOKEN", &server.token).env("ID", id).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
        if !output.status.success() {
            failed.push(format!("{command}: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
