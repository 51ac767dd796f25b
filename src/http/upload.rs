//! `POST /api/v1/jobs`: a file comes in, as a form or as the raw body, with settings beside it.
//!
//! The file streams to the store and is never held in memory. What is refused is refused with a sentence:
//! the rest of the body is read and thrown away for a while, because most clients look for the answer
//! only once they have sent everything.

use std::fmt::Display;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::multipart::Field;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, Multipart, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use futures_util::{Stream, StreamExt};

use super::Site;
use super::caller::Uploader;
use super::error::Problem;
use super::job_view::JobView;
use crate::ids::JobId;
use crate::jobs::{Jobs, Sender, Status, Submission, Tier, Upload};
use crate::optimize::Settings;
use crate::queue::Priority;

/// The longest value of a setting, in bytes.
const MAX_VALUE_BYTES: usize = 1024;
/// The longest file name that is kept, in characters.
const MAX_NAME_CHARS: usize = 150;
/// The longest idempotency key, in bytes.
const MAX_KEY_BYTES: usize = 255;
const DEFAULT_NAME: &str = "model.glb";
/// How long the rest of a refused body is read.
const DRAIN_TIME: Duration = Duration::from_secs(10);

type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Where a file goes, and who sends it.
type Place<'a> = (&'a Jobs, &'a Sender);

/// What a request asks for beside its file.
#[derive(Default)]
struct Wishes {
    name: Option<String>,
    settings: Settings,
    priority: Priority,
}

/// The handler: 202, the job, and where to ask for it. Where jobs are not kept: 200 and the job at its end.
pub(super) async fn submit(
    State(site): State<Site>,
    Uploader(sender): Uploader,
    parameters: Parameters,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    let Query(parameters) = parameters.map_err(|error| {
        Problem::bad_request("bad_query", format!("The query of the address cannot be read: {error}."))
    })?;
    let mut wishes = Wishes::default();
    let is_fresh = asks_for_fresh(request.headers());
    let idempotency_key = idempotency_key(request.headers());
    // Remembered, not returned: the body has to be dealt with first.
    let wished = parameters.iter().try_for_each(|(name, value)| wishes.take(name, value));
    let wished = wished.and(idempotency_key.as_ref().map(|_| ()).map_err(Clone::clone));
    let upload = if is_form(&request) {
        receive_form((&site.jobs, &sender), request, &mut wishes, wished).await?
    } else {
        receive_body((&site.jobs, &sender), request.into_body(), wished).await?
    };
    let name = clean_name(wishes.name.as_deref().unwrap_or(DEFAULT_NAME));
    let Wishes { settings, priority, .. } = wishes;
    let wanted = Submission { name, settings, priority, idempotency_key: idempotency_key?, is_fresh, sender };
    let job = site.jobs.submit(upload, wanted).await?;
    let location = format!("/api/v1/jobs/{}", job.id);
    let (status, job) = match site.jobs.tier() {
        Tier::Embedded => (StatusCode::ACCEPTED, site.jobs.status(job.id).await?),
        Tier::Sync { .. } => (StatusCode::OK, end_of(&site, job.id).await?),
    };
    Ok((status, [(header::LOCATION, location)], Json(JobView::from(job))))
}

async fn end_of(site: &Site, id: JobId) -> Result<Status, Problem> {
    let ended = site.stop.run_until_cancelled(site.jobs.ended(id)).await;
    Ok(ended.ok_or_else(Problem::stopping)??)
}

/// Whether the caller wants the work done although its result may be there: `Cache-Control: no-cache`.
fn asks_for_fresh(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("no-cache"))
}

/// The header of draft-ietf-httpapi-idempotency-key-header. It wants the value in quotes; few send them.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim().trim_matches('"');
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        let detail = "The header Idempotency-Key must hold 1 to 255 visible ASCII characters.";
        return Err(Problem::bad_request("bad_idempotency_key", detail));
    }
    Ok(Some(key.to_owned()))
}

