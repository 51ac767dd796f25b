//! Files that are not jobs yet: models out of archives and loose files, and two models to compare.
//!
//! Anybody's files are only looked into by a child. What it hands back is a stream of bytes and a list of sizes, and each
//! model goes through the same checks as one that was uploaded by itself.

use serde::de::DeserializeOwned;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{Error, Jobs, Sender, Upload};
use crate::blobs::open_plain;
use crate::optimize::MaxError;
use crate::sandbox::{Compare, Folder, Found, Named, Task, Unpack, Unpacked, asides};

/// What archives may unpack to, as a multiple of the largest upload.
const UNPACKED_FACTOR: u64 = 4;
/// The longest list or comparison that a child may hand back, in bytes.
const MOST_JSON_BYTES: u64 = 16 << 20;
const READ_BYTES: usize = 256 << 10;
/// Who may wait for those that are at work. Each takes a second or some, and its sender waits too.
pub const MOST_WAITING: usize = 16;

/// Children that work on files which are no jobs yet: few at once, and a few more that wait for them. Their memory is set
/// aside for them, so they never wait for a job.
pub(super) struct Asides {
    /// Those that are at work or wait.
    places: Semaphore,
    at_once: Semaphore,
}

impl Asides {
    pub(super) fn of(workers: usize) -> Self {
        let at_once = asides(workers);
        Self { places: Semaphore::new(at_once + MOST_WAITING), at_once: Semaphore::new(at_once) }
    }
}

/// A model with the name that its sender gave it, perhaps with folders.
#[derive(Debug)]
pub struct Model {
    /// The name.
    pub name: String,
    /// The file.
    pub upload: Upload,
}

impl Jobs {
    /// Begins to receive a file that may be a model, an archive of models, or by its `name` a part of one.
    ///
    /// # Errors
    /// As [`Jobs::begin_upload`].
    pub async fn begin_file(&self, name: &str, sender: &Sender) -> Result<Upload, Error> {
        Ok(self.begin_upload(sender).await?.or_part(name))
    }

    /// The models that the `files` of one submission hold, as .glb; at least one.
    ///
    /// # Errors
    /// [`Error::NotAGlb`], [`Error::TooManyAsides`], or [`Error::Files`] where an archive, a .gltf or what it refers to is
    /// refused: then all are.
    pub async fn models_of(&self, files: Vec<Model>, sender: &Sender) -> Result<Vec<Model>, Error> {
        files.iter().try_for_each(|file| file.upload.check_kind())?;
        if files.iter().all(|file| file.upload.is_glb()) {
            return Ok(files);
        }
        let folder = self.aside_folder()?;
        // Kept to the end of the child's work: they go with the values.
        let mut files = files;
        let mut named = Vec::with_capacity(files.len());
        for Model { name, upload } in &mut files {
            named.push(Named { name: name.clone(), path: upload.writer.close().await?.to_owned() });
        }
        let (models, list) = (folder.path().join("models"), folder.path().join("list.json"));
        let most_bytes = self.limits.max_file_bytes.saturating_mul(UNPACKED_FACTOR);
        let task = Unpack { files: named, models: models.clone(), list: list.clone(), most_bytes };
        self.run_aside(Task::Unpack(task)).await?;
        let Unpacked { models: found } = read_json(&list).await?;
        let mut source = open_plain(&models).await?;
        let mut models = Vec::with_capacity(found.len());
        for Found { name, bytes } in found {
            models.push(Model { upload: self.copy_model(&mut source, bytes, sender).await?, name });
        }
        Ok(models)
    }

    async fn copy_model(&self, source: &mut File, bytes: u64, sender: &Sender) -> Result<Upload, Error> {
        let mut upload = self.begin_upload(sender).await?;
        let mut source = source.take(bytes);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match source.read(&mut buffer).await? {
                0 => break,
                read => upload.write(&buffer[..read]).await?,
            }
        }
        upload.check_complete()?;
        upload.close().await?;
        Ok(upload)
    }

    /// How different two models look, as JSON.
    ///
    /// # Errors
    /// [`Error::NotAGlb`], [`Error::TooManyAsides`], [`Error::Files`], or a file cannot be written.
    pub async fn compare(
        &self,
        mut before: Upload,
        mut after: Upload,
        max_error: Option<MaxError>,
    ) -> Result<Vec<u8>, Error> {
        before.check_complete()?;
        after.check_complete()?;
        let folder = self.aside_folder()?;
        let comparison = folder.path().join("comparison.json");
        let task = Compare {
            before: before.writer.close().await?.to_owned(),
            after: after.writer.close().await?.to_owned(),
            max_error,
            comparison: comparison.clone(),
        };
        self.run_aside(Task::Compare(task)).await?;
        read_bytes(&comparison).await
    }

    fn aside_folder(&self) -> Result<Folder, Error> {
        Ok(Folder::create(self.work_folder.join(format!("aside-{}", Uuid::new_v4().simple())))?)
    }

    async fn run_aside(&self, task: Task) -> Result<(), Error> {
        let _place = self.asides.places.try_acquire().map_err(|_| Error::TooManyAsides)?;
        // Never closed, so there is always a permit to wait for.
        let _permit = self.asides.at_once.acquire().await;
        Ok(self.sandbox.run(task, |_, _| {}).await?)
    }
}

async fn read_json<T: DeserializeOwned>(path: &std::path::Path) -> Result<T, Error> {
    let bytes = read_bytes(path).await?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Storage(error.into()))
}

async fn read_bytes(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    open_plain(path).await?.take(MOST_JSON_BYTES).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
