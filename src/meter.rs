//! What is counted while the program runs, for `/metrics`: every name with its meaning, and a function for each event.
//!
//! A leaf: whoever has something to count calls a function here, and nobody else names a metric. Until [`Meter::install`]
//! the functions do nothing, so the command line counts nothing. Labels come from short fixed lists, never from what a
//! client sends: each new value is memory for ever. What is so at this moment (queued jobs, the tier) is asked for when
//! somebody reads, in `http/meter.rs`, and set here by [`now`].

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
pub use metrics_exporter_prometheus::BuildError as MeterError;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// What is counted: a name, and what a person needs to know about it.
const COUNTERS: [(&str, &str); 9] = [
    ("glb_optimizer_jobs_accepted_total", "Jobs accepted; cached are those whose result was there already."),
    (
        "glb_optimizer_jobs_ended_total",
        "Jobs that became completed, dead or cancelled, by their error's code.",
    ),
    ("glb_optimizer_attempts_failed_total", "Attempts that failed, by code; some are tried again."),
    ("glb_optimizer_child_kills_total", "Children that did not end by themselves, by reason."),
    ("glb_optimizer_input_bytes_total", "Sizes of the inputs of completed jobs, cached ones left out."),
    ("glb_optimizer_output_bytes_total", "Sizes of their results."),
    ("glb_optimizer_tier_switches_total", "Changes between the tiers redis, embedded and sync."),
    ("glb_optimizer_redis_errors_total", "Times that Redis failed, by cause."),
    ("glb_optimizer_http_requests_total", "Requests answered, by method, route and status."),
];

/// What is measured each time: a name, what it means, and where its buckets end.
const HISTOGRAMS: [(&str, &str, &[f64]); 5] = [
    ("glb_optimizer_job_seconds", "From the start of the last attempt to a job's completion.", &SECONDS),
    ("glb_optimizer_job_wait_seconds", "From a job's acceptance to the start of its last attempt.", &SECONDS),
    ("glb_optimizer_stage_seconds", "What one stage of an attempt took in all.", &SECONDS),
    ("glb_optimizer_ratio", "Size of a result as a part of its input.", &PARTS),
    ("glb_optimizer_http_request_seconds", "Until the head of an answer was ready, by route.", &SECONDS),
];

/// What is so at the moment of reading.
const GAUGES: [(&str, &str); 14] = [
    ("glb_optimizer_info", "1, with this program's version."),
    ("glb_optimizer_jobs", "Jobs by state."),
    ("glb_optimizer_queue_oldest_seconds", "How long the oldest queued job has waited; 0 without any."),
    ("glb_optimizer_queue_paused", "1 while queued jobs are held back."),
    ("glb_optimizer_tier", "1 for the tier in force, 0 for the others."),
    ("glb_optimizer_component_healthy", "1 for each part that works, 0 for one that does not."),
    ("glb_optimizer_worker_slots", "Jobs that may run at once."),
    ("glb_optimizer_worker_slots_busy", "Jobs that run in this process."),
    ("glb_optimizer_stored_bytes", "What the files of all jobs take."),
    ("glb_optimizer_redis_up", "1 while Redis answers; absent where none is configured."),
    ("glb_optimizer_redis_latency_seconds", "The last round trip to Redis; NaN while it does not answer."),
    ("glb_optimizer_redis_connections", "Connections to Redis."),
    ("glb_optimizer_process_resident_bytes", "Memory of the server itself, children left out."),
    ("glb_optimizer_uptime_seconds", "Since the server was started."),
];

/// From a small file's pass to the limit of a job.
const SECONDS: [f64; 14] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0];
const PARTS: [f64; 11] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.0];

/// The counters of this process.
#[derive(Debug, Clone)]
pub struct Meter(PrometheusHandle);

