//! THE LIFE OF A JOB, top to bottom: submit (`submit.rs`), claim, run, finish, result.
//!
//! The only module that joins the queue, the blobs, the events and the sandbox. Two orders hold here and
//! nowhere else: a blob is stored before the queue refers to it, and a change is announced after it is
//! committed. Callers: `http` submits and reads, [`crate::worker`] claims, runs and finishes. How a data folder is
//! opened is in `open.rs`, what is done to all jobs in `upkeep.rs`, what other nodes
//! have to do with it in `share.rs` and `elsewhere.rs`.

mod backup;
mod batch;
mod elsewhere;
mod error;
mod intake;
mod keys;
mod open;
mod restore;
mod room;
mod share;
mod slots;
mod stages;
mod submit;
mod sweep;
mod unpack;
mod upkeep;
mod upload;
mod view;
mod wait;
mod webhook;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast};

pub use backup::{Backup, Contents};
pub use elsewhere::{Answer, Elsewhere, Wish};
pub use error::{Error, OpenError};
pub use intake::Intake;
pub use keys::{KEY_PREFIX, KeysOfFolder, MAX_KEY_DAYS, NewKey};
pub use open::Tier;
pub use restore::{ArchiveError, check, restore};
pub use slots::{Present, Slots};
pub use submit::Submission;
pub use unpack::{MOST_WAITING, Model};
pub use upload::Upload;
pub use view::{JobView, WebhookView};
pub use wait::Wait;

pub use crate::queue::Sender;

use crate::blobs::{Blobs, Keep, Pin, Shared};
use crate::events::{self, Event, Events, Progress};
use crate::ids::{BlobId, JobId};
use crate::meter;
use crate::optimize::LodCount;
use crate::queue::{self, Blame, Failure, Job, JobError, Lease, LevelFile, Output, Queue, State};
use crate::sandbox::{self, Confinement, Folder, Optimize, Sandbox, Task};
use intake::Clients;
use room::Room;
use stages::Stages;
use unpack::Asides;
use wait::Pace;

/// How long a claim lasts unless it is extended. Short, so that a crash costs seconds.
pub const LEASE: Duration = Duration::from_secs(15);

/// The longest that [`Jobs::wait_for_work`] waits. A safety net: a clock that jumps must not stop work.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What a job may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest upload in bytes; 0 refuses all.
    pub max_file_bytes: u64,
    /// What one attempt may take.
    pub task: sandbox::Limits,
    /// Jobs that run at once.
    pub workers: usize,
    /// How long the files of an ended job are kept; for ever, if nothing is said.
    pub retention: Option<Duration>,
    /// How much all files together may take, in bytes; as much as there is, if nothing is said.
    pub disk_quota_bytes: Option<u64>,
    /// How many jobs are accepted.
    pub intake: Intake,
}

/// All jobs of one data folder.
pub struct Jobs {
    queue: Arc<Queue>,
    blobs: Blobs,
    events: Events,
    sandbox: Sandbox,
    work_folder: PathBuf,
    limits: Limits,
    work_waiting: Notify,
    sweep_wanted: Notify,
    webhook_waiting: Notify,
    /// Children that work on files which are not jobs yet.
    asides: Asides,
    slots: Arc<Semaphore>,
    pace: Pace,
    /// Whether a worker is there.
    workers: slots::Workers,
    /// Where files are shared with other nodes, if anywhere.
    shared: Option<Shared>,
    /// The other nodes, once there are any to ask.
    elsewhere: OnceLock<Arc<dyn Elsewhere>>,
    clients: Clients,
    tier: Tier,
    /// The whole data folder when it is to go with this value.
    _temporary: Option<Folder>,
}

/// What came of a job, stored but not yet written into its record.
#[derive(Debug)]
pub struct Stored {
    output: Output,
    /// Keeps a sweep from taking the new blobs for left-overs.
    _keep: Keep,
}

/// What a child has made, where it has put it. Gone with this value.
struct Made {
    output: PathBuf,
    report: PathBuf,
    worst_view: PathBuf,
    levels: Vec<PathBuf>,
    _folder: Folder,
}

