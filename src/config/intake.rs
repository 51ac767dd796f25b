//! How much may come in, as it was told: queued jobs, jobs of one client, and how slowly an upload may come.

use super::{Error, Given, number, saturating_usize};

const DEFAULT_MAX_QUEUED_JOBS: u64 = 10_000;
const DEFAULT_MAX_JOBS_PER_CLIENT: u64 = 500;
const DEFAULT_MIN_UPLOAD_KBPS: u64 = 8;

/// How much may come in, and how fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intake {
    /// Jobs that may wait at once.
    pub max_queued_jobs: u64,
    /// Jobs of one client that may wait or run at once.
    pub max_jobs_per_client: usize,
    /// What an upload must bring a second, in bytes; 0 allows any.
    pub min_upload_bytes_per_s: u64,
}

pub(super) fn resolve(var: &dyn Fn(&'static str) -> Given) -> Result<Intake, Error> {
    let expected = "a whole number, at least 1";
    let queued = number(var("MAX_QUEUED_JOBS"), 1, expected)?.unwrap_or(DEFAULT_MAX_QUEUED_JOBS);
    let own = number(var("MAX_JOBS_PER_CLIENT"), 1, expected)?.unwrap_or(DEFAULT_MAX_JOBS_PER_CLIENT);
    let expected = "a whole number of kilobytes a second, or 0 to wait for any upload";
    let kbps = number(var("MIN_UPLOAD_KBPS"), 0, expected)?.unwrap_or(DEFAULT_MIN_UPLOAD_KBPS);
    Ok(Intake {
        max_queued_jobs: queued,
        max_jobs_per_client: saturating_usize(own),
        min_upload_bytes_per_s: kbps.saturating_mul(1 << 10),
    })
}
