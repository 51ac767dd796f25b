//! Deleting the blobs that nobody needs: which they are is for the caller to say, when is decided here.
//!
//! A sweep asks the caller what is needed and deletes the rest. It must not catch a blob that was stored a moment
//! ago and will be referred to the next, nor one that somebody has just found to be there already. So whoever stores
//! or relies on a blob has a [`Keep`] from before that until its record is committed, and a sweep works alone: it
//! waits until there is no `Keep`, and none is given out before it is done. Then, at the time it asks,
//!
//! - every blob that was stored is either in a record, and so named as needed, or will never be in one;
//! - no blob is being stored, so none can take the place of one that is about to be deleted.
//!
//! No grace time is involved, and so no clock. What a crash leaves between storing and recording is deleted by the
//! first sweep after it. Unfinished files are another matter: only time tells that nobody writes them any more.
//!
//! A blob that no record of this node needs, because it was fetched for a job of another, has a [`Pin`] while it is used.
//!
//! A backup reads blobs for minutes. It cannot hold a `Keep`, or uploads would wait behind the sweep that waits for
//! it; it has a [`Hold`], during which sweeps delete nothing.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use super::Blobs;
use crate::ids::BlobId;

/// An unfinished file that was not written to for so long belongs to nobody.
const UNFINISHED_TIME: Duration = Duration::from_secs(6 * 3600);

/// What keeps sweeps and everybody else apart.
#[derive(Debug, Default)]
pub(super) struct Sweeping {
    /// Shared by those who keep, taken alone by a sweep.
    lock: Arc<RwLock<()>>,
    holds: AtomicUsize,
    /// How many pins each blob has. A plain lock: held for one map operation, never across an await.
    pins: Mutex<HashMap<BlobId, usize>>,
    /// What the last sweep left, and what was stored since, in bytes.
    stored_bytes: AtomicU64,
    /// What unfinished files have by now, in bytes.
    incoming_bytes: AtomicU64,
}

/// While it lives, no sweep begins. Held for as long as storing and recording takes, not longer.
#[derive(Debug)]
pub struct Keep(#[expect(dead_code, reason = "what counts is that it lives")] OwnedRwLockReadGuard<()>);

/// While it lives, sweeps delete no blob.
#[derive(Debug)]
pub struct Hold(Arc<Sweeping>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.fetch_sub(1, Ordering::SeqCst);
    }
}

/// While it lives, sweeps leave this one blob alone.
#[derive(Debug)]
pub struct Pin {
    sweeping: Arc<Sweeping>,
    id: BlobId,
}

impl Pin {
    /// The blob that it is for.
    #[must_use]
    pub fn id(&self) -> BlobId {
        self.id
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self.sweeping.pins.lock().unwrap_or_else(PoisonError::into_inner);
        match pins.get_mut(&self.id) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                pins.remove(&self.id);
            }
        }
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many blobs and unfinished files were deleted.
    pub deleted: u64,
    /// What they took, in bytes.
    pub deleted_bytes: u64,
    /// What is left, in bytes.
    pub left_bytes: u64,
}

impl Blobs {
    /// Keeps sweeps away until the returned value is dropped. Waits for one that is at work.
    pub async fn keep(&self) -> Keep {
        Keep(Arc::clone(&self.sweeping.lock).read_owned().await)
    }

    /// Makes sweeps delete nothing until the returned value is dropped, for as long as that may be.
    pub async fn hold(&self) -> Hold {
        // Not in the middle of a sweep.
        let _keep = self.keep().await;
        self.sweeping.holds.fetch_add(1, Ordering::SeqCst);
        Hold(Arc::clone(&self.sweeping))
    }

    /// Makes sweeps leave a blob alone until the returned value is dropped, whether it is there already or not. A
    /// sweep that is at work may still delete it: look for it with a [`Keep`] afterwards.
    #[must_use]
    pub fn pin(&self, id: BlobId) -> Pin {
        let mut pins = self.sweeping.pins.lock().unwrap_or_else(PoisonError::into_inner);
        *pins.entry(id).or_default() += 1;
        Pin { sweeping: Arc::clone(&self.sweeping), id }
    }

    /// Whether sweeps delete nothing just now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.sweeping.holds.load(Ordering::SeqCst) > 0
    }

    /// What all blobs take, in bytes: as of the last sweep, and what was stored since.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.sweeping.stored_bytes.load(Ordering::SeqCst)
    }

    /// What files that are still being written take, in bytes.
    #[must_use]
    pub fn incoming_bytes(&self) -> u64 {
        self.sweeping.incoming_bytes.load(Ordering::SeqCst)
    }

    pub(super) fn count_stored(&self, bytes: u64) {
        self.sweeping.stored_bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Deletes every blob that `needed` does not name. Blocks: it waits for those who keep, and for the disk.
    ///
    /// # Errors
    /// `needed` fails, or the folder cannot be read or written; what was deleted by then was not needed.
    pub fn sweep<E: From<io::Error>>(
        &self,
        needed: impl FnOnce() -> Result<HashSet<BlobId>, E>,
    ) -> Result<Swept, E> {
        let _alone = self.sweeping.lock.blocking_write();
        let is_held = self.is_held();
        let mut needed = needed()?;
        needed.extend(self.sweeping.pins.lock().unwrap_or_else(PoisonError::into_inner).keys());
        let mut swept = Swept::default();
        for folder in fs::read_dir(&self.root)? {
            let folder = folder?;
            let is_needed = |id: Option<BlobId>| is_held || id.is_none_or(|id| needed.contains(&id));
            for file in files(&folder)? {
                swept.visit(&file, is_needed(id_of(&folder, &file)))?;
            }
        }
        self.sweep_unfinished(&mut swept)?;
        self.sweeping.stored_bytes.store(swept.left_bytes, Ordering::SeqCst);
        Ok(swept)
    }

    fn sweep_unfinished(&self, swept: &mut Swept) -> io::Result<()> {
        for file in fs::read_dir(self.incoming())? {
            let file = file?;
            let Ok(metadata) = file.metadata() else { continue };
            // A time in the future is nobody's fault; the next start deletes such a file.
            if metadata.modified()?.elapsed().is_ok_and(|age| age > UNFINISHED_TIME) {
                swept.delete(&file.path(), metadata.len())?;
            }
        }
        Ok(())
    }
}