impl Meter {
    /// Begins to count. Once a process: later calls give a meter that stays empty.
    ///
    /// # Errors
    /// A list of buckets is empty, which it is not.
    pub fn install() -> Result<Self, MeterError> {
        let mut builder = PrometheusBuilder::new();
        for (name, _, buckets) in HISTOGRAMS {
            builder = builder.set_buckets_for_metric(Matcher::Full(name.into()), buckets)?;
        }
        let recorder = builder.build_recorder();
        let meter = Self(recorder.handle());
        // Only tests start two servers in one process; the first goes on counting for both.
        let _ = metrics::set_global_recorder(recorder);
        COUNTERS.iter().for_each(|&(name, meaning)| describe_counter!(name, meaning));
        HISTOGRAMS.iter().for_each(|&(name, meaning, _)| describe_histogram!(name, meaning));
        GAUGES.iter().for_each(|&(name, meaning)| describe_gauge!(name, meaning));
        Ok(meter)
    }

    /// Everything, in Prometheus's text format.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.render()
    }

    /// Sums up what was measured, for ever. Without it memory would grow where nobody reads.
    pub async fn keep_small(self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }
}

/// A job was accepted; `is_cached` if it was completed at once.
pub fn job_accepted(is_cached: bool) {
    counter!("glb_optimizer_jobs_accepted_total", "cached" => if is_cached { "yes" } else { "no" })
        .increment(1);
}

/// A job came to rest in `state`; `code` is its error's, or empty.
pub fn job_ended(state: &'static str, code: String) {
    counter!("glb_optimizer_jobs_ended_total", "state" => state, "code" => code).increment(1);
}

/// A job was completed by work that was done here.
pub fn job_completed(waited: Duration, took: Duration, input_bytes: u64, output_bytes: u64) {
    histogram!("glb_optimizer_job_wait_seconds").record(waited);
    histogram!("glb_optimizer_job_seconds").record(took);
    counter!("glb_optimizer_input_bytes_total").increment(input_bytes);
    counter!("glb_optimizer_output_bytes_total").increment(output_bytes);
    histogram!("glb_optimizer_ratio").record(output_bytes as f64 / input_bytes.max(1) as f64);
}

/// An attempt failed with this code.
pub fn attempt_failed(code: String) {
    counter!("glb_optimizer_attempts_failed_total", "code" => code).increment(1);
}

/// A child was killed, or killed itself.
pub fn child_killed(reason: &'static str) {
    counter!("glb_optimizer_child_kills_total", "reason" => reason).increment(1);
}

/// A stage of an attempt is over.
pub fn stage_ended(stage: &'static str, took: Duration) {
    histogram!("glb_optimizer_stage_seconds", "stage" => stage).record(took);
}

/// The tier changed.
pub fn tier_switched(from: &'static str, to: &'static str) {
    counter!("glb_optimizer_tier_switches_total", "from" => from, "to" => to).increment(1);
}

/// Redis failed.
pub fn redis_failed(cause: &'static str) {
    counter!("glb_optimizer_redis_errors_total", "cause" => cause).increment(1);
}

/// A request was answered. `route` is the pattern of the address, not the address.
pub fn request_answered(method: &'static str, route: String, status: u16, took: Duration) {
    histogram!("glb_optimizer_http_request_seconds", "route" => route.clone()).record(took);
    let status = status.to_string();
    counter!("glb_optimizer_http_requests_total", "method" => method, "route" => route, "status" => status)
        .increment(1);
}

/// Says what is so now: `name` without its prefix, one of the gauges above, with at most one label.
pub fn now(name: &str, label: Option<(&'static str, &'static str)>, value: f64) {
    let name = format!("glb_optimizer_{name}");
    debug_assert!(GAUGES.iter().any(|(known, _)| *known == name), "{name} is on no list");
    match label {
        Some((key, word)) => gauge!(name, key => word).set(value),
        None => gauge!(name).set(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_says_its_unit_and_is_said_once() {
        let mut names: Vec<&str> = COUNTERS.iter().map(|&(name, _)| name).collect();
        assert!(names.iter().all(|name| name.ends_with("_total")));
        names.extend(HISTOGRAMS.iter().map(|&(name, ..)| name));
        names.extend(GAUGES.iter().map(|&(name, _)| name));
        assert!(names.iter().all(|name| name.starts_with("glb_optimizer_")));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