impl Wishes {
    fn take(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        match name {
            "name" => self.name = Some(value.to_owned()),
            "priority" => self.priority = value.parse()?,
            _ => self.settings.set(name, value)?,
        }
        Ok(())
    }
}

fn is_form(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/form-data"))
}

async fn receive_body(place: Place<'_>, body: Body, wished: Result<(), Problem>) -> Result<Upload, Problem> {
    let mut chunks = body.into_data_stream();
    let received = match wished {
        Ok(()) => store(place, &mut chunks).await,
        Err(problem) => Err(problem),
    };
    if received.is_err() {
        drain(async { while let Some(Ok(_)) = chunks.next().await {} }).await;
    }
    received
}

async fn receive_form(
    place: Place<'_>,
    request: Request,
    wishes: &mut Wishes,
    wished: Result<(), Problem>,
) -> Result<Upload, Problem> {
    let mut form = Multipart::from_request(request, &()).await.map_err(broken_body)?;
    let received = match wished {
        Ok(()) => read_fields(place, &mut form, wishes).await,
        Err(problem) => Err(problem),
    };
    if received.is_err() {
        drain(async { while let Ok(Some(_)) = form.next_field().await {} }).await;
    }
    received
}

async fn read_fields(place: Place<'_>, form: &mut Multipart, wishes: &mut Wishes) -> Result<Upload, Problem> {
    let mut upload = None;
    while let Some(mut field) = form.next_field().await.map_err(broken_body)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name != "file" {
            wishes.take(&name, &read_value(field).await?)?;
        } else if upload.is_some() {
            let detail = "The form has more than one field \"file\". Send one file a job.";
            return Err(Problem::bad_request("too_many_files", detail));
        } else {
            wishes.name = wishes.name.take().or_else(|| field.file_name().map(str::to_owned));
            upload = Some(store(place, &mut field).await?);
        }
    }
    upload.ok_or_else(|| {
        let detail =
            "The form has no field \"file\". Send the .glb in a field of that name, or as the raw body.";
        Problem::bad_request("missing_file", detail)
    })
}

async fn store<E: Display>(
    (jobs, sender): Place<'_>,
    chunks: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
) -> Result<Upload, Problem> {
    let mut upload = jobs.begin_upload(sender).await?;
    while let Some(chunk) = chunks.next().await {
        upload.write(&chunk.map_err(broken_body)?).await?;
    }
    Ok(upload)
}

async fn read_value(mut field: Field<'_>) -> Result<String, Problem> {
    let mut value = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken_body)? {
        value.extend_from_slice(&chunk);
        if value.len() > MAX_VALUE_BYTES {
            let detail = "A field other than \"file\" is too long. Send the model in the field \"file\".";
            return Err(Problem::bad_request("value_too_long", detail));
        }
    }
    Ok(String::from_utf8_lossy(&value).into_owned())
}

async fn drain(rest: impl Future<Output = ()>) {
    // Out of time, the connection is simply closed: enough was done for the answer to arrive.
    let _ = tokio::time::timeout(DRAIN_TIME, rest).await;
}

fn broken_body(error: impl Display) -> Problem {
    let detail = format!("The upload did not arrive whole: {error}. Send it again.");
    Problem::bad_request("broken_upload", detail)
}

/// The last part of a path, without characters that could do harm in a header, a terminal or a folder.
fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    let clean = clean.trim().trim_start_matches('.');
    if clean.is_empty() { DEFAULT_NAME.into() } else { clean.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_folders_and_control_characters() {
        assert_eq!(clean_name("C:\\models\\chair.glb"), "chair.glb");
        assert_eq!(clean_name("../../etc/passwd"), "passwd");
        assert_eq!(clean_name("a\r\nSet-Cookie: b.glb"), "aSet-Cookie: b.glb");
        assert_eq!(clean_name("Stühle №1.glb"), "Stühle №1.glb");
        assert_eq!(clean_name("models/"), "model.glb");
        assert_eq!(clean_name("x".repeat(1000).as_str()).len(), MAX_NAME_CHARS);
    }
}
