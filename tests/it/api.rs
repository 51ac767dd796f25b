//! More than one file, and no job at all: batches, archives, a .gltf with its files, optimizing and comparing at once,
//! other settings on the same upload, events that go on, true totals.

use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};

use reqwest::multipart::{Form, Part};
use reqwest::{Body, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::task::JoinSet;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::held::Held;
use crate::support::{Server, heavy_glb, padded_glb, triangle_glb};

/// A zip archive of these files.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A triangle whose data are in a file beside it.
pub(crate) fn gltf(buffer: &str) -> (String, Vec<u8>) {
    let document = json!({
        "asset": { "version": "2.0" }, "scene": 0, "scenes": [{ "nodes": [0] }], "nodes": [{ "mesh": 0, "name": "tri" }],
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
        "accessors": [{ "bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3",
            "min": [0.0, 0.0, 0.0], "max": [1.0, 1.0, 0.0] }],
        "bufferViews": [{ "buffer": 0, "byteLength": 36 }],
        "buffers": [{ "byteLength": 36, "uri": buffer }]
    });
    let positions = [0.0_f32, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    (document.to_string(), positions.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn file(name: &str, bytes: Vec<u8>) -> Part {
    Part::bytes(bytes).file_name(name.to_owned())
}

async fn sent(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

async fn ended_batch(server: &Server, batch: &Value) -> Value {
    for job in batch["jobs"].as_array().unwrap() {
        server.finished(job["id"].as_str().unwrap()).await;
    }
    let address = format!("/api/v1/batches/{}", batch["id"].as_str().unwrap());
    server.get(&address).await.json().await.unwrap()
}

#[tokio::test]
async fn several_files_in_one_form_become_a_batch_whose_results_are_one_archive() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let form = Form::new()
        .text("preset", "maximum")
        .part("file", file("a.glb", padded_glb(1_000)))
        .part("file", file("a.glb", padded_glb(2_000)))
        .part("file", file("broken.glb", [&triangle_glb()[..20], &[b'x'; 700]].concat()));
    let (status, batch) = sent(server.client.post(server.address("/api/v1/jobs")).multipart(form)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{batch}");
    assert_eq!(batch["totals"]["jobs"], 3);
    assert!(batch["jobs"].as_array().unwrap().iter().all(|job| job["settings"]["preset"] == "maximum"));
    let batch = ended_batch(&server, &batch).await;
    assert_eq!(
        (&batch["ended"], &batch["totals"]["completed"], &batch["totals"]["dead"]),
        (&json!(true), &json!(2), &json!(1))
    );

    let response = server.get(&format!("/api/v1/batches/{}/result", batch["id"].as_str().unwrap())).await;
    assert_eq!(response.headers()["content-type"], "application/zip");
    let mut archive = ZipArchive::new(Cursor::new(response.bytes().await.unwrap())).unwrap();
    let mut names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    names.sort();
    assert_eq!(names, ["a (2).glb", "a.glb", "batch.json"]);
    let mut first = Vec::new();
    archive.by_name("a.glb").unwrap().read_to_end(&mut first).unwrap();
    let id = batch["jobs"][0]["id"].as_str().unwrap();
    assert_eq!(first, server.get(&format!("/api/v1/jobs/{id}/result")).await.bytes().await.unwrap());
}

#[tokio::test]
async fn a_model_without_a_known_ending_beside_an_archive_is_not_left_out() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let form = Form::new()
        .part("file", file("more.zip", archive(&[("a.glb", &padded_glb(4)), ("notes", b"glTF is great")])))
        .part("file", file("chair", padded_glb(8)));
    let (status, batch) = sent(server.client.post(server.address("/api/v1/jobs")).multipart(form)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{batch}");
    let names: Vec<&Value> = batch["jobs"].as_array().unwrap().iter().map(|job| &job["input_name"]).collect();
    assert_eq!(names, ["a.glb", "chair"]);
}

#[tokio::test]
async fn a_form_of_many_files_keeps_none_of_them_open() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let open = || std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count();
    let before = open();
    let (asked, wait) = tokio::sync::oneshot::channel::<()>();
    let last = futures_util::stream::once(async move { wait.await.map(|()| triangle_glb()) });
    let form = (0..200).fold(Form::new(), |form, _| form.part("file", file("a.glb", triangle_glb())));
    let form = form.part("file", Part::stream(Body::wrap_stream(last)).file_name("last.glb"));
    let request = server.client.post(server.address("/api/v1/jobs?effort=fast")).multipart(form);
    let sending = tokio::spawn(request.send());
    let incoming = || std::fs::read_dir(folder.path().join("blobs/incoming")).unwrap().count();
    let start = std::time::Instant::now();
    while incoming() < 200 {
        assert!(start.elapsed() < crate::support::DEADLINE, "only {} files have come", incoming());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(open() < before + 20, "{} open files instead of {before}", open());
    asked.send(()).unwrap();
    assert_eq!(sending.await.unwrap().unwrap().status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn who_wants_to_compare_while_enough_others_wait_is_told_to_come_again() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let held = Held::hold(&[&server], crate::support::DEADLINE);
    let mut asked = JoinSet::new();
    // One at work and sixteen that wait, and three more.
    for _ in 0..20 {
        let form = ["before", "after"]
            .into_iter()
            .fold(Form::new(), |form, field| form.part(field, file("a.glb", triangle_glb())));
        asked.spawn(server.client.post(server.address("/api/v1/compare")).multipart(form).send());
    }
    // Nobody else has an answer as long as the first is at work.
    for _ in 0..3 {
        let refused = asked.join_next().await.unwrap().unwrap().unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "10");
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "too_many_asides");
    }
    drop(held);
    for done in asked.join_all().await {
        assert_eq!(done.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn an_archive_of_many_models_becomes_a_batch_and_sending_it_again_makes_no_other() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (text, bin) = gltf("../data/a%20b.bin");
    let models = archive(&[
        ("chairs/one.glb", &padded_glb(500)),
        ("chairs/two.gltf", text.as_bytes()),
        ("data/a b.bin", &bin),
        ("__MACOSX/._one.glb", b"junk"),
        ("readme.txt", b"hello"),
    ]);
    let post = || {
        let request = server.client.post(server.address("/api/v1/batches?effort=fast"));
        sent(request.header("idempotency-key", "order-7").body(models.clone()))
    };
    let (status, batch) = post().await;
    assert_eq!(status, StatusCode::ACCEPTED, "{batch}");
    let names: Vec<&Value> = batch["jobs"].as_array().unwrap().iter().map(|job| &job["input_name"]).collect();
    assert_eq!(names, ["one.glb", "two.glb"]);
    let ended = ended_batch(&server, &batch).await;
    assert_eq!(ended["totals"]["completed"], 2, "{ended}");
    let (_, again) = post().await;
    assert_eq!((&again["id"], again["jobs"].as_array().unwrap().len()), (&batch["id"], 2));
}

#[tokio::test]
async fn a_gltf_with_its_files_becomes_one_job_whose_original_is_a_glb() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (text, bin) = gltf("tri.bin");
    let form =
        Form::new().part("file", file("tri.bin", bin)).part("file", file("tri.gltf", text.clone().into()));
    let (status, job) = sent(server.client.post(server.address("/api/v1/jobs")).multipart(form)).await;
    assert_eq!((status, &job["input_name"]), (StatusCode::ACCEPTED, &json!("tri.glb")), "{job}");
    let id = job["id"].as_str().unwrap();
    assert_eq!(server.finished(id).await["state"], "completed");
    let original = server.get(&format!("/api/v1/jobs/{id}/original")).await.bytes().await.unwrap();
    assert!(original.starts_with(b"glTF"));
    let alone = Form::new().part("file", file("tri.gltf", text.into()));
    let (status, problem) = sent(server.client.post(server.address("/api/v1/jobs")).multipart(alone)).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::BAD_REQUEST, &json!("missing_resource")),
        "{problem}"
    );
    assert!(problem["detail"].as_str().unwrap().contains("tri.bin"), "{problem}");
}

#[tokio::test]
async fn odd_archives_are_refused_whole_and_leave_nothing_behind() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("MAX_FILE_SIZE_MB", "2")]);
    let good = triangle_glb();
    let (outside, _) = gltf("../../../etc/passwd");
    let (absolute, _) = gltf("/etc/passwd");
    let mut link = ZipWriter::new(Cursor::new(Vec::new()));
    link.add_symlink("a.glb", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let zeros = vec![0; 80 << 20];
    let mut cut_off = archive(&[("a.glb", &good)]);
    cut_off.truncate(cut_off.len() - 30);
    let cases = [
        ("a path that leads out", archive(&[("a.glb", &good), ("../b.glb", &good)]), 400, "bad_archive"),
        ("a path from the root", archive(&[("/tmp/b.glb", &good)]), 400, "bad_archive"),
        ("a drive", archive(&[("C:\\b.glb", &good)]), 400, "bad_archive"),
        ("a link", link.finish().unwrap().into_inner(), 400, "bad_archive"),
        ("a URI that leads out", archive(&[("a/b.gltf", outside.as_bytes())]), 400, "missing_resource"),
        ("a URI from the root", archive(&[("b.gltf", absolute.as_bytes())]), 400, "missing_resource"),
        ("a bomb", archive(&[("a.glb", &good), ("b.bin", &zeros)]), 400, "bad_archive"),
        ("no model", archive(&[("a.txt", b"hello")]), 400, "no_model"),
        ("an archive in it", archive(&[("a.zip", &archive(&[("a.glb", &good)]))]), 400, "no_model"),
        ("a broken model", archive(&[("a.glb", &good), ("b.glb", b"nonsense")]), 400, "not_a_glb"),
        ("a large model", archive(&[("a.glb", &padded_glb(3 << 20))]), 413, "too_large"),
        ("no end", cut_off, 400, "bad_archive"),
    ];
    for (what, body, status, code) in cases {
        let (found, problem) = sent(server.client.post(server.address("/api/v1/jobs")).body(body)).await;
        assert_eq!((found.as_u16(), problem["code"].as_str().unwrap()), (status, code), "{what}: {problem}");
    }
    let list: Value = server.get("/api/v1/jobs").await.json().await.unwrap();
    assert_eq!(list["jobs"], json!([]));
    let left = |path: &str| std::fs::read_dir(folder.path().join(path)).unwrap().count();
    assert_eq!((left("blobs/incoming"), left("work")), (0, 0));
}

#[tokio::test]
async fn a_body_comes_back_optimized_with_its_figures() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let model = padded_glb(50_000);
    let request = server.client.post(server.address("/api/v1/optimize?name=chair.glb&effort=fast"));
    let response = request.body(model.clone()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let figure = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((figure("x-outcome"), figure("x-input-bytes")), ("optimized".into(), model.len().to_string()));
    assert!(figure("content-disposition").contains("chair-optimized.glb"));
    let (id, bytes) = (figure("x-job-id"), figure("x-output-bytes"));
    let result = response.bytes().await.unwrap();
    assert!(result.starts_with(b"glTF") && result.len().to_string() == bytes);
    assert_eq!(server.job(&id).await["state"], "completed");

    let broken = [&triangle_glb()[..20], &[b'x'; 700]].concat();
    let (status, problem) = sent(server.client.post(server.address("/api/v1/optimize")).body(broken)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert!(!problem["code"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn who_hangs_up_cancels_the_job_that_they_waited_for() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    // The only worker is held, so that the next job cannot end before its client has gone.
    let (held, _child) = server.submit_frozen().await;
    let request = server.client.post(server.address("/api/v1/optimize")).body(triangle_glb());
    let waiting = tokio::spawn(request.send());
    let queued = loop {
        let list: Value = server.get("/api/v1/jobs?state=queued").await.json().await.unwrap();
        if let Some(id) = list["jobs"][0]["id"].as_str() {
            break id.to_owned();
        }
        tokio::task::yield_now().await;
    };
    assert_ne!(queued, held);
    waiting.abort();
    let _ = waiting.await;
    let job = server.job_until(&queued, |job| job["finished_at"].is_string()).await;
    assert_eq!(job["state"], "cancelled");
}

/// The triangle, half as wide.
fn narrow_triangle_glb() -> Vec<u8> {
    let mut bytes = triangle_glb();
    // The x of the second of three corners, which are the last bytes.
    let at = bytes.len() - 24;
    bytes[at..at + 4].copy_from_slice(&0.5_f32.to_le_bytes());
    bytes
}

#[tokio::test]
async fn two_models_are_compared_and_nothing_is_kept() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let compare = |form: Form| sent(server.client.post(server.address("/api/v1/compare")).multipart(form));
    let same = Form::new()
        .part("before", file("a.glb", triangle_glb()))
        .part("after", file("b.glb", padded_glb(64)));
    let (status, comparison) = compare(same).await;
    assert_eq!((status, &comparison["mean"]), (StatusCode::OK, &json!(0.0)), "{comparison}");
    assert!(comparison["views"].as_array().unwrap().len() > 3);
    assert_eq!(comparison["verdict"]["passes"], true, "{comparison}");
    let against = |settings: &'static [(&str, &str)]| {
        let pair = Form::new()
            .part("before", file("a.glb", triangle_glb()))
            .part("after", file("b.glb", narrow_triangle_glb()));
        compare(settings.iter().fold(pair, |form, (name, value)| form.text(*name, *value)))
    };
    let bound = |comparison: &Value| comparison["verdict"]["bounds"][0]["bound"].as_f64().unwrap();
    let (_, strict) = against(&[("max_error", "0.01")]).await;
    let (_, usual) = against(&[]).await;
    assert_eq!((&strict["verdict"]["passes"], &usual["verdict"]["passes"]), (&json!(false), &json!(false)));
    assert!(strict["verdict"]["reason"].is_string() && bound(&strict) < bound(&usual), "{strict}");
    assert_eq!(against(&[("preset", "high")]).await.1["code"], "unknown_setting");
    assert_eq!(against(&[("max_error", "nan")]).await.0, StatusCode::BAD_REQUEST);
    let one = Form::new().part("before", file("a.glb", triangle_glb()));
    assert_eq!(compare(one).await.1["code"], "missing_file");
    let broken = [&triangle_glb()[..20], &[b'x'; 700]].concat();
    let bad = Form::new().part("before", file("a.glb", triangle_glb())).part("after", file("b.glb", broken));
    assert_eq!(compare(bad).await.0, StatusCode::BAD_REQUEST);
    let list: Value = server.get("/api/v1/jobs").await.json().await.unwrap();
    assert_eq!(list["jobs"], json!([]));
}

#[tokio::test]
async fn an_upload_runs_again_with_other_settings() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let first = server.submit_with(padded_glb(3_000), "&preset=high&max_error=0.01", &[]).await;
    let address = format!("/api/v1/jobs/{}/rerun?preset=maximum", first["id"].as_str().unwrap());
    let (status, second) = sent(server.client.post(server.address(&address))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{second}");
    assert_ne!(second["id"], first["id"]);
    assert_eq!(
        (&second["input_name"], &second["input_bytes"]),
        (&first["input_name"], &first["input_bytes"])
    );
    assert_eq!(
        (&second["settings"]["preset"], second["settings"].get("max_error")),
        (&json!("maximum"), None)
    );
    assert_eq!(server.finished(second["id"].as_str().unwrap()).await["state"], "completed");
    // The upload stays as long as one of them needs it.
    server.finished(first["id"].as_str().unwrap()).await;
    assert_eq!(server.delete(first["id"].as_str().unwrap()).await, StatusCode::NO_CONTENT);
    let original = format!("/api/v1/jobs/{}/original", second["id"].as_str().unwrap());
    assert_eq!(server.get(&original).await.bytes().await.unwrap(), padded_glb(3_000));
    let gone = server.post(&address).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn events_go_on_where_they_were_and_say_when_there_are_no_more() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let id = server.submit(triangle_glb()).await;
    server.finished(&id).await;
    let address = server.address(&format!("/api/v1/jobs/{id}/events"));
    let text = server.get(&format!("/api/v1/jobs/{id}/events")).await.text().await.unwrap();
    let last = text.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap().to_owned();
    let again = server.client.get(&address).header("last-event-id", &last).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NO_CONTENT);
    let older = server.client.get(&address).header("last-event-id", "1-running-40").send().await.unwrap();
    assert!(older.text().await.unwrap().contains("completed"));
}

#[tokio::test]
async fn settings_are_listed_and_each_listed_value_is_taken() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let settings: Value = server.get("/api/v1/settings").await.json().await.unwrap();
    for setting in settings.as_array().unwrap() {
        let name = setting["name"].as_str().unwrap();
        let choices = setting["values"]["choices"].as_array().cloned().unwrap_or_default();
        assert!(setting["about"].as_str().unwrap().len() > 10, "{setting}");
        let example = setting["values"]["example"].as_str().map(str::to_owned);
        let values = choices.iter().map(|choice| choice["value"].as_str().unwrap().to_owned()).chain(example);
        for value in values {
            server.submit_with(triangle_glb(), &format!("&{name}={value}"), &[]).await;
        }
    }
}

