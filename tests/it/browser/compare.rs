//! The ways of comparing: each acts, by mouse and by keyboard, and each looks different.

use super::{Scene, arrange, optimize, pane, torus};
use crate::browser::chromium::{Picture, Tab};
use crate::browser::{DESKTOP, LEAST_COVERED, PHONE, SAME_PICTURE};

/// Mean difference in steps of 255 from which on two ways of looking are told apart.
const OTHER_PICTURE: f64 = 2.0;
/// A shaded surface has more colours than this, and an empty canvas a few.
const MANY_COLOURS: usize = 100;

/// What is seen of the view, whatever it shows.
pub(super) async fn seen(tab: &Tab) -> Picture {
    tab.picture(".stage canvas").await
}

/// Chooses from one of the lists below the view.
async fn choose(tab: &Tab, tool: &str, value: &str) {
    tab.read(&format!(
        "(() => {{
            const list = document.querySelector('[data-tool={tool}]');
            list.value = '{value}';
            list.dispatchEvent(new Event('change'));
        }})()"
    ))
    .await;
    settle(tab).await;
}

/// Waits until what was asked for is seen.
async fn settle(tab: &Tab) {
    tab.wait_for("document.querySelector('.stage').ariaBusy !== 'true'").await;
    tab.wait_for_frame().await;
}

#[tokio::test]
async fn each_way_of_looking_at_a_model_shows_something_else() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    arrange(&tab, "flip").await;
    let mut pictures: Vec<(&str, Picture)> = Vec::new();
    for view in ["shaded", "wireframe", "normals", "checker", "base", "red", "rough", "normalMap", "heat"] {
        choose(&tab, "view", view).await;
        let picture = seen(&tab).await;
        assert!(picture.covered() > LEAST_COVERED, "{view}: {} covered", picture.covered());
        for (other, before) in &pictures {
            let difference = picture.difference(before);
            assert!(difference > OTHER_PICTURE, "{view} and {other} differ by {difference}");
        }
        pictures.push((view, picture));
    }
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn the_light_changes_both_models() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    arrange(&tab, "side").await;
    let studio = pane(&tab, "original").await;
    for light in ["soft", "sun", "dark"] {
        choose(&tab, "light", light).await;
        let (original, result) = (pane(&tab, "original").await, pane(&tab, "result").await);
        assert!(original.difference(&studio) > OTHER_PICTURE, "{light} looks like studio");
        assert!(original.difference(&result) < SAME_PICTURE, "{light} is another light for the result");
    }
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn the_split_is_moved_by_keyboard_and_by_mouse() {
    let scene = Scene::open().await;
    for size in [DESKTOP, PHONE] {
        let tab = scene.tab(size, "/").await;
        optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
        let at = "document.querySelector('.divider').ariaValueNow";
        assert_eq!(tab.read(at).await, "50");
        for (key, expected) in
            [("ArrowLeft", "48"), ("PageUp", "58"), ("End", "100"), ("Home", "0"), ("ArrowRight", "2")]
        {
            tab.press(".divider", key).await;
            assert_eq!(tab.read(at).await, expected, "after {key}");
        }
        tab.press(".divider", "Home").await;
        for _ in 0..5 {
            tab.press(".divider", "PageUp").await;
        }
        let width: f64 = tab.read("document.querySelector('.stage-view').clientWidth").await.parse().unwrap();
        tab.drag(".divider", width / 4.0).await;
        tab.wait_for("Math.abs(document.querySelector('.divider').ariaValueNow - 75) <= 1").await;
        tab.close_without_faults().await;
    }
    scene.close().await;
}

#[tokio::test]
async fn original_and_result_take_turns_by_a_key() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    let shown = "document.querySelector('.stage').dataset.shown";
    for expected in ["original", "result", "original"] {
        tab.press(".stage canvas", "f").await;
        assert_eq!(tab.read(shown).await, expected);
        assert_eq!(tab.read("document.querySelector('.stage').dataset.arrangement").await, "flip");
        assert!(seen(&tab).await.covered() > LEAST_COVERED);
    }
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn the_worst_place_is_one_click_away() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    let before = seen(&tab).await;
    tab.click("[data-tool=worst]").await;
    settle(&tab).await;
    let worst = seen(&tab).await;
    // From near, no corner needs to be empty.
    assert!(worst.colours() > MANY_COLOURS, "{} colours", worst.colours());
    assert!(before.difference(&worst) > OTHER_PICTURE, "nothing moved");
    tab.click("[data-tool=reset]").await;
    settle(&tab).await;
    assert!(before.difference(&seen(&tab).await) < OTHER_PICTURE, "the way back leads elsewhere");
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn pictures_of_the_check_are_there_while_the_graphics_memory_is_gone() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    tab.read(
        "(globalThis.loser = document.querySelector('.stage canvas')
            .getContext('webgl2').getExtension('WEBGL_lose_context')).loseContext()",
    )
    .await;
    tab.wait_for("document.querySelector('.proof:not([hidden]) img') !== null").await;
    tab.read_promise("document.querySelector('.proof img').decode().then(() => 'decoded')").await;
    assert!(tab.picture(".proof img").await.covered() > LEAST_COVERED);
    tab.read("globalThis.loser.restoreContext()").await;
    tab.wait_for("document.querySelector('.proof').hidden").await;
    arrange(&tab, "flip").await;
    settle(&tab).await;
    assert!(seen(&tab).await.covered() > LEAST_COVERED);
    tab.close_without_faults().await;
    scene.close().await;
}
