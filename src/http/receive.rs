//! Files and what is asked for with them, out of a form or the raw body.
//!
//! Files stream to the store and are never held in memory. What is refused is refused with a sentence: the rest of the
//! body is read and thrown away for a while, because most clients look for the answer only once they have sent everything.

use std::fmt::Display;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::multipart::Field;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Query, Request};
use axum::http::{HeaderMap, header};
use futures_util::{Stream, StreamExt};

use super::Site;
use super::caller::Uploader;
use super::codes;
use super::error::Problem;
use crate::jobs::{Model, Sender, Submission, Upload};
use crate::optimize::Settings;
use crate::queue::Priority;

/// The longest value of a setting, in bytes.
const MAX_VALUE_BYTES: usize = 4096;
/// The longest file name that is kept, in characters.
const MAX_NAME_CHARS: usize = 150;
/// The longest idempotency key, in bytes.
const MAX_KEY_BYTES: usize = 255;
/// Files in one form.
const MAX_FILES: usize = 1_000;
const DEFAULT_NAME: &str = "model.glb";
/// How long the rest of a refused body is read.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Where files go, and who sends them.
type Place<'a> = (&'a Site, &'a Sender);

/// The query of an address.
pub(super) type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// How a route reads what it is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// The fields that hold files.
    pub(super) files: &'static [&'static str],
    /// What is asked for when nothing is said.
    pub(super) start: fn() -> Wishes,
    /// What the other fields and the query mean.
    pub(super) take: fn(&mut Wishes, &Site, &str, &str) -> Result<(), Problem>,
    /// What to say of a form without a file.
    pub(super) missing: &'static str,
}

/// What /api/v1 takes.
const MODELS: Form = Form {
    files: &["file", "files"],
    start: Wishes::default,
    take: Wishes::take,
    missing: "The form has no field \"file\". Send the .glb in a field of that name, or as the raw body.",
};

/// A file and the field that it came in.
pub(super) struct Part {
    pub(super) field: String,
    pub(super) model: Model,
}

/// What was sent.
pub(super) struct Received {
    pub(super) parts: Vec<Part>,
    pub(super) wishes: Wishes,
}

impl Received {
    /// The models in it, with names that can do no harm.
    async fn models(self, site: &Site) -> Result<(Vec<Model>, Wishes), Problem> {
        let files = self.parts.into_iter().map(|part| part.model).collect();
        let mut models = site.jobs.models_of(files, &self.wishes.sender).await?;
        for model in &mut models {
            model.name = clean_name(&model.name);
        }
        Ok((models, self.wishes))
    }
}

/// What a request asks for beside its files.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) name: Option<String>,
    pub(super) settings: Settings,
    pub(super) priority: Priority,
    pub(super) webhook: Option<String>,
    pub(super) is_fresh: bool,
    pub(super) idempotency_key: Option<String>,
    pub(super) sender: Sender,
}

impl Wishes {
    /// One of them, by the name that it has in /api/v1.
    pub(super) fn take(&mut self, site: &Site, name: &str, value: &str) -> Result<(), Problem> {
        match name {
            "name" => self.name = Some(value.to_owned()),
            "priority" => self.priority = value.parse()?,
            "webhook" => self.webhook = Some(site.webhooks.check(value)?),
            _ => self.settings.set(name, value)?,
        }
        Ok(())
    }

    /// As the jobs take them, for a file of this name.
    pub(super) fn submission(self, name: String) -> Submission {
        let Self { settings, priority, webhook, is_fresh, idempotency_key, sender, .. } = self;
        Submission { name, settings, priority, idempotency_key, webhook, is_fresh, sender }
    }

    /// What a request without a body asks for.
    pub(super) fn of(
        site: &Site,
        sender: Sender,
        parameters: Parameters,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let mut wishes = Self {
            sender,
            is_fresh: asks_for_fresh(headers),
            idempotency_key: idempotency_key(headers)?,
            ..Self::default()
        };
        for (name, value) in read(parameters)? {
            wishes.take(site, &name, &value)?;
        }
        Ok(wishes)
    }
}

/// The models that a request sends, and what it asks for.
pub(super) async fn models(
    site: &Site,
    parameters: Parameters,
    request: Request,
) -> Result<(Vec<Model>, Wishes), Problem> {
    receive(site, MODELS, parameters, request).await?.models(site).await
}

