//! Every code that a refusal can have, with its status. Refusals (`error.rs`) and what is documented of a route
//! (`documented.rs`) are both made of these, so neither can name what the other does not know.
//!
//! A code is a promise to programs: it changes only with a version. The same word may come with two statuses.

use axum::http::StatusCode;

/// A stable word, and the status that it comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) status: StatusCode,
    pub(super) word: &'static str,
}

macro_rules! codes {
    ($($status:ident { $($name:ident $word:literal)+ })+) => {
        $($(pub(super) const $name: Code = Code { status: StatusCode::$status, word: $word };)+)+

        /// All of them, for the test that none is forgotten.
        #[cfg(test)]
        pub(super) const ALL: &[Code] = &[$($($name),+),+];
    };
}

codes! {
    BAD_REQUEST {
        BAD_ARCHIVE "bad_archive"
        BAD_IDEMPOTENCY_KEY "bad_idempotency_key"
        BAD_KEY "bad_key"
        BAD_QUERY "bad_query"
        BAD_WEBHOOK "bad_webhook"
        BROKEN_UPLOAD "broken_upload"
        INVALID_GLTF "invalid_gltf"
        INVALID_JSON "invalid_json"
        MISSING_FILE "missing_file"
        MISSING_RESOURCE "missing_resource"
        NOT_A_GLB "not_a_glb"
        NO_MODEL "no_model"
        PRIVATE_WEBHOOK "private_webhook"
        TOO_MANY_FILES "too_many_files"
        UNKNOWN_SETTING "unknown_setting"
        UNSUPPORTED "unsupported"
        VALUE_TOO_LONG "value_too_long"
        WEBHOOKS_DISABLED "webhooks_disabled"
    }
    UNAUTHORIZED {
        API_KEY_NEEDED "api_key_needed"
        TOKEN_NEEDED "token_needed"
        WORTHLESS_API_KEY "unknown_api_key"
    }
    FORBIDDEN {
        OTHER_SITE "other_site"
        SCOPE_NEEDED "scope_needed"
    }
    NOT_FOUND {
        NOTHING_HERE "not_found"
        NO_LEVEL "no_level"
        NO_PICTURES "no_pictures"
        UNKNOWN_API_KEY "unknown_api_key"
        UNKNOWN_BATCH "unknown_batch"
        UNKNOWN_JOB "unknown_job"
    }
    METHOD_NOT_ALLOWED {
        OTHER_METHOD "method_not_allowed"
    }
    REQUEST_TIMEOUT {
        TOO_SLOW "too_slow"
    }
    CONFLICT {
        NOT_ALLOWED "not_allowed"
        NOT_FINISHED "not_finished"
        NO_RESULT "no_result"
    }
    GONE {
        FILES_GONE "files_gone"
    }
    PAYLOAD_TOO_LARGE {
        TOO_LARGE "too_large"
    }
    UNPROCESSABLE_ENTITY {
        CRASHED "crashed"
        IDEMPOTENCY_KEY_REUSED "idempotency_key_reused"
        JOB_FAILED "internal"
        JOB_FOUND_INVALID_GLTF "invalid_gltf"
        JOB_FOUND_INVALID_JSON "invalid_json"
        JOB_FOUND_MISSING_RESOURCE "missing_resource"
        JOB_FOUND_NO_GLB "not_a_glb"
        JOB_FOUND_TOO_MUCH "too_large"
        JOB_FOUND_UNSUPPORTED "unsupported"
        LOST "lost"
        OUT_OF_MEMORY "out_of_memory"
        TIMED_OUT "timed_out"
    }
    TOO_MANY_REQUESTS {
        QUOTA_USED_UP "quota_used_up"
        TOO_MANY_JOBS "too_many_jobs"
        TOO_MANY_OWN_UPLOADS "too_many_own_uploads"
        TOO_OFTEN "too_often"
    }
    INTERNAL_SERVER_ERROR {
        INTERNAL "internal"
    }
    SERVICE_UNAVAILABLE {
        OWNER_AWAY "owner_away"
        QUEUE_FULL "queue_full"
        REDIS_AWAY "redis_away"
        STOPPING "stopping"
        STORAGE_AWAY "storage_away"
        STORAGE_FAILING "storage_failing"
        TOO_MANY_ARCHIVES "too_many_archives"
        TOO_MANY_ASIDES "too_many_asides"
        TOO_MANY_UPLOADS "too_many_uploads"
        UPLOADS_DISABLED "uploads_disabled"
    }
    INSUFFICIENT_STORAGE {
        NO_ROOM "no_room"
        STORAGE_FULL "storage_full"
    }
}