#[tokio::test]
async fn totals_equal_an_independent_count_also_after_deletion_and_restart() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (mut input, mut output) = (0, 0);
    let mut ids = Vec::new();
    for size in [100, 9_000, 20_000] {
        let id = server.submit(padded_glb(size)).await;
        let job = server.finished(&id).await;
        input += job["input_bytes"].as_u64().unwrap();
        output += job["output_bytes"].as_u64().unwrap();
        ids.push(id);
    }
    let dead = server.submit([&triangle_glb()[..20], &[b'x'; 700]].concat()).await;
    let code = server.finished(&dead).await["error"]["code"].as_str().unwrap().to_owned();
    // Tried again, it dies once more: still one dead job.
    assert_eq!(server.post(&format!("/api/v1/jobs/{dead}/retry")).await.status(), StatusCode::OK);
    server.job_until(&dead, |job| job["attempt"] == 2 && job["state"] == "dead").await;
    let cached = server.submit(padded_glb(100)).await;
    input += server.finished(&cached).await["input_bytes"].as_u64().unwrap();
    output += server.job(&cached).await["output_bytes"].as_u64().unwrap();
    server.delete(&ids[1]).await;
    server.kill();

    let server = Server::start(folder.path());
    let stats: Value = server.get("/api/v1/stats").await.json().await.unwrap();
    let total = &stats["total"];
    let counts =
        ["submitted", "completed", "dead", "cancelled", "cached"].map(|name| total[name].as_u64().unwrap());
    assert_eq!(counts, [5, 4, 1, 0, 1], "{total}");
    assert_eq!((&total["input_bytes"], &total["output_bytes"]), (&json!(input), &json!(output)));
    assert_eq!(total["failures"], json!({ code: 1 }));
    assert_eq!(total["presets"], json!({ "balanced": 4 }));
    let jobs_in = |steps: &Value| {
        steps.as_array().unwrap().iter().map(|step| step["jobs"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((jobs_in(&total["ratios"]), jobs_in(&total["seconds"])), (4, 3));
    let submitted = |periods: &Value| {
        periods.as_array().unwrap().iter().map(|one| one["submitted"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!([&stats["days"], &stats["weeks"], &stats["months"]].map(submitted), [5, 5, 5]);

    let old: Value = server.get("/admin/stats").await.json().await.unwrap();
    assert_eq!((&old["total_tasks"], &old["completed_tasks"]), (&json!(5), &json!(4)));
    let old: Value = server.get("/admin/analytics").await.json().await.unwrap();
    assert_eq!(old["summary_stats"]["success_rate"], 80.0);
    assert_eq!(old["quality_distribution"][0]["count"], 4);
    assert_eq!(old["web_game_readiness"]["total_analyzed"], 4);
}

#[tokio::test]
async fn lists_tell_the_places_of_jobs_that_wait() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    server.post("/api/v1/queue/pause").await;
    let form =
        Form::new().part("file", file("a.glb", triangle_glb())).part("file", file("b.glb", padded_glb(9)));
    let request = server.client.post(server.address("/api/v1/batches")).multipart(form);
    let batch: Value = request.send().await.unwrap().json().await.unwrap();
    let list: Value = server.get("/api/v1/jobs?state=queued").await.json().await.unwrap();
    for told in [batch, list] {
        // Which of the two comes first is not said: they came at the same moment.
        let places = told["jobs"].as_array().unwrap().iter().map(|job| job["position"].as_u64());
        assert_eq!(places.collect::<BTreeSet<_>>(), [Some(1), Some(2)].into(), "{told}");
    }
}

#[tokio::test]
async fn the_sample_is_a_model_that_becomes_much_smaller() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    // Strangers may have it, too.
    let vase = reqwest::get(server.address("/sample.glb")).await.unwrap().bytes().await.unwrap();
    let job = server.submit_with(vase.to_vec(), "&effort=fast", &[]).await;
    let ended = server.finished(job["id"].as_str().unwrap()).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    let (before, after) = (ended["input_bytes"].as_u64().unwrap(), ended["output_bytes"].as_u64().unwrap());
    assert!(after * 4 < before, "{before} bytes became {after}");
}

#[tokio::test]
async fn a_batch_is_told_before_all_of_it_has_ended_but_not_handed_out() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (_held, _child) = server.submit_frozen().await;
    let models = archive(&[("a.glb", &triangle_glb()), ("b.glb", &heavy_glb())]);
    let (status, batch) = sent(server.client.post(server.address("/api/v1/batches")).body(models)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{batch}");
    assert_eq!((&batch["ended"], &batch["totals"]["queued"]), (&json!(false), &json!(2)));
    let address = format!("/api/v1/batches/{}/result", batch["id"].as_str().unwrap());
    let (status, problem) = sent(server.client.get(server.address(&address))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("not_finished")));
    let (status, problem) = sent(server.client.get(server.address("/api/v1/batches/xyz"))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("unknown_batch")));
}
