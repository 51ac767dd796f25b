//! The figures of the old dashboard, in its own words, out of what the queue has counted.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::stats::date;
use crate::queue::Day;

const SECONDS_A_DAY: u64 = 86_400;
/// The days of most figures, today among them, and of the trends.
const PERIOD_DAYS: u64 = 30;
const TREND_DAYS: u64 = 7;

/// `/admin/stats`
pub(super) fn totals(days: &BTreeMap<u64, Day>) -> Value {
    let total = sum(days.values());
    json!({
        "total_tasks": total.submitted,
        "completed_tasks": total.completed,
        // Nobody has an account here.
        "total_users": 0,
        "total_performance_records": total.completed,
        "database_status": "connected",
    })
}

/// `/admin/analytics`
pub(super) fn analytics(days: &BTreeMap<u64, Day>) -> Value {
    let now = SystemTime::now();
    let today = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / SECONDS_A_DAY;
    let period = sum(days.range(today.saturating_sub(PERIOD_DAYS - 1)..).map(|(_, day)| day));
    let trends = days.range(today.saturating_sub(TREND_DAYS - 1)..).map(|(number, day)| trend(*number, day));
    json!({
        "generated_at": humantime::format_rfc3339_seconds(now).to_string(),
        "summary_stats": {
            "total_tasks": period.submitted,
            "successful_tasks": period.completed,
            "success_rate": percent(period.completed, period.submitted),
            "total_size_savings_mb": period.input_bytes.saturating_sub(period.output_bytes) as f64 / f64::from(1 << 20),
            "average_compression_ratio": mean_saved(period.saved_millionths, period.completed),
            "average_processing_time": mean_seconds(&period),
            "period_days": PERIOD_DAYS,
        },
        "quality_distribution": period.presets.iter().map(quality).collect::<Vec<_>>(),
        "performance_trends": trends.collect::<Vec<_>>(),
        "web_game_readiness": {
            "streaming_ready_rate": percent(period.ready[0], period.completed),
            "mobile_friendly_rate": percent(period.ready[1], period.completed),
            "web_optimized_rate": percent(period.ready[2], period.completed),
            "total_analyzed": period.completed,
        },
        "user_activity": {
            "active_users": 0,
            "total_sessions": 0,
            "average_uploads_per_user": 0.0,
            "period_days": PERIOD_DAYS,
        },
    })
}

fn quality((preset, (count, saved_millionths)): (&String, &(u64, u64))) -> Value {
    let level = if preset == "maximum" { "maximum_compression" } else { preset };
    json!({
        "quality_level": level,
        "count": count,
        "avg_compression_ratio": mean_saved(*saved_millionths, *count),
    })
}

fn trend(number: u64, day: &Day) -> Value {
    json!({
        "date": date(number),
        "total_tasks": day.submitted,
        "completed_tasks": day.completed,
        "success_rate": percent(day.completed, day.submitted),
        "avg_compression_ratio": mean_saved(day.saved_millionths, day.completed),
        "avg_processing_time": mean_seconds(day),
    })
}

fn sum<'a>(days: impl Iterator<Item = &'a Day>) -> Day {
    let mut total = Day::default();
    days.for_each(|day| total.add(day));
    total
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// Per cent saved, on average.
fn mean_saved(millionths: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { millionths as f64 / 1e4 / count as f64 }
}

fn mean_seconds(day: &Day) -> f64 {
    let worked_on: u64 = day.durations.iter().sum();
    if worked_on == 0 { 0.0 } else { day.working_ms as f64 / 1e3 / worked_on as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_from_the_counts_and_empty_days_divide_nothing() {
        assert_eq!(analytics(&BTreeMap::new())["summary_stats"]["success_rate"], 0.0);
        let day = Day { submitted: 4, completed: 3, saved_millionths: 1_500_000, ..Day::default() };
        let trend = trend(20_420, &day);
        assert_eq!((&trend["success_rate"], &trend["avg_compression_ratio"]), (&json!(75.0), &json!(50.0)));
    }
}
