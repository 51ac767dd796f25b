//! What the API's documentation says of things that have no type of their own: forms, queries, refusals.
//!
//! Settings come from their one table. Each kind of route has a list of the codes (`codes.rs`) that it can answer
//! with, put together of what such routes do; a test finds a code that is in no list. Next: `openapi.rs`, which puts the document together.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

use super::codes::*;
use crate::optimize::settings::{Setting, Values, table};
use crate::queue::Priority;

/// The fields beside the settings: name, meaning, example.
const OTHERS: [(&str, &str, &str); 3] = [
    ("name", "The file's name, where the form does not tell it.", "chair.glb"),
    ("priority", "Who goes first: high, normal or low. A step is worth ten minutes of waiting.", "normal"),
    ("webhook", "An address to tell when the job has ended.", "https://example.org/hook"),
];

/// Settings and the rest, in the query.
pub(super) struct WishesQuery;

impl IntoParams for WishesQuery {
    fn into_params(_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let fields = fields().into_iter().map(|(name, schema, about)| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(about))
                .schema(Some(schema))
                .build()
        });
        fields.collect()
    }
}

/// Files with settings, as a form.
pub(super) struct UploadForm;

impl PartialSchema for UploadForm {
    fn schema() -> RefOr<Schema> {
        let files =
            ArrayBuilder::new().items(binary()).description(Some("The model; its files; or an archive."));
        let form = ObjectBuilder::new().property("file", files).required("file");
        let fields = fields().into_iter();
        fields.fold(form, |form, (name, schema, _)| form.property(name, schema)).into()
    }
}

impl ToSchema for UploadForm {}

/// The two models of a comparison.
pub(super) struct CompareForm;

impl PartialSchema for CompareForm {
    fn schema() -> RefOr<Schema> {
        let form = ObjectBuilder::new().property("before", binary()).required("before");
        let form = form.property("after", binary()).required("after");
        let bound = fields().into_iter().find(|(name, _, _)| *name == "max_error");
        bound.into_iter().fold(form, |form, (name, schema, _)| form.property(name, schema)).into()
    }
}

impl ToSchema for CompareForm {}

fn binary() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

fn fields() -> Vec<(&'static str, Schema, String)> {
    let settings = table().into_iter().map(|setting| (setting.name, schema_of(&setting), setting.about));
    let others = OTHERS.into_iter().map(|(name, about, example)| {
        let schema = match name {
            "priority" => text().enum_values(Some(Priority::ALL.map(Priority::name))),
            _ => text().examples([example]),
        };
        (name, schema.build().into(), about.to_owned())
    });
    settings.chain(others).collect()
}

fn schema_of(setting: &Setting) -> Schema {
    let schema = match &setting.values {
        Values::Choice { choices } => text().enum_values(Some(choices.iter().map(|choice| choice.value))),
        Values::Number { words, example, least, most, .. } => {
            let words: String = words.iter().map(|word| format!(" or {}", word.value)).collect();
            text().description(Some(format!("A number from {least} to {most}{words}."))).examples([*example])
        }
        Values::Size { example } => text().examples([*example]),
    };
    let default = setting.default.clone().map(serde_json::Value::from);
    schema.default(default).build().into()
}

/// A model, whole or in part, as `download::send` answers.
pub(super) struct ModelFile;

impl IntoResponses for ModelFile {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let answer = |text: &str| ResponseBuilder::new().description(text);
        let schema = || Some(RefOr::T(Schema::from(binary().build())));
        let model = |text: &str| {
            answer(text).content("model/gltf-binary", ContentBuilder::new().schema(schema()).build())
        };
        let etag = HeaderBuilder::new().schema(Some(text())).description(Some("The hash of its content."));
        let answers = [
            ("200", model("The file.").header("etag", etag.build())),
            ("206", model("A part of it.")),
            ("304", answer("It is the one that you have.")),
            ("416", answer("There is no such part.")),
        ];
        answers.map(|(status, answer)| (status.to_owned(), answer.build().into())).into()
    }
}

/// Lists of codes as the responses of a kind of route, by status.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $($codes:expr),+;)+) => {
        $(
            $(#[$doc])*
            pub(super) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    responses(&[$($codes),+].concat())
                }
            }
        )+

        /// Every code that some route documents.
        #[cfg(test)]
        fn all_documented() -> Vec<Code> {
            [$(&[$($codes),+].concat()[..]),+].concat()
        }
    };
}

fn responses(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut words: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for Code { status, word } in codes {
        words.entry(status.as_str().to_owned()).or_default().insert(word);
    }
    words.into_iter().map(|(status, words)| (status, problem(words))).collect()
}

fn problem(words: BTreeSet<&str>) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(RefOr::<Schema>::Ref(Ref::from_schema_name("Problem"))));
    let words: Vec<&str> = words.into_iter().collect();
    let description = format!("Refused: `{}`.", words.join("`, `"));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content.build())
        .into()
}