/// The part of one unfinished file in [`Blobs::incoming_bytes`]; ends with this value.
#[derive(Debug)]
pub(super) struct Counted {
    sweeping: Arc<Sweeping>,
    pub(super) bytes: u64,
}

impl Counted {
    pub(super) fn new(blobs: &Blobs) -> Self {
        Self { sweeping: Arc::clone(&blobs.sweeping), bytes: 0 }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.sweeping.incoming_bytes.fetch_add(bytes, Ordering::SeqCst);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.sweeping.incoming_bytes.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

impl Swept {
    fn visit(&mut self, file: &DirEntry, is_needed: bool) -> io::Result<()> {
        let bytes = file.metadata()?.len();
        if is_needed {
            self.left_bytes += bytes;
            return Ok(());
        }
        self.delete(&file.path(), bytes)
    }

    fn delete(&mut self, path: &Path, bytes: u64) -> io::Result<()> {
        fs::remove_file(path)?;
        self.deleted += 1;
        self.deleted_bytes += bytes;
        Ok(())
    }
}

/// The files in one of the folders of blobs; none in any other folder.
fn files(folder: &DirEntry) -> io::Result<Vec<DirEntry>> {
    let is_of_blobs = folder.file_name().len() == 2 && folder.file_type()?.is_dir();
    if is_of_blobs { fs::read_dir(folder.path())?.collect() } else { Ok(Vec::new()) }
}

/// The blob that a file holds; none for a file that is none of ours, which stays.
fn id_of(folder: &DirEntry, file: &DirEntry) -> Option<BlobId> {
    let hex = format!("{}{}", folder.file_name().to_str()?, file.file_name().to_str()?);
    hex.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;

    async fn stored(blobs: &Blobs, content: &[u8], keep: &Keep) -> BlobId {
        let mut writer = blobs.writer().await.unwrap();
        writer.write(content).await.unwrap();
        blobs.publish(writer, keep).await.unwrap()
    }

    async fn sweep(blobs: &Blobs, needed: HashSet<BlobId>) -> Swept {
        let blobs = blobs.clone();
        let sweep = move || blobs.sweep(|| Ok::<_, io::Error>(needed));
        tokio::task::spawn_blocking(sweep).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn what_nobody_needs_goes_and_foreign_files_stay() {
        let (_folder, blobs) = store();
        let keep = blobs.keep().await;
        let needed = stored(&blobs, b"needed", &keep).await;
        let other = stored(&blobs, b"not needed", &keep).await;
        drop(keep);
        assert_eq!(blobs.stored_bytes(), 16);
        fs::write(blobs.root.join("README"), b"by hand").unwrap();
        let swept = sweep(&blobs, HashSet::from([needed])).await;
        assert_eq!(swept, Swept { deleted: 1, deleted_bytes: 10, left_bytes: 6 });
        assert!(blobs.path(needed).exists() && !blobs.path(other).exists());
        assert!(blobs.root.join("README").exists());
        assert_eq!(blobs.stored_bytes(), 6);
    }

    #[tokio::test]
    async fn during_a_hold_nothing_is_deleted() {
        let (_folder, blobs) = store();
        let id = stored(&blobs, b"in a backup", &blobs.keep().await).await;
        let hold = blobs.hold().await;
        assert_eq!(sweep(&blobs, HashSet::new()).await.deleted, 0);
        drop(hold);
        assert_eq!(sweep(&blobs, HashSet::new()).await.deleted, 1);
        assert!(!blobs.path(id).exists());
    }

    /// The race that matters: the same content is stored again and again, while sweeps find it not needed as soon
    /// as its record is gone. Whoever has recorded it must find it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_blob_that_was_just_recorded_is_never_swept() {
        let (_folder, blobs) = store();
        let records = Arc::new(std::sync::Mutex::new(HashSet::new()));
        let sweeper = tokio::task::spawn_blocking({
            let (blobs, records) = (blobs.clone(), Arc::clone(&records));
            move || {
                let needed = || Ok::<_, io::Error>(records.lock().unwrap().clone());
                // Until some sweeps have met a blob: how soon that is, is for the system's scheduler to say.
                let met = (0..100_000).filter(|_| blobs.sweep(needed).unwrap().deleted > 0);
                met.take(20).count()
            }
        });
        while !sweeper.is_finished() {
            let keep = blobs.keep().await;
            let id = stored(&blobs, b"the same content", &keep).await;
            tokio::task::yield_now().await;
            records.lock().unwrap().insert(id);
            drop(keep);
            tokio::task::yield_now().await;
            assert!(blobs.path(id).exists(), "a recorded blob was swept");
            records.lock().unwrap().remove(&id);
            tokio::task::yield_now().await;
        }
        assert_eq!(sweeper.await.unwrap(), 20, "hardly a sweep met a blob");
    }
}
