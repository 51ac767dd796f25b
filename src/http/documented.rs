//! What the API's documentation says of things that have no type of their own: forms, queries, refusals.
//!
//! Settings come from their one table. Each kind of route has a list of the problems that it can answer with; a new
//! code of `error.rs` belongs in here too. Next: `openapi.rs`, which puts the document together.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

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
        form.property("after", binary()).required("after").into()
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

/// A list of statuses with the codes that they come with, as the responses of a route.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident { $($status:literal: $($code:literal),+;)+ })+) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                [$(($status.to_string(), problem(&[$($code),+]))),+].into()
            }
        }
    )+};
}

fn problem(codes: &[&str]) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(RefOr::<Schema>::Ref(Ref::from_schema_name("Problem"))));
    let description = format!("Refused: `{}`.", codes.join("`, `"));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content.build())
        .into()
}

problems! {
    /// Of everything that asks for a job.
    JobProblems {
        404: "unknown_job";
        429: "too_often";
        500: "internal";
        503: "storage_failing";
    }
    /// Of everything that asks for a job's files.
    FileProblems {
        404: "unknown_job", "no_pictures";
        409: "not_finished", "no_result";
        410: "files_gone";
        429: "too_often";
        500: "internal";
        503: "storage_failing", "storage_away";
    }
    /// Of everything that changes a job.
    ChangeProblems {
        401: "token_needed", "unknown_api_key";
        403: "scope_needed", "other_site";
        404: "unknown_job";
        409: "not_allowed";
        410: "files_gone";
        429: "too_often";
        500: "internal";
        503: "storage_failing", "owner_away";
        507: "storage_full";
    }
    /// Of everything that makes jobs.
    SubmitProblems {
        400: "not_a_glb", "bad_archive", "no_model", "missing_resource", "invalid_gltf", "invalid_json", "unsupported",
            "missing_file", "too_many_files", "value_too_long", "broken_upload", "bad_query", "unknown_setting",
            "bad_idempotency_key", "bad_webhook", "private_webhook", "webhooks_disabled";
        401: "api_key_needed", "unknown_api_key";
        403: "scope_needed", "other_site";
        404: "unknown_job";
        408: "too_slow";
        410: "files_gone";
        413: "too_large";
        422: "idempotency_key_reused", "crashed", "out_of_memory", "timed_out";
        429: "too_often", "too_many_jobs", "too_many_own_uploads", "quota_used_up";
        500: "internal";
        503: "uploads_disabled", "queue_full", "too_many_uploads", "storage_failing", "stopping";
        507: "storage_full", "no_room";
    }
    /// Of optimizing at once: what the job died of too.
    OptimizeProblems {
        400: "not_a_glb", "bad_archive", "no_model", "missing_resource", "missing_file", "too_many_files",
            "value_too_long", "broken_upload", "bad_query", "unknown_setting", "bad_idempotency_key", "bad_webhook",
            "private_webhook", "webhooks_disabled";
        401: "api_key_needed", "unknown_api_key";
        403: "scope_needed", "other_site";
        408: "too_slow";
        409: "no_result";
        410: "files_gone";
        413: "too_large";
        422: "not_a_glb", "invalid_json", "invalid_gltf", "unsupported", "too_large", "missing_resource", "internal",
            "idempotency_key_reused", "crashed", "out_of_memory", "timed_out", "lost";
        429: "too_often", "too_many_jobs", "too_many_own_uploads", "quota_used_up";
        500: "internal";
        503: "uploads_disabled", "queue_full", "too_many_uploads", "storage_failing", "stopping";
        507: "storage_full", "no_room";
    }
    /// Of comparing.
    CompareProblems {
        400: "not_a_glb", "invalid_json", "invalid_gltf", "unsupported", "missing_resource", "missing_file",
            "too_many_files", "broken_upload", "bad_query", "unknown_setting", "bad_idempotency_key";
        401: "api_key_needed", "unknown_api_key";
        403: "scope_needed", "other_site";
        408: "too_slow";
        413: "too_large";
        422: "crashed", "out_of_memory", "timed_out";
        429: "too_often", "too_many_jobs", "too_many_own_uploads";
        500: "internal";
        503: "uploads_disabled", "queue_full", "too_many_uploads", "storage_failing";
        507: "storage_full", "no_room";
    }
    /// Of everything that asks for a batch.
    BatchProblems {
        404: "unknown_batch";
        409: "not_finished";
        410: "files_gone";
        429: "too_often";
        500: "internal";
        503: "storage_failing", "too_many_archives";
    }
    /// Of making and revoking API keys.
    KeyProblems {
        400: "bad_key";
        401: "token_needed", "unknown_api_key";
        403: "scope_needed", "other_site";
        404: "unknown_api_key";
        429: "too_often";
        500: "internal";
        503: "storage_failing";
        507: "storage_full";
    }
    /// Of what only administrators may do.
    AdminProblems {
        400: "bad_query";
        401: "token_needed", "unknown_api_key";
        403: "scope_needed", "other_site";
        429: "too_often";
        500: "internal";
        503: "storage_failing";
        507: "storage_full";
    }
}
