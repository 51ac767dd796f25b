//! The API's description says what the server does: its routes are the router's, and its page holds all of
//! it and needs nothing from elsewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::Server;

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