/// Reads all that a request sends, from whoever may send files.
pub(super) async fn receive(
    site: &Site,
    form: Form,
    parameters: Parameters,
    request: Request,
) -> Result<Received, Problem> {
    let (mut head, body) = request.into_parts();
    let Uploader(sender) = Uploader::from_request_parts(&mut head, site).await?;
    let request = Request::from_parts(head, body);
    let mut wishes = Wishes { is_fresh: asks_for_fresh(request.headers()), sender, ..(form.start)() };
    // Remembered, not returned: the body has to be dealt with first.
    let wished = read(parameters)
        .and_then(|pairs| {
            pairs.iter().try_for_each(|(name, value)| (form.take)(&mut wishes, site, name, value))
        })
        .and_then(|()| idempotency_key(request.headers()))
        .map(|key| wishes.idempotency_key = key);
    let parts = if is_form(&request) {
        let mut parts = receive_form(site, form, request, (&mut wishes, wished)).await?;
        // A name that came behind its file.
        if let ([part], Some(name)) = (parts.as_mut_slice(), wishes.name.take()) {
            part.model.name = name;
        }
        parts
    } else {
        // Without a name, what it is follows from its content.
        let name = wishes.name.clone().unwrap_or_default();
        let upload = receive_body((site, &wishes.sender), &name, request.into_body(), wished).await?;
        let name = if name.is_empty() { DEFAULT_NAME.into() } else { name };
        vec![Part { field: String::new(), model: Model { name, upload } }]
    };
    Ok(Received { parts, wishes })
}

fn read(parameters: Parameters) -> Result<Vec<(String, String)>, Problem> {
    let Query(pairs) = parameters.map_err(Problem::bad_query)?;
    Ok(pairs)
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
        return Err(Problem::new(codes::BAD_IDEMPOTENCY_KEY, detail));
    }
    Ok(Some(key.to_owned()))
}

fn is_form(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/form-data"))
}

async fn receive_body(
    place: Place<'_>,
    name: &str,
    body: Body,
    wished: Result<(), Problem>,
) -> Result<Upload, Problem> {
    let mut chunks = body.into_data_stream();
    let received = match wished {
        Ok(()) => store(place, name, &mut chunks).await,
        Err(problem) => Err(problem),
    };
    if received.is_err() {
        drain(async { while let Some(Ok(_)) = chunks.next().await {} }).await;
    }
    received
}

async fn receive_form(
    site: &Site,
    form: Form,
    request: Request,
    (wishes, wished): (&mut Wishes, Result<(), Problem>),
) -> Result<Vec<Part>, Problem> {
    let mut fields = Multipart::from_request(request, &()).await.map_err(broken_body)?;
    let received = match wished {
        Ok(()) => read_fields(site, form, &mut fields, wishes).await,
        Err(problem) => Err(problem),
    };
    if received.is_err() {
        drain(async { while let Ok(Some(_)) = fields.next_field().await {} }).await;
    }
    received
}

async fn read_fields(
    site: &Site,
    form: Form,
    fields: &mut Multipart,
    wishes: &mut Wishes,
) -> Result<Vec<Part>, Problem> {
    let mut parts = Vec::new();
    while let Some(mut field) = fields.next_field().await.map_err(broken_body)? {
        let field_name = field.name().unwrap_or_default().to_owned();
        if !form.files.contains(&field_name.as_str()) {
            (form.take)(wishes, site, &field_name, &read_value(field).await?)?;
        } else if parts.len() == MAX_FILES {
            let detail = format!("The form has more than {MAX_FILES} files. Send the rest in another one.");
            return Err(Problem::new(codes::TOO_MANY_FILES, detail));
        } else {
            let given = wishes.name.take().or_else(|| field.file_name().map(str::to_owned));
            let name = given.filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_NAME.into());
            let upload = store((site, &wishes.sender), &name, &mut field).await?;
            parts.push(Part { field: field_name, model: Model { name, upload } });
        }
    }
    if parts.is_empty() { Err(Problem::new(codes::MISSING_FILE, form.missing)) } else { Ok(parts) }
}

async fn store<E: Display>(
    (site, sender): Place<'_>,
    name: &str,
    chunks: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
) -> Result<Upload, Problem> {
    let mut upload = site.jobs.begin_file(name, sender).await?;
    while let Some(chunk) = chunks.next().await {
        upload.write(&chunk.map_err(broken_body)?).await?;
    }
    // A form may have a thousand files.
    upload.close().await?;
    Ok(upload)
}

async fn read_value(mut field: Field<'_>) -> Result<String, Problem> {
    let mut value = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken_body)? {
        value.extend_from_slice(&chunk);
        if value.len() > MAX_VALUE_BYTES {
            let detail = "A field other than \"file\" is too long. Send the model in the field \"file\".";
            return Err(Problem::new(codes::VALUE_TOO_LONG, detail));
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
    Problem::new(codes::BROKEN_UPLOAD, detail)
}

/// The last part of a path, without characters that could do harm in a header, a terminal or a folder. A .gltf is a
/// .glb by now.
pub(super) fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    let clean = clean.trim().trim_start_matches('.');
    match clean.strip_suffix(".gltf") {
        Some(stem) => format!("{stem}.glb"),
        None if clean.is_empty() => DEFAULT_NAME.into(),
        None => clean.into(),
    }
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
        assert_eq!(clean_name("models/chair.gltf"), "chair.glb");
        assert_eq!(clean_name("models/"), "model.glb");
        assert_eq!(clean_name("x".repeat(1000).as_str()).len(), MAX_NAME_CHARS);
    }
}
