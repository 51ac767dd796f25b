//! Why something asked of [`super::Jobs`] was not done. What it means in HTTP is decided in `http/error.rs`.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::ids::{BatchId, JobId};
use crate::queue::{self, State};
use crate::sandbox;

/// A refused or failed call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The upload is not a binary glTF 2.0 file.
    #[error("This is not a usable .glb file: {0}.")]
    NotAGlb(String),
    /// The upload is over the limit.
    #[error("The file is larger than this server accepts ({} MB, set by MAX_FILE_SIZE_MB).", .max_bytes >> 20)]
    TooLarge {
        /// The limit in bytes.
        max_bytes: u64,
    },
    /// This server takes no uploads.
    #[error("This server accepts no uploads, because MAX_FILE_SIZE_MB is 0. Its operator can change that.")]
    UploadsDisabled,
    /// Enough jobs wait already.
    #[error(
        "The server has enough to do: {limit} jobs are waiting, which is its limit (MAX_QUEUED_JOBS). Try again in a minute."
    )]
    QueueFull {
        /// The limit.
        limit: u64,
    },
    /// The sender has enough unfinished jobs already.
    #[error(
        "You have {limit} unfinished jobs on this server, which is its limit for one client (MAX_JOBS_PER_CLIENT). Try again when some have ended."
    )]
    TooManyJobs {
        /// The limit.
        limit: usize,
    },
    /// A child that looked into files before they were jobs did not end well.
    #[error(transparent)]
    Files(#[from] sandbox::Error),
    /// Enough files are looked into already.
    #[error(
        "The server is unpacking or comparing as many files as it can, and enough wait for that. Try again in some seconds."
    )]
    TooManyAsides,
    /// There is no such batch, or all its jobs were forgotten.
    #[error("There is no batch {0}. Check the id, or upload the files again.")]
    UnknownBatch(BatchId),
    /// There is nothing to compare.
    #[error("the result is the original file, or shows nothing, so there are no pictures of a difference")]
    NoPictures,
    /// There is no such level of detail.
    #[error(
        "There is no level {level}: this result has {count} beside the finest. GET /api/v1/jobs/ID/lods lists them; the setting `lods` asks for some."
    )]
    NoLevel {
        /// What was asked for.
        level: usize,
        /// How many there are.
        count: usize,
    },
    /// There is no result, and there may be one later or never.
    #[error("The job has no result: it is {state}.{}", .reason.as_ref().map(|reason| format!(" {reason}")).unwrap_or_default())]
    NoResult {
        /// The job's state.
        state: State,
        /// Why, if it failed.
        reason: Option<String>,
    },
    /// The job has ended, and its files were deleted since.
    #[error(
        "The files of job {id} were deleted{}. Upload the file again.",
        .retention.map(|time| format!(": this server keeps them for {} after the job has ended, or less when it needs the room (FILE_RETENTION_HOURS, DISK_QUOTA_MB)", humantime::format_duration(time))).unwrap_or_default()
    )]
    FilesGone {
        /// The job.
        id: JobId,
        /// How long files are kept, if that is limited.
        retention: Option<Duration>,
    },
    /// All files together would take more than they may, and only live jobs are left.
    #[error(
        "The server has no room for this file: all files may take {} MB (DISK_QUOTA_MB), and jobs that are still to run need them. Try again when some have ended.",
        .quota_bytes >> 20
    )]
    NoRoom {
        /// The limit in bytes.
        quota_bytes: u64,
    },
    /// Only the node that accepted the job may change it, and that one does not answer.
    #[error(
        "Job {id} belongs to another node of the fleet, which does not answer just now. It can be asked for, but not be {wanted}: start that node again, or try again later."
    )]
    OwnerAway {
        /// The job.
        id: JobId,
        /// What was to be done.
        wanted: &'static str,
    },
    /// The job may be another node's, and Redis cannot be asked.
    #[error(
        "Job {id} is not one of this node. It may be another node's, but Redis, which knows those, does not answer just now. Try again later."
    )]
    RedisAway {
        /// The job.
        id: JobId,
    },
    /// The file is on the shared storage, which fails.
    #[error(
        "The file is on the storage that the nodes share, and that cannot be read just now. Try again later."
    )]
    StorageAway(#[source] io::Error),
    /// The queue refused or failed.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// A file could not be read or written.
    #[error("the data folder cannot be read or written: {0}")]
    Storage(#[from] io::Error),
    /// A part of this program stopped unexpectedly.
    #[error("internal error: {0} (please report it)")]
    Internal(#[from] tokio::task::JoinError),
}

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be created or written.
    #[error("the data folder {} cannot be used: {source}; choose another with --data-dir", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Neither the data folder nor a temporary one can be written.
    #[error(
        "{reason}; and files cannot be kept in {} for the time of a job either: {source}. Give this program a folder that it can write to, with --data-dir", .path.display()
    )]
    NoFolder {
        /// Why there is no data folder.
        reason: String,
        /// The folder for temporary files.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The queue in it cannot be opened.
    #[error(transparent)]
    Queue(#[from] queue::Error),
}

impl OpenError {
    /// Whether work is possible without the data folder. It is not when the folder is in order and somebody
    /// else's: another process uses it, or a newer version wrote it.
    #[must_use]
    pub fn is_of_the_folder(&self) -> bool {
        match self {
            Self::Folder { .. } => true,
            Self::NoFolder { .. } => false,
            Self::Queue(queue::Error::InUse { .. } | queue::Error::NewerFormat { .. }) => false,
            Self::Queue(_) => true,
        }
    }
}
