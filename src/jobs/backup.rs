//! A backup: one tar archive of all that a data folder means, made while the server runs.
//!
//! ```text
//! backup.json     format number, version of this program, how much follows
//! queue.json      every record at one moment, out of one read transaction: jobs, counts of days, API keys (as hashes)
//! blobs/ab/cd...  the blobs that these records refer to, by their hashes
//! end.json        empty: without it, the archive was cut off
//! ```
//!
//! The records are read while sweeps are held off, so every blob that they name is there until the archive is whole;
//! blobs never change. Jobs that run meanwhile are in it as running, and run again once restored. Reading such an
//! archive is in `restore.rs`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tar::{Builder, Header};

use super::{Error, Jobs, OpenError};
use crate::blobs::{Blobs, Hold};
use crate::ids::BlobId;
use crate::queue::{self, Job, Queue, Snapshot};

/// The newest layout that this version knows.
pub(super) const FORMAT: u32 = 2;
pub(super) const CONTENTS: &str = "backup.json";
pub(super) const QUEUE: &str = "queue.json";
pub(super) const BLOBS: &str = "blobs";
pub(super) const END: &str = "end.json";

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Number of the layout.
    pub format: u32,
    /// Version of the program that made it.
    pub version: String,
    /// How many jobs it holds.
    pub jobs: usize,
    /// How many blobs.
    pub blobs: usize,
}

/// A moment of the data folder, to be written as an archive. Old files stay on disk as long as it lives.
pub struct Backup {
    records: Snapshot,
    blobs: Blobs,
    _guard: Guard,
}

/// What keeps the files of a backup in place.
enum Guard {
    /// Sweeps of the server that makes it delete nothing.
    Hold { _hold: Hold },
    /// No server can use the folder.
    Lock { _queue: Queue },
}

impl Jobs {
    /// Takes the moment that a backup is of.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn begin_backup(&self) -> Result<Backup, Error> {
        let hold = self.blobs.hold().await;
        let records = self.on_queue(Queue::snapshot).await?;
        let guard = Guard::Hold { _hold: hold };
        Ok(Backup { records, blobs: self.blobs.clone(), _guard: guard })
    }
}

impl Backup {
    /// Opens a data folder that no server uses, for a backup of it.
    ///
    /// # Errors
    /// There is none, a server uses it, or it cannot be read.
    pub fn of_folder(data_dir: &Path) -> Result<Self, OpenError> {
        let folder_error = |source| OpenError::Folder { path: data_dir.into(), source };
        let file = data_dir.join(queue::FILE);
        // Opening it would make an empty one.
        std::fs::metadata(&file).map_err(folder_error)?;
        let queue = Queue::open(&file)?;
        let blobs = Blobs::open(data_dir.join("blobs")).map_err(folder_error)?;
        let records = queue.snapshot()?;
        Ok(Self { records, blobs, _guard: Guard::Lock { _queue: queue } })
    }

    /// Writes the archive. Blocks.
    ///
    /// # Errors
    /// It cannot be written, or a blob is missing or cannot be read: then the archive has no end.
    pub fn write_to(&self, out: impl Write) -> io::Result<Contents> {
        // In order, so that the same moment gives the same archive.
        let ids: BTreeSet<String> =
            self.records.jobs.iter().flat_map(Job::blobs).map(|id| id.to_string()).collect();
        let version = env!("CARGO_PKG_VERSION").into();
        let contents = Contents { format: FORMAT, version, jobs: self.records.jobs.len(), blobs: ids.len() };
        let mut archive = Builder::new(out);
        append(&mut archive, CONTENTS, &serde_json::to_vec(&contents)?)?;
        append(&mut archive, QUEUE, &serde_json::to_vec(&self.records)?)?;
        for id in ids {
            self.append_blob(&mut archive, &id)?;
        }
        append(&mut archive, END, b"{}")?;
        archive.into_inner()?.flush()?;
        Ok(contents)
    }

    fn append_blob(&self, archive: &mut Builder<impl Write>, id: &str) -> io::Result<()> {
        let path = self.blobs.path(BlobId::try_from(id.to_owned()).map_err(io::Error::other)?);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = File::open(&path).map_err(named)?;
        let bytes = file.metadata().map_err(named)?.len();
        let (folder, name) = id.split_at(2);
        archive.append_data(&mut header(bytes), format!("{BLOBS}/{folder}/{name}"), file).map_err(named)
    }
}

fn append(archive: &mut Builder<impl Write>, name: &str, content: &[u8]) -> io::Result<()> {
    archive.append_data(&mut header(content.len() as u64), name, content)
}

/// For its owner only: uploads and job ids are nobody else's business.
fn header(bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    header
}
