//! What several nodes do with one job: files put where all can read them, work done for another, its outcome let in.
//!
//! The job stays in the queue of the node that accepted it. Whoever works on it has its record and nothing in its own
//! queue: the outcome goes back, and only there is it written down, under the attempt that was given away. So an
//! outcome that comes twice, or too late, is refused like any other.

use std::io;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::{Error, Jobs, Stored, StoredFile};
use crate::blobs::{Location, Pin, Shared};
use crate::ids::BlobId;
use crate::optimize::Settings;
use crate::queue::{self, Cached, Failure, Job, Lease, LevelFile, Output};

impl Jobs {
    /// Shares files there.
    #[must_use]
    pub fn sharing(self, location: Option<Location>) -> Self {
        Self { shared: location.map(Shared::new), ..self }
    }

    /// Where files are shared, if anywhere.
    #[must_use]
    pub fn shared(&self) -> Option<&Shared> {
        self.shared.as_ref()
    }

    /// Puts what a job consists of where other nodes can read it.
    ///
    /// # Errors
    /// There is no such place, or it cannot be written.
    pub async fn share(&self, job: &Job) -> io::Result<()> {
        let shared = self.shared.as_ref().ok_or_else(not_shared)?;
        for id in job.blobs() {
            shared.put(&self.blobs, id).await?;
        }
        Ok(())
    }

    /// Works on a job of another node, and puts what came of it where that one can read it. None of its files becomes part
    /// of this node's store.
    ///
    /// # Errors
    /// The failure, to be told to the other node.
    pub async fn run_for_another(&self, job: &Job) -> Result<Output, Failure> {
        let shared = self.shared.as_ref().ok_or_else(not_shared)?;
        let pin = self.blobs.pin(job.input);
        let aside = match self.blobs.has(&pin).await? {
            true => None,
            false => Some(shared.fetch_aside(&self.blobs, job.input).await?),
        };
        let input = aside.as_ref().map_or_else(|| self.blobs.path(job.input), |file| file.path().to_owned());
        let made = self.make(job, input).await?;
        let (report, glb) = tokio::try_join!(self.hand_over(&made.report), self.hand_over(&made.output))?;
        let worst_view = match made.has_pictures().await? {
            false => None,
            true => Some(self.hand_over(&made.worst_view).await?.0),
        };
        let mut levels = Vec::new();
        for file in made.levels().await? {
            let (glb, glb_bytes) = self.hand_over(file).await?;
            levels.push(LevelFile { glb, glb_bytes });
        }
        let ((report, _), (glb, glb_bytes)) = (report, glb);
        let version = env!("CARGO_PKG_VERSION").into();
        Ok(Output { glb, glb_bytes, report, worst_view, levels, version })
    }

    /// Puts a file of a child where other nodes can read it. Returns its id and its size in bytes.
    async fn hand_over(&self, file: &Path) -> io::Result<(BlobId, u64)> {
        let shared = self.shared.as_ref().ok_or_else(not_shared)?;
        // Copied first: the child may still hold it open.
        let copy = self.blobs.copy_aside(file).await?;
        shared.put_aside(&copy).await?;
        Ok((copy.id(), copy.bytes()))
    }

    /// Writes down how an attempt ended on another node, once its files are here.
    ///
    /// # Errors
    /// [`crate::queue::Error::LeaseLost`], or the queue cannot be written: the lease then runs out by itself.
    pub async fn finish_from_another(
        &self,
        lease: Lease,
        outcome: Result<Output, Failure>,
    ) -> Result<Job, Error> {
        let outcome = match outcome {
            Ok(output) => self.fetch_output(output).await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        self.finish(lease, outcome).await
    }

    async fn fetch_output(&self, output: Output) -> io::Result<Stored> {
        let shared = self.shared.as_ref().ok_or_else(not_shared)?;
        let pins: Vec<_> = output.blobs().map(|id| self.blobs.pin(id)).collect();
        // Side by side: each of them waits for the disk.
        try_join_all(pins.iter().map(|pin| shared.fetch(&self.blobs, pin))).await?;
        Ok(Stored { output, _keep: self.blobs.keep().await })
    }

    /// The result that another node has for this content and these settings, with its files here for as long as the pins
    /// are. Whatever fails is a miss: then the work is done here.
    pub(super) async fn result_elsewhere(
        &self,
        input: BlobId,
        settings: Settings,
    ) -> Option<(Cached, Vec<Pin>)> {
        let (elsewhere, shared) = (self.elsewhere.get()?, self.shared.as_ref()?);
        let recipe = queue::recipe(input, &settings, env!("CARGO_PKG_VERSION")).ok()?;
        let job =
            elsewhere.result(recipe).await.filter(|job| job.input == input && job.settings == settings)?;
        let (from, output) = (job.cached_from.unwrap_or(job.id), job.output?);
        let pins: Vec<_> = output.blobs().map(|id| self.blobs.pin(id)).collect();
        for pin in &pins {
            if let Err(error) = shared.fetch(&self.blobs, pin).await {
                tracing::warn!(job = %from, %error, "another node's result cannot be fetched; the work is done here");
                return None;
            }
        }
        Some((Cached { output, from }, pins))
    }

    /// A file of a job, fetched if it is not here.
    pub(super) async fn bring(&self, job: &Job, id: BlobId) -> Result<StoredFile, Error> {
        let pin = self.blobs.pin(id);
        let (path, retention) = (self.blobs.path(id), self.limits.retention);
        let fetched = match &self.shared {
            Some(shared) => shared.fetch(&self.blobs, &pin).await,
            None => self.blobs.has(&pin).await.and_then(|is_here| {
                // A sweep came between reading the record and the pin.
                is_here.then_some(()).ok_or_else(|| io::ErrorKind::NotFound.into())
            }),
        };
        match fetched {
            Ok(()) => Ok(StoredFile { id, path, _pin: Arc::new(pin) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::FilesGone { id: job.id, retention })
            }
            Err(error) => Err(Error::StorageAway(error)),
        }
    }
}

fn not_shared() -> io::Error {
    io::Error::other("there is no storage that nodes share (STORAGE_URL)")
}