impl Made {
    /// Whether there is a difference to be shown.
    async fn has_pictures(&self) -> io::Result<bool> {
        Ok(tokio::fs::metadata(&self.worst_view).await?.len() > 0)
    }

    /// The levels of detail that there are: not every model has as many as were asked for.
    async fn levels(&self) -> io::Result<Vec<&Path>> {
        let mut found = Vec::new();
        for level in &self.levels {
            if tokio::fs::metadata(level).await?.len() > 0 {
                found.push(level.as_path());
            }
        }
        Ok(found)
    }
}

/// A job and how far it is.
#[derive(Debug, Clone)]
pub struct Status {
    /// The record.
    pub job: Job,
    /// While it runs: how far it is.
    pub progress: Option<Progress>,
    /// While it is queued: what is before it.
    pub wait: Option<Wait>,
}

/// A stored file, ready to be served.
#[derive(Debug, Clone)]
pub struct StoredFile {
    /// Its content.
    pub id: BlobId,
    /// Where it is.
    pub path: PathBuf,
    /// Keeps it there until it is opened.
    _pin: Arc<Pin>,
}

/// The right to run one job on this node; given back when it is dropped.
#[derive(Debug)]
pub struct Slot(#[expect(dead_code, reason = "what counts is that it lives")] OwnedSemaphorePermit);

// --- claim, run, finish: what a worker does ---------------------------------------------------------

impl Jobs {
    /// A place to run a job in, once there is one.
    pub async fn slot(&self) -> Slot {
        // Nobody closes the semaphore.
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        Slot(slot.unwrap_or_else(|_| unreachable!("slots are never closed")))
    }

    /// A place to run a job in, if there is one now.
    #[must_use]
    pub fn try_slot(&self) -> Option<Slot> {
        Arc::clone(&self.slots).try_acquire_owned().ok().map(Slot)
    }

    /// How many more jobs could run now.
    #[must_use]
    pub fn free_slots(&self) -> usize {
        self.slots.available_permits()
    }

    /// How many jobs may run at once.
    #[must_use]
    pub fn slot_count(&self) -> usize {
        self.limits.workers
    }

    /// Claims the job whose turn it is, if one is due.
    ///
    /// # Errors
    /// The queue cannot be read or written.
    pub async fn claim(&self) -> Result<Option<Job>, Error> {
        let job = self.on_queue(|queue| queue.claim(now_ms(), as_ms(LEASE))).await?;
        Ok(job.map(|job| self.announce(job)))
    }

    /// Returns when a job may be due. May return early; never misses one. For one waiter at a time.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn wait_for_work(&self) -> Result<(), Error> {
        let due_ms = self.on_queue(Queue::next_due_ms).await?;
        let wait = due_ms.map_or(LONGEST_WAIT, |due_ms| {
            Duration::from_millis(due_ms.saturating_sub(now_ms())).min(LONGEST_WAIT)
        });
        // Running out of time is as good as being woken.
        let _ = tokio::time::timeout(wait, self.work_waiting.notified()).await;
        Ok(())
    }

    /// Whether a claim would find a job now.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn has_work(&self) -> Result<bool, Error> {
        let due_ms = self.on_queue(Queue::next_due_ms).await?;
        Ok(due_ms.is_some_and(|due_ms| due_ms <= now_ms()))
    }

    /// Lets the holder keep its job for another [`LEASE`].
    ///
    /// # Errors
    /// [`queue::Error::LeaseLost`] when the job was cancelled or claimed by another, or the queue fails.
    pub async fn extend(&self, lease: Lease) -> Result<(), Error> {
        self.on_queue(move |queue| queue.extend(lease, now_ms(), as_ms(LEASE))).await
    }

    /// Optimizes a claimed job in a child process and stores what came of it. Dropping the future stops it.
    ///
    /// # Errors
    /// The failure to hand to [`Jobs::finish`].
    pub async fn run(&self, job: &Job) -> Result<Stored, Failure> {
        let made = self.make(job, self.blobs.path(job.input)).await?;
        // Copied, not moved: nothing that the child may still hold open becomes part of the store.
        let keep = self.blobs.keep().await;
        let (report, _) = self.blobs.copy_from(&made.report, &keep).await?;
        let (glb, glb_bytes) = self.blobs.copy_from(&made.output, &keep).await?;
        let worst_view = match made.has_pictures().await? {
            false => None,
            true => Some(self.blobs.copy_from(&made.worst_view, &keep).await?.0),
        };
        let mut levels = Vec::new();
        for file in made.levels().await? {
            let (glb, glb_bytes) = self.blobs.copy_from(file, &keep).await?;
            levels.push(LevelFile { glb, glb_bytes });
        }
        let version = env!("CARGO_PKG_VERSION").into();
        let output = Output { glb, glb_bytes, report, worst_view, levels, version };
        Ok(Stored { output, _keep: keep })
    }

    /// Has a child make the files of a job out of `input`.
    async fn make(&self, job: &Job, input: PathBuf) -> Result<Made, Failure> {
        let folder = self.work_folder.join(format!("{}-{}", job.id, job.attempt.0));
        let folder = Folder::create(folder)?;
        let file = |name| folder.path().join(name);
        let (output, report, worst_view) = (file("output.glb"), file("report.json"), file("worst-view.png"));
        let count = job.settings.lods.map_or(0, LodCount::get);
        let levels = (1..=count).map(|level| folder.path().join(format!("level-{level}.glb"))).collect();
        let made = Made { output, report, worst_view, levels, _folder: folder };
        let task = Optimize {
            input,
            output: made.output.clone(),
            report: made.report.clone(),
            worst_view: made.worst_view.clone(),
            levels: made.levels.clone(),
            settings: job.settings,
        };
        let mut stages = Stages::default();
        let on_progress = |stage: String, percent| {
            stages.enter(&stage);
            self.events.announce_progress(job.id, Progress { stage, percent });
        };
        self.sandbox.run(Task::Optimize(task), on_progress).await.inspect_err(|error| {
            if let Some(reason) = error.kill() {
                meter::child_killed(reason);
            }
        })?;
        Ok(made)
    }

    /// Writes down how an attempt ended.
    ///
    /// # Errors
    /// [`queue::Error::LeaseLost`], or the queue cannot be written: the lease then runs out by itself.
    pub async fn finish(&self, lease: Lease, outcome: Result<Stored, Failure>) -> Result<Job, Error> {
        if let Err(failure) = &outcome {
            meter::attempt_failed(failure.error.code.clone());
        }
        let job = self
            .on_queue(move |queue| match outcome {
                Ok(stored) => queue.ack(lease, stored.output.clone(), now_ms()),
                Err(failure) => queue.nack(lease, failure, now_ms()),
            })
            .await?;
        self.pace.learn(&job);
        count_completed(&job);
        Ok(self.announce(job))
    }

    /// Hands an unfinished job back, because this program stops. The attempt does not count.
    ///
    /// # Errors
    /// [`queue::Error::LeaseLost`], or the queue cannot be written.
    pub async fn release(&self, lease: Lease) -> Result<Job, Error> {
        let job = self.on_queue(move |queue| queue.release(lease, now_ms())).await?;
        Ok(self.announce(job))
    }

    /// Takes back the jobs whose lease ran out. Returns how many.
    ///
    /// # Errors
    /// The queue cannot be read or written.
    pub async fn reap(&self) -> Result<usize, Error> {
        let jobs = self.on_queue(|queue| queue.reap(now_ms())).await?;
        let count = jobs.len();
        for job in jobs {
            self.announce(job);
        }
        Ok(count)
    }
}

