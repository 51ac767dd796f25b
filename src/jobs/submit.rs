//! Submitting: a file on its way in, and the job that it becomes.
//!
//! The order is what keeps the promise that an accepted job is never lost: the blob is stored, then the queue refers to
//! it in one durable transaction, then the sender is told. Several at once: `batch.rs`. What is refused beforehand:
//! `intake.rs` and `room.rs`.

use super::{Error, Jobs, Upload, now_ms};
use crate::ids::BlobId;
use crate::meter;
use crate::optimize::Settings;
use crate::queue::{Cached, Enqueued, Job, NewJob, Priority, Sender};

/// What comes with a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Submission {
    /// The file's name, without folders.
    pub name: String,
    /// What is asked for.
    pub settings: Settings,
    /// Who goes first.
    pub priority: Priority,
    /// What the sender calls this submission, so that sending it again makes no second job.
    pub idempotency_key: Option<String>,
    /// Whom to tell when it has ended: an address.
    pub webhook: Option<String>,
    /// Whether to do the work even if the result is there already.
    pub is_fresh: bool,
    /// Who sends it.
    pub sender: Sender,
}

impl Jobs {
    /// Begins to receive a file.
    ///
    /// # Errors
    /// [`Error::UploadsDisabled`], [`Error::QueueFull`], [`Error::TooManyJobs`], [`queue::Error::QuotaUsedUp`], or no
    /// file can be created.
    pub async fn begin_upload(&self, sender: &Sender) -> Result<Upload, Error> {
        let max_bytes = self.limits.max_file_bytes;
        if max_bytes == 0 {
            return Err(Error::UploadsDisabled);
        }
        self.check_intake(sender, 1).await?;
        Ok(Upload::new(self.blobs.writer().await?, self.room(), max_bytes))
    }

    /// What is said of a file that is too large.
    #[must_use]
    pub fn too_large(&self) -> Error {
        Error::TooLarge { max_bytes: self.limits.max_file_bytes }
    }

    /// Accepts a received file as a job. When this returns, the job survives any crash. It is completed at once if
    /// an earlier job has its result already.
    ///
    /// # Errors
    /// [`Error::NotAGlb`], [`Error::NoRoom`], [`Error::QueueFull`], [`Error::TooManyJobs`],
    /// [`queue::Error::QuotaUsedUp`], [`queue::Error::KeyReused`], or it cannot be stored; nothing is kept then.
    pub async fn submit(&self, upload: Upload, wanted: Submission) -> Result<Job, Error> {
        upload.check_complete()?;
        let input_bytes = upload.writer.bytes();
        self.check_intake(&wanted.sender, 1).await?;
        self.room().make(0).await?;
        let keep = self.blobs.keep().await;
        let input = self.blobs.publish(upload.writer, &keep).await?;
        // From here on a pin and not a keep, because files of another node may take a while.
        let _pin = self.blobs.pin(input);
        drop(keep);
        let is_here = wanted.is_fresh || self.cached(input, wanted.settings).await?.is_some();
        let (elsewhere, _pins) =
            if is_here { None } else { self.result_elsewhere(input, wanted.settings).await }.unzip();
        // To the end: the blobs of an earlier result may not go before the record refers to them.
        let _keep = self.blobs.keep().await;
        let sender = wanted.sender.clone();
        let new = self.new_job((input, input_bytes), wanted).await?;
        let new = NewJob { cached: new.cached.or(elsewhere), ..new };
        let enqueued = self.on_queue(move |queue| queue.enqueue(new, now_ms())).await?;
        Ok(self.accept(enqueued, &sender))
    }

    /// What the queue has to know of a job whose input is stored.
    pub(super) async fn new_job(
        &self,
        (input, input_bytes): (BlobId, u64),
        wanted: Submission,
    ) -> Result<NewJob, Error> {
        let Submission { name: input_name, settings, priority, idempotency_key, webhook, is_fresh, sender } =
            wanted;
        let idempotency_key = idempotency_key.map(|key| own_key(&key, &sender));
        let cached = if is_fresh { None } else { self.cached(input, settings).await? };
        let batch = None;
        Ok(NewJob {
            input_name,
            input_bytes,
            input,
            settings,
            priority,
            idempotency_key,
            batch,
            webhook,
            cached,
            sender,
        })
    }

    pub(super) fn accept(&self, Enqueued { job, is_new }: Enqueued, by: &Sender) -> Job {
        if !is_new {
            return job;
        }
        self.count_for_client(&job, by);
        let (input_bytes, is_cached) = (job.input_bytes, job.cached_from.is_some());
        let key = by.api_key.map(|key| key.to_string());
        tracing::info!(job = %job.id, client = by.client, key, input_bytes, is_cached, "accepted a job");
        meter::job_accepted(is_cached);
        self.announce(job)
    }

    /// The result for this content and these settings, if one was made and its blobs are still there.
    async fn cached(&self, input: BlobId, settings: Settings) -> Result<Option<Cached>, Error> {
        let job = self.on_queue(move |queue| queue.result_of(input, &settings)).await?;
        let Some(Job { id, output: Some(output), cached_from, .. }) = job else { return Ok(None) };
        for blob in output.blobs() {
            if !tokio::fs::try_exists(self.blobs.path(blob)).await? {
                return Ok(None);
            }
        }
        Ok(Some(Cached { output, from: cached_from.unwrap_or(id) }))
    }
}

/// An idempotency key as it is stored: another sender's is another one. A hash, because addresses are not written down.
fn own_key(key: &str, sender: &Sender) -> String {
    let owner = sender.api_key.map(|key| key.to_string()).or_else(|| sender.client.clone());
    blake3::hash(format!("{}\0{key}", owner.unwrap_or_default()).as_bytes()).to_hex().to_string()
}
