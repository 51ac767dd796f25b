//! The watched folder: a model that is put there becomes a job, and its result is written beside it or elsewhere.
//!
//! Looks at the folder every second and asks nothing of the system: notifications do not come from network folders, and
//! a missed one would be a missed model. A file is taken when two looks in a row found it unchanged. Nothing needs to
//! be remembered over a restart: the result carries the time of its model, and a job that was accepted is found again by
//! its idempotency key. Folders inside are not looked into. Never touches a model, nor takes a result for one.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Watch;
use crate::jobs::{Error, Jobs, Sender, StoredFile, Submission};
use crate::queue::State;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What ends the name of a result.
const MARK: &str = "-optimized";
/// What a model that is one file is called.
const ENDINGS: [&str; 2] = ["glb", "vrm"];
/// File systems keep times as coarsely as this.
const COARSE: Duration = Duration::from_secs(2);
const CHUNK_BYTES: usize = 64 << 10;
/// How long a model waits that others left no room for.
const AGAIN: Duration = Duration::from_secs(30);
/// Twice as many models at once are jobs of this folder.
const MOST_AT_ONCE: usize = 1_000;

/// What tells that a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    bytes: u64,
    changed: SystemTime,
}

/// A file that has settled.
#[derive(Clone, Copy)]
struct Model<'a> {
    path: &'a Path,
    shape: Shape,
}

/// A file of the folder as the last look found it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    shape: Shape,
    is_taken: bool,
}

/// The folder, and what the last look found in it.
struct Folder {
    path: PathBuf,
    seen: HashMap<PathBuf, Seen>,
}

/// Watches until `stop`. A result that is being made then is made after the next start.
pub async fn run(watch: Watch, jobs: Arc<Jobs>, stop: CancellationToken) {
    tracing::info!(folder = %watch.folder.display(), "watching for models");
    let mut folder = Folder { path: watch.folder.clone(), seen: HashMap::new() };
    // Models that wait here are not in the queue: it is for others too.
    let at_once = Arc::new(Semaphore::new(2 * jobs.slot_count().min(MOST_AT_ONCE)));
    let (watch, tasks) = (Arc::new(watch), TaskTracker::new());
    let mut is_readable = true;
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        let looked = tokio::task::spawn_blocking(move || (folder.look(), folder));
        let Ok((settled, looked)) = looked.await else { return };
        folder = looked;
        if let (Err(error), true) = (&settled, is_readable) {
            tracing::error!(folder = %watch.folder.display(), %error, "the watched folder cannot be read");
        }
        is_readable = settled.is_ok();
        for (path, shape) in settled.unwrap_or_default() {
            let (watch, jobs, at_once) = (Arc::clone(&watch), Arc::clone(&jobs), Arc::clone(&at_once));
            tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
                let _turn = at_once.acquire().await;
                optimize(&watch, &jobs, Model { path: &path, shape }).await;
            }));
        }
    }
    tasks.close();
    tasks.wait().await;
}

impl Folder {
    /// The models that have settled since the last look, and have no result yet.
    fn look(&mut self) -> io::Result<Vec<(PathBuf, Shape)>> {
        let found = models(&self.path)?;
        self.seen.retain(|path, _| found.contains_key(path));
        let mut settled = Vec::new();
        for (path, shape) in found {
            let before = self.seen.insert(path.clone(), Seen { shape, is_taken: false });
            let Some(before) = before.filter(|before| before.shape == shape) else { continue };
            self.seen.insert(path.clone(), Seen { shape, is_taken: true });
            if !before.is_taken && shape.bytes > 0 {
                settled.push((path, shape));
            }
        }
        settled.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(settled)
    }
}

fn models(folder: &Path) -> io::Result<HashMap<PathBuf, Shape>> {
    let mut found = HashMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(shape) = Some(&path).filter(|path| is_model(path)).and_then(|path| Shape::of(path)) {
            found.insert(path, shape);
        }
    }
    Ok(found)
}

impl Shape {
    /// None for what is no file, or was taken away meanwhile.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Self { bytes: metadata.len(), changed: metadata.modified().ok()? })
    }
}

/// Hidden files are how programs write what is not whole yet.
fn is_model(path: &Path) -> bool {
    let text =
        |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).unwrap_or_default().to_owned();
    let (stem, ending) = (text(path.file_stem()), text(path.extension()).to_ascii_lowercase());
    ENDINGS.contains(&&*ending) && !stem.starts_with('.') && !stem.ends_with(MARK)
}

/// Whether the result of just this model is there.
fn is_made(output: &Path, model: Shape) -> bool {
    let made = fs::metadata(output).and_then(|metadata| metadata.modified());
    let apart =
        |made: SystemTime| made.duration_since(model.changed).unwrap_or_else(|earlier| earlier.duration());
    made.is_ok_and(|made| apart(made) <= COARSE)
}

impl Watch {
    /// Where the result of a model goes.
    fn result_of(&self, model: &Path) -> PathBuf {
        let (stem, ending) = (model.file_stem().unwrap_or_default(), model.extension().unwrap_or_default());
        let name =
            format!("{}{MARK}.{}", stem.to_string_lossy(), ending.to_string_lossy().to_ascii_lowercase());
        self.output.as_ref().unwrap_or(&self.folder).join(name)
    }
}

