//! Models of a folder, each optimized and looked at before and after: neither may be blank, and the page logs no error.
//!
//! `tests/run --gallery FOLDER` names the folder; without one it is a torus alone. Also printed is the longest time for which
//! the page was held up while a model was opened: it depends on the machine, so it is not judged here.

use std::path::PathBuf;

use super::compare::seen;
use super::{Scene, arrange, optimize, torus};
use crate::browser::DESKTOP;

/// Share of the pixels that must belong to the model: a small one far away is still none that is missing.
const SOMETHING: f64 = 0.002;
/// Mean FLIP error that still counts as the same model: what the preset `maximum` may show.
const SAME_MODEL: f64 = 0.06;

/// The files to look at, by name.
fn models(scene: &Scene) -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("GALLERY") else {
        return vec![scene.file("torus.glb", &torus::glb())];
    };
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut models: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "glb")).collect();
    models.sort();
    models
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "its figures are what it is for")]
async fn every_model_is_seen_before_and_after() {
    let scene = Scene::open().await;
    let mut wrong = Vec::new();
    for model in models(&scene) {
        let name = model.file_name().unwrap().to_string_lossy().into_owned();
        let tab = scene.tab(DESKTOP, "/").await;
        tab.read(
            "(globalThis.longest = 0, new PerformanceObserver((list) => {
                for (const task of list.getEntries()) longest = Math.max(longest, task.duration);
            }).observe({ type: 'longtask', buffered: true }))",
        )
        .await;
        optimize(&tab, &model).await;
        // In turns at the same place: beside each other, they are a part of a pixel apart.
        arrange(&tab, "flip").await;
        // What moves by itself is never seen twice alike.
        tab.read(
            "(() => {
                const button = document.querySelector('[data-tool=play]');
                if (button.textContent === 'Pause') button.click();
            })()",
        )
        .await;
        let mut pictures = Vec::new();
        for role in ["original", "result"] {
            if tab.read("document.querySelector('.stage').dataset.shown").await != role {
                tab.press(".stage canvas", "f").await;
            }
            tab.wait_for(&format!("document.querySelector('.stage').dataset.shown === '{role}'")).await;
            pictures.push(seen(&tab).await);
        }
        let [original, result] = &pictures[..] else { unreachable!("there are two") };
        let error = original.error(result);
        let held_up = tab.read("Math.round(longest)").await;
        println!(
            "{name}: covered {:.3} and {:.3}, error {error:.3}, held up {held_up} ms",
            original.covered(),
            result.covered()
        );
        for (which, picture) in [("original", original), ("result", result)] {
            if picture.covered() < SOMETHING {
                wrong.push(format!("{name}: the {which} is blank"));
            }
        }
        if error > SAME_MODEL {
            wrong.push(format!("{name}: original and result differ: error {error:.3}"));
        }
        tab.close_without_faults().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    scene.close().await;
}
