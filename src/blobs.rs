//! Bytes by content: a local folder in which every file is named by its BLAKE3 hash.
//!
//! ```text
//! blobs/ab/cdef...      a whole blob, never changed, readable by anyone who knows its id
//! blobs/incoming/...    files still being written; whatever is in here at start is left over
//! ```
//!
//! A blob appears whole or not at all: written aside, synced, renamed, and the folder synced. It goes when nobody
//! needs it any more: see `sweep.rs`, which also argues why none goes too early. Nothing here may know what the
//! bytes mean. Who decides what is worth keeping: [`crate::jobs`].

mod shared;
mod sweep;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use crate::ids::BlobId;
pub use shared::{Location, Shared};
use sweep::{Counted, Sweeping};
pub use sweep::{Hold, Keep, Pin, Swept};

const READ_BYTES: usize = 256 << 10;

/// A folder of blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
    sweeping: Arc<Sweeping>,
}

impl Blobs {
    /// Opens or creates the store in the folder `root`, and removes what an earlier process left unfinished.
    /// The caller makes sure that no other process uses the folder.
    ///
    /// # Errors
    /// The folder cannot be created or written.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        let blobs = Self { root, sweeping: Arc::default() };
        match std::fs::remove_dir_all(blobs.incoming()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(blobs.incoming())?,
        }
        Ok(blobs)
    }

    /// Where a blob is, or would be.
    #[must_use]
    pub fn path(&self, id: BlobId) -> PathBuf {
        let hex = id.to_string();
        let (folder, name) = hex.split_at(2);
        self.root.join(folder).join(name)
    }

    /// Begins a new blob.
    ///
    /// # Errors
    /// No file can be created.
    pub async fn writer(&self) -> io::Result<BlobWriter> {
        let path = Incoming(self.incoming().join(Uuid::new_v4().simple().to_string()));
        let file = Some(File::create_new(&path.0).await?);
        Ok(BlobWriter { file, path, hasher: blake3::Hasher::new(), counted: Counted::new(self) })
    }

    /// Makes a written blob visible under its id. Storing the same content twice keeps one copy. It stays at least
    /// as long as `_keep`: by then something has to refer to it.
    ///
    /// # Errors
    /// It cannot be synced or renamed, for example because the disk is full; nothing is visible then.
    pub async fn publish(&self, mut writer: BlobWriter, _keep: &Keep) -> io::Result<BlobId> {
        writer.close().await?;
        File::open(&writer.path.0).await?.sync_all().await?;
        let id = writer.id();
        self.rename_into_place(&writer.path.0, id).await?;
        self.count_stored(writer.bytes());
        Ok(id)
    }

    /// Copies the file at `path` into the store. Returns its id and its size in bytes. Whoever wrote the file need
    /// not be trusted: neither a link nor anything else than a plain file is followed.
    ///
    /// # Errors
    /// It cannot be read, or the copy cannot be written.
    pub async fn copy_from(&self, path: &Path, keep: &Keep) -> io::Result<(BlobId, u64)> {
        let writer = self.copy(path).await?;
        let bytes = writer.bytes();
        Ok((self.publish(writer, keep).await?, bytes))
    }

    /// The same for a file that only passes through: the copy is no part of the store, and goes with the returned value.
    ///
    /// # Errors
    /// As [`Blobs::copy_from`].
    pub async fn copy_aside(&self, path: &Path) -> io::Result<Aside> {
        self.copy(path).await?.aside().await
    }

    async fn copy(&self, path: &Path) -> io::Result<BlobWriter> {
        let mut source = open_plain(path).await?;
        let mut writer = self.writer().await?;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = source.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            writer.write(&buffer[..read]).await?;
        }
        Ok(writer)
    }

    /// Whether a blob is here. If so, it stays as long as its pin.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn has(&self, pin: &Pin) -> io::Result<bool> {
        // A sweep that began before the pin is over once there is a keep.
        let _keep = self.keep().await;
        fs::try_exists(self.path(pin.id())).await
    }

    /// Reads a whole blob. For small ones, such as reports.
    ///
    /// # Errors
    /// It is missing or cannot be read.
    pub async fn read(&self, id: BlobId) -> io::Result<Vec<u8>> {
        fs::read(self.path(id)).await
    }

    /// Shows that the folder can be written, by writing.
    ///
    /// # Errors
    /// It cannot.
    pub async fn probe(&self) -> io::Result<()> {
        let mut writer = self.writer().await?;
        writer.write(b"probe").await?;
        writer.close().await.map(|_| ())
    }

    async fn rename_into_place(&self, from: &Path, id: BlobId) -> io::Result<()> {
        let target = self.path(id);
        let folder = target.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).await?;
        fs::rename(from, &target).await?;
        // A rename is durable only once the folder that holds the name is; and so is the folder itself.
        File::open(folder).await?.sync_all().await?;
        File::open(&self.root).await?.sync_all().await
    }

    fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }
}