/// Makes the result of one model, or says why there is none.
async fn optimize(watch: &Watch, jobs: &Jobs, model: Model<'_>) {
    let (shown, output) = (model.path.display(), watch.result_of(model.path));
    if is_made(&output, model.shape) {
        return;
    }
    let file = loop {
        match result(watch, jobs, model).await {
            Ok(file) => break file,
            Err(error) if is_final(&error) || Shape::of(model.path) != Some(model.shape) => {
                return tracing::warn!(model = %shown, %error, "a model of the watched folder was refused");
            }
            // Others have filled the queue or the disk, or the disk is in trouble.
            Err(error) => {
                tracing::warn!(model = %shown, %error, "a model of the watched folder has to wait");
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    // One that has changed meanwhile is taken again. Why there is no result is in the log already.
    let Some(file) = file.filter(|_| Shape::of(model.path) == Some(model.shape)) else { return };
    match publish(file, output.clone(), model.shape).await {
        Ok(()) => tracing::info!(model = %shown, output = %output.display(), "wrote a result"),
        Err(error) => {
            tracing::error!(model = %shown, output = %output.display(), %error, "a result cannot be written");
        }
    }
}

/// Whether the same model would be refused again.
fn is_final(error: &Error) -> bool {
    matches!(error, Error::NotAGlb(_) | Error::TooLarge { .. } | Error::UploadsDisabled)
}

/// The result of one model, once it is there; none if its job was given up or cancelled.
async fn result(watch: &Watch, jobs: &Jobs, model: Model<'_>) -> Result<Option<StoredFile>, Error> {
    match ended(watch, jobs, model, Some(key(watch, model))).await {
        // The job was done long ago, and its files were deleted since.
        Err(Error::FilesGone { .. }) => ended(watch, jobs, model, None).await,
        ended => ended,
    }
}

async fn ended(
    watch: &Watch,
    jobs: &Jobs,
    Model { path, .. }: Model<'_>,
    idempotency_key: Option<String>,
) -> Result<Option<StoredFile>, Error> {
    let sender = Sender::default();
    let mut upload = jobs.begin_upload(&sender).await?;
    let mut file = tokio::fs::File::open(path).await?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk).await? {
            0 => break,
            count => upload.write(&chunk[..count]).await?,
        }
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let settings = watch.settings;
    let submission = Submission { name, settings, idempotency_key, sender, ..Submission::default() };
    let job = jobs.submit(upload, submission).await?;
    let job = jobs.ended(job.id).await?.job;
    if job.state != State::Completed {
        let error = job.error.as_ref().map(|error| error.message.as_str());
        tracing::warn!(model = %path.display(), job = %job.id, error, "there is no result for a model");
        return Ok(None);
    }
    jobs.result(&job).await.map(Some)
}

/// The same for the same file and the same settings only.
fn key(watch: &Watch, Model { path, shape }: Model<'_>) -> String {
    let (bytes, changed) = (shape.bytes, shape.changed);
    let changed = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("watched {} {bytes} {changed} {:?}", path.display(), watch.settings)
}

/// Writes the result whole or not at all, with the time of its model.
async fn publish(file: StoredFile, output: PathBuf, model: Shape) -> io::Result<()> {
    let write = move || {
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let draft = output.with_file_name(format!(".{name}.part"));
        fs::create_dir_all(output.parent().unwrap_or(Path::new(".")))?;
        fs::copy(&file.path, &draft)?;
        let written = File::options().write(true).open(&draft)?;
        written.set_modified(model.changed)?;
        written.sync_all()?;
        fs::rename(&draft, &output)
    };
    tokio::task::spawn_blocking(write).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_taken_once_when_it_has_settled_and_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("a.glb");
        fs::write(&model, b"glTF").unwrap();
        let mut watched = Folder { path: folder.path().into(), seen: HashMap::new() };
        let mut taken = || watched.look().unwrap().len();
        assert_eq!((taken(), taken(), taken()), (0, 1, 0));
        fs::write(&model, b"glTF and more").unwrap();
        assert_eq!((taken(), taken(), taken()), (0, 1, 0));
        fs::remove_file(&model).unwrap();
        assert_eq!(taken(), 0);
        fs::write(&model, b"glTF and more").unwrap();
        assert_eq!((taken(), taken()), (0, 1));
    }

    #[test]
    fn results_parts_and_other_files_are_no_models() {
        for (name, is_one) in [
            ("a.glb", true),
            ("A.VRM", true),
            ("a-optimized.glb", false),
            (".a-optimized.glb.part", false),
            (".a.glb", false),
            ("a.gltf", false),
            ("glb", false),
        ] {
            assert_eq!(is_model(Path::new(name)), is_one, "{name}");
        }
    }

    #[test]
    fn a_result_is_known_by_the_time_of_its_model() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("a-optimized.glb");
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let model = Shape { bytes: 1, changed };
        assert!(!is_made(&output, model));
        File::create(&output).unwrap().set_modified(changed + Duration::from_secs(1)).unwrap();
        assert!(is_made(&output, model));
        assert!(!is_made(&output, Shape { changed: changed + Duration::from_secs(9), ..model }));
    }
}
