//! For scripts that want no jobs: a model in, the result out; two models in, their difference out.
//!
//! The first goes through the queue like any other, and whoever hangs up cancels it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};

use super::codes;
use super::documented::{CompareForm, CompareProblems, OptimizeProblems, WishesQuery};
use super::error::Problem;
use super::receive::{self, Form, Parameters, Part, Received, Wishes};
use super::{Site, download, upload};
use crate::ids::JobId;
use crate::jobs::{Jobs, Model};
use crate::optimize::Report;
use crate::optimize::compare::Compared;
use crate::queue::{Job, State as JobState};

/// The two fields of a comparison.
const PAIR: Form = Form {
    files: &["before", "after"],
    start: Wishes::default,
    take: take_max_error,
    missing: "The form needs two files: the original in the field \"before\", what was made of it in \"after\".",
};

/// Optimize and wait
///
/// The body is the model, the answer its result: `curl --data-binary @a.glb -o b.glb URL`. It takes as long as the job
/// takes, so clients and proxies need patience; `POST /api/v1/jobs` needs none. The key figures are in headers, and
/// everything else under the job's id. Who hangs up cancels the job.
#[utoipa::path(post, path = "/api/v1/optimize", tag = "at once", params(WishesQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The result.", body = Vec<u8>, content_type = "model/gltf-binary", headers(
            ("x-job-id" = String, description = "The job, for its report and pictures."),
            ("x-outcome" = String, description = "`optimized`, `already_optimal` or `kept_original`."),
            ("x-input-bytes" = u64, description = "The size of the original."),
            ("x-output-bytes" = u64, description = "The size of the result."),
            ("x-mean-error" = f32, description = "Mean FLIP error of the views; absent where nothing was compared."),
            ("x-seconds" = f64, description = "How long the work took."))),
        OptimizeProblems))]
pub(super) async fn optimize(
    State(site): State<Site>,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Problem> {
    let (mut models, wishes) = receive::models(&site, parameters, request).await?;
    let (Some(Model { name, upload }), true) = (models.pop(), models.is_empty()) else {
        let detail = "This takes one model at a time. Send several to /api/v1/batches.";
        return Err(Problem::new(codes::TOO_MANY_FILES, detail));
    };
    // Another request with the same key may wait for the same job, which must not be cancelled with this one.
    let is_shared = wishes.idempotency_key.is_some();
    let job = site.jobs.submit(upload, wishes.submission(name)).await?;
    let guard = (!is_shared).then(|| CancelOnDrop::new(&site.jobs, job.id));
    let job = upload::end_of(&site, job.id).await?.job;
    guard.into_iter().for_each(CancelOnDrop::disarm);
    if job.state != JobState::Completed {
        return Err(Problem::not_optimized(&job));
    }
    answer(&site, &job).await
}

async fn answer(site: &Site, job: &Job) -> Result<Response, Problem> {
    let report = site.jobs.report(job).await?;
    let report: Report =
        serde_json::from_slice(&report).map_err(|error| Problem::internal(&error.to_string()))?;
    let mut plain = Request::default();
    *plain.method_mut() = Method::GET;
    let mut response =
        download::send(site.jobs.result(job).await?, &download::optimized_name(&job.input_name), plain).await;
    let outcome = serde_json::to_value(report.outcome).ok();
    let figures = [
        ("x-job-id", Some(job.id.to_string())),
        ("x-outcome", outcome.and_then(|outcome| Some(outcome.as_str()?.to_owned()))),
        ("x-input-bytes", Some(job.input_bytes.to_string())),
        ("x-output-bytes", job.output.as_ref().map(|output| output.glb_bytes.to_string())),
        ("x-mean-error", report.comparison.map(|comparison| comparison.mean.to_string())),
        ("x-seconds", report.seconds.map(|seconds| seconds.to_string())),
    ];
    for (name, value) in figures {
        // All of these are ASCII: numbers, ids, and words of our own.
        if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}

/// Cancels a job when its request is dropped, because the client went away.
struct CancelOnDrop(Option<(Arc<Jobs>, JobId)>);

impl CancelOnDrop {
    fn new(jobs: &Arc<Jobs>, id: JobId) -> Self {
        Self(Some((Arc::clone(jobs), id)))
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let Some((jobs, id)) = self.0.take() else { return };
        tokio::spawn(async move {
            match jobs.cancel(id).await {
                Ok(_) => tracing::info!(job = %id, "cancelled: nobody waits for it any more"),
                // It has ended just now, which is as good.
                Err(error) => tracing::debug!(job = %id, %error, "not cancelled"),
            }
        });
    }
}

/// Compare two models
///
/// How different they look, rendered from many sides and in their poses, whatever tool wrote them; and in `verdict`, whether
/// they pass as the same by the bounds that results have to keep. Nothing is stored.
#[utoipa::path(post, path = "/api/v1/compare", tag = "at once",
    request_body(content = CompareForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "The comparison.", body = Compared), CompareProblems))]
pub(super) async fn compare(
    State(site): State<Site>,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Problem> {
    let Received { parts, wishes } = receive::receive(&site, PAIR, parameters, request).await?;
    let (mut before, mut after) = (None, None);
    for Part { field, model } in parts {
        let place = if field == "after" { &mut after } else { &mut before };
        if place.replace(model.upload).is_some() {
            return Err(Problem::new(codes::TOO_MANY_FILES, PAIR.missing));
        }
    }
    let (Some(before), Some(after)) = (before, after) else {
        return Err(Problem::new(codes::MISSING_FILE, PAIR.missing));
    };
    let json = site.jobs.compare(before, after, wishes.settings.max_error).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// The only setting of a comparison.
fn take_max_error(wishes: &mut Wishes, site: &Site, name: &str, value: &str) -> Result<(), Problem> {
    if name == "max_error" {
        return wishes.take(site, name, value);
    }
    let name: String = name.chars().take(40).collect();
    let detail =
        format!("Of the settings, a comparison has max_error only, but \"{name}\" was given. Leave it out.");
    Err(Problem::new(codes::UNKNOWN_SETTING, detail))
}
