//! `GET /api/v1/stats`: what became of all jobs, by day, week and month.
//!
//! Only sums up what the queue has counted ([`crate::queue::Day`]); nothing is estimated.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::admin::Reader;
use super::documented::AdminProblems;
use super::error::Problem;
use crate::queue::{Day, RATIO_STEPS, SECONDS_STEPS};

/// The latest days, weeks and months that are listed.
const MOST_DAYS: usize = 31;
const MOST_WEEKS: usize = 26;
const MOST_MONTHS: usize = 24;
const SECONDS_A_DAY: u64 = 86_400;

/// What became of all jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stats {
    /// All that this server ever accepted, deleted jobs too.
    total: Period,
    /// Days on which jobs were accepted, in UTC, the latest last.
    days: Vec<Period>,
    /// Weeks, by their Monday.
    weeks: Vec<Period>,
    /// Months, by their first day.
    months: Vec<Period>,
}

/// The jobs that were accepted in a time, and what has become of them by now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Period {
    /// Its first day; null for all times.
    from: Option<String>,
    submitted: u64,
    completed: u64,
    dead: u64,
    cancelled: u64,
    /// Completed out of an earlier job's result.
    cached: u64,
    /// Sizes of the originals of completed jobs.
    input_bytes: u64,
    /// Sizes of their results.
    output_bytes: u64,
    saved_bytes: u64,
    /// Result by original, mean of the completed jobs.
    mean_ratio: Option<f64>,
    /// Seconds that the last attempt took, mean of the completed jobs that were worked on.
    mean_seconds: Option<f64>,
    /// Completed jobs by result divided by original.
    ratios: Vec<Step>,
    /// Completed jobs that were worked on, by seconds.
    seconds: Vec<Step>,
    /// Dead jobs by the code of their error.
    failures: BTreeMap<String, u64>,
    /// Completed jobs by preset.
    presets: BTreeMap<String, u64>,
}

/// A step of a distribution.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Step {
    /// Values below this, and not below the step before; null in the last one.
    below: Option<f64>,
    jobs: u64,
}

/// Statistics
///
/// True totals, counted when jobs are accepted and end. A job counts for the day on which it was accepted, also after
/// it was deleted. For administrators.
#[utoipa::path(get, operation_id = "show_stats", path = "/api/v1/stats", tag = "server",
    responses((status = 200, description = "The statistics.", body = Stats), AdminProblems))]
pub(super) async fn show(_reader: Reader, State(site): State<Site>) -> Result<Json<Stats>, Problem> {
    let days = site.jobs.days().await?;
    let mut total = Day::default();
    days.values().for_each(|day| total.add(day));
    Ok(Json(Stats {
        total: Period::new(None, total),
        days: periods(&days, MOST_DAYS, date),
        weeks: periods(&days, MOST_WEEKS, |day| date(monday(day))),
        months: periods(&days, MOST_MONTHS, |day| format!("{}-01", &date(day)[..7])),
    }))
}

/// The days together that have the same name.
fn periods(days: &BTreeMap<u64, Day>, most: usize, name: impl Fn(u64) -> String) -> Vec<Period> {
    let mut sums: BTreeMap<String, Day> = BTreeMap::new();
    for (number, day) in days {
        sums.entry(name(*number)).or_default().add(day);
    }
    let skipped = sums.len().saturating_sub(most);
    sums.into_iter().skip(skipped).map(|(from, day)| Period::new(Some(from), day)).collect()
}

impl Period {
    fn new(from: Option<String>, day: Day) -> Self {
        let worked_on = day.durations.iter().sum::<u64>();
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
        Self {
            from,
            submitted: day.submitted,
            completed: day.completed,
            dead: day.dead,
            cancelled: day.cancelled,
            cached: day.cached,
            input_bytes: day.input_bytes,
            output_bytes: day.output_bytes,
            saved_bytes: day.input_bytes.saturating_sub(day.output_bytes),
            mean_ratio: mean(day.saved_millionths as f64 / 1e6, day.completed).map(|saved| 1.0 - saved),
            mean_seconds: mean(day.working_ms as f64 / 1e3, worked_on),
            ratios: steps(&RATIO_STEPS, &day.ratios),
            seconds: steps(&SECONDS_STEPS, &day.durations),
            failures: day.failures,
            presets: day.presets.into_iter().map(|(preset, (count, _))| (preset, count)).collect(),
        }
    }
}

fn steps(ends: &[f64], counts: &[u64]) -> Vec<Step> {
    let ends = ends.iter().copied().map(Some).chain([None]);
    ends.zip(counts).map(|(below, &jobs)| Step { below, jobs }).collect()
}

/// The day that began the week; the first day of 1970 was a Thursday.
fn monday(day: u64) -> u64 {
    day.saturating_sub((day + 3) % 7)
}

/// A day by its number since 1970, as 2026-11-28.
pub(super) fn date(day: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(day * SECONDS_A_DAY);
    humantime::format_rfc3339_seconds(time).to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_mondays() {
        assert_eq!(date(20_420), "2025-11-28");
        assert_eq!(date(monday(20_420)), "2025-11-24");
        assert_eq!(monday(20_416), 20_416);
    }

    #[test]
    fn days_are_summed_up_by_name() {
        let day = |submitted| Day { submitted, ..Day::default() };
        let days = BTreeMap::from([(20_416, day(1)), (20_420, day(2)), (20_423, day(4))]);
        let weeks = periods(&days, 2, |day| date(monday(day)));
        assert_eq!(weeks.iter().map(|week| week.submitted).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(periods(&days, 1, date)[0].from.as_deref(), Some("2025-12-01"));
    }
}
