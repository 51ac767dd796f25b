//! Shared storage that fails, and what is said about it.

use super::nodes::{Fleet, alone, health_until, until_tier};
use crate::redis_server::Redis;
use crate::support::triangle_glb;

#[tokio::test]
async fn storage_that_fails_is_named_and_jobs_finish_here() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let file = fleet.folder.path().join("file");
    std::fs::write(&file, b"in the way").unwrap();
    let storage = format!("file://{}", file.display());
    let variables = [("REDIS_URL", fleet.redis_url.as_str()), ("STORAGE_URL", storage.as_str())];
    let node = alone(&fleet.folder.path().join("data"), &variables);
    let reason = |health: &serde_json::Value| health["tier_reason"].as_str().unwrap_or_default().to_owned();
    let health = health_until(&node, |health| reason(health).contains("cannot be used")).await;
    assert!(reason(&health).contains("file://"), "{health:#}");
    assert_eq!(health["tier"], "embedded");
    let id = node.submit(triangle_glb()).await;
    assert_eq!(node.finished(&id).await["state"], "completed");
    // Mounted at last.
    std::fs::remove_file(&file).unwrap();
    until_tier(&node, "redis").await;
}

#[test]
fn an_address_that_is_no_storage_is_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [("STORAGE_URL", "/srv/shared"), ("REDIS_URL", "http://:secret@h")] {
        let output = crate::support::command(folder.path(), &[(name, value)]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(name) && !said.contains("secret"), "{said}");
    }
}
