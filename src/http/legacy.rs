//! The addresses of the former GLB Optimizer, with its field names, statuses and messages, for scripts that know them.
//!
//! All of it is here, and all of it is a view of the same jobs. What the old program made up is measured or left out.
//! New things belong to /api/v1 alone. `/health` has the old fields too: see `health.rs`.

use std::path::Path as FilePath;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::admin::Admin;
use super::documented::AdminProblems;
use super::error::Problem;
use super::path::Path;
use super::receive::{self, Form, Parameters, Wishes};
use super::{Site, download, jobs, legacy_stats, upload};
use crate::jobs::{JobView, Model, Status, Tier};
use crate::optimize::{Preset, Report, Settings};
use crate::queue::{Job, State as JobState};
use crate::timestamp::rfc3339;

/// What `/upload` takes.
const FORM: Form = Form { files: &["file"], start: start_old, take: take_old, missing: "No file selected" };
/// Levels of detail beside the finest: the old page promised three versions.
const LODS: &str = "2";

/// Every refusal is an object with one text; and after how many seconds another try may do better, where that is known.
struct Refusal(StatusCode, String, Option<u64>);

impl Refusal {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self(status, text.into(), None)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, text, retry_after_s) = self;
        let after = retry_after_s.map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
        (status, after, Json(json!({ "error": text }))).into_response()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        // The old program knew one status for bad uploads.
        let status = match problem.status() {
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        Self(status, problem.detail().to_owned(), problem.retry_after_s())
    }
}

impl From<crate::jobs::Error> for Refusal {
    fn from(error: crate::jobs::Error) -> Self {
        match error {
            crate::jobs::Error::TooLarge { max_bytes } => {
                let text = format!("File too large. Maximum size is {} MB.", max_bytes >> 20);
                Self(StatusCode::BAD_REQUEST, text, None)
            }
            error => Problem::from(error).into(),
        }
    }
}

/// Send a .glb
#[utoipa::path(post, operation_id = "old_upload", path = "/upload", tag = "old",
    request_body(content = OldForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Accepted, as `task_id`.", body = Value),
        (status = 400, description = "Refused, with an `error`.", body = Value),
        (status = 429, description = "Too many uploads."),
        (status = 500, description = "The server failed.", body = Value),
        (status = 503, description = "Not now.", body = Value),
        (status = 507, description = "No room.", body = Value)))]
pub(super) async fn upload(
    State(site): State<Site>,
    parameters: Parameters,
    request: Request,
) -> Result<Json<Value>, Response> {
    accept(&site, parameters, request).await.map(Json).map_err(IntoResponse::into_response)
}

/// The form of the old page.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct OldForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `high` (the default), `balanced` or `maximum_compression`.
    quality_level: Option<String>,
    /// `true` adds two levels of detail.
    enable_lod: Option<String>,
    /// `false` keeps every triangle.
    enable_simplification: Option<String>,
}

async fn accept(site: &Site, parameters: Parameters, request: Request) -> Result<Value, Refusal> {
    let received = receive::receive(site, FORM, parameters, request).await;
    let mut received = received.map_err(|problem| match problem.status() {
        StatusCode::PAYLOAD_TOO_LARGE => site.jobs.too_large().into(),
        _ => Refusal::from(problem),
    })?;
    let Model { name, upload } = match received.parts.pop() {
        Some(part) if received.parts.is_empty() => part.model,
        _ => return Err(Refusal::new(StatusCode::BAD_REQUEST, "Send one file a request.")),
    };
    if !name.to_ascii_lowercase().ends_with(".glb") {
        let text = "Invalid file type. Only GLB files are allowed.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
    }
    let name = receive::clean_name(&name);
    let job = site.jobs.submit(upload, received.wishes.submission(name)).await?;
    let mut answer = json!({
        "task_id": job.id,
        "message": "File uploaded successfully. Optimization queued.",
        "original_size": job.input_bytes,
    });
    if let Tier::Sync { .. } = site.jobs.tier() {
        let job = upload::end_of(site, job.id).await?.job;
        answer["message"] = "File optimized successfully.".into();
        answer["status"] = if job.state == JobState::Completed { "completed" } else { "error" }.into();
        answer["fallback_mode"] = true.into();
        answer["optimized_size"] = json!(output_bytes(&job));
        answer["compression_ratio"] = json!(saved_percent(&job));
    }
    Ok(answer)
}

/// The old default was another one.
fn start_old() -> Wishes {
    let settings = Settings { preset: Preset::High, ..Settings::default() };
    Wishes { settings, ..Wishes::default() }
}

/// The old names of settings.
fn take_old(wishes: &mut Wishes, site: &Site, name: &str, value: &str) -> Result<(), Problem> {
    let is_on = matches!(value.trim().to_ascii_lowercase().as_str(), "true" | "1" | "on" | "yes");
    match name {
        "quality_level" => wishes.take(site, "preset", value),
        "enable_lod" if is_on => wishes.take(site, "lods", LODS),
        "enable_simplification" if !is_on => wishes.take(site, "simplify", "off"),
        // The old program read no other field and complained of none.
        _ => Ok(()),
    }
}

