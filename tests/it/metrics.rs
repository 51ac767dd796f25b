//! `/metrics`: what it says is compared with what happened.

use rustix::process::{Signal, kill_process};
use serde_json::Value;
use tempfile::tempdir;

use crate::fixtures::file::glb;
use crate::support::{Server, padded_glb, triangle_glb};

/// The samples of a page of metrics, as name with labels and value.
pub(crate) struct Samples(Vec<(String, f64)>);

impl Samples {
    pub(crate) async fn of(server: &Server) -> Self {
        let response = server.get("/metrics").await;
        assert_eq!(response.status(), 200);
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
        let text = response.text().await.unwrap();
        let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(samples.map(|line| parse(line).unwrap_or_else(|| panic!("no sample: {line}"))).collect())
    }

    /// The sum of all samples whose name with labels contains every one of `parts`.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let name = format!("glb_optimizer_{name}");
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        let is_it = |sample: &str| {
            let (found, rest) = sample.split_once('{').unwrap_or((sample, ""));
            found == name && labels.iter().all(|label| rest.contains(label.as_str()))
        };
        self.0.iter().filter(|(sample, _)| is_it(sample)).map(|(_, value)| value).sum()
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(sample, _)| sample.starts_with(&format!("glb_optimizer_{name}")))
    }
}

fn parse(line: &str) -> Option<(String, f64)> {
    let (name, value) = line.rsplit_once(' ')?;
    Some((name.to_owned(), value.parse().ok()?))
}

#[tokio::test]
async fn jobs_bytes_stages_and_requests_are_counted_as_they_happened() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let models = [padded_glb(40_000), padded_glb(80_000)];
    let input_bytes: usize = models.iter().map(Vec::len).sum();
    let mut output_bytes = 0;
    for model in models.clone() {
        let id = server.submit(model).await;
        output_bytes += server.finished(&id).await["output_bytes"].as_u64().unwrap();
    }
    // One more out of the result that is there, and one that is no model.
    let cached = server.submit(models[0].clone()).await;
    assert_eq!(server.finished(&cached).await["state"], "completed");
    let bad = server.submit(glb(b"{ no JSON }".to_vec(), &[])).await;
    let bad = server.finished(&bad).await;
    let code = bad["error"]["code"].as_str().unwrap();
    server.get("/api/v1/nothing").await;

    let found = Samples::of(&server).await;
    assert_eq!(found.sum("jobs_accepted_total", &[("cached", "no")]), 3.0);
    assert_eq!(found.sum("jobs_accepted_total", &[("cached", "yes")]), 1.0);
    assert_eq!(found.sum("jobs_ended_total", &[("state", "completed")]), 3.0);
    assert_eq!(found.sum("jobs_ended_total", &[("state", "dead"), ("code", code)]), 1.0);
    assert_eq!(found.sum("attempts_failed_total", &[("code", code)]), 1.0);
    assert_eq!(found.sum("input_bytes_total", &[]), input_bytes as f64);
    assert_eq!(found.sum("output_bytes_total", &[]), output_bytes as f64);
    assert_eq!(found.sum("ratio_count", &[]), 2.0);
    assert_eq!(found.sum("ratio_bucket", &[("le", "0.5")]), 2.0);
    assert_eq!(found.sum("job_seconds_count", &[]), 2.0);
    for stage in ["prune", "write"] {
        assert_eq!(found.sum("stage_seconds_count", &[("stage", stage)]), 2.0, "{stage}");
    }
    // A file that is no model is read too.
    assert_eq!(found.sum("stage_seconds_count", &[("stage", "read")]), 3.0);
    let stages = found.sum("stage_seconds_sum", &[]);
    assert!(stages > 0.0 && stages <= found.sum("job_seconds_sum", &[]) + 1.0, "{stages}");
    assert_eq!(found.sum("jobs", &[("state", "completed")]), 3.0);
    assert_eq!(found.sum("jobs", &[("state", "queued")]), 0.0);
    assert_eq!(found.sum("tier", &[("tier", "embedded")]), 1.0);
    assert_eq!(found.sum("tier", &[]), 1.0);
    assert_eq!(found.sum("component_healthy", &[("component", "workers")]), 1.0);
    assert!(found.sum("process_resident_bytes", &[]) > 1e6);
    let posted = [("method", "POST"), ("route", "/api/v1/jobs"), ("status", "202")];
    assert_eq!(found.sum("http_requests_total", &posted), 4.0);
    assert_eq!(found.sum("http_requests_total", &[("route", "other"), ("status", "404")]), 1.0);
    assert_eq!(found.sum("http_request_seconds_count", &[("route", "/api/v1/jobs")]), 4.0);
    assert!(!found.has("redis_up"), "no Redis is configured");
}

#[tokio::test]
async fn a_queue_that_waits_and_children_that_are_killed_are_seen() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let (running, child) = server.submit_frozen().await;
    server.submit(triangle_glb()).await;
    let found = Samples::of(&server).await;
    assert_eq!(found.sum("jobs", &[("state", "running")]), 1.0);
    assert_eq!(found.sum("jobs", &[("state", "queued")]), 1.0);
    assert_eq!((found.sum("worker_slots", &[]), found.sum("worker_slots_busy", &[])), (1.0, 1.0));
    assert!(found.sum("queue_oldest_seconds", &[]) > 0.0);

    kill_process(child, Signal::KILL).unwrap();
    server.job_until(&running, |job| job["state"] != "running").await;
    let found = Samples::of(&server).await;
    assert_eq!(found.sum("child_kills_total", &[("reason", "out_of_memory")]), 1.0);
    assert_eq!(found.sum("attempts_failed_total", &[]), 1.0);

    let (running, _child) = server.submit_frozen().await;
    server.post(&format!("/api/v1/jobs/{running}/cancel")).await;
    let start = std::time::Instant::now();
    while Samples::of(&server).await.sum("child_kills_total", &[("reason", "cancelled")]) < 1.0 {
        assert!(start.elapsed() < crate::support::DEADLINE, "the kill is not counted");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(Samples::of(&server).await.sum("jobs_ended_total", &[("state", "cancelled")]), 1.0);
}

#[tokio::test]
async fn only_administrators_may_read_them() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("ADMIN_TOKEN", "open sesame")]);
    let response = server.get("/metrics").await;
    assert_eq!(response.status(), 401);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], "token_needed");
    let request = server.client.get(server.address("/metrics")).bearer_auth("open sesame");
    assert_eq!(request.send().await.unwrap().status(), 200);
}
