//! Serving the result and the original: by content, with ranges, under a name that people recognise.
//!
//! The files never change, so their hash is their ETag. Bytes come straight from the blob store.

use std::path::Path as FilePath;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::documented::{FileProblems, ModelFile};
use super::error::Problem;
use super::path::Path;
use super::{Site, jobs};
use crate::jobs::StoredFile;

/// What RFC 8187 lets stand unencoded in a header parameter, as far as file names need it.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The optimized model
///
/// With `Range` only a part of it; with `If-None-Match` only if it is another one.
#[utoipa::path(get, operation_id = "download_result", path = "/api/v1/jobs/{id}/result", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses(ModelFile, FileProblems))]
pub(super) async fn result(
    State(site): State<Site>,
    Path(id): Path,
    request: Request,
) -> Result<Response, Problem> {
    let job = site.jobs.status(jobs::parse(&id)?).await?.job;
    let file = site.jobs.result(&job).await?;
    Ok(send(file, &optimized_name(&job.input_name), request).await)
}

/// The uploaded model
///
/// As it came; of a .gltf with its files, the .glb that was made of them.
#[utoipa::path(get, operation_id = "download_original", path = "/api/v1/jobs/{id}/original", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses(ModelFile, FileProblems))]
pub(super) async fn original(
    State(site): State<Site>,
    Path(id): Path,
    request: Request,
) -> Result<Response, Problem> {
    let job = site.jobs.status(jobs::parse(&id)?).await?.job;
    Ok(send(site.jobs.original(&job).await?, &job.input_name, request).await)
}

pub(super) async fn send(file: StoredFile, name: &str, mut request: Request) -> Response {
    let etag = format!("\"{}\"", file.id);
    if names_etag(request.headers(), header::IF_NONE_MATCH, &etag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    keep_only_our_conditions(request.headers_mut(), &etag);
    // Its error type is Infallible; a missing file is an answer too.
    let Ok(answer) = ServeFile::new(&file.path).oneshot(request).await;
    if answer.status() == StatusCode::NOT_FOUND {
        // A sweep came between reading the record and opening the file.
        return Problem::gone("The files of this job are not stored any more. Upload the file again.")
            .into_response();
    }
    if !answer.status().is_success() && answer.status() != StatusCode::RANGE_NOT_SATISFIABLE {
        return Problem::internal(&format!("blob {} cannot be served: {}", file.id, answer.status()))
            .into_response();
    }
    describe(answer.map(Body::new), &etag, name)
}

fn names_etag(headers: &HeaderMap, condition: header::HeaderName, etag: &str) -> bool {
    let given = headers.get(condition).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| given.split(',').any(|one| one.trim() == etag || one.trim() == "*"))
}

/// The file service knows dates and ETags of its own, which we do not hand out: it must not see conditions.
fn keep_only_our_conditions(headers: &mut HeaderMap, etag: &str) {
    if headers.contains_key(header::IF_RANGE) && !names_etag(headers, header::IF_RANGE, etag) {
        headers.remove(header::RANGE);
    }
    for condition in [
        header::IF_RANGE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
    ] {
        headers.remove(condition);
    }
}

fn describe(mut answer: Response, etag: &str, name: &str) -> Response {
    let headers = answer.headers_mut();
    headers.remove(header::LAST_MODIFIED);
    let values = [
        (header::CONTENT_TYPE, "model/gltf-binary".to_owned()),
        (header::CONTENT_DISPOSITION, attachment(name)),
        (header::ETAG, etag.to_owned()),
        // A job's result may change when it is run again; the ETag makes asking cheap.
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
    ];
    for (header, value) in values {
        // All of these are ASCII: hashes, constants, and a name that was encoded.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(header, value);
        }
    }
    answer
}

/// RFC 6266: the real name for everybody who reads UTF-8, a plain one for everybody else.
fn attachment(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let encoded = utf8_percent_encode(name, ENCODED);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

pub(super) fn optimized_name(input_name: &str) -> String {
    let stem = FilePath::new(input_name).file_stem().map_or("model".into(), |stem| stem.to_string_lossy());
    format!("{stem}-optimized.glb")
}

pub(super) fn level_name(input_name: &str, level: usize) -> String {
    let optimized = optimized_name(input_name);
    format!("{}-lod{level}.glb", optimized.trim_end_matches(".glb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_in_both_spellings() {
        assert_eq!(
            attachment("Stühl \"1\".glb"),
            "attachment; filename=\"St_hl _1_.glb\"; filename*=UTF-8''St%C3%BChl%20%221%22.glb"
        );
        assert_eq!(optimized_name("robot.v2.glb"), "robot.v2-optimized.glb");
        assert_eq!(optimized_name("chair"), "chair-optimized.glb");
        assert_eq!(level_name("chair.glb", 2), "chair-optimized-lod2.glb");
    }

    #[test]
    fn a_condition_matches_any_of_its_etags() {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"a\", \"b\""));
        assert!(names_etag(&headers, header::IF_NONE_MATCH, "\"b\""));
        assert!(!names_etag(&headers, header::IF_NONE_MATCH, "\"c\""));
    }
}
