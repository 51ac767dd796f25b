//! What a child may not do, from the inside: it gives its own rights away before it looks at a file.
//!
//! Call [`confine`] while the process has one thread and every file that it needs is read or open. Each measure
//! may be refused, by an old kernel or a container; the child then goes on with the others and says so, because a
//! job that runs with less protection is better than none. Without seccomp, Landlock still closes the files;
//! without both, the limits, the empty environment and the process border are left.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::Request;

/// What a child may write beyond the size of its input: the report.
const REPORT_BYTES: u64 = 64 << 20;
/// Files that a child may have open.
const OPEN_FILES: u64 = 64;
/// Address space beyond the memory that is counted: code, and what the allocator reserves for each thread
/// without using it (two arenas of 64 MB while one is being aligned).
const SPARE_ADDRESS_BYTES: u64 = 512 << 20;
const SPARE_ADDRESS_BYTES_A_THREAD: u64 = 160 << 20;
/// Processor time beyond what the wall clock allows all threads, in seconds.
const SPARE_CPU_S: u64 = 10;

/// What holds a child, and what could not be had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// The measures in force.
    pub in_force: Vec<String>,
    /// The others.
    pub missing: Vec<Missing>,
}

/// A measure that is not in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its name.
    pub measure: String,
    /// Who refused it.
    pub reason: String,
}

impl Confinement {
    pub(super) fn log_missing(&self) {
        for Missing { measure, reason } in &self.missing {
            tracing::warn!(measure, reason, "jobs run with less protection than there could be");
        }
    }

    fn enter<E: ToString>(&mut self, measure: &str, result: Result<(), E>) {
        match result {
            Ok(()) => self.in_force.push(measure.into()),
            Err(reason) => self.missing.push(Missing { measure: measure.into(), reason: reason.to_string() }),
        }
    }
}

/// Takes from this process, which has `threads` to come and an input of `input_bytes`, all that it does not need.
#[must_use]
pub fn confine(request: &Request, input_bytes: u64, threads: u64) -> Confinement {
    let mut confinement = Confinement::default();
    confinement.enter("dies_with_server", kernel::die_with_parent());
    confinement.enter("killed_before_server", kernel::go_first());
    confinement.enter("limits", set_limits(request, input_bytes, threads));
    confinement.enter("no_core_dump", kernel::leave_no_core());
    confinement.enter("no_new_privileges", kernel::gain_no_privileges());
    confinement.enter("landlock", kernel::close_files());
    // Last, because it forbids the calls that the others make.
    confinement.enter("seccomp", kernel::filter_calls());
    confinement
}

/// Makes this process ignore the signals that ask programs to stop. They are meant for the server, which ends its
/// children itself: a job that goes back to the queue unharmed is no crash.
///
/// # Errors
/// The kernel refuses.
pub fn outlast_signals() -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    for signal in [SIGTERM, SIGINT] {
        // Nobody reads the flag.
        signal_hook::flag::register(signal, std::sync::Arc::default())?;
    }
    Ok(())
}

/// Memory is counted as the private bytes that are writable (`RLIMIT_DATA`), which is what the allocator hands out.
/// Address space counts what is only reserved too, a gigabyte for 16 threads, so its limit is only there for what
/// the other one does not see: shared mappings.
fn set_limits(request: &Request, input_bytes: u64, threads: u64) -> io::Result<()> {
    let spare_bytes = SPARE_ADDRESS_BYTES + threads * SPARE_ADDRESS_BYTES_A_THREAD;
    let limits = [
        (Resource::Data, request.memory_bytes),
        (Resource::As, request.memory_bytes.saturating_add(spare_bytes)),
        (Resource::Cpu, request.time_s.saturating_mul(threads).saturating_add(SPARE_CPU_S)),
        (Resource::Fsize, input_bytes.saturating_add(REPORT_BYTES)),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Core, 0),
    ];
    for (resource, value) in limits {
        let before = rustix::process::getrlimit(resource).maximum;
        // A limit that is tighter already stays; nobody may raise it.
        let value = before.map_or(value, |before| before.min(value));
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::io;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetStatus, Scope,
    };
    use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal};

    use super::super::filter;

    pub(super) fn die_with_parent() -> io::Result<()> {
        Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
    }

    /// When memory runs out the system kills this process, and not the server, which other jobs need.
    pub(super) fn go_first() -> io::Result<()> {
        std::fs::write("/proc/self/oom_score_adj", "1000")
    }

    /// A core dump that is piped to a program ignores the limit of its size; this does not. It also keeps other
    /// processes of the same user from looking inside.
    pub(super) fn leave_no_core() -> io::Result<()> {
        Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
    }

    pub(super) fn gain_no_privileges() -> io::Result<()> {
        Ok(rustix::thread::set_no_new_privs(true)?)
    }

    /// No path can be opened, made, changed or run any more, no port bound or dialled, and no process outside be
    /// sent a signal. There is no exception, because all that the child needs is open.
    pub(super) fn close_files() -> Result<(), String> {
        let restricted = Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))
            .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V5)))
            .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
            .and_then(Ruleset::create)
            .and_then(landlock::RulesetCreated::restrict_self)
            .map_err(|error| error.to_string())?;
        match (restricted.ruleset, restricted.landlock) {
            (RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced, _) => Ok(()),
            (_, LandlockStatus::NotEnabled) => Err("this system's kernel has it, but switched off".into()),
            (_, LandlockStatus::NotImplemented) => {
                Err("this system's kernel is older than Linux 5.13, or a container hides it".into())
            }
            (_, LandlockStatus::Available { .. }) => {
                Err("a container or a security module refuses it".into())
            }
        }
    }

    pub(super) fn filter_calls() -> Result<(), String> {
        filter::apply().map_err(|error| error.to_string())
    }
}

/// Other systems have nothing like these.
#[cfg(not(target_os = "linux"))]
mod kernel {
    const LINUX_ONLY: Result<(), &str> = Err("only Linux has it");

    pub(super) fn die_with_parent() -> Result<(), &'static str> {
        LINUX_ONLY
    }

    pub(super) fn go_first() -> Result<(), &'static str> {
        LINUX_ONLY
    }

    pub(super) fn leave_no_core() -> Result<(), &'static str> {
        LINUX_ONLY
    }

    pub(super) fn gain_no_privileges() -> Result<(), &'static str> {
        LINUX_ONLY
    }

    pub(super) fn close_files() -> Result<(), &'static str> {
        LINUX_ONLY
    }

    pub(super) fn filter_calls() -> Result<(), &'static str> {
        LINUX_ONLY
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    /// Landlock holds for one thread, so a test may try it.
    #[test]
    fn no_file_can_be_opened_or_made_and_open_ones_still_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("open");
        let mut open = fs::File::create(&path).unwrap();
        let confined = move || {
            // As where a container refuses it; `/health` says so there.
            let Ok(()) = kernel::close_files() else { return };
            assert!(io::Write::write_all(&mut open, b"still writable").is_ok());
            for opened in [fs::File::open(&path), fs::File::create(&path), fs::File::open("/etc/hostname")] {
                assert_eq!(opened.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            }
            assert!(std::process::Command::new("true").spawn().is_err());
        };
        std::thread::spawn(confined).join().unwrap();
    }
}