// --- result: what its owner sees and may ask for ------------------------------------------------------

impl Jobs {
    /// The job as it is now.
    ///
    /// # Errors
    /// [`queue::Error::UnknownJob`], [`Error::RedisAway`], or the queue cannot be read.
    pub async fn status(&self, id: JobId) -> Result<Status, Error> {
        let found = self.on_queue(move |queue| wait::look(queue, id)).await;
        let (job, before) = match found {
            Err(Error::Queue(queue::Error::UnknownJob(_))) => (self.job_elsewhere(id).await?, None),
            found => found?,
        };
        let progress = self.events.progress(id).filter(|_| job.state == State::Running);
        let wait = before.map(|before| self.wait_after(&before));
        Ok(Status { job, progress, wait })
    }

    /// Waits until the job is in a final state.
    ///
    /// # Errors
    /// [`queue::Error::UnknownJob`], or the queue cannot be read.
    pub async fn ended(&self, id: JobId) -> Result<Status, Error> {
        // Before the job is read, so that no change falls between.
        let mut changes = self.subscribe();
        loop {
            let status = self.status(id).await?;
            if status.job.state.is_final() {
                return Ok(status);
            }
            events::state_change(&mut changes, id).await;
        }
    }

    /// Every change of every job from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Stops a queued or running job.
    ///
    /// # Errors
    /// [`queue::Error::UnknownJob`], [`queue::Error::Refused`], or the queue cannot be written.
    pub async fn cancel(&self, id: JobId) -> Result<Job, Error> {
        let done = self.on_queue(move |queue| queue.cancel(id, now_ms())).await;
        self.or_elsewhere(id, done.map(|job| self.announce(job)), Wish::Cancel).await
    }

