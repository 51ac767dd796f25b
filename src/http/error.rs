//! Every refusal as an RFC 9457 problem document: a status, a stable code, a sentence that helps.
//!
//! The one place that decides which status a refusal has. Faults of the server are logged here, once;
//! refusals are the caller's business and are not.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::codes::{self, Code};
use crate::jobs;
use crate::optimize::settings::UnknownSetting;
use crate::queue::{self, Job, JobError, State, UnknownPriority};
use crate::{sandbox, webhook};

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    /// After how many seconds it is worth trying again, where that is known.
    retry_after_s: Option<u64>,
}

/// When to try again what fails because much is going on.
const SOON_S: u64 = 10;
/// When to try again where jobs have to end first.
const LATER_S: u64 = 60;
/// A problem as it is sent (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemView {
    /// Always `about:blank`: the code says more.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// A stable word for programs.
    #[schema(example = "not_a_glb")]
    code: Cow<'static, str>,
    /// A sentence for people: what is wrong and what to do.
    detail: String,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { status: code.status, code: code.word.into(), detail: detail.into(), retry_after_s: None }
    }

    /// In the words of a child, which `codes.rs` knows too.
    fn of_child(status: StatusCode, code: String, detail: String) -> Self {
        Self { status, code: code.into(), detail, retry_after_s: None }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence for people.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// After how many seconds another try may do better, where that is known.
    pub(super) fn retry_after_s(&self) -> Option<u64> {
        self.retry_after_s
    }

    fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    pub(super) fn bad_query(error: impl Display) -> Self {
        Self::new(codes::BAD_QUERY, format!("The query of the address cannot be read: {error}."))
    }

    pub(super) fn not_found() -> Self {
        let detail = "There is nothing at this address. The API begins at /api/v1/jobs.";
        Self::new(codes::NOTHING_HERE, detail)
    }

    pub(super) fn unknown_job(id: &str) -> Self {
        let id: String = id.chars().take(40).collect();
        let detail = format!("There is no job {id}. Check the id, or upload the file again.");
        Self::new(codes::UNKNOWN_JOB, detail)
    }

    pub(super) fn unknown_batch(id: &str) -> Self {
        let id: String = id.chars().take(40).collect();
        let detail = format!("There is no batch {id}. Check the id, or upload the files again.");
        Self::new(codes::UNKNOWN_BATCH, detail)
    }

    pub(super) fn unfinished_batch(left: usize, all: usize) -> Self {
        let detail =
            format!("{left} of the {all} jobs have not ended. Ask again when the batch has `ended`.");
        Self::new(codes::NOT_FINISHED, detail)
    }

    /// A job that somebody waited for, without a result.
    pub(super) fn not_optimized(job: &Job) -> Self {
        match &job.error {
            Some(JobError { code, message }) if job.state == State::Dead => {
                Self::of_child(StatusCode::UNPROCESSABLE_ENTITY, code.clone(), message.clone())
            }
            _ => {
                let detail = format!("The job {} was {} before it had a result.", job.id, job.state);
                Self::new(codes::NO_RESULT, detail)
            }
        }
    }

    /// A child that looked into files found them bad, or did not get to the end.
    fn of_files(error: &sandbox::Error) -> Self {
        let (code, detail) = (error.code().to_owned(), sentence_of(&error.to_string()));
        match error {
            _ if error.is_of_this_node() => Self::storage_failing(error),
            _ if !error.is_bad_input() => Self::of_child(StatusCode::UNPROCESSABLE_ENTITY, code, detail),
            _ if code == "too_large" => Self::of_child(StatusCode::PAYLOAD_TOO_LARGE, code, detail),
            _ => Self::of_child(StatusCode::BAD_REQUEST, code, detail),
        }
    }

    pub(super) fn method_not_allowed() -> Self {
        let detail = "This address exists, but not for this method. See the Allow header.";
        Self::new(codes::OTHER_METHOD, detail)
    }

    /// Logs `what` and tells the caller only that it is not their fault.
    pub(super) fn internal(what: &str) -> Self {
        tracing::error!(error = what, "a request failed");
        let detail = "The server failed to do this; its log says why. Trying again later may help.";
        Self::new(codes::INTERNAL, detail)
    }

    fn storage_full(error: &dyn Display) -> Self {
        tracing::error!(%error, "the disk of the data folder is full");
        let detail =
            "The server's disk is full. Nothing was stored; try again when its operator has made room.";
        Self::new(codes::STORAGE_FULL, detail)
    }

    fn storage_failing(error: &dyn Display) -> Self {
        tracing::error!(%error, "the data folder cannot be read or written");
        let detail =
            "The server cannot read or write its data folder just now; its log says why. Try again later.";
        Self::new(codes::STORAGE_FAILING, detail)
    }

    fn storage(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::storage_full(error),
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Self::storage_failing(error),
            _ => Self::internal(&error.to_string()),
        }
    }

    pub(super) fn gone(detail: impl Into<String>) -> Self {
        Self::new(codes::FILES_GONE, detail)
    }

    pub(super) fn token_needed() -> Self {
        let detail = "This is for administrators. Send the server's admin token as `Authorization: Bearer TOKEN`, or log \
            in at /login. The token is in the file admin-token of the server's data folder, unless ADMIN_TOKEN sets another.";
        Self::new(codes::TOKEN_NEEDED, detail)
    }

    pub(super) fn key_needed() -> Self {
        let detail = "This server takes files only with an API key: send it as `Authorization: Bearer KEY`. Its operator \
            makes keys with `glb-optimizer keys create`.";
        Self::new(codes::API_KEY_NEEDED, detail)
    }

    pub(super) fn unknown_key() -> Self {
        let detail = "This API key is worth nothing: it is mistyped, revoked or expired. Ask for another.";
        Self::new(codes::WORTHLESS_API_KEY, detail)
    }

    pub(super) fn unknown_key_id() -> Self {
        let detail = "There is no API key with this id. GET /api/v1/keys lists them.";
        Self::new(codes::UNKNOWN_API_KEY, detail)
    }

    pub(super) fn scope_needed(scope: &str) -> Self {
        let detail = format!("This API key does not allow it: that needs one with the scope `{scope}`.");
        Self::new(codes::SCOPE_NEEDED, detail)
    }

    pub(super) fn other_site() -> Self {
        let detail = "A page of another site has asked for this. Only pages of this server may.";
        Self::new(codes::OTHER_SITE, detail)
    }

    pub(super) fn too_many_uploads() -> Self {
        let detail = "The server is receiving as many files at once as it can. Try again in some seconds.";
        Self::new(codes::TOO_MANY_UPLOADS, detail).retry_after(SOON_S)
    }

    pub(super) fn too_many_archives() -> Self {
        let detail = "The server is sending as many archives at once as it can. Try again in some seconds.";
        Self::new(codes::TOO_MANY_ARCHIVES, detail).retry_after(SOON_S)
    }

    pub(super) fn too_many_own_uploads(limit: usize) -> Self {
        let detail =
            format!("You are sending {limit} files at once, and more cannot come in. Wait for one to end.");
        Self::new(codes::TOO_MANY_OWN_UPLOADS, detail).retry_after(SOON_S)
    }

    pub(super) fn too_slow(least_bytes: u64) -> Self {
        let detail = format!(
            "The upload came too slowly: at least {} kB must come every {} seconds (MIN_UPLOAD_KBPS). Nothing of it was \
            kept; try again with a better connection.",
            least_bytes >> 10,
            super::bodies::WINDOW.as_secs()
        );
        Self::new(codes::TOO_SLOW, detail)
    }

    /// `what` is the limit's name, of which `a_minute` are allowed.
    pub(super) fn too_often(what: &str, a_minute: u32, wait: Duration) -> Self {
        let seconds = wait.as_secs() + 1;
        let detail = format!(
            "You have sent more than {a_minute} {what} in a minute, and this server takes no more for now. Try again in \
            {seconds} seconds."
        );
        Self::new(codes::TOO_OFTEN, detail).retry_after(seconds)
    }

    pub(super) fn stopping() -> Self {
        let detail = "The server stops before the job has ended. Send the file again.";
        Self::new(codes::STOPPING, detail)
    }
}