/// How far it is
#[utoipa::path(get, operation_id = "old_progress", path = "/progress/{id}", tag = "old", params(("id" = String, Path, description = "The `task_id`")),
    responses(
        (status = 200, description = "`status`, `progress`, `step`, `message`, `completed`, and the figures at the end.", body = Value),
        (status = 404, description = "Unknown.", body = Value)))]
pub(super) async fn progress(State(site): State<Site>, Path(id): Path) -> Response {
    match status(&site, &id).await {
        Ok(status) => Json(progress_of(&site, status).await).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn status(site: &Site, id: &str) -> Result<Status, Refusal> {
    match jobs::parse(id) {
        Err(_) => Err(Refusal::new(StatusCode::NOT_FOUND, "Task not found")),
        Ok(id) => match site.jobs.status(id).await {
            Err(crate::jobs::Error::Queue(crate::queue::Error::UnknownJob(_))) => {
                Err(Refusal::new(StatusCode::NOT_FOUND, "Task not found"))
            }
            status => Ok(status?),
        },
    }
}

async fn progress_of(site: &Site, status: Status) -> Value {
    let job = status.job.clone();
    let view = |status, step: &str, progress: f32, completed| json!({ "status": status, "progress": progress, "step": step, "message": step, "completed": completed });
    match job.state {
        JobState::Queued => view("pending", "Task is queued...", 0.0, false),
        JobState::Running => {
            let (stage, percent) =
                status.progress.map_or(("starting".into(), 0.0), |now| (now.stage, now.percent));
            view("processing", &stage, percent, false)
        }
        JobState::Completed => {
            let mut answer = view("completed", "Optimization completed", 100.0, true);
            finish(&mut answer, &job, report(site, &job).await);
            answer
        }
        JobState::Dead | JobState::Cancelled => {
            let text = error_text(&job);
            let mut answer = view("error", &text, 0.0, true);
            answer["error"] = text.clone().into();
            answer["user_message"] = text.clone().into();
            answer["technical_details"] = json!(job.error);
            answer["detailed_error"] = text.into();
            answer
        }
    }
}

/// The figures of a completed job.
fn finish(answer: &mut Value, job: &Job, report: Option<Report>) {
    let saved = saved_percent(job);
    let output = output_bytes(job).unwrap_or_default();
    answer["success"] = true.into();
    answer["original_name"] = stem(&job.input_name).into();
    answer["output_file"] = format!("{}_optimized.glb", job.id).into();
    answer["original_size"] = job.input_bytes.into();
    answer["optimized_size"] = output.into();
    answer["compression_ratio"] = json!(saved);
    answer["processing_time"] = json!(seconds(job));
    answer["performance_metrics"] = json!({
        "original_size_mb": megabytes(job.input_bytes),
        "optimized_size_mb": megabytes(output),
        "size_reduction_percent": saved,
        "gpu_memory_savings": report.as_ref().and_then(gpu_saved_percent),
        "web_game_ready": {
            "streaming_ready": output < 5 << 20,
            "mobile_friendly": output < 10 << 20,
            "web_optimized": output < 25 << 20,
        },
    });
}

async fn report(site: &Site, job: &Job) -> Option<Report> {
    let json = site.jobs.report(job).await.ok()?;
    serde_json::from_slice(&json).ok()
}

/// From the real sizes of textures.
fn gpu_saved_percent(report: &Report) -> Option<f64> {
    let (before, after) = (report.before.gpu_texture_bytes, report.after.gpu_texture_bytes);
    (before > 0).then(|| 100.0 * (1.0 - after as f64 / before as f64))
}

/// The result
#[utoipa::path(get, operation_id = "old_download", path = "/download/{id}", tag = "old", params(("id" = String, Path, description = "The `task_id`")),
    responses(
        (status = 200, description = "The result.", body = Vec<u8>, content_type = "model/gltf-binary"),
        (status = 206, description = "A part of it.", body = Vec<u8>, content_type = "model/gltf-binary"),
        (status = 304, description = "It is the one that you have."),
        (status = 400, description = "Not completed.", body = Value),
        (status = 404, description = "Unknown, or not stored any more.", body = Value),
        (status = 416, description = "There is no such part.")))]
pub(super) async fn download(State(site): State<Site>, Path(id): Path, request: Request) -> Response {
    let job = match status(&site, &id).await {
        Ok(status) => status.job,
        Err(refusal) => return refusal.into_response(),
    };
    if job.state != JobState::Completed {
        let text = "Task not completed successfully";
        return Refusal::new(StatusCode::BAD_REQUEST, text).into_response();
    }
    match site.jobs.result(&job).await {
        Ok(file) => download::send(file, &format!("optimized_{}.glb", stem(&job.input_name)), request).await,
        Err(_) => Refusal::new(StatusCode::NOT_FOUND, "Output file not found").into_response(),
    }
}

