//! The real page in a real browser against the real server: a file goes in, the result is seen, downloaded and found
//! again after a reload. What the page must never do is checked in every test: log an error, or ask another origin.
//!
//! The browser is driven in [`chromium`]; the model that is given to the page is built in [`torus`].

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test, as its own body does")]

mod audit;
mod chromium;
mod compare;
mod gallery;
mod many;
mod torus;
mod understand;
mod views;

use std::path::{Path, PathBuf};

use chromium::{Browser, Picture, Tab};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use crate::support::Server;

/// Browsers draw on the processor here: several at once would only make each other wait.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

const PHONE: (u32, u32) = (390, 844);
const DESKTOP: (u32, u32) = (1440, 900);

/// Share of the pixels in the middle of a pane that must belong to the model.
const LEAST_COVERED: f64 = 0.1;
/// Mean difference of two panes in steps of 255 that still counts as the same picture.
const SAME_PICTURE: f64 = 6.0;

/// A server, a browser and a model on the disk.
struct Scene {
    server: Server,
    browser: Browser,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Scene {
    async fn open() -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("data"));
        let browser = Browser::launch(folder.path()).await;
        Self { server, browser, folder, _turn: turn }
    }

    async fn tab(&self, size: (u32, u32), path: &str) -> Tab {
        self.browser.open(&format!("{}{path}", self.server.url), size).await
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn close(self) {
        self.browser.close().await;
    }
}

async fn optimize(tab: &Tab, model: &Path) {
    tab.give_file(model).await;
    tab.wait_for("document.body.dataset.phase === 'ready'").await;
    tab.wait_for(&is_shown("original")).await;
    tab.click("button[type=submit]").await;
    tab.wait_for("['done', 'failed'].includes(document.body.dataset.phase)").await;
    assert_eq!(
        tab.read("document.body.dataset.phase").await,
        "done",
        "{}",
        tab.read("document.body.innerText").await
    );
    tab.wait_for(&is_shown("result")).await;
}

fn is_shown(role: &str) -> String {
    format!("document.querySelector('.pane[data-role={role}]')?.dataset.state === 'ready'")
}

/// What the 3D view shows.
async fn view(tab: &Tab) -> Picture {
    tab.picture(".stage-view canvas").await
}

/// Puts the models beside each other, over each other (`split`) or in turns (`flip`).
async fn arrange(tab: &Tab, kind: &str) {
    tab.click(&format!(".segmented label:has([value={kind}])")).await;
    tab.wait_for(&format!("document.querySelector('.stage').dataset.arrangement === '{kind}'")).await;
}

/// What is seen of a model; both have to stand beside each other.
async fn pane(tab: &Tab, role: &str) -> Picture {
    tab.picture(&format!(".pane[data-role={role}]")).await
}

#[tokio::test]
async fn a_model_is_shown_optimized_compared_and_downloaded() {
    let scene = Scene::open().await;
    let model = scene.file("torus.glb", &torus::glb());
    for size in [DESKTOP, PHONE] {
        let tab = scene.tab(size, "/").await;
        optimize(&tab, &model).await;
        arrange(&tab, "side").await;
        let (original, result) = (pane(&tab, "original").await, pane(&tab, "result").await);
        assert!(original.covered() > LEAST_COVERED, "original at {size:?}: {} covered", original.covered());
        assert!(result.covered() > LEAST_COVERED, "result at {size:?}: {} covered", result.covered());
        let difference = original.difference(&result);
        assert!(difference < SAME_PICTURE, "the panes differ by {difference} at {size:?}");
        assert_eq!(tab.read("document.documentElement.scrollWidth > innerWidth").await, "false", "{size:?}");

        let downloaded = tab.download("a[data-role=download]").await;
        let answer = scene.server.get(&format!("/api/v1/jobs/{}/result", job_id(&tab).await)).await;
        assert_eq!(downloaded, answer.bytes().await.unwrap());
        tab.close_without_faults().await;
    }
    scene.close().await;
}

#[tokio::test]
async fn turning_one_model_turns_the_other() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    arrange(&tab, "side").await;
    let before = pane(&tab, "result").await;
    for _ in 0..3 {
        tab.press(".stage canvas", "ArrowRight").await;
    }
    tab.wait_for_frame().await;
    let (original, after) = (pane(&tab, "original").await, pane(&tab, "result").await);
    assert!(before.difference(&after) > SAME_PICTURE, "the result did not follow");
    assert!(original.difference(&after) < SAME_PICTURE, "the result looks from elsewhere");
    tab.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn a_reload_comes_back_to_the_result() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    optimize(&tab, &scene.file("torus.glb", &torus::glb())).await;
    let address = tab.read("location.hash").await;
    tab.close_without_faults().await;

    let again = scene.tab(DESKTOP, &format!("/{address}")).await;
    again.wait_for("document.body.dataset.phase === 'done'").await;
    again.wait_for(&is_shown("original")).await;
    again.wait_for(&is_shown("result")).await;
    arrange(&again, "side").await;
    assert!(pane(&again, "original").await.covered() > LEAST_COVERED);
    assert_eq!(again.read("document.querySelector('.file-name').textContent").await, "torus.glb");
    again.close_without_faults().await;
    scene.close().await;
}

#[tokio::test]
async fn what_is_no_glb_is_refused_at_once_and_in_words() {
    let scene = Scene::open().await;
    let tab = scene.tab(PHONE, "/").await;
    tab.give_file(&scene.file("photo.glb", b"\xff\xd8\xff\xe0 not a model")).await;
    tab.wait_for("document.querySelector('[role=alert]') !== null").await;
    let words = tab.read("document.querySelector('[role=alert]').innerText").await;
    assert!(words.contains("photo.glb does not begin with the letters \"glTF\""), "{words}");
    assert_eq!(tab.read("document.body.dataset.phase").await, "start");
    tab.close_without_faults().await;
    scene.close().await;
}

async fn job_id(tab: &Tab) -> String {
    tab.read("location.hash.split('/')[2]").await
}
