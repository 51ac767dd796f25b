//! What the queue can refuse. The one place where the database's many error types become one.
//!
//! A refusal that a caller can act on has a variant of its own; everything else is `Storage`.

use std::io;
use std::path::{Path, PathBuf};

use redb::{DatabaseError, StorageError};

use super::{State, file};
use crate::ids::{Attempt, JobId, KeyId};

/// Why a call of the queue did nothing. On an error nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the queue file.
    #[error(
        "{} is in use by another glb-optimizer{}; stop that one, or choose another folder with --data-dir",
        .path.display(), .holder.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The queue file.
        path: PathBuf,
        /// The process that holds it, where the system tells.
        holder: Option<u32>,
    },
    /// A later version of this program wrote the queue file.
    #[error(
        "{} was written by a newer glb-optimizer (format {found}, this one knows {known}); use that version, or another folder with --data-dir", .path.display()
    )]
    NewerFormat {
        /// The queue file.
        path: PathBuf,
        /// The format number in the file.
        found: u64,
        /// The newest format number that this version can read.
        known: u64,
    },
    /// Nothing can be made of the queue file: the disk or somebody has damaged it.
    #[error(
        "{} is damaged: {reason}. It was left as it is. Bring back a backup with `glb-optimizer restore`, or move the whole data folder away to begin anew (without this file, uploads and results in the folder belong to nobody and are deleted)", .path.display()
    )]
    Damaged {
        /// The queue file.
        path: PathBuf,
        /// What the database says.
        reason: String,
    },
    /// The queue file was closed after a failure and is not open again yet.
    #[error("the queue file is being opened again after a failure; try again")]
    Closed,
    /// The idempotency key was used for something else before.
    #[error(
        "the idempotency key was used before, with another file or other settings; use a new key for a new job"
    )]
    KeyReused {
        /// The job that has the key.
        id: JobId,
    },
    /// There is no such API key.
    #[error("there is no API key {0}")]
    UnknownApiKey(KeyId),
    /// The API key has sent all that it may send today.
    #[error("API key {id} has used up its quota of {of} for today; it begins anew at midnight UTC")]
    QuotaUsedUp {
        /// The key.
        id: KeyId,
        /// What is used up: `files` or `bytes`.
        of: &'static str,
    },
    /// A stored API key cannot be read.
    #[error("the record of API key {id} is damaged: {source}")]
    ApiKeyRecord {
        /// The key.
        id: KeyId,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The counts of a day cannot be written.
    #[error("the counts of day {day} since 1970 cannot be written: {source}")]
    DayRecord {
        /// Days since 1970, UTC.
        day: u64,
        /// What is wrong with them.
        source: serde_json::Error,
    },
    /// There is no such job.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// The job cannot run again, because its files were let go.
    #[error("the files of job {0} were deleted, so it cannot run again; upload the file again")]
    FilesGone(JobId),
    /// The caller's claim is over: the lease ran out, or the job was cancelled, claimed again or purged.
    #[error("attempt {} no longer holds job {id}", .attempt.0)]
    LeaseLost {
        /// The job.
        id: JobId,
        /// The attempt that the caller holds.
        attempt: Attempt,
    },
    /// The job's state does not allow it.
    #[error("a {state} job cannot be {wanted}")]
    Refused {
        /// The state in which the job is.
        state: State,
        /// What was asked for, as a participle: `cancelled`.
        wanted: &'static str,
    },
    /// A stored job cannot be read.
    #[error(
        "the record of job {id} cannot be read: {source}. A newer glb-optimizer may have written it: that one can; until then no files are deleted"
    )]
    Record {
        /// The job.
        id: JobId,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The settings of a job have no text form.
    #[error("the settings of a job cannot be written down: {0}")]
    Recipe(serde_json::Error),
    /// The queue file could not be opened.
    #[error("the queue file {} cannot be opened: {source}", path.display())]
    Unopened {
        /// Where it is.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The queue file could not be read or written.
    #[error("the queue file cannot be read or written: {0}")]
    Storage(Box<redb::Error>),
}

impl Error {
    /// Why the file `path` could not be opened.
    pub(super) fn from_open(error: DatabaseError, path: &Path) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen => {
                Self::InUse { path: path.into(), holder: file::holder(path) }
            }
            DatabaseError::Storage(StorageError::Corrupted(reason)) => {
                Self::Damaged { path: path.into(), reason }
            }
            DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Self::Damaged { path: path.into(), reason: error.to_string() }
            }
            DatabaseError::Storage(StorageError::Io(source)) => Self::Unopened { path: path.into(), source },
            other => other.into(),
        }
    }

    /// Whether the file could not be read or written, so that its handle is of no more use.
    #[must_use]
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Unopened { .. } => true,
            Self::Storage(error) => matches!(**error, redb::Error::Io(_) | redb::Error::PreviousIo),
            _ => false,
        }
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let error = match self {
            Self::Unopened { source, .. } => source,
            Self::Storage(error) => match &**error {
                redb::Error::Io(error) => error,
                _ => return false,
            },
            _ => return false,
        };
        error.kind() == io::ErrorKind::StorageFull
    }
}

/// redb has an error type for each operation, all of which convert to `redb::Error`.
macro_rules! storage_errors {
    ($($error:ty),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Storage(Box::new(error.into()))
            }
        })*
    };
}

storage_errors!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::SetDurabilityError
);