/// Opens a file that is no link, no pipe and no device; opening a pipe would wait for ever.
pub(crate) async fn open_plain(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = flags.bits().cast_signed();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).await?;
    if file.metadata().await?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"))
    }
}

/// A blob that is being written. Dropped without [`Blobs::publish`], it leaves nothing behind.
#[derive(Debug)]
pub struct BlobWriter {
    /// None once it is closed.
    file: Option<File>,
    path: Incoming,
    hasher: blake3::Hasher,
    counted: Counted,
}

impl BlobWriter {
    /// Appends.
    ///
    /// # Errors
    /// It is closed, or the disk refuses.
    pub async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.hasher.update(chunk);
        self.counted.add(chunk.len() as u64);
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("a closed file was written to"))?;
        file.write_all(chunk).await
    }

    /// Ends the writing, and says where the file is until it is published. Many whole files may wait for each other, and
    /// none of them needs to be open.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn close(&mut self) -> io::Result<&Path> {
        if let Some(mut file) = self.file.take() {
            file.flush().await?;
        }
        Ok(&self.path.0)
    }

    /// How many bytes were written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.counted.bytes
    }

    /// What the bytes so far would be called.
    #[must_use]
    pub fn id(&self) -> BlobId {
        BlobId::from(self.hasher.finalize())
    }

    /// Ends here: the file stays outside of the store, unsynced, and goes with the returned value.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn aside(mut self) -> io::Result<Aside> {
        self.close().await?;
        let (id, bytes) = (self.id(), self.bytes());
        Ok(Aside { id, bytes, path: self.path, _counted: self.counted })
    }
}

/// A whole file that only passes through: what is done for another node is kept there, and need not outlast a crash here.
/// Each blob that is stored costs three syncs of the disk.
#[derive(Debug)]
pub struct Aside {
    id: BlobId,
    bytes: u64,
    path: Incoming,
    _counted: Counted,
}

impl Aside {
    /// The hash of its content.
    #[must_use]
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// Its size.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path.0
    }
}

/// The name of a file in `incoming`, which goes away with this value unless it was renamed.
#[derive(Debug)]
struct Incoming(PathBuf);

impl Drop for Incoming {
    fn drop(&mut self) {
        // After a rename there is nothing to remove; other failures are made good at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn store() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
        (folder, blobs)
    }

    fn incoming_count(blobs: &Blobs) -> usize {
        std::fs::read_dir(blobs.incoming()).unwrap().count()
    }

    #[tokio::test]
    async fn a_blob_is_found_by_its_hash_and_only_once_published() {
        let (_folder, blobs) = store();
        let mut writer = blobs.writer().await.unwrap();
        writer.write(b"hello ").await.unwrap();
        writer.write(b"world").await.unwrap();
        let expected = BlobId::from(blake3::hash(b"hello world"));
        assert!(!blobs.path(expected).exists());
        assert_eq!(blobs.publish(writer, &blobs.keep().await).await.unwrap(), expected);
        assert_eq!(blobs.read(expected).await.unwrap(), b"hello world");
        assert_eq!(incoming_count(&blobs), 0);
    }

    #[tokio::test]
    async fn an_unfinished_blob_leaves_nothing() {
        let (_folder, blobs) = store();
        let mut writer = blobs.writer().await.unwrap();
        writer.write(b"half").await.unwrap();
        assert_eq!(incoming_count(&blobs), 1);
        drop(writer);
        assert_eq!(incoming_count(&blobs), 0);
    }

    #[tokio::test]
    async fn the_same_content_is_stored_once() {
        let (folder, blobs) = store();
        let file = folder.path().join("file");
        std::fs::write(&file, b"same").unwrap();
        let keep = blobs.keep().await;
        let first = blobs.copy_from(&file, &keep).await.unwrap();
        assert_eq!(first, blobs.copy_from(&file, &keep).await.unwrap());
        assert_eq!(first, (BlobId::from(blake3::hash(b"same")), 4));
    }

    #[tokio::test]
    async fn a_link_is_not_followed_and_a_pipe_not_waited_for() {
        let (folder, blobs) = store();
        let (link, keep) = (folder.path().join("link"), blobs.keep().await);
        std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
        assert!(blobs.copy_from(&link, &keep).await.is_err());
        assert!(blobs.copy_from(folder.path(), &keep).await.is_err());
    }

    #[tokio::test]
    async fn what_a_killed_process_left_is_removed_at_start() {
        let (_folder, blobs) = store();
        std::fs::write(blobs.incoming().join("left-over"), b"half").unwrap();
        let blobs = Blobs::open(blobs.root.clone()).unwrap();
        assert_eq!(incoming_count(&blobs), 0);
    }
}
