//! The levels of detail of a result: which there are, and each as a file of its own.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::documented::{FileProblems, LevelProblems, ModelFile};
use super::error::Problem;
use super::path::Path;
use super::{Site, download, jobs};
use crate::optimize::Report;

/// The levels of a result, without the finest, which is the result.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lods)]
pub(super) struct LodsView {
    lods: Vec<LodView>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lod)]
struct LodView {
    /// Its number: 1 is the one after the finest.
    level: usize,
    /// The size of its file.
    bytes: u64,
    /// What it draws.
    triangles: Option<u64>,
    /// How different it looks from the original, as mean FLIP error.
    mean_error: Option<f32>,
}

/// The levels of detail of a result
///
/// For jobs with the setting `lods`: not every model has as many as were asked for. The result holds all of them
/// (MSFT_lod); each is here as a file of its own too, for loaders that do not know that.
#[utoipa::path(get, operation_id = "list_lods", path = "/api/v1/jobs/{id}/lods", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The levels, the finest first.", body = LodsView), FileProblems))]
pub(super) async fn list(State(site): State<Site>, Path(id): Path) -> Result<Json<LodsView>, Problem> {
    let job = site.jobs.status(jobs::parse(&id)?).await?.job;
    let report = site.jobs.report(&job).await?;
    let report: Report =
        serde_json::from_slice(&report).map_err(|error| Problem::internal(&error.to_string()))?;
    let files = job.output.into_iter().flat_map(|output| output.levels);
    let lods = files.enumerate().map(|(index, file)| {
        let told = report.lods.get(index);
        LodView {
            level: index + 1,
            bytes: file.glb_bytes,
            triangles: told.map(|told| told.triangles),
            mean_error: told.and_then(|told| told.comparison.as_ref()).map(|seen| seen.mean),
        }
    });
    Ok(Json(LodsView { lods: lods.collect() }))
}

/// One level of detail
///
/// With `Range` only a part of it; with `If-None-Match` only if it is another one.
#[utoipa::path(get, operation_id = "download_lod", path = "/api/v1/jobs/{id}/lods/{level}", tag = "jobs",
    params(("id" = String, Path, description = "The job"), ("level" = usize, Path, description = "Its number, from 1 on", example = 1)),
    responses(ModelFile, LevelProblems))]
pub(super) async fn level(
    State(site): State<Site>,
    Path((id, level)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let job = site.jobs.status(jobs::parse(&id)?).await?.job;
    // A text that is no number is the number of no level.
    let number = level.parse().unwrap_or_default();
    let file = site.jobs.level(&job, number).await?;
    Ok(download::send(file, &download::level_name(&job.input_name, number), request).await)
}
