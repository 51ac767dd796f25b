//! The views beside the workbench, seen and used: start, what went wrong, queue, dashboard, system, languages.

use super::chromium::Tab;
use super::{DESKTOP, PHONE, Scene, audit, torus};

#[tokio::test]
async fn every_view_can_be_seen_by_everybody() {
    let scene = Scene::open().await;
    let id = scene.server.submit(torus::glb()).await;
    scene.server.finished(&id).await;
    for size in [PHONE, DESKTOP] {
        for (address, phase) in [
            ("#/".to_owned(), "start"),
            ("#/jobs/00000000000000000000000000000000".to_owned(), "failed"),
            (format!("#/jobs/{id}/again"), "ready"),
            ("#/batches/00000000000000000000000000000000".to_owned(), "failed"),
            (format!("#/jobs/{id}"), "done"),
        ] {
            let tab = scene.tab(size, &format!("/{address}")).await;
            tab.wait_for(&format!("document.body.dataset.phase === '{phase}'")).await;
            audit::look_at(&tab, &format!("{address} at {size:?}")).await;
            // Some ids are of nothing, and the browser says so on its console.
            tab.close_with_faults(&["404"]).await;
        }
    }
    scene.close().await;
}

#[tokio::test]
async fn administrators_log_in_and_see_queue_totals_and_server() {
    let scene = Scene::open().await;
    let id = scene.server.submit(torus::glb()).await;
    scene.server.finished(&id).await;
    let tab = scene.tab(DESKTOP, "/").await;
    go(&tab, "#/queue", "login").await;
    audit::look_at(&tab, "the form to log in").await;
    log_in(&tab, "not the token").await;
    tab.wait_for("(document.querySelector('.login [role=alert]')?.textContent ?? '') !== ''").await;
    log_in(&tab, &scene.server.token).await;
    tab.wait_for("document.body.dataset.phase === 'queue'").await;
    for (address, phase) in [("#/queue", "queue"), ("#/dashboard", "dashboard"), ("#/system", "system")] {
        for size in [PHONE, DESKTOP] {
            tab.resize(size).await;
            go(&tab, address, phase).await;
            if phase == "system" {
                tab.wait_for("document.querySelectorAll('.doctor tbody tr').length > 5").await;
            }
            audit::look_at(&tab, &format!("{address} at {size:?}")).await;
        }
    }
    tab.close_with_faults(&["401", "403"]).await;
    scene.close().await;
}

#[tokio::test]
async fn the_queue_is_held_back_and_jobs_are_stopped_and_forgotten_from_its_view() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/#/queue").await;
    tab.wait_for("document.body.dataset.phase === 'login'").await;
    log_in(&tab, &scene.server.token).await;
    tab.wait_for("document.body.dataset.phase === 'queue'").await;
    tab.click("[data-key=pause]").await;
    tab.wait_for("document.querySelector('.board-head .is-warning') !== null").await;
    assert_eq!(scene.server.health_until(|health| health["paused"] == true).await["paused"], true);

    let id = scene.server.submit(torus::glb()).await;
    tab.wait_for(&format!("document.querySelector('[data-key=cancel-{id}]') !== null")).await;
    let row = tab.read("document.querySelector('.jobs tbody tr').innerText").await;
    assert!(row.contains("Number 1 in the line"), "{row}");
    // By keyboard, as all of it.
    tab.press(&format!("[data-key=cancel-{id}]"), "Enter").await;
    tab.wait_for(&format!("document.querySelector('[data-key=forget-{id}]') !== null")).await;
    assert_eq!(scene.server.job(&id).await["state"], "cancelled");
    tab.click(&format!("[data-key=retry-{id}]")).await;
    tab.wait_for(&format!("document.querySelector('[data-key=cancel-{id}]') !== null")).await;
    tab.click("[data-key=pause]").await;
    scene.server.finished(&id).await;
    tab.wait_for("document.querySelector('.jobs .badge[data-state=completed]') !== null").await;
    tab.click(&format!("[data-key=forget-{id}]")).await;
    tab.wait_for("document.querySelector('.empty') !== null").await;
    tab.close_with_faults(&["401"]).await;
    scene.close().await;
}

#[tokio::test]
async fn a_language_is_chosen_and_remembered() {
    let scene = Scene::open().await;
    let tab = scene.tab(DESKTOP, "/").await;
    let english = tab.read("document.querySelector('h1').textContent").await;
    for language in ["de", "es", "fr", "zh-Hans"] {
        tab.evaluate_now(&format!(
            "(() => {{ globalThis.isOld = true; const picker = document.querySelector('#actions select'); picker.value = '{language}'; picker.dispatchEvent(new Event('change')); }})()"
        ))
        .await;
        let there = format!(
            "!globalThis.isOld && document.documentElement?.lang === '{language}' && document.querySelector('h1')?.textContent !== {english:?}"
        );
        tab.wait_for(&format!("{there} && document.body.dataset.phase === 'start'")).await;
        assert_eq!(
            tab.read("document.documentElement.scrollWidth > innerWidth").await,
            "false",
            "{language}"
        );
    }
    tab.close_without_faults().await;
    scene.close().await;
}

async fn go(tab: &Tab, address: &str, phase: &str) {
    tab.evaluate_now(&format!("location.hash = '{address}'")).await;
    tab.wait_for(&format!("location.hash === '{address}' && document.body.dataset.phase === '{phase}'"))
        .await;
}

async fn log_in(tab: &Tab, token: &str) {
    tab.evaluate_now(&format!("document.querySelector('.login input').value = {token:?}")).await;
    tab.click(".login button").await;
}
