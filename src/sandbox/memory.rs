//! How much memory there is for jobs: what the container (its cgroup, version 1 or 2) or the machine allows.
//!
//! Only reads. A file that is missing or odd means "no limit known" and is no error: not every system has them.

use std::fs;
use std::path::{Path, PathBuf};

/// What one job gets where nothing is known of the machine.
const DEFAULT_BYTES: u64 = 2 << 30;
/// No job gets less: below this hardly any model could be worked on.
const LEAST_BYTES: u64 = 128 << 20;
/// No machine has so much: a limit like this is none.
const NO_LIMIT_BYTES: u64 = 1 << 50;
/// The server itself needs a part of the whole, but never more than this.
const MOST_RESERVED_BYTES: u64 = 256 << 20;

/// How many children may work beside the jobs of so many workers, on files that are no jobs yet. Each may have half of a
/// job's memory.
#[must_use]
pub fn asides(workers: usize) -> usize {
    workers.div_ceil(4).max(1)
}

/// The memory that each of `workers` jobs may have when all run at once, and [`asides`] beside them, in bytes.
#[must_use]
pub fn share(workers: usize) -> u64 {
    let least = [container_bytes(), machine_bytes()].into_iter().flatten().min();
    least.map_or(DEFAULT_BYTES, |bytes| divided(bytes, workers))
}

fn divided(bytes: u64, workers: usize) -> u64 {
    let reserved = (bytes / 8).min(MOST_RESERVED_BYTES);
    let halves = workers.max(1).saturating_mul(2).saturating_add(asides(workers));
    let halves = u64::try_from(halves).unwrap_or(u64::MAX);
    (2 * (bytes - reserved) / halves).max(LEAST_BYTES)
}

/// How many processes the system has killed for want of memory: in this container, or else on this machine.
pub(super) fn oom_kills() -> u64 {
    let counted = Cgroups::of_this_process().oom_kills();
    counted.or_else(|| field(Path::new("/proc/vmstat"), "oom_kill")).unwrap_or_default()
}

/// What the container may have, in bytes; none without a limit.
#[must_use]
pub fn container_bytes() -> Option<u64> {
    Cgroups::of_this_process().memory_bytes()
}

/// What the machine has, in bytes; none where that is not known.
#[cfg(target_os = "linux")]
#[must_use]
pub fn machine_bytes() -> Option<u64> {
    let info = rustix::system::sysinfo();
    Some(info.totalram * u64::from(info.mem_unit))
}

/// What the machine has, in bytes; none where that is not known.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn machine_bytes() -> Option<u64> {
    None
}

/// The folders of the cgroups that hold this process, inner ones first.
struct Cgroups(Vec<PathBuf>);

impl Cgroups {
    fn of_this_process() -> Self {
        let memberships = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::read(&memberships, Path::new("/sys/fs/cgroup"))
    }

    /// `memberships` has lines such as `4:memory:/a/b` (version 1) and `0::/a/b` (version 2). A container often
    /// sees its own group at the root, whatever path is written there: so all folders up to the root count.
    fn read(memberships: &str, root: &Path) -> Self {
        let mut folders = Vec::new();
        for line in memberships.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            let mounts: &[&str] = match controllers {
                "" => &["", "unified"],
                _ if controllers.split(',').any(|name| name == "memory") => &["memory"],
                _ => continue,
            };
            let path = Path::new(path.trim_start_matches('/'));
            for mount in mounts {
                folders.extend(path.ancestors().map(|path| root.join(mount).join(path)));
            }
        }
        Self(folders)
    }

    fn memory_bytes(&self) -> Option<u64> {
        let names = ["memory.max", "memory.limit_in_bytes"];
        let files = self.0.iter().flat_map(|folder| names.map(|name| folder.join(name)));
        // "max" is no number, and so no limit; version 1 writes the largest number of pages instead.
        let limits = files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
        limits.filter(|&bytes| bytes < NO_LIMIT_BYTES).min()
    }

    fn oom_kills(&self) -> Option<u64> {
        let names = ["memory.events", "memory.oom_control"];
        let mut files = self.0.iter().flat_map(|folder| names.map(|name| folder.join(name)));
        files.find_map(|file| field(&file, "oom_kill"))
    }
}

/// The number behind a word in a file of lines such as `oom_kill 3`.
fn field(file: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    #[test]
    fn the_tightest_limit_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "memory.max", "max\n");
        write(root.path(), "a.slice/memory.max", "536870912\n");
        write(root.path(), "a.slice/b.service/memory.max", "max\n");
        write(root.path(), "a.slice/b.service/memory.events", "low 0\noom 4\noom_kill 3\n");
        let cgroups = Cgroups::read("0::/a.slice/b.service\n", root.path());
        assert_eq!(cgroups.memory_bytes(), Some(512 << 20));
        assert_eq!(cgroups.oom_kills(), Some(3));
    }

    #[test]
    fn version_1_is_read_even_where_its_path_is_the_hosts() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "memory/memory.limit_in_bytes", "1073741824\n");
        write(root.path(), "memory/docker/memory.limit_in_bytes", "9223372036854771712\n");
        write(root.path(), "memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
        let cgroups = Cgroups::read("5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n", root.path());
        assert_eq!(cgroups.memory_bytes(), Some(1 << 30));
        assert_eq!(cgroups.oom_kills(), Some(2));
    }

    #[test]
    fn nothing_known_is_no_limit() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Cgroups::read("", root.path()).memory_bytes(), None);
        assert_eq!(Cgroups::read("0::/x\nnonsense\n", root.path()).oom_kills(), None);
    }

    #[test]
    fn memory_is_divided_and_the_server_keeps_a_part() {
        assert_eq!(divided(8 << 30, 1), ((8 << 30) - MOST_RESERVED_BYTES) / 3 * 2);
        assert_eq!(divided(1 << 30, 2), 2 * (896 << 20) / 5);
        assert_eq!(divided(8 << 30, 8), 2 * ((8 << 30) - MOST_RESERVED_BYTES) / 18);
        assert_eq!(divided(256 << 20, 16), LEAST_BYTES);
        assert!(share(1) >= LEAST_BYTES);
    }
}
