//! The old list of issues, out of what the queue knows: jobs that were given up, by how bad that is.
//!
//! The former program kept a file of its own for this, with addresses and browsers of its visitors. Here a row is a dead
//! job: what else goes wrong is in the log of the server, which has a line for every request that fails.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Site;
use super::admin::Reader;
use super::documented::AdminProblems;
use super::error::Problem;
use crate::queue::{Job, State as JobState};
use crate::timestamp::rfc3339;

/// How far back is looked if nothing is said, and where only what is critical is wanted, in hours.
const HOURS: u64 = 24;
const CRITICAL_HOURS: u64 = 168;
const MOST_ROWS: usize = 100;
/// Dead jobs that are looked at, the newest first.
const MOST_JOBS: usize = 1_000;
/// What all of them concern: no other part of the old program is left that could have issues.
const COMPONENT: &str = "optimization";

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// The file is at fault.
    Low,
    /// It took too long, or too much memory.
    Medium,
    /// The program has failed.
    High,
    /// Whoever worked on it is gone.
    Critical,
}

impl Severity {
    /// By the code of a job's error.
    fn of(code: &str) -> Self {
        match code {
            "timed_out" | "out_of_memory" | "too_large" => Self::Medium,
            "crashed" | "internal" | "not_started" | "storage" => Self::High,
            "lost" => Self::Critical,
            _ => Self::Low,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Which of them are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// How far back: 24 if nothing is said, 168 for what is critical.
    hours: Option<u64>,
    /// Only those that are so bad.
    #[param(inline)]
    severity: Option<Severity>,
    /// Only those of this part: all are of `optimization`.
    component: Option<String>,
}

/// What went wrong
///
/// The jobs that were given up, the latest first, 100 at most.
#[utoipa::path(get, operation_id = "old_issues", path = "/admin/issues/api", tag = "old", params(Wanted),
    responses((status = 200, description = "The `issues`.", body = Value), AdminProblems))]
pub(super) async fn list(
    _reader: Reader,
    State(site): State<Site>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(wanted) = wanted.map_err(Problem::bad_query)?;
    let dead = site.jobs.list(Some(JobState::Dead), None, MOST_JOBS).await?.jobs;
    let mut issues = issues(dead, &wanted, SystemTime::now());
    let total = issues.len();
    issues.truncate(MOST_ROWS);
    Ok(Json(json!({ "issues": issues, "total": total })))
}

fn issues(mut dead: Vec<Job>, wanted: &Wanted, now: SystemTime) -> Vec<Value> {
    if wanted.component.as_ref().is_some_and(|component| component != COMPONENT) {
        return Vec::new();
    }
    let is_critical = wanted.severity == Some(Severity::Critical);
    let hours = wanted.hours.unwrap_or(if is_critical { CRITICAL_HOURS } else { HOURS });
    let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let from_ms = Duration::from_secs(now_s.saturating_sub(hours.saturating_mul(3_600))).as_millis();
    dead.retain(|job| u128::from(ended_ms(job)) >= from_ms);
    dead.sort_by_key(|job| std::cmp::Reverse(ended_ms(job)));
    let is_wanted = |severity: Severity| wanted.severity.is_none_or(|wanted| wanted == severity);
    dead.iter().filter(|job| is_wanted(severity(job))).map(issue).collect()
}

fn ended_ms(job: &Job) -> u64 {
    job.finished_at_ms.unwrap_or(job.created_at_ms)
}

fn severity(job: &Job) -> Severity {
    Severity::of(job.error.as_ref().map_or("", |error| error.code.as_str()))
}

/// One row, in the old words. Whose job it was is nobody's business: the id would be the right to change it.
fn issue(job: &Job) -> Value {
    json!({
        "timestamp": rfc3339(ended_ms(job)),
        "issue_type": "error",
        "component": COMPONENT,
        "severity": severity(job).name(),
        "message": job.error.as_ref().map(|error| error.message.as_str()),
        "error_details": { "code": job.error.as_ref().map(|error| error.code.as_str()) },
        "file_info": { "name": job.input_name, "size": job.input_bytes },
    })
}
