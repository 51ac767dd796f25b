//! Memory, processors, and what the kernel allows for the processes in which jobs run.

use super::{Finding, mebibytes};
use crate::config::Config;
use crate::sandbox::{self, Limits, Sandbox};

/// Below this, textures of 4096 pixels a side cannot be worked on.
const LITTLE_MEMORY_BYTES: u64 = 512 << 20;

/// What one job may have, and out of what.
pub(super) async fn memory(config: &Config) -> Finding {
    let known = |bytes: Option<u64>| bytes.map_or_else(|| "no limit".to_owned(), mebibytes);
    let (container, machine) = (sandbox::container_bytes(), sandbox::machine_bytes());
    let share = sandbox::memory_share(config.workers);
    let job_bytes = config.memory_limit_bytes.unwrap_or(share);
    let found = format!(
        "machine {}, container {}; a job may have {}{}, {} at once",
        known(machine),
        known(container),
        mebibytes(job_bytes),
        if config.memory_limit_bytes.is_some() { " (MEMORY_LIMIT_MB)" } else { "" },
        config.workers,
    );
    if job_bytes > share {
        return Finding::warn(
            found,
            "all jobs together may want more than there is: lower MEMORY_LIMIT_MB or MAX_CONCURRENT_TASKS",
        );
    }
    if job_bytes < LITTLE_MEMORY_BYTES {
        return Finding::warn(
            found,
            "large models will not fit: fewer jobs at once (MAX_CONCURRENT_TASKS) leave more for each",
        );
    }
    Finding::pass(found)
}

/// Jobs that run at once, beside the processors that there are.
pub(super) async fn processors(config: &Config) -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let found = format!("{cores} for this program, {} jobs at once", config.workers);
    if config.workers > 2 * cores {
        return Finding::warn(
            found,
            "more jobs at once than that make each slower, and none faster: MAX_CONCURRENT_TASKS",
        );
    }
    Finding::pass(found)
}

/// Starts a child as for a job, and asks what holds it.
pub(super) async fn sandbox(config: &Config) -> Finding {
    let memory_bytes = config.memory_limit_bytes.unwrap_or_else(|| sandbox::memory_share(config.workers));
    let sandbox = Sandbox::new(Limits { time: config.task_timeout, memory_bytes });
    let confinement = match sandbox.confinement().await {
        Ok(confinement) => confinement,
        Err(error) => {
            let advice = "no job can run like this: this program must be allowed to start itself, and /proc to be there";
            return Finding::fail(error.to_string(), advice);
        }
    };
    let in_force = format!("in force: {}", confinement.in_force.join(", "));
    let missing =
        confinement.missing.iter().map(|missing| format!("{}: {}", missing.measure, missing.reason));
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() {
        return Finding::pass(in_force);
    }
    let found = format!("{in_force}; missing: {}", missing.join("; "));
    Finding::warn(
        found,
        "jobs run all the same; a newer kernel or a container with fewer restrictions gives the rest",
    )
}
