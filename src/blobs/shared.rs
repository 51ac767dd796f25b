//! Blobs that several nodes share: a second place beside the local folder, in a mounted folder or in S3.
//!
//! ```text
//! blobs/ab/cdef...   a whole blob, as in the local folder
//! probe/...          written and deleted again, to show that it can be done
//! ```
//!
//! A child process works on local files only, so nothing is ever read from here directly: a blob is put here for
//! others, and fetched into the local folder. What comes back is believed only if its content has the hash that was
//! asked for. Which blobs go where: [`crate::jobs`].

use std::fmt;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

use super::{Aside, BlobWriter, Blobs, Pin};
use crate::ids::BlobId;

/// Retries of one request end after this time; the library's own 180 s would hold a job up for too long.
const RETRY_TIME: Duration = Duration::from_secs(10);
const MAX_RETRIES: usize = 3;
/// A server that accepts connections and says nothing is given up after this time without a byte.
const SILENCE: Duration = Duration::from_secs(20);
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Objects of this age are needed by no job that may still run, whatever went wrong: whoever needs one that is half as old
/// writes it again.
const LONGEST_USE: Duration = Duration::from_secs(24 * 3600);

/// Where files are shared, and how to get in. Never shows what is in its options.
#[derive(Clone, PartialEq)]
pub struct Location {
    url: Url,
    options: Vec<(String, String)>,
}

impl Location {
    /// A folder (`file:///folder`) or a part of a bucket (`s3://bucket/prefix`), with what S3 needs beside it under
    /// the names of the usual variables in lower case. None if the address is neither.
    #[must_use]
    pub fn new(url: &str, options: Vec<(String, String)>) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let is_usable = match url.scheme() {
            "file" => url.host_str().is_none_or(str::is_empty) && url.path().len() > 1,
            "s3" => url.host_str().is_some_and(|bucket| !bucket.is_empty()),
            _ => false,
        };
        is_usable.then_some(Self { url, options })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{}://{host}{}", self.url.scheme(), self.url.path())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The shared place.
#[derive(Debug)]
pub struct Shared {
    location: Location,
    /// Made at the first use: a folder may not be mounted yet when the program starts.
    store: OnceCell<Arc<dyn ObjectStore>>,
}

impl Shared {
    /// Looks at nothing yet.
    #[must_use]
    pub fn new(location: Location) -> Self {
        Self { location, store: OnceCell::new() }
    }

    /// Where it is, without secrets.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Puts a local blob here, unless it is here already.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub async fn put(&self, blobs: &Blobs, id: BlobId) -> io::Result<()> {
        self.put_file(&blobs.path(id), id).await
    }

