//! The REST contract: what goes in, what comes out, and how it is refused.

use std::fs;

use reqwest::multipart::{Form, Part};
use reqwest::{Body, Response, StatusCode, header};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Server, padded_glb, triangle_glb};

#[tokio::test]
async fn a_raw_body_becomes_a_result_that_the_report_vouches_for() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let model = padded_glb(100_000);
    let url = server.address("/api/v1/jobs?name=St%C3%BChle%2Fchair.glb&preset=high");
    let response = server.client.post(url).body(model.clone()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = text_header(&response, header::LOCATION);
    let accepted: Value = response.json().await.unwrap();
    assert_eq!(location, format!("/api/v1/jobs/{}", accepted["id"].as_str().unwrap()));
    assert_eq!(accepted["input_name"], "chair.glb");
    assert_eq!(accepted["settings"]["preset"], "high");

    let job = server.finished(accepted["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "completed", "{job}");
    assert_eq!(job["percent"], 100.0);
    assert_eq!(job["input_bytes"], model.len());
    let report: Value = server.get(&format!("{location}/report")).await.json().await.unwrap();
    let result = server.get(&format!("{location}/result")).await;
    assert_eq!(text_header(&result, header::CONTENT_TYPE), "model/gltf-binary");
    let disposition = text_header(&result, header::CONTENT_DISPOSITION);
    assert!(disposition.contains("chair-optimized.glb"), "{disposition}");
    let etag = text_header(&result, header::ETAG);
    let result = result.bytes().await.unwrap();
    let hash = blake3::hash(&result).to_hex().to_string();
    assert_eq!(report["output_hash"], hash);
    assert_eq!(etag, format!("\"{hash}\""));
    assert_eq!(job["output_bytes"], result.len());
    assert!(result.len() <= model.len());
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
    let original = server.get(&format!("{location}/original")).await;
    assert_eq!(original.bytes().await.unwrap(), model);
    let pictures = server.get(&format!("{location}/worst-view")).await;
    if report["outcome"] == "optimized" && !report["comparison"].is_null() {
        assert_eq!(text_header(&pictures, header::CONTENT_TYPE), "image/png");
        assert!(pictures.bytes().await.unwrap().starts_with(b"\x89PNG"));
    } else {
        assert_eq!(pictures.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_form_may_name_its_settings_before_and_after_the_file() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let file = Part::bytes(triangle_glb()).file_name("lamp.glb");
    let form = Form::new().text("preset", "maximum").part("file", file).text("target", "universal");
    let form = form.text("geometry", "draco");
    let request = server.client.post(server.address("/api/v1/jobs")).multipart(form);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let job: Value = response.json().await.unwrap();
    assert_eq!(job["input_name"], "lamp.glb");
    let settings = serde_json::json!({
        "preset": "maximum", "target": "universal", "effort": "normal",
        "geometry": "draco", "simplify": "auto", "animation": "auto", "nodes": "auto",
    });
    assert_eq!(job["settings"], settings);
    let job = server.finished(job["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "completed", "{job}");
}

#[tokio::test]
async fn events_begin_with_the_job_and_end_with_its_final_state() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (id, child) = server.submit_frozen().await;
    let thaw = async {
        // The stream is open before the child goes on: its first event has come.
        server.job_until(&id, |job| job["state"] == "running").await;
        rustix::process::kill_process(child, rustix::process::Signal::CONT).unwrap();
    };
    let (events, ()) = tokio::join!(server.events(&id), thaw);
    assert_eq!((events[0].0.as_str(), &events[0].1["id"]), ("state", &Value::from(id.clone())));
    let (name, last) = events.last().unwrap();
    assert_eq!((name.as_str(), &last["state"]), ("state", &Value::from("completed")));
    for (_, progress) in events.iter().filter(|(name, _)| name == "progress") {
        assert!(progress["stage"].is_string() && progress["percent"].is_number(), "{progress}");
    }
    // Asked for later, the stream says the same and ends at once.
    assert_eq!(server.events(&id).await, [("state".to_owned(), last.clone())]);
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_a_code_and_keeps_nothing() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("MAX_FILE_SIZE_MB", "1")]);
    let post = |path: &str, body: Vec<u8>| server.client.post(server.address(path)).body(body);
    let no_job = "/api/v1/jobs/00000000000000000000000000000000";
    let mut cut_off = triangle_glb();
    cut_off.truncate(100);
    let form = |form: Form| server.client.post(server.address("/api/v1/jobs")).multipart(form);
    let no_model = Form::new().part("file", Part::bytes(vec![1, 2, 3]).file_name("a.bin"));
    let cases = [
        (post("/api/v1/jobs", b"PK\x03\x04 this is a zip file".into()), 400, "bad_archive"),
        (post("/api/v1/jobs", Vec::new()), 400, "not_a_glb"),
        (post("/api/v1/jobs", cut_off), 400, "not_a_glb"),
        (post("/api/v1/jobs", padded_glb(2 << 20)), 413, "too_large"),
        (post("/api/v1/jobs?preset=tiny", triangle_glb()), 400, "unknown_setting"),
        (post("/api/v1/jobs?colour=red", triangle_glb()), 400, "unknown_setting"),
        (form(Form::new().text("preset", "high")), 400, "missing_file"),
        (form(no_model), 400, "no_model"),
        (server.client.get(server.address(no_job)), 404, "unknown_job"),
        (server.client.get(server.address("/api/v1/jobs/..%2fqueue.redb")), 404, "unknown_job"),
        (post(&format!("{no_job}/cancel"), Vec::new()), 404, "unknown_job"),
        (server.client.get(server.address("/api/v1/nothing")), 404, "not_found"),
        (server.client.delete(server.address("/health")), 405, "method_not_allowed"),
    ];
    for (request, status, code) in cases {
        expect_problem(request.send().await.unwrap(), status, code).await;
    }
    let health: Value = server.get("/health").await.json().await.unwrap();
    assert_eq!(health["queue"]["queued"], 0);
    // Only the folder for files that are still coming, and nothing in it.
    let blobs = folder.path().join("blobs");
    assert_eq!(fs::read_dir(&blobs).unwrap().count(), 1);
    assert_eq!(fs::read_dir(blobs.join("incoming")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_at_the_limit_with_an_answer() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("MAX_FILE_SIZE_MB", "1")]);
    let model = padded_glb(8 << 20);
    let chunks: Vec<_> =
        model.chunks(64 << 10).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    let body = Body::wrap_stream(futures_util::stream::iter(chunks));
    let response = server.client.post(server.address("/api/v1/jobs")).body(body).send().await.unwrap();
    expect_problem(response, 413, "too_large").await;
}

#[tokio::test]
async fn a_limit_of_zero_switches_uploads_off() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("MAX_FILE_SIZE_MB", "0")]);
    let request = server.client.post(server.address("/api/v1/jobs")).body(triangle_glb());
    expect_problem(request.send().await.unwrap(), 503, "uploads_disabled").await;
}