impl From<queue::Error> for Problem {
    fn from(error: queue::Error) -> Self {
        match error {
            queue::Error::UnknownJob(id) => Self::unknown_job(&id.to_string()),
            queue::Error::FilesGone(_) => Self::gone(sentence(&error.to_string())),
            queue::Error::Refused { state, wanted } => {
                let detail = format!("The job is {state}, and a {state} job cannot be {wanted}.");
                Self::new(codes::NOT_ALLOWED, detail)
            }
            // The status that the draft of this header asks for.
            queue::Error::KeyReused { .. } => {
                let detail = sentence(&error.to_string());
                Self::new(codes::IDEMPOTENCY_KEY_REUSED, detail)
            }
            queue::Error::UnknownApiKey(_) => Self::new(codes::UNKNOWN_API_KEY, sentence(&error.to_string())),
            queue::Error::QuotaUsedUp { .. } => {
                let detail = sentence(&error.to_string());
                Self::new(codes::QUOTA_USED_UP, detail).retry_after(until_midnight_s())
            }
            _ if error.is_disk_full() => Self::storage_full(&error),
            queue::Error::Closed => Self::storage_failing(&error),
            _ if error.is_of_the_disk() => Self::storage_failing(&error),
            _ => Self::internal(&error.to_string()),
        }
    }
}

