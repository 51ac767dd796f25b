//! The watched folder: a model that is put there gets its result, once, over restarts too.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{DEADLINE, Server, padded_glb, triangle_glb};

fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_glb(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"glTF"))
}

async fn accepted(server: &Server) -> u64 {
    let health: Value = server.get("/health").await.json().await.unwrap();
    health["queue"].as_object().unwrap().values().filter_map(Value::as_u64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_gets_its_result_once_and_again_when_it_changes() {
    let (data, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let (model, result) = (folder.path().join("chair.glb"), folder.path().join("chair-optimized.glb"));
    let watched = [("WATCH_DIR", folder.path().to_str().unwrap()), ("WATCH_SETTINGS", "preset=high")];
    let server = Server::start_with(data.path(), &watched);
    fs::write(folder.path().join("notes.txt"), "no model").unwrap();
    fs::write(&model, padded_glb(5_000)).unwrap();
    until("no result", || is_glb(&result));
    let time = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    assert_eq!(time(&model), time(&result), "the result carries the time of its model");
    drop(server);
    // A model that came while nobody watched, and one whose result is there already.
    let other = folder.path().join("table.VRM");
    fs::write(&other, padded_glb(6_000)).unwrap();
    let server = Server::start_with(data.path(), &watched);
    until("no result after a restart", || is_glb(&folder.path().join("table-optimized.vrm")));
    assert_eq!(accepted(&server).await, 2, "neither a result nor a model that has one was taken");
    let before = time(&result);
    fs::write(&model, padded_glb(7_000)).unwrap();
    fs::File::options()
        .write(true)
        .open(&model)
        .unwrap()
        .set_modified(before + Duration::from_secs(60))
        .unwrap();
    until("no new result", || time(&result) != before);
    assert_eq!(accepted(&server).await, 3);
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 5, "nothing else is left: {names:?}");
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_command_watches_without_a_port_and_writes_elsewhere() {
    let (data, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let (models, results) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir(&models).unwrap();
    fs::write(models.join("a.glb"), triangle_glb()).unwrap();
    fs::write(models.join("broken.glb"), b"glTF\x02\0\0\0\xff\0\0\0").unwrap();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(models.join("a.glb")).unwrap().set_modified(old).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
    command.arg("watch").arg(&models).arg("-o").arg(&results).arg("--data-dir").arg(data.path());
    let _process = Killed(command.env_clear().stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("no result", || is_glb(&results.join("a-optimized.glb")));
    assert_eq!(fs::read_dir(&results).unwrap().count(), 1);
    assert_eq!(fs::read_dir(&models).unwrap().count(), 2);
}
