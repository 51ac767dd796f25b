//! Room within the disk quota: what all files together may take, those that are still coming included.
//!
//! Room is made by letting go of the files of ended jobs, the first to end first. What a job that is still to run needs
//! is not touched, so room may be denied. Why that order is safe: `sweep.rs`.

use std::sync::Arc;

use super::Error;
use crate::blobs::{Blobs, Swept};
use crate::queue::Queue;

/// Makes room, or says that there is none. Whoever asks must not keep blobs, or the sweep would wait for its own caller.
#[derive(Clone)]
pub(super) struct Room {
    pub(super) quota_bytes: Option<u64>,
    pub(super) blobs: Blobs,
    pub(super) queue: Arc<Queue>,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("quota_bytes", &self.quota_bytes).finish_non_exhaustive()
    }
}

impl Room {
    /// Makes room for `bytes` more than there are, stored or still coming.
    ///
    /// # Errors
    /// [`Error::NoRoom`], or the queue or the folder cannot be read or written.
    pub(super) async fn make(&self, bytes: u64) -> Result<(), Error> {
        let Some(quota_bytes) = self.quota_bytes else { return Ok(()) };
        let bytes = bytes.saturating_add(self.blobs.incoming_bytes());
        if bytes > quota_bytes {
            return Err(Error::NoRoom { quota_bytes });
        }
        while self.blobs.stored_bytes().saturating_add(bytes) > quota_bytes {
            // Looked at anew: content that was stored twice was counted twice.
            let left_bytes = self.sweep_blobs().await?.left_bytes;
            let excess_bytes = left_bytes.saturating_add(bytes).saturating_sub(quota_bytes);
            if excess_bytes == 0 {
                break;
            }
            // During a backup nothing can be deleted, so letting go would not help.
            let count = if self.blobs.is_held() { 0 } else { self.let_go(excess_bytes).await? };
            if count == 0 {
                return Err(Error::NoRoom { quota_bytes });
            }
            tracing::info!(jobs = count, "the disk quota is used up: let go of the oldest files");
        }
        Ok(())
    }

    async fn let_go(&self, excess_bytes: u64) -> Result<usize, Error> {
        let queue = Arc::clone(&self.queue);
        Ok(tokio::task::spawn_blocking(move || queue.let_oldest_files_go(excess_bytes)).await??)
    }

    /// Deletes the blobs that no record refers to.
    ///
    /// # Errors
    /// The queue or the folder cannot be read or written.
    pub(super) async fn sweep_blobs(&self) -> Result<Swept, Error> {
        let (blobs, queue) = (self.blobs.clone(), Arc::clone(&self.queue));
        let sweep = move || blobs.sweep(|| queue.needed_blobs().map_err(Error::from));
        let swept = tokio::task::spawn_blocking(sweep).await??;
        if swept.deleted > 0 {
            let Swept { deleted, deleted_bytes, left_bytes } = swept;
            tracing::info!(deleted, deleted_bytes, left_bytes, "deleted files that nobody needs");
        }
        Ok(swept)
    }
}