/// The upload, to be shown
#[utoipa::path(get, operation_id = "old_original", path = "/original/{id}", tag = "old", params(("id" = String, Path, description = "The `task_id`")),
    responses(
        (status = 200, description = "The upload.", body = Vec<u8>, content_type = "model/gltf-binary"),
        (status = 206, description = "A part of it.", body = Vec<u8>, content_type = "model/gltf-binary"),
        (status = 304, description = "It is the one that you have."),
        (status = 404, description = "Unknown, or not stored any more.", body = Value),
        (status = 416, description = "There is no such part.")))]
pub(super) async fn original(State(site): State<Site>, Path(id): Path, request: Request) -> Response {
    let missing = || Refusal::new(StatusCode::NOT_FOUND, "Original file not found").into_response();
    let Ok(Status { job, .. }) = status(&site, &id).await else { return missing() };
    let Ok(file) = site.jobs.original(&job).await else { return missing() };
    let mut response = download::send(file, &job.input_name, request).await;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    response
}

/// Nothing to be cleaned up
///
/// The old page asked for it after a download. Files go by themselves when their time is over, and until then both
/// models can be looked at.
#[utoipa::path(post, operation_id = "old_cleanup", path = "/cleanup/{id}", tag = "old", params(("id" = String, Path, description = "The `task_id`")),
    responses(
        (status = 200, description = "A `message`.", body = Value),
        (status = 404, description = "Unknown.", body = Value)))]
pub(super) async fn cleanup(State(site): State<Site>, Path(id): Path) -> Response {
    match status(&site, &id).await {
        Ok(_) => Json(json!({ "message": "Task cleaned up successfully" })).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// What went wrong, as a text file
#[utoipa::path(get, operation_id = "old_error_logs", path = "/error-logs/{id}", tag = "old", params(("id" = String, Path, description = "The `task_id`")),
    responses(
        (status = 200, description = "The text.", body = String, content_type = "text/plain"),
        (status = 404, description = "Unknown.", body = Value)))]
pub(super) async fn error_logs(State(site): State<Site>, Path(id): Path) -> Response {
    let job = match status(&site, &id).await {
        Ok(status) => status.job,
        Err(refusal) => return refusal.into_response(),
    };
    let disposition = format!("attachment; filename=\"glb_optimization_log_{}.txt\"", job.id);
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, log_of(job)).into_response()
}

fn log_of(job: Job) -> String {
    let (title, status, text) = match job.state {
        JobState::Dead | JobState::Cancelled => {
            let code = job.error.as_ref().map_or("cancelled", |error| error.code.as_str());
            let text = error_text(&job);
            (
                "GLB Optimization Error Report",
                "FAILED",
                format!("Error Details:\n{code}\n\nUser Message:\n{text}"),
            )
        }
        JobState::Completed => {
            ("GLB Optimization Log", "SUCCESS", "No errors occurred during optimization.".to_owned())
        }
        JobState::Queued | JobState::Running => {
            ("GLB Optimization Log", job.state.name(), "Task is still in progress.".to_owned())
        }
    };
    let time = rfc3339(job.finished_at_ms.unwrap_or(job.created_at_ms));
    let view = serde_json::to_string_pretty(&JobView::from(job.clone())).unwrap_or_default();
    format!("{title}\nGenerated: {time}\nTask ID: {}\nStatus: {status}\n\n{text}\n\n{view}\n", job.id)
}

/// Totals
#[utoipa::path(get, operation_id = "old_stats", path = "/admin/stats", tag = "old",
    responses((status = 200, description = "Counts.", body = Value), AdminProblems))]
pub(super) async fn stats(_admin: Admin, State(site): State<Site>) -> Result<Json<Value>, Problem> {
    Ok(Json(legacy_stats::totals(&site.jobs.days().await?)))
}

/// What the old dashboard showed
///
/// There are no accounts, so it has no users to count.
#[utoipa::path(get, operation_id = "old_analytics", path = "/admin/analytics", tag = "old",
    responses((status = 200, description = "Figures of 30 days.", body = Value), AdminProblems))]
pub(super) async fn analytics(_admin: Admin, State(site): State<Site>) -> Result<Json<Value>, Problem> {
    Ok(Json(legacy_stats::analytics(&site.jobs.days().await?)))
}

fn error_text(job: &Job) -> String {
    let told = job.error.as_ref().filter(|_| job.state == JobState::Dead);
    told.map_or_else(|| format!("The job was {}.", job.state), |error| error.message.clone())
}

fn output_bytes(job: &Job) -> Option<u64> {
    job.output.as_ref().map(|output| output.glb_bytes)
}

/// What the old program called the compression ratio.
fn saved_percent(job: &Job) -> Option<f64> {
    output_bytes(job).map(|output| 100.0 * (1.0 - output as f64 / job.input_bytes.max(1) as f64))
}

fn seconds(job: &Job) -> f64 {
    let taken_ms = job.started_at_ms.zip(job.finished_at_ms).map(|(start, end)| end.saturating_sub(start));
    taken_ms.unwrap_or_default() as f64 / 1_000.0
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn stem(name: &str) -> String {
    FilePath::new(name).file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned())
}
