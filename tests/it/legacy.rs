//! A script of the former GLB Optimizer runs unchanged: its addresses, field names, statuses and messages (rows R-02 to
//! R-12 of the old program).

use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{Server, padded_glb, triangle_glb};

fn form(name: &str, bytes: Vec<u8>) -> Form {
    Form::new().part("file", Part::bytes(bytes).file_name(name.to_owned()))
}

async fn upload(server: &Server, form: Form) -> (StatusCode, Value) {
    let response = server.client.post(server.address("/upload")).multipart(form).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn the_old_script_uploads_waits_downloads_and_cleans_up() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let model = padded_glb(40_000);
    let settings = form("My Chair.glb", model.clone()).text("quality_level", "maximum_compression");
    let settings = settings.text("enable_lod", "false").text("enable_simplification", "false");
    let (status, answer) = upload(&server, settings).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["message"], "File uploaded successfully. Optimization queued.");
    assert_eq!(answer["original_size"], model.len());
    let id = answer["task_id"].as_str().unwrap();
    let job = server.job(id).await;
    assert_eq!(
        (&job["settings"]["preset"], &job["settings"]["simplify"]),
        (&json!("maximum"), &json!("off"))
    );
    server.finished(id).await;

    let progress: Value = server.get(&format!("/progress/{id}")).await.json().await.unwrap();
    assert_eq!(
        (&progress["status"], &progress["progress"], &progress["completed"]),
        (&json!("completed"), &json!(100.0), &json!(true))
    );
    let output = progress["optimized_size"].as_u64().unwrap();
    let saved = 100.0 * (1.0 - output as f64 / model.len() as f64);
    assert!((progress["compression_ratio"].as_f64().unwrap() - saved).abs() < 1e-9, "{progress}");
    assert!(
        progress["step"].is_string()
            && progress["message"].is_string()
            && progress["processing_time"].is_number()
    );
    assert_eq!(progress["performance_metrics"]["web_game_ready"]["mobile_friendly"], true);

    let download = server.get(&format!("/download/{id}")).await;
    assert_eq!(download.headers()["content-type"], "model/gltf-binary");
    assert!(download.headers()["content-disposition"].to_str().unwrap().contains("optimized_My Chair.glb"));
    assert_eq!(download.bytes().await.unwrap().len() as u64, output);
    let cleanup: Value = server.post(&format!("/cleanup/{id}")).await.json().await.unwrap();
    assert_eq!(cleanup["message"], "Task cleaned up successfully");
    let original = server.get(&format!("/original/{id}")).await;
    assert_eq!(original.headers()["content-disposition"], "inline");
    assert_eq!(original.bytes().await.unwrap(), model);
    let log = server.get(&format!("/error-logs/{id}")).await;
    assert!(
        log.headers()["content-disposition"]
            .to_str()
            .unwrap()
            .contains(&format!("glb_optimization_log_{id}.txt"))
    );
    assert!(log.text().await.unwrap().contains("No errors occurred during optimization."));
}

#[tokio::test]
async fn old_uploads_are_refused_in_the_old_words() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("MAX_FILE_SIZE_MB", "1")]);
    let cases = [
        (Form::new().text("quality_level", "high"), "No file selected"),
        (form("a.obj", triangle_glb()), "Invalid file type. Only GLB files are allowed."),
        (form("a.glb", padded_glb(2 << 20)), "File too large. Maximum size is 1 MB."),
        (form("a.glb", b"this is no model at all".into()), "does not begin with"),
        (form("a.glb", triangle_glb()).text("quality_level", "tiny"), "There is no preset"),
    ];
    for (form, words) in cases {
        let (status, answer) = upload(&server, form).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(words), "{words}: {answer}");
    }
}

#[tokio::test]
async fn what_went_wrong_is_told_under_the_old_addresses() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let broken = [&triangle_glb()[..20], &[b'x'; 700]].concat();
    let (_, answer) = upload(&server, form("broken.glb", broken)).await;
    let id = answer["task_id"].as_str().unwrap();
    assert_eq!(server.job(id).await["settings"]["preset"], "high");
    server.finished(id).await;
    let progress: Value = server.get(&format!("/progress/{id}")).await.json().await.unwrap();
    assert_eq!((&progress["status"], &progress["completed"]), (&json!("error"), &json!(true)));
    assert!(!progress["error"].as_str().unwrap().is_empty());
    assert_eq!(server.get(&format!("/download/{id}")).await.status(), StatusCode::BAD_REQUEST);
    let issues = async |query: &str| -> Value {
        server.get(&format!("/admin/issues/api{query}")).await.json().await.unwrap()
    };
    let found = issues("?hours=1&severity=low&component=optimization").await;
    let issue = &found["issues"][0];
    assert_eq!((&found["total"], &issue["issue_type"]), (&json!(1), &json!("error")), "{found}");
    assert_eq!((&issue["file_info"]["name"], &issue["message"]), (&json!("broken.glb"), &progress["error"]));
    assert!(!found.to_string().contains(id), "an id is the right to change the job");
    for none in ["?severity=high", "?component=upload", "?hours=0&severity=critical"] {
        assert_eq!(issues(none).await["total"], 0, "{none}");
    }
    assert_eq!(issues("?severity=awful").await["code"], "bad_query");
    let stranger = reqwest::get(server.address("/admin/issues/api")).await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    let log = server.get(&format!("/error-logs/{id}")).await.text().await.unwrap();
    assert!(log.contains("Status: FAILED") && log.contains(progress["error"].as_str().unwrap()), "{log}");
    for path in ["/progress/nothing", "/download/nothing", "/original/nothing", "/error-logs/nothing"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    }
}
