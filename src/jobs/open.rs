//! Opening the data folder, or doing without one.
//!
//! The embedded tier keeps everything in one folder. Where none can be used, the sync tier does the same work with
//! the queue in memory and the files in a temporary folder, and an upload waits for its own result: nothing is
//! accepted that could be lost. What is in a folder that cannot be used stays untouched.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

use super::intake::Clients;
use super::unpack::Asides;
use super::wait::Pace;
use super::{Jobs, Limits, OpenError, now_ms};
use crate::blobs::Blobs;
use crate::events::Events;
use crate::queue::{self, Queue};
use crate::sandbox::{Folder, Sandbox};

/// A folder in memory that Linux always has, for the case that not even the temporary one can be written.
const MEMORY_FOLDER: &str = "/dev/shm";

/// Where accepted jobs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tier {
    /// In the data folder.
    Embedded,
    /// Nowhere: whoever uploads waits for the result.
    Sync {
        /// Why there is no data folder.
        reason: String,
    },
}

impl Tier {
    /// The word for it in `/health`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Sync { .. } => "sync",
        }
    }
}

impl Jobs {
    /// Opens or creates the data folder, locks it, and takes back what a killed process was working on.
    ///
    /// # Errors
    /// The folder cannot be used, another process uses it, or a newer version wrote it.
    pub fn open(data_dir: &Path, limits: Limits) -> Result<Self, OpenError> {
        let folder_error = |source| OpenError::Folder { path: data_dir.into(), source };
        // What others upload is for nobody else on this machine. A folder that is there keeps the rights that it has.
        let created = DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
        created.map_err(folder_error)?;
        // First, because it takes the lock: only then are left-over files known to be nobody's.
        let queue = Queue::open(&data_dir.join(queue::FILE))?;
        for job in queue.reclaim(now_ms())? {
            tracing::info!(job = %job.id, state = %job.state, "took back a job whose worker was killed");
        }
        Self::with_files(queue, data_dir, limits).map_err(folder_error)
    }

    /// Does without a data folder, because of `reason`: the queue in memory, files in a folder of its own below
    /// `temp_dir` or in memory, which goes with the returned value.
    ///
    /// # Errors
    /// No such folder can be written either.
    pub fn open_temporary(temp_dir: &Path, limits: Limits, reason: String) -> Result<Self, OpenError> {
        let folder = temporary_folder(temp_dir).map_err(|source| {
            let (path, reason) = (temp_dir.into(), reason.clone());
            OpenError::NoFolder { reason, path, source }
        })?;
        let folder_error = |source| OpenError::Folder { path: folder.path().into(), source };
        let jobs = Self::with_files(Queue::in_memory()?, folder.path(), limits).map_err(folder_error)?;
        Ok(Self { tier: Tier::Sync { reason }, _temporary: Some(folder), ..jobs })
    }

    fn with_files(queue: Queue, folder: &Path, limits: Limits) -> io::Result<Self> {
        let work_folder = folder.join("work");
        empty_folder(&work_folder)?;
        Ok(Self {
            queue: Arc::new(queue),
            blobs: Blobs::open(folder.join("blobs"))?,
            events: Events::default(),
            sandbox: Sandbox::new(limits.task),
            work_folder,
            limits,
            work_waiting: Notify::new(),
            sweep_wanted: Notify::new(),
            webhook_waiting: Notify::new(),
            asides: Asides::of(limits.workers),
            slots: Arc::new(Semaphore::new(limits.workers.min(Semaphore::MAX_PERMITS))),
            pace: Pace::default(),
            workers: super::slots::Workers::default(),
            shared: None,
            elsewhere: OnceLock::new(),
            clients: Clients::default(),
            tier: Tier::Embedded,
            _temporary: None,
        })
    }

    /// Where accepted jobs are kept.
    #[must_use]
    pub fn tier(&self) -> &Tier {
        &self.tier
    }
}

/// A new folder that can be written.
fn temporary_folder(temp_dir: &Path) -> io::Result<Folder> {
    let name = format!("glb-optimizer-{}", Uuid::new_v4().simple());
    let create = |parent: &Path| {
        let folder = Folder::create(parent.join(&name))?;
        std::fs::write(folder.path().join("probe"), b"probe").map(|()| folder)
    };
    // What the usual folder says is what helps; the other one is only a chance.
    create(temp_dir).or_else(|error| create(Path::new(MEMORY_FOLDER)).map_err(|_| error))
}

fn empty_folder(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(path),
    }
}
