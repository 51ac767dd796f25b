//! Reading a backup: checking it, and making a data folder of it.
//!
//! An archive may come from anywhere, so nothing in it is believed: names only choose among the parts that are
//! known, each blob must have the hash that it is named by, and without its end the archive counts as cut off. The
//! queue is written last and in one transaction: a folder without one was not restored, and is of no harm.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tar::{Archive, Entry};

use super::backup::{BLOBS, CONTENTS, Contents, END, FORMAT, QUEUE};
use crate::blobs::Blobs;
use crate::queue::{self, Queue, Snapshot};

const CHUNK_BYTES: usize = 256 << 10;

/// Why an archive was not restored.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is something else, or damaged.
    #[error("this is no usable backup: {0}")]
    Unusable(String),
    /// A later version made it.
    #[error("this backup was made by a newer glb-optimizer ({version}); use that version to restore it")]
    Newer {
        /// That version.
        version: String,
    },
    /// The folder to restore into holds something already.
    #[error("{} is not empty; restore into a new folder, and then use that one with --data-dir", .0.display())]
    NotEmpty(PathBuf),
    /// A file cannot be read or written.
    #[error("the backup cannot be read, or the data folder cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The queue cannot be written.
    #[error(transparent)]
    Queue(#[from] queue::Error),
}

/// Reads an archive to its end and checks every hash, without writing anything.
///
/// # Errors
/// See [`ArchiveError`].
pub async fn check(archive: impl Read) -> Result<Contents, ArchiveError> {
    read(archive, None).await.map(|(contents, _)| contents)
}

/// Makes the data folder `data_dir` out of an archive.
///
/// # Errors
/// See [`ArchiveError`]. Blobs may have been written by then, but no queue.
pub async fn restore(archive: impl Read, data_dir: &Path) -> Result<Contents, ArchiveError> {
    fs::create_dir_all(data_dir)?;
    if fs::read_dir(data_dir)?.next().is_some() {
        return Err(ArchiveError::NotEmpty(data_dir.into()));
    }
    let blobs = Blobs::open(data_dir.join("blobs"))?;
    let (contents, records) = read(archive, Some(&blobs)).await?;
    Queue::open(&data_dir.join(queue::FILE))?.fill(&records)?;
    Ok(contents)
}

async fn read(archive: impl Read, store: Option<&Blobs>) -> Result<(Contents, Snapshot), ArchiveError> {
    let mut archive = Archive::new(archive);
    let (mut contents, mut records, mut blobs, mut has_end) = (None, None, 0, false);
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?.to_string_lossy().into_owned();
        match name.as_str() {
            CONTENTS => contents = Some(known(&mut entry)?),
            QUEUE => records = Some(parsed::<Snapshot>(&mut entry)?),
            END => has_end = true,
            _ => {
                check_blob(&mut entry, &name, store).await?;
                blobs += 1;
            }
        }
    }
    let (Some(contents), Some(records), true) = (contents, records, has_end) else {
        return Err(ArchiveError::Unusable(
            "it has no end; it was cut off while it was made or copied".into(),
        ));
    };
    if (contents.jobs, contents.blobs) != (records.jobs.len(), blobs) {
        return Err(ArchiveError::Unusable("it does not hold as much as it says".into()));
    }
    Ok((contents, records))
}

fn known(entry: &mut Entry<'_, impl Read>) -> Result<Contents, ArchiveError> {
    let contents: Contents = parsed(entry)?;
    if contents.format > FORMAT {
        return Err(ArchiveError::Newer { version: contents.version });
    }
    Ok(contents)
}

fn parsed<T: serde::de::DeserializeOwned>(entry: &mut Entry<'_, impl Read>) -> Result<T, ArchiveError> {
    serde_json::from_reader(entry).map_err(damaged)
}

/// Compares a blob's content with its name, and stores it if there is a store.
async fn check_blob(
    entry: &mut Entry<'_, impl Read>,
    name: &str,
    store: Option<&Blobs>,
) -> Result<(), ArchiveError> {
    let expected = name.strip_prefix(BLOBS).unwrap_or_default().replace('/', "");
    let mut writer = match store {
        Some(blobs) => Some(blobs.writer().await?),
        None => None,
    };
    let (mut hasher, mut chunk) = (blake3::Hasher::new(), vec![0; CHUNK_BYTES]);
    loop {
        let count = entry.read(&mut chunk).map_err(damaged)?;
        if count == 0 {
            break;
        }
        hasher.update(&chunk[..count]);
        if let Some(writer) = &mut writer {
            writer.write(&chunk[..count]).await?;
        }
    }
    if hasher.finalize().to_hex().as_str() != expected {
        return Err(ArchiveError::Unusable(format!("{name} is not what its name says")));
    }
    if let (Some(blobs), Some(writer)) = (store, writer) {
        blobs.publish(writer, &blobs.keep().await).await?;
    }
    Ok(())
}

fn damaged(error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Unusable(error.to_string())
}