    /// Queues a dead or cancelled job again.
    ///
    /// # Errors
    /// [`queue::Error::UnknownJob`], [`queue::Error::Refused`], or the queue cannot be written.
    pub async fn retry(&self, id: JobId) -> Result<Job, Error> {
        let done = self.on_queue(move |queue| queue.retry(id, now_ms())).await;
        self.or_elsewhere(id, done.map(|job| self.announce(job)), Wish::Retry).await
    }

    /// The uploaded file.
    ///
    /// # Errors
    /// [`Error::FilesGone`], or it is on another node and cannot be fetched.
    pub async fn original(&self, job: &Job) -> Result<StoredFile, Error> {
        self.check_files(job)?;
        self.bring(job, job.input).await
    }

    /// The optimized file.
    ///
    /// # Errors
    /// [`Error::NoResult`] unless the job is completed, [`Error::FilesGone`], or it cannot be fetched from another node.
    pub async fn result(&self, job: &Job) -> Result<StoredFile, Error> {
        self.check_files(job)?;
        self.bring(job, output_of(job)?.glb).await
    }

    /// The level of detail `level` as a file of its own; 1 is the one after the result.
    ///
    /// # Errors
    /// [`Error::NoResult`] unless the job is completed, [`Error::NoLevel`], [`Error::FilesGone`], or it cannot be fetched from
    /// another node.
    pub async fn level(&self, job: &Job, level: usize) -> Result<StoredFile, Error> {
        self.check_files(job)?;
        let levels = &output_of(job)?.levels;
        let found = level.checked_sub(1).and_then(|index| levels.get(index));
        self.bring(job, found.ok_or(Error::NoLevel { level, count: levels.len() })?.glb).await
    }

    /// The view in which the result looks most different, as PNG: before, after, difference.
    ///
    /// # Errors
    /// [`Error::NoResult`] unless the job is completed, [`Error::NoPictures`], [`Error::FilesGone`], or it cannot be read.
    pub async fn worst_view(&self, job: &Job) -> Result<Vec<u8>, Error> {
        self.check_files(job)?;
        let pictures = output_of(job)?.worst_view.ok_or(Error::NoPictures)?;
        Ok(tokio::fs::read(self.bring(job, pictures).await?.path).await?)
    }

    /// The report, as JSON.
    ///
    /// # Errors
    /// [`Error::NoResult`] unless the job is completed, [`Error::FilesGone`], or it cannot be read.
    pub async fn report(&self, job: &Job) -> Result<Vec<u8>, Error> {
        self.check_files(job)?;
        Ok(tokio::fs::read(self.bring(job, output_of(job)?.report).await?.path).await?)
    }

