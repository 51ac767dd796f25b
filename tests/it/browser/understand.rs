//! The report below the model: its sums, its tables, its downloads, and the command that makes the result again.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Scene, job_id, optimize, torus};
use crate::browser::{DESKTOP, PHONE};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_glb-optimizer");

#[tokio::test]
async fn the_bytes_sum_exactly_to_the_size_of_each_file() {
    let scene = Scene::open().await;
    let model = torus::glb();
    let tab = scene.tab(PHONE, "/").await;
    optimize(&tab, &scene.file("torus.glb", &model)).await;
    let sums = tab
        .read(
            "JSON.stringify(['tbody', 'tfoot'].map((part) => [2, 3].map((column) =>
                [...document.querySelectorAll(`[data-role=bytes] ${part} td:nth-child(${column}) [data-bytes]`)]
                    .reduce((sum, cell) => sum + Number(cell.dataset.bytes), 0))))",
        )
        .await;
    let answer = scene.server.get(&format!("/api/v1/jobs/{}/result", job_id(&tab).await)).await;
    let sizes = [model.len(), answer.bytes().await.unwrap().len()];
    assert_eq!(serde_json::from_str::<[[usize; 2]; 2]>(&sums).unwrap(), [sizes, sizes]);
    assert_eq!(tab.read("document.documentElement.scrollWidth > innerWidth").await, "false");
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn tables_sort_by_any_column_and_by_keyboard() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    let table = "[data-section=looks] .sortable";
    let names = format!(
        "JSON.stringify([...document.querySelectorAll('{table} tbody th')].map((cell) => cell.textContent))"
    );
    let by_error: Vec<String> = serde_json::from_str(&tab.read(&names).await).unwrap();
    let mut by_name = by_error.clone();
    by_name.sort();
    assert_ne!(by_error, by_name);

    tab.press(&format!("{table} thead th:first-child button"), "Enter").await;
    assert_eq!(serde_json::from_str::<Vec<String>>(&tab.read(&names).await).unwrap(), by_name);
    assert_eq!(tab.read(&format!("document.querySelector('{table} thead th').ariaSort")).await, "ascending");
    tab.press(&format!("{table} thead th:first-child button"), "Enter").await;
    by_name.reverse();
    assert_eq!(serde_json::from_str::<Vec<String>>(&tab.read(&names).await).unwrap(), by_name);
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn textures_and_meshes_are_listed_with_pictures_of_both_files() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    tab.read("document.querySelector('[data-section=textures]').scrollIntoView()").await;
    tab.wait_for("document.querySelectorAll('.thumbnail[data-state=ready]').length === 2").await;
    tab.wait_for(
        "/^\\d/.test(document.querySelector('[data-section=textures] tbody td:last-child').textContent)",
    )
    .await;
    assert!(tab.picture(".thumbnail").await.covered() > 0.1);
    let meshes = tab.read("document.querySelector('[data-section=meshes] tbody').innerText").await;
    assert!(meshes.contains("9,216") && meshes.contains("POSITION"), "{meshes}");
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn the_report_and_the_separate_files_can_be_taken_away() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    tab.click(".downloads summary").await;
    let file = async |kind: &str, ending: &str| {
        tab.download_as(&format!("[data-download={kind}]"), &format!("torus-optimized{ending}")).await
    };
    let json: Value = serde_json::from_slice(&file("json", "-report.json").await).unwrap();
    let answer = scene.server.get(&format!("/api/v1/jobs/{}/report", job_id(&tab).await)).await;
    let report: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    // Not as a whole: JavaScript writes 0.0 as 0.
    for part in ["settings", "input_hash", "output_hash", "before", "after", "dropped"] {
        assert_eq!(json[part], report[part], "{part}");
    }
    assert_eq!(json["passes"].as_array().unwrap().len(), report["passes"].as_array().unwrap().len());

    let csv = String::from_utf8(file("csv", "-report.csv").await).unwrap();
    assert!(csv.starts_with("table,item,figure,before,after\r\n"), "{csv}");
    assert!(csv.contains(&format!("file,,bytes,{},{}", json["before"]["bytes"], json["after"]["bytes"])));

    let html = String::from_utf8(file("html", "-report.html").await).unwrap();
    assert!(html.contains("data:image/png") && !html.contains("src=\"http"), "it needs nothing else");

    let zip = file("zip", ".zip").await;
    assert!(zip.starts_with(b"PK"));
    let names = String::from_utf8_lossy(&zip);
    assert!(names.contains("torus-optimized.gltf") && names.contains("torus-optimized.bin"));
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn each_level_of_detail_can_be_taken_away_as_a_file() {
    let scene = Scene::open().await;
    let accepted = scene.server.submit_with(torus::glb(), "&effort=fast&lods=2", &[]).await;
    let id = accepted["id"].as_str().unwrap();
    scene.server.finished(id).await;
    let tab = scene.tab(DESKTOP, &format!("/#/jobs/{id}")).await;
    tab.wait_for("document.querySelectorAll('[data-download^=lod-]').length > 0").await;
    tab.click(".downloads summary").await;
    let told = tab.read("document.querySelector('[data-download=lod-1]').textContent").await;
    assert!(told.contains("triangles"), "{told}");
    let of_level = scene.server.get(&format!("/api/v1/jobs/{id}/lods/1")).await.bytes().await.unwrap();
    let name = "model-optimized-lod1.glb";
    assert_eq!(tab.download_as("[data-download=lod-1]", name).await, of_level);
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn the_command_that_the_page_shows_makes_the_same_file_again() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    let model = scene.file("torus.glb", &torus::glb());
    optimize(&tab, &model).await;
    let command = tab.read("document.querySelector('[data-section=again] code').textContent").await;
    let answer = scene.server.get(&format!("/api/v1/jobs/{}/result", job_id(&tab).await)).await;
    let folder = Path::new(EXECUTABLE).parent().unwrap().display().to_string();
    let run = Command::new("sh")
        .args(["-c", &format!("PATH={folder}:$PATH; {command} -o again.glb")])
        .current_dir(model.parent().unwrap())
        .output()
        .unwrap();
    assert!(run.status.success(), "{command}: {}", String::from_utf8_lossy(&run.stderr));
    let again = std::fs::read(model.with_file_name("again.glb")).unwrap();
    assert_eq!(again, answer.bytes().await.unwrap(), "{command}");
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn an_own_budget_names_what_is_at_fault_and_is_kept() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    let own = "document.querySelector('[data-place=own]')";
    assert_eq!(tab.read(&format!("{own}.dataset.light")).await, "green");
    tab.read(
        "(() => {
            const field = document.querySelector('[data-place=own] [data-measure=triangles]');
            field.value = '10';
            field.dispatchEvent(new Event('change'));
        })()",
    )
    .await;
    assert_eq!(tab.read(&format!("{own}.dataset.light")).await, "red");
    let words = tab.read(&format!("{own}.innerText")).await;
    assert!(words.contains("Most of it: Mesh 0"), "{words}");
    let address = tab.read("location.hash").await;
    tab.close_without_faults().await;

    let again = scene.tab(DESKTOP, &format!("/{address}")).await;
    again.wait_for("document.querySelector('[data-place=own]') !== null").await;
    assert_eq!(again.read(&format!("{own}.dataset.light")).await, "red");
    again.close_without_faults().await;
    scene.close().await;
}
