//! Where the program runs, and what follows: how much time it gets to stop, whether its data folder lasts.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::Finding;
use super::folder::existing;
use crate::config::{Config, Kind};

/// Files that container engines leave inside.
const CONTAINER_FILES: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];
/// What a stop takes at most: running jobs are handed back within it.
const STOP_TIME: Duration = Duration::from_secs(8);
/// What statfs says of a file system in memory (`TMPFS_MAGIC`).
#[cfg(target_os = "linux")]
const IN_MEMORY: u64 = 0x0102_1994;

/// Names the platform. What it does at a stop costs no job either way.
pub(super) async fn platform(config: &Config) -> Finding {
    let kind = kind(config);
    let said = match config.platform.stop_time.or(kind.stop_time()) {
        Some(time) if time >= STOP_TIME => {
            format!("{} seconds to stop, enough to hand running jobs back", time.as_secs())
        }
        Some(time) => format!(
            "only {} seconds to stop: running jobs may be killed, and then begin anew at the next start",
            time.as_secs()
        ),
        None => {
            "how long it waits before it kills a program is not known; a killed job begins anew".to_owned()
        }
    };
    Finding::pass(format!("{}: {said}", kind.name()))
}

/// Whether what was accepted is still there after a restart.
pub(super) async fn data_lasts(config: &Config) -> Finding {
    let (kind, folder) = (kind(config), config.data_dir.display());
    let there = existing(&config.data_dir);
    if is_in_memory(there) {
        let found = format!("{folder} is in memory: all jobs and files are gone after a restart");
        return Finding::warn(found, "choose a folder on a disk: DATA_DIR or --data-dir");
    }
    let on_volume = config.platform.volume.as_ref().is_some_and(|volume| config.data_dir.starts_with(volume));
    if kind.keeps_disk() || on_volume || is_mounted(there) {
        return Finding::pass(format!("{folder} is still there after a restart"));
    }
    let found =
        format!("{folder} is on the disk of a {}: it goes with the next version or restart", kind.name());
    Finding::warn(found, advice(kind))
}

fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::ReplitDeployment => {
            "jobs and files are lost then; a reserved VM restarts least often, and STORAGE_URL with REDIS_URL keeps them elsewhere"
        }
        Kind::Heroku => "Heroku has no volumes: STORAGE_URL with REDIS_URL keeps jobs and files elsewhere",
        Kind::Railway => "attach a volume to the service: its path is used by itself",
        Kind::Render => "attach a disk to the service, and set DATA_DIR to a folder on it",
        Kind::Fly => "mount a volume ([mounts] in fly.toml), and set DATA_DIR to a folder on it",
        _ => "mount a volume, and set DATA_DIR to a folder on it",
    }
}

/// What the environment tells, or else the files.
fn kind(config: &Config) -> Kind {
    let is_inside = || CONTAINER_FILES.iter().any(|file| Path::new(file).exists());
    match config.platform.kind {
        Kind::Plain if is_inside() => Kind::Container,
        kind => kind,
    }
}

/// Whether the folder is on another disk than the root of all.
fn is_mounted(folder: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    device(folder).is_some_and(|own| Some(own) != device(Path::new("/")))
}

#[cfg(target_os = "linux")]
fn is_in_memory(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|found| found.f_type as u64 == IN_MEMORY)
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_folder: &Path) -> bool {
    false
}
