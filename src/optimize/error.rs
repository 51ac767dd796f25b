//! Why a file was refused. One enum for the whole core: every variant says what is wrong and where.
//!
//! All of these are faults of the input (exit code 2, job `dead` at once). A fault of our own is a
//! [`Error::Internal`]: it fails the job without blaming the file.

/// A file that cannot be optimized.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The bytes are not a binary glTF 2.0 container.
    #[error("not a usable .glb file: {0}")]
    Container(String),
    /// The JSON chunk is not JSON, or not an object.
    #[error("the file's JSON cannot be read: {0}")]
    Json(String),
    /// The glTF data contradict the specification in a way that cannot be worked around.
    #[error("invalid glTF at {at}: {what}")]
    Invalid {
        /// JSON path of the fault, for example `/accessors/3/count`.
        at: String,
        /// What is wrong there and what would be right.
        what: String,
    },
    /// The file needs something that this version cannot do.
    #[error("{at} needs {what}, which this version cannot read")]
    Unsupported {
        /// JSON path of the fault.
        at: String,
        /// What is needed.
        what: String,
    },
    /// The file is over a limit of [`crate::optimize::document::Limits`].
    #[error("too large: {what} is {found}, the limit is {limit}")]
    Limit {
        /// What was counted, with its unit.
        what: String,
        /// The count found or declared.
        found: u64,
        /// The limit in force.
        limit: u64,
    },
    /// A file that the glTF refers to is missing or may not be read.
    #[error("{uri}: {what}")]
    Resource {
        /// The URI as written in the file, shortened.
        uri: String,
        /// Why it was not read.
        what: String,
    },
    /// A fault of this program, not of the file.
    #[error("internal error: {0} (please report it)")]
    Internal(String),
}

impl Error {
    /// Shorthand for [`Error::Invalid`].
    pub fn invalid(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Invalid { at: at.into(), what: what.into() }
    }

    /// A stable word for programs: REST and `--json` carry it beside the sentence.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Container(_) => "not_a_glb",
            Self::Json(_) => "invalid_json",
            Self::Invalid { .. } => "invalid_gltf",
            Self::Unsupported { .. } => "unsupported",
            Self::Limit { .. } => "too_large",
            Self::Resource { .. } => "missing_resource",
            Self::Internal(_) => "internal",
        }
    }

    /// Whether the input is at fault; trying again cannot help then.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Internal(_))
    }
}