    /// How many jobs are in each state.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn counts(&self) -> Result<std::collections::BTreeMap<&'static str, u64>, Error> {
        self.on_queue(Queue::counts).await
    }

    /// How the children that work on files are confined on this machine.
    ///
    /// # Errors
    /// None can be started.
    pub async fn confinement(&self) -> Result<&Confinement, sandbox::Error> {
        self.sandbox.confinement().await
    }

    /// How long the queued job that was accepted first has waited; nothing if none is queued or the queue cannot be read.
    pub async fn oldest_wait(&self) -> Duration {
        let created_ms = self.on_queue(Queue::oldest_queued_ms).await.ok().flatten();
        created_ms.map_or(Duration::ZERO, |ms| Duration::from_millis(now_ms().saturating_sub(ms)))
    }

    /// What all files take, in bytes.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.blobs.stored_bytes()
    }

    /// Shows that the data folder can be written, by writing.
    ///
    /// # Errors
    /// It cannot.
    pub async fn probe_data_folder(&self) -> io::Result<()> {
        self.blobs.probe().await
    }
}

// --- what all of the above share ----------------------------------------------------------------------

impl Jobs {
    /// Calls the queue on a blocking thread, because it waits for the disk.
    async fn on_queue<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Queue) -> Result<T, queue::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let queue = Arc::clone(&self.queue);
        Ok(tokio::task::spawn_blocking(move || call(&queue)).await??)
    }

    /// Tells everybody about a committed change, and the worker if there is something to do.
    fn announce(&self, job: Job) -> Job {
        self.events.announce_state(job.id);
        if job.state.is_final() {
            let code = job.error.as_ref().filter(|_| job.state == State::Dead);
            meter::job_ended(job.state.name(), code.map(|error| error.code.clone()).unwrap_or_default());
        }
        self.clients.note(&job);
        if job.state == State::Queued {
            self.work_waiting.notify_one();
        }
        if job.state.is_final() && job.webhook.is_some() {
            self.webhook_waiting.notify_one();
        }
        job
    }

    fn check_files(&self, job: &Job) -> Result<(), Error> {
        let retention = self.limits.retention;
        if job.files_gone { Err(Error::FilesGone { id: job.id, retention }) } else { Ok(()) }
    }

    fn room(&self) -> Room {
        Room {
            quota_bytes: self.limits.disk_quota_bytes,
            blobs: self.blobs.clone(),
            queue: Arc::clone(&self.queue),
        }
    }
}

fn output_of(job: &Job) -> Result<&Output, Error> {
    let reason = || job.error.as_ref().map(|error| error.message.clone());
    job.output.as_ref().ok_or_else(|| Error::NoResult { state: job.state, reason: reason() })
}

/// Counts a job that was completed by work, and not out of an earlier result.
fn count_completed(job: &Job) {
    let (Some(output), Some(start_ms), Some(end_ms)) = (&job.output, job.started_at_ms, job.finished_at_ms)
    else {
        return;
    };
    let between = |from_ms: u64, to_ms: u64| Duration::from_millis(to_ms.saturating_sub(from_ms));
    let (waited, took) = (between(job.created_at_ms, start_ms), between(start_ms, end_ms));
    meter::job_completed(waited, took, job.input_bytes, output.glb_bytes);
}

impl From<sandbox::Error> for Failure {
    fn from(error: sandbox::Error) -> Self {
        let (code, message) = (error.code().to_owned(), error.to_string());
        let blame = match (error.is_bad_input(), error.is_of_this_node()) {
            (true, _) => Blame::Input,
            (_, true) => Blame::Node,
            _ => Blame::Unclear,
        };
        Self { error: JobError { code, message }, blame }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let message = format!("The server could not store the result: {error}.");
        Self { error: JobError { code: "storage".into(), message }, blame: Blame::Node }
    }
}

fn now_ms() -> u64 {
    as_ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