#[tokio::test]
async fn a_result_before_its_time_is_a_conflict() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (id, _child) = server.submit_frozen().await;
    for part in ["result", "report"] {
        let response = server.get(&format!("/api/v1/jobs/{id}/{part}")).await;
        expect_problem(response, 409, "not_finished").await;
    }
    let response = server.post(&format!("/api/v1/jobs/{id}/retry")).await;
    expect_problem(response, 409, "not_allowed").await;
}

#[tokio::test]
async fn parts_of_a_file_and_unchanged_files_are_served_as_such() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let model = triangle_glb();
    let id = server.submit(model.clone()).await;
    let url = server.address(&format!("/api/v1/jobs/{id}/original"));
    let part = server.client.get(&url).header(header::RANGE, "bytes=4-7").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let etag = text_header(&part, header::ETAG);
    assert_eq!(part.bytes().await.unwrap(), model[4..8]);
    let again = server.client.get(&url).header(header::IF_NONE_MATCH, &etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let changed =
        server.client.get(&url).header(header::RANGE, "bytes=4-7").header(header::IF_RANGE, "\"old\"");
    let changed = changed.send().await.unwrap();
    assert_eq!((changed.status(), changed.bytes().await.unwrap().len()), (StatusCode::OK, model.len()));
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    for path in ["/health", "/health/live", "/health/ready", "/api/v1/nothing"] {
        let response = server.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "SAMEORIGIN"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(response.headers()[name], value, "{path}");
        }
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe-inline"), "{policy}");
    }
    let health: Value = server.get("/health").await.json().await.unwrap();
    assert_eq!((&health["status"], &health["tier"]), (&Value::from("ok"), &Value::from("embedded")));
    assert_eq!(health["workers"], 1);
}

async fn expect_problem(response: Response, status: u16, code: &str) {
    let path = response.url().path().to_owned();
    assert_eq!(text_header(&response, header::CONTENT_TYPE), "application/problem+json", "{path}");
    assert_eq!(response.status(), status, "{path}");
    let problem: Value = response.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&Value::from(code), &Value::from(status)), "{path}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.ends_with('.') && detail.starts_with(char::is_uppercase), "{detail}");
}

fn text_header(response: &Response, name: header::HeaderName) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}