impl From<jobs::Error> for Problem {
    fn from(error: jobs::Error) -> Self {
        let detail = error.to_string();
        match error {
            jobs::Error::NotAGlb(_) => Self::new(codes::NOT_A_GLB, detail),
            jobs::Error::TooLarge { .. } => Self::new(codes::TOO_LARGE, detail),
            jobs::Error::UploadsDisabled => Self::new(codes::UPLOADS_DISABLED, detail),
            jobs::Error::QueueFull { .. } => Self::new(codes::QUEUE_FULL, detail).retry_after(LATER_S),
            jobs::Error::TooManyJobs { .. } => Self::new(codes::TOO_MANY_JOBS, detail).retry_after(SOON_S),
            jobs::Error::TooManyAsides => Self::new(codes::TOO_MANY_ASIDES, detail).retry_after(SOON_S),
            jobs::Error::Files(error) => Self::of_files(&error),
            jobs::Error::UnknownBatch(id) => Self::unknown_batch(&id.to_string()),
            jobs::Error::NoLevel { .. } => Self::new(codes::NO_LEVEL, detail),
            jobs::Error::NoPictures => Self::new(codes::NO_PICTURES, detail),
            jobs::Error::NoResult { state, .. } if state.is_final() => Self::new(codes::NO_RESULT, detail),
            jobs::Error::NoResult { .. } => {
                let detail = format!("{detail} Ask again when it is completed; /events tells when.");
                Self::new(codes::NOT_FINISHED, detail)
            }
            jobs::Error::FilesGone { .. } => Self::gone(detail),
            jobs::Error::NoRoom { .. } => Self::new(codes::NO_ROOM, detail),
            jobs::Error::OwnerAway { .. } => Self::new(codes::OWNER_AWAY, detail),
            jobs::Error::RedisAway { .. } => Self::new(codes::REDIS_AWAY, detail).retry_after(SOON_S),
            jobs::Error::StorageAway(source) => {
                tracing::error!(error = %source, "the shared storage cannot be read");
                Self::new(codes::STORAGE_AWAY, detail)
            }
            jobs::Error::Queue(error) => error.into(),
            jobs::Error::Storage(error) => Self::storage(&error),
            jobs::Error::Internal(_) => Self::internal(&detail),
        }
    }
}

impl From<webhook::Refused> for Problem {
    fn from(refused: webhook::Refused) -> Self {
        let code = match refused {
            webhook::Refused::Disabled => codes::WEBHOOKS_DISABLED,
            webhook::Refused::NotAnAddress => codes::BAD_WEBHOOK,
            webhook::Refused::Private(_) => codes::PRIVATE_WEBHOOK,
        };
        Self::new(code, refused.to_string())
    }
}

impl From<UnknownPriority> for Problem {
    fn from(error: UnknownPriority) -> Self {
        Self::new(codes::UNKNOWN_SETTING, sentence(&error.to_string()))
    }
}

impl From<UnknownSetting> for Problem {
    fn from(error: UnknownSetting) -> Self {
        Self::new(codes::UNKNOWN_SETTING, sentence(&error.to_string()))
    }
}

/// Until quotas begin anew.
fn until_midnight_s() -> u64 {
    const DAY_S: u64 = 24 * 3600;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    DAY_S - now.as_secs() % DAY_S
}

/// The same for a text that may be a sentence already.
fn sentence_of(text: &str) -> String {
    sentence(text.trim_end_matches('.'))
}

/// An error's text as errors are written, begun and ended as a sentence.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| format!("{}{}.", first.to_uppercase(), rest.as_str())).unwrap_or_default()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemView {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
        };
        let mut response = (self.status, Json(body)).into_response();
        let content_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