    /// Puts a file that is no local blob here, unless it is here already.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub async fn put_aside(&self, file: &Aside) -> io::Result<()> {
        self.put_file(file.path(), file.id()).await
    }

    async fn put_file(&self, file: &FilePath, id: BlobId) -> io::Result<()> {
        let (store, path) = (self.store().await?, path_of(id));
        // One that is about to be swept is written again: that makes it new.
        if let Ok(found) = store.head(&path).await
            && found.last_modified.timestamp() > seconds_ago(LONGEST_USE / 2)
        {
            return Ok(());
        }
        let mut file = File::open(file).await?;
        let mut writer = BufWriter::new(store, path);
        tokio::io::copy(&mut file, &mut writer).await?;
        writer.shutdown().await
    }

    /// Fetches a blob into the local folder, unless it is there already. It stays at least as long as its pin.
    ///
    /// # Errors
    /// It is not here, cannot be read or stored, or is not what its name says.
    pub async fn fetch(&self, blobs: &Blobs, pin: &Pin) -> io::Result<()> {
        if blobs.has(pin).await? {
            return Ok(());
        }
        // No keep while the bytes come: uploads would wait behind a sweep that waits for it.
        let writer = self.receive(blobs, pin.id()).await?;
        blobs.publish(writer, &blobs.keep().await).await.map(|_| ())
    }

    /// Fetches a blob that this node needs only for a while.
    ///
    /// # Errors
    /// As [`Shared::fetch`].
    pub async fn fetch_aside(&self, blobs: &Blobs, id: BlobId) -> io::Result<Aside> {
        self.receive(blobs, id).await?.aside().await
    }

    async fn receive(&self, blobs: &Blobs, id: BlobId) -> io::Result<BlobWriter> {
        let mut chunks = self.store().await?.get(&path_of(id)).await.map_err(io_error)?.into_stream();
        let mut writer = blobs.writer().await?;
        while let Some(chunk) = chunks.next().await {
            writer.write(&chunk.map_err(io_error)?).await?;
        }
        if writer.id() == id {
            return Ok(writer);
        }
        let what = format!("{} holds other bytes than it should under {id}", self.location);
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }

    /// Shows that files can be shared, by writing one, reading it and deleting it.
    ///
    /// # Errors
    /// One of these fails.
    pub async fn probe(&self) -> io::Result<()> {
        let store = self.store().await?;
        let path = Path::from(format!("probe/{}", Uuid::new_v4().simple()));
        store.put(&path, "probe".into()).await.map_err(io_error)?;
        let read = store.get(&path).await.map_err(io_error)?.bytes().await.map_err(io_error)?;
        store.delete(&path).await.map_err(io_error)?;
        if read == "probe" { Ok(()) } else { Err(io::Error::other("what was written is not what is read")) }
    }

    /// Deletes what was put here longer ago than `age`, and than any job may take. Returns how many.
    ///
    /// # Errors
    /// It cannot be listed or deleted.
    pub async fn sweep(&self, age: Duration) -> io::Result<usize> {
        let store = self.store().await?;
        let until_s = seconds_ago(age.max(LONGEST_USE));
        let mut objects = store.list(None);
        let mut deleted = 0;
        while let Some(object) = objects.next().await {
            let object = object.map_err(io_error)?;
            if object.last_modified.timestamp() < until_s {
                store.delete(&object.location).await.map_err(io_error)?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    async fn store(&self) -> io::Result<Arc<dyn ObjectStore>> {
        let location = self.location.clone();
        // A folder may be mounted over a network that hangs.
        let open = async || tokio::task::spawn_blocking(move || open(&location)).await?;
        Ok(Arc::clone(self.store.get_or_try_init(open).await?))
    }
}

/// The time so long ago, in seconds since 1970.
fn seconds_ago(age: Duration) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(age).as_secs().cast_signed()
}

fn open(location: &Location) -> io::Result<Arc<dyn ObjectStore>> {
    if location.url.scheme() == "file" {
        let folder = location.url.to_file_path().map_err(|()| io::Error::other("it is no folder"))?;
        return open_folder(&folder);
    }
    let retry = RetryConfig { max_retries: MAX_RETRIES, retry_timeout: RETRY_TIME, ..RetryConfig::default() };
    // Without a limit for the whole: large files may take long, as long as bytes come.
    let client = ClientOptions::new()
        .with_connect_timeout(CONNECT_TIME)
        .with_read_timeout(SILENCE)
        .with_timeout_disabled()
        .with_allow_http(true);
    let bucket = location.url.host_str().unwrap_or_default();
    let mut builder =
        AmazonS3Builder::new().with_bucket_name(bucket).with_retry(retry).with_client_options(client);
    for (name, value) in &location.options {
        let key: AmazonS3ConfigKey = name.parse().map_err(io_error)?;
        builder = builder.with_config(key, value);
    }
    let store = builder.build().map_err(io_error)?;
    let prefix = Path::from(location.url.path().trim_matches('/'));
    Ok(Arc::new(PrefixStore::new(store, prefix)))
}

fn open_folder(folder: &FilePath) -> io::Result<Arc<dyn ObjectStore>> {
    std::fs::create_dir_all(folder)?;
    Ok(Arc::new(LocalFileSystem::new_with_prefix(folder).map_err(io_error)?))
}

fn path_of(id: BlobId) -> Path {
    let hex = id.to_string();
    let (folder, name) = hex.split_at(2);
    Path::from(format!("blobs/{folder}/{name}"))
}

fn io_error(error: object_store::Error) -> io::Error {
    let kind = match error {
        object_store::Error::NotFound { .. } => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;

    fn shared(folder: &FilePath) -> Shared {
        let url = Url::from_file_path(folder.join("shared")).unwrap();
        Shared::new(Location::new(url.as_str(), Vec::new()).unwrap())
    }

    #[tokio::test]
    async fn what_one_node_puts_another_fetches() {
        let ((folder, one), (_other_folder, other)) = (store(), store());
        let shared = shared(folder.path());
        shared.probe().await.unwrap();
        let mut writer = one.writer().await.unwrap();
        writer.write(b"a model").await.unwrap();
        let id = one.publish(writer, &one.keep().await).await.unwrap();
        shared.put(&one, id).await.unwrap();
        shared.put(&one, id).await.unwrap();
        shared.fetch(&other, &other.pin(id)).await.unwrap();
        assert_eq!(other.read(id).await.unwrap(), b"a model");
    }

    #[tokio::test]
    async fn bytes_with_another_hash_are_refused() {
        let (folder, blobs) = store();
        let shared = shared(folder.path());
        let id = BlobId::from(blake3::hash(b"right"));
        let missing = shared.fetch(&blobs, &blobs.pin(id)).await.unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        shared.store().await.unwrap().put(&path_of(id), "wrong".into()).await.unwrap();
        let wrong = shared.fetch(&blobs, &blobs.pin(id)).await.unwrap_err();
        assert_eq!(wrong.kind(), io::ErrorKind::InvalidData);
        assert!(!blobs.path(id).exists());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_named() {
        let (folder, _blobs) = store();
        std::fs::write(folder.path().join("shared"), b"in the way").unwrap();
        assert!(shared(folder.path()).probe().await.is_err());
    }
}