/// Whatever is asked for.
const ANYTHING: &[Code] = &[WORTHLESS_API_KEY, TOO_OFTEN, INTERNAL, STORAGE_FAILING];
/// What has to be written.
const WRITING: &[Code] = &[STORAGE_FULL];
const ONE_JOB: &[Code] = &[UNKNOWN_JOB, REDIS_AWAY];
const ITS_FILES: &[Code] = &[NOT_FINISHED, NO_RESULT, FILES_GONE, STORAGE_AWAY];
const ADMINS_ONLY: &[Code] = &[TOKEN_NEEDED, SCOPE_NEEDED];
/// Whether another job is taken from somebody.
const INTAKE: &[Code] = &[API_KEY_NEEDED, SCOPE_NEEDED, QUEUE_FULL, TOO_MANY_JOBS, QUOTA_USED_UP];
/// What is asked for beside the file, as `receive.rs` reads it.
const WISHES: &[Code] =
    &[BAD_QUERY, UNKNOWN_SETTING, BAD_IDEMPOTENCY_KEY, BAD_WEBHOOK, PRIVATE_WEBHOOK, WEBHOOKS_DISABLED];
/// Files on their way in.
const FILES: &[Code] = &[
    MISSING_FILE,
    TOO_MANY_FILES,
    VALUE_TOO_LONG,
    BROKEN_UPLOAD,
    TOO_SLOW,
    TOO_LARGE,
    TOO_MANY_OWN_UPLOADS,
    TOO_MANY_UPLOADS,
    UPLOADS_DISABLED,
    NO_ROOM,
    STORAGE_FULL,
];
/// What a child finds in files that are no jobs yet.
const LOOKING_INTO: &[Code] = &[
    NOT_A_GLB,
    INVALID_JSON,
    INVALID_GLTF,
    UNSUPPORTED,
    MISSING_RESOURCE,
    CRASHED,
    OUT_OF_MEMORY,
    TIMED_OUT,
    TOO_MANY_ASIDES,
];
const ARCHIVES: &[Code] = &[BAD_ARCHIVE, NO_MODEL];
const NEW_JOBS: &[Code] = &[IDEMPOTENCY_KEY_REUSED, STOPPING];
/// What a job may die of, for those who wait for it.
const ITS_END: &[Code] = &[
    JOB_FOUND_NO_GLB,
    JOB_FOUND_INVALID_JSON,
    JOB_FOUND_INVALID_GLTF,
    JOB_FOUND_UNSUPPORTED,
    JOB_FOUND_TOO_MUCH,
    JOB_FOUND_MISSING_RESOURCE,
    JOB_FAILED,
    LOST,
    NO_RESULT,
    FILES_GONE,
    STORAGE_AWAY,
];

problems! {
    /// Of everything that asks for a job.
    JobProblems = ANYTHING, ONE_JOB;
    /// Of everything that asks for a job's files.
    FileProblems = ANYTHING, ONE_JOB, ITS_FILES;
    /// Of asking for its pictures.
    PictureProblems = ANYTHING, ONE_JOB, ITS_FILES, &[NO_PICTURES];
    /// Of asking for one of its levels of detail.
    LevelProblems = ANYTHING, ONE_JOB, ITS_FILES, &[NO_LEVEL];
    /// Of everything that changes a job.
    ChangeProblems = ANYTHING, ONE_JOB, WRITING, &[NOT_ALLOWED, FILES_GONE, OWNER_AWAY];
    /// Of queueing a job again, which is one more.
    RetryProblems = ANYTHING, ONE_JOB, WRITING, INTAKE, &[NOT_ALLOWED, FILES_GONE, OWNER_AWAY];
    /// Of everything that makes jobs of files.
    SubmitProblems = ANYTHING, INTAKE, WISHES, FILES, LOOKING_INTO, ARCHIVES, NEW_JOBS;
    /// Of a job on another one's upload.
    RerunProblems = ANYTHING, ONE_JOB, ITS_FILES, INTAKE, WISHES, NEW_JOBS, &[NO_ROOM, STORAGE_FULL];
    /// Of optimizing at once: what the job died of too.
    OptimizeProblems = ANYTHING, INTAKE, WISHES, FILES, LOOKING_INTO, ARCHIVES, NEW_JOBS, ITS_END;
    /// Of comparing.
    CompareProblems = ANYTHING, INTAKE, FILES, LOOKING_INTO, &[BAD_QUERY, UNKNOWN_SETTING, BAD_IDEMPOTENCY_KEY];
    /// Of asking for a batch.
    BatchProblems = ANYTHING, &[UNKNOWN_BATCH];
    /// Of asking for its results.
    BatchFileProblems = ANYTHING, ITS_FILES, &[UNKNOWN_BATCH, TOO_MANY_ARCHIVES];
    /// Of making and revoking API keys.
    KeyProblems = ANYTHING, ADMINS_ONLY, WRITING, &[BAD_KEY, UNKNOWN_API_KEY];
    /// Of what only administrators may do.
    AdminProblems = ANYTHING, ADMINS_ONLY, WRITING, &[BAD_QUERY];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::codes::{ALL, NOTHING_HERE, OTHER_METHOD, OTHER_SITE};

    #[test]
    fn every_code_is_documented_somewhere() {
        let documented = all_documented();
        // The first two are about addresses that are no routes, the third about the page for logging in, which is for people.
        let elsewhere = [NOTHING_HERE, OTHER_METHOD, OTHER_SITE];
        for code in ALL {
            assert!(documented.contains(code) || elsewhere.contains(code), "{code:?}");
        }
    }
}
