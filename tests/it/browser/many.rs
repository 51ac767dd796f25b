//! Several models at once, and one model again: batches, archives of results, .gltf with its files, other settings.

use std::path::PathBuf;

use super::chromium::Tab;
use super::{DESKTOP, PHONE, Scene, audit, torus};
use crate::support::{DEADLINE, padded_glb};

const ENDED: &str = "['done', 'failed'].includes(document.body.dataset.phase)";

#[tokio::test]
async fn several_files_become_a_batch_with_totals_and_one_archive() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    tab.give_files(&toruses(&scene, 3)).await;
    tab.wait_for("document.body.dataset.phase === 'ready'").await;
    assert_eq!(tab.read("document.querySelectorAll('.model-row').length").await, "3");
    audit::look_at(&tab, "several models chosen").await;
    tab.click("button[type=submit]").await;
    tab.wait_for(&format!("location.hash.startsWith('#/batches/') && {ENDED}")).await;
    assert_eq!(states(&tab).await, "completed completed completed");
    audit::look_at(&tab, "an ended batch").await;

    let archive = tab.download("a[data-role=download-all]").await;
    let names = String::from_utf8_lossy(&archive);
    for name in ["torus-0.glb", "torus-1.glb", "torus-2.glb", "batch.json"] {
        assert!(names.contains(name), "{name} is not in the archive");
    }
    tab.click(".job-name").await;
    tab.wait_for(&format!("location.hash.startsWith('#/jobs/') && {ENDED}")).await;
    tab.wait_for("document.querySelector('.file-ways a')?.hash.startsWith('#/batches/')").await;
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn a_reload_in_the_middle_of_twenty_jobs_comes_back_to_the_same_view() {
    let scene = Scene::open().await;
    // Held back, so that the reload is in the middle however fast this machine is.
    scene.server.post("/api/v1/queue/pause").await;
    let tab = scene.tab(PHONE, "/").await;
    tab.give_files(&triangles(&scene, 20)).await;
    tab.wait_for("document.body.dataset.phase === 'ready'").await;
    tab.click("button[type=submit]").await;
    tab.wait_for("document.body.dataset.phase === 'running' && location.hash.startsWith('#/batches/')").await;
    let address = tab.read("location.hash").await;
    assert_eq!(states(&tab).await, ["queued"; 20].join(" "));
    audit::look_at(&tab, "a batch that waits").await;
    tab.close_without_faults().await;

    let again = scene.tab(PHONE, &format!("/{address}")).await;
    again.wait_for("document.querySelectorAll('.jobs tbody tr').length === 20").await;
    assert_eq!(again.read("location.hash").await, address);
    scene.server.post("/api/v1/queue/resume").await;
    let batch = address.trim_start_matches("#/batches/").to_owned();
    scene.batch_ended(&batch).await;
    again.wait_for("document.body.dataset.phase === 'done'").await;
    assert_eq!(states(&again).await, ["completed"; 20].join(" "));
    again.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn a_gltf_with_its_files_is_seen_before_it_is_sent() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    let (json, bin) = torus::gltf();
    tab.give_files(&[scene.file("torus.gltf", &json)]).await;
    tab.wait_for("document.querySelector('[role=alert]') !== null").await;
    let words = tab.read("document.querySelector('[role=alert]').innerText").await;
    assert!(words.contains("torus.bin"), "{words}");
    tab.give_files(&[scene.file("torus.gltf", &json), scene.file("torus.bin", &bin)]).await;
    tab.wait_for(&super::is_shown("original")).await;
    tab.click("button[type=submit]").await;
    tab.wait_for(&format!("location.hash.startsWith('#/jobs/') && {ENDED}")).await;
    assert_eq!(tab.read("document.body.dataset.phase").await, "done");
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn other_settings_need_no_second_upload_and_back_leads_back() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    super::optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    let first = tab.read("location.hash").await;
    tab.evaluate_now(&format!("location.hash = '{first}/again'")).await;
    // Until the table of settings is there, what is a default is not known.
    tab.wait_for(
        "document.body.dataset.phase === 'ready' && document.querySelector('.more fieldset') !== null",
    )
    .await;
    tab.click("input[name=preset][value=maximum]").await;
    let command = tab.read("document.querySelector('.command code').textContent").await;
    assert_eq!(command, "glb-optimizer optimize torus.glb --preset maximum");
    tab.click("button[type=submit]").await;
    tab.wait_for(&format!("{ENDED} && !location.hash.startsWith('{first}')")).await;
    assert_eq!(tab.read("document.body.dataset.phase").await, "done");
    let second = tab.read("location.hash").await;
    let job = scene.server.job(second.trim_start_matches("#/jobs/")).await;
    assert_eq!(job["settings"]["preset"], "maximum");
    tab.evaluate_now("history.go(-2)").await;
    tab.wait_for(&format!("document.body.dataset.phase === 'done' && location.hash === '{first}'")).await;
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn the_first_result_takes_two_clicks() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    tab.wait_for("document.body.dataset.phase === 'start'").await;
    tab.click(".dropzone button").await;
    tab.wait_for(&super::is_shown("original")).await;
    assert!(super::view(&tab).await.covered() > super::LEAST_COVERED, "the sample is not seen");
    audit::look_at(&tab, "settings").await;
    tab.click("button[type=submit]").await;
    tab.wait_for(ENDED).await;
    assert_eq!(tab.read("document.body.dataset.phase").await, "done");
    tab.close_without_faults().await;
    scene.close().await;
}

/// Different triangles, which take no time.
fn triangles(scene: &Scene, count: usize) -> Vec<PathBuf> {
    (0..count).map(|index| scene.file(&format!("triangle-{index}.glb"), &padded_glb(4 * index))).collect()
}

/// Different toruses, so that no result is there already.
fn toruses(scene: &Scene, count: usize) -> Vec<PathBuf> {
    (0..count)
        .map(|index| scene.file(&format!("torus-{index}.glb"), &torus::named(&format!("Torus {index}"))))
        .collect()
}

async fn states(tab: &Tab) -> String {
    tab.read("[...document.querySelectorAll('.jobs .badge')].map(({ dataset }) => dataset.state).join(' ')")
        .await
}

impl Scene {
    async fn batch_ended(&self, id: &str) {
        let start = std::time::Instant::now();
        loop {
            let batch: serde_json::Value =
                self.server.get(&format!("/api/v1/batches/{id}")).await.json().await.unwrap();
            if batch["ended"] == true {
                return;
            }
            assert!(start.elapsed() < DEADLINE * 4, "the batch does not end: {}", batch["totals"]);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}
