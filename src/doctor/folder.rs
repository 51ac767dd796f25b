//! The data folder: whether it can be written and how fast, who uses it, how much room there is.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::network::said;
use super::{Finding, blocking, mebibytes};
use crate::config::Config;
use crate::queue::{self, Queue};

/// What is written to see how fast that is.
const PROBE_BYTES: usize = 1 << 20;
/// Each accepted job waits for a few of these.
const SLOW_SYNC: Duration = Duration::from_millis(200);
/// With less room than this a server is of no use.
const LEAST_ROOM_BYTES: u64 = 64 << 20;
/// A model, its result and its work files are to fit some times.
const UPLOADS_WITH_ROOM: u64 = 4;

/// Writes a file, waits until it is on the disk, and takes it away.
pub(super) async fn written(config: &Config) -> Finding {
    let folder = config.data_dir.clone();
    blocking(move || look(&folder)).await
}

fn look(folder: &Path) -> Finding {
    let there = existing(folder);
    let is_new = there != folder;
    let took = match write_probe(there) {
        Ok(took) => took,
        Err(error) => return unwritable(folder, there, &error),
    };
    let said = format!("{} written and synced in {:.1} ms", mebibytes(PROBE_BYTES as u64), ms(took));
    let user = match Queue::check_free(&folder.join(queue::FILE)) {
        Ok(()) if is_new => format!("; it will be made in {}", there.display()),
        Ok(()) => String::new(),
        Err(queue::Error::InUse { holder, .. }) => {
            let holder = holder.map(|pid| format!(", process {pid}")).unwrap_or_default();
            format!("; in use by a running server{holder}")
        }
        Err(error) => return Finding::fail(error.to_string(), "look at the file and its rights"),
    };
    let found = format!("{}: {said}{user}", folder.display());
    if took > SLOW_SYNC {
        return Finding::warn(
            found,
            "each job waits for the disk some times: a faster one makes the queue faster",
        );
    }
    Finding::pass(found)
}

fn unwritable(folder: &Path, there: &Path, error: &io::Error) -> Finding {
    let found = format!("{} cannot be written: {}", folder.display(), said(error));
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "give this user the right to write in {}, or choose another folder with DATA_DIR or --data-dir",
            there.display()
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on the disk".into(),
        ErrorKind::NotADirectory => format!("{} is no folder; choose another", there.display()),
        _ => "choose a folder that can be written with DATA_DIR or --data-dir; without one, uploads wait for their result and nothing is kept"
            .into(),
    };
    Finding::fail(found, advice)
}

fn write_probe(folder: &Path) -> io::Result<Duration> {
    let probe = Probe(folder.join(format!(".doctor-{}", std::process::id())));
    let start = Instant::now();
    let mut file = File::create_new(&probe.0)?;
    file.write_all(&vec![0x5a; PROBE_BYTES])?;
    file.sync_all()?;
    Ok(start.elapsed())
}

/// A file that goes with this value.
struct Probe(PathBuf);

impl Drop for Probe {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// How much can still be written, beside what the settings ask for.
pub(super) async fn room(config: &Config) -> Finding {
    let folder = existing(&config.data_dir).to_owned();
    let (max_file_bytes, quota_bytes) = (config.max_file_bytes, config.disk_quota_bytes);
    blocking(move || {
        let free_bytes = match rustix::fs::statvfs(&folder) {
            Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
            Err(error) => {
                return Finding::warn(format!("the free room is not known: {error}"), "look at it by hand");
            }
        };
        judge_room(free_bytes, max_file_bytes, quota_bytes)
    })
    .await
}

fn judge_room(free_bytes: u64, max_file_bytes: u64, quota_bytes: Option<u64>) -> Finding {
    let found = format!("{} free", mebibytes(free_bytes));
    let wanted_bytes = max_file_bytes.saturating_mul(UPLOADS_WITH_ROOM);
    if free_bytes < LEAST_ROOM_BYTES {
        Finding::fail(found, "make room: uploads will be refused with 507")
    } else if free_bytes < wanted_bytes {
        let found = format!(
            "{found}; {UPLOADS_WITH_ROOM} uploads of the largest size (MAX_FILE_SIZE_MB) need {}",
            mebibytes(wanted_bytes)
        );
        Finding::warn(found, "make room, or lower MAX_FILE_SIZE_MB or FILE_RETENTION_HOURS")
    } else if let Some(quota_bytes) = quota_bytes.filter(|quota_bytes| *quota_bytes > free_bytes) {
        let found = format!("{found}; DISK_QUOTA_MB allows {}", mebibytes(quota_bytes));
        Finding::warn(found, "if other files are not yet counted in it, lower DISK_QUOTA_MB")
    } else {
        Finding::pass(found)
    }
}

/// The folder itself, or the nearest one above that is there.
pub(super) fn existing(folder: &Path) -> &Path {
    let found = folder.ancestors().find(|path| path.try_exists().unwrap_or(false));
    found.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn nothing_is_left_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("not/yet");
        let finding = look(&data);
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:?}");
        assert!(finding.found.contains("will be made"), "{finding:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_in_use_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let _queue = Queue::open(&folder.path().join(queue::FILE)).unwrap();
        let finding = look(folder.path());
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:?}");
        assert!(finding.found.contains("in use by a running server"), "{finding:?}");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"x").unwrap();
        let finding = look(&file.join("data"));
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.advice.unwrap().contains("is no folder"));
    }

    #[test]
    fn room_is_judged_by_what_uploads_may_need() {
        let verdict = |free_mb: u64, quota_mb: Option<u64>| {
            judge_room(free_mb << 20, 100 << 20, quota_mb.map(|mb| mb << 20)).verdict
        };
        assert_eq!(verdict(10, None), Verdict::Fail);
        assert_eq!(verdict(300, None), Verdict::Warn);
        assert_eq!(verdict(1_000, Some(2_000)), Verdict::Warn);
        assert_eq!(verdict(1_000, None), Verdict::Pass);
    }
}
