//! Several jobs at once, and another job on the same upload.

use super::{Error, Jobs, Model, Submission, now_ms};
use crate::ids::{BatchId, JobId};
use crate::queue::{InBatch, Job, NewJob};

impl Jobs {
    /// Accepts models as jobs of one batch: all or none. Their names replace the one of `wanted`; under its idempotency
    /// key, sending the same again gives the same jobs.
    ///
    /// # Errors
    /// As [`Jobs::submit`]; nothing is kept then.
    pub async fn submit_batch(&self, models: Vec<Model>, wanted: Submission) -> Result<Vec<Job>, Error> {
        let mut sizes = Vec::with_capacity(models.len());
        for Model { upload, .. } in &models {
            upload.check_complete()?;
            sizes.push(upload.writer.bytes());
        }
        self.check_intake(&wanted.sender, models.len()).await?;
        self.room().make(0).await?;
        // To the end: no blob may go before its record refers to it.
        let keep = self.blobs.keep().await;
        let (id, mut new) = (BatchId::random(), Vec::with_capacity(models.len()));
        for ((number, Model { name, upload }), bytes) in (0..).zip(models).zip(sizes) {
            let input = self.blobs.publish(upload.writer, &keep).await?;
            let key = wanted.idempotency_key.as_ref().map(|key| format!("{key}\0{number}"));
            let wanted = Submission { name, idempotency_key: key, ..wanted.clone() };
            let batch = Some(InBatch { id, number });
            new.push(NewJob { batch, ..self.new_job((input, bytes), wanted).await? });
        }
        let enqueued = self.on_queue(move |queue| queue.enqueue_all(new, now_ms())).await?;
        Ok(enqueued.into_iter().map(|enqueued| self.accept(enqueued, &wanted.sender)).collect())
    }

    /// The jobs of a batch that are still known, in the order in which they were sent.
    ///
    /// # Errors
    /// [`Error::UnknownBatch`], or the queue cannot be read.
    pub async fn batch(&self, id: BatchId) -> Result<Vec<Job>, Error> {
        let own = self.on_queue(move |queue| queue.batch(id)).await?;
        let jobs = if own.is_empty() { self.batch_elsewhere(id).await } else { own };
        if jobs.is_empty() { Err(Error::UnknownBatch(id)) } else { Ok(jobs) }
    }

    /// Accepts a job on the upload of another one, which may be another node's, with settings of its own. Without a name it
    /// has that of the other.
    ///
    /// # Errors
    /// [`crate::queue::Error::UnknownJob`], [`Error::FilesGone`], [`Error::StorageAway`], or as [`Jobs::submit`].
    pub async fn rerun(&self, id: JobId, wanted: Submission) -> Result<Job, Error> {
        let job = self.known(id).await?;
        self.check_intake(&wanted.sender, 1).await?;
        // Pinned until the new record refers to it, and no keep while it comes: sweeps would wait for it.
        let _original = self.original(&job).await?;
        // The blobs of an earlier result may not go before the record refers to them.
        let _keep = self.blobs.keep().await;
        let name = if wanted.name.is_empty() { job.input_name } else { wanted.name };
        let wanted = Submission { name, ..wanted };
        let sender = wanted.sender.clone();
        let new = self.new_job((job.input, job.input_bytes), wanted).await?;
        let enqueued = self.on_queue(move |queue| queue.enqueue(new, now_ms())).await?;
        Ok(self.accept(enqueued, &sender))
    }
}
