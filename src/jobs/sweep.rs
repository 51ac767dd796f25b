//! How long files stay: until their job has ended and its time is over, or the room is needed.
//!
//! First the records let go of their files, in a transaction of the queue; only then are the blobs deleted that no
//! record refers to. So a record never promises a file that is gone, and what a job that is still to run needs is
//! not touched: only ended jobs let go, and one that has cannot run again. The record itself stays longer. How room is
//! made within the quota: `room.rs`.

use std::time::Duration;

use super::{Error, Jobs, as_ms, now_ms};

/// How long the record of an ended job is kept, so that whoever asks learns what became of it: 30 days.
const RECORDS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Sweeps are this far apart at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// And at least this far.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

impl Jobs {
    /// Lets go of what is too old or too much, and deletes what nobody needs.
    ///
    /// # Errors
    /// The queue or the folder cannot be read or written.
    pub async fn sweep(&self) -> Result<(), Error> {
        if let Some(retention) = self.limits.retention {
            let until_ms = now_ms().saturating_sub(as_ms(retention));
            let count = self.on_queue(move |queue| queue.let_files_go(until_ms)).await?;
            if count > 0 {
                tracing::info!(jobs = count, "the time of files is over");
            }
        }
        let forgotten_ms = now_ms().saturating_sub(as_ms(RECORDS_KEPT));
        self.on_queue(move |queue| queue.purge_ended(forgotten_ms)).await?;
        let room = self.room();
        room.sweep_blobs().await?;
        match room.make(0).await {
            // Nothing to be done: live jobs need it all.
            Err(Error::NoRoom { .. }) => Ok(()),
            made => made,
        }
    }

    /// Returns when it is time for the next sweep: often enough that files do not outlast their time by much.
    pub async fn wait_for_sweep(&self) {
        let share = self.limits.retention.map_or(LONGEST_PAUSE, |retention| retention / 4);
        let pause = share.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        // Running out of time is as good as being woken.
        let _ = tokio::time::timeout(pause, self.sweep_wanted.notified()).await;
    }
}
