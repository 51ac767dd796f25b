//! Disks that fail and machines that lose their power, at every single operation: what was acknowledged is there.
//!
//! The disk is one in memory that counts what redb asks of it. From a chosen operation on it fails, and is repaired
//! later; or everything stops there, and of what was not synced only some of the writes are found again.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{Database, StorageBackend};

use super::*;
use crate::queue::store::Store;

/// A disk that outlives the databases on it.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    synced: Vec<u8>,
    /// What was asked for since, in order.
    unsynced: Vec<Change>,
    /// As it is read: all of it.
    now: Vec<u8>,
    operations: usize,
    /// Operations until the disk is full; none when it never is.
    good_for: Option<usize>,
}

#[derive(Debug, Clone)]
enum Change {
    Resize(usize),
    Write(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(length) => bytes.resize(*length, 0),
            Self::Write(at, data) => {
                let end = at + data.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*at..end].copy_from_slice(data);
            }
        }
    }
}

impl Disk {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap()
    }

    /// Counts an operation that changes something, and refuses it when the disk is full.
    fn changing(&self) -> io::Result<MutexGuard<'_, Content>> {
        let mut content = self.content();
        content.operations += 1;
        if content.good_for.is_some_and(|good_for| content.operations > good_for) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(content)
    }

    fn fail_after(&self, operations: Option<usize>) {
        self.content().good_for = operations;
    }

    /// What a machine finds when its power is back: all that was synced, and every `keep`th write after that.
    fn lose_power(&self, keep: usize) {
        let mut content = self.content();
        let unsynced = std::mem::take(&mut content.unsynced);
        for (at, change) in unsynced.iter().enumerate() {
            if matches!(change, Change::Resize(_)) || at % keep == 0 {
                change.apply(&mut content.synced);
            }
        }
        content.now = content.synced.clone();
        content.good_for = None;
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut content = self.changing()?;
        change.apply(&mut content.now);
        content.unsynced.push(change);
        Ok(())
    }

    fn queue(&self) -> Result<Queue, Error> {
        let disk = self.clone();
        let open = move |_| Database::builder().create_with_backend(disk.clone());
        Ok(Queue { store: Store::new(Path::new("disk"), open)? })
    }

    /// A disk and the queue on it, from which operations count. Making the file whole or not at all is the business
    /// of `file.rs`.
    fn with_queue() -> (Self, Queue) {
        let disk = Self::default();
        let queue = disk.queue().unwrap();
        disk.content().operations = 0;
        (disk, queue)
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.content().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = offset as usize;
        let content = self.content();
        let bytes = content.now.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Change::Resize(length as usize))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut content = self.changing()?;
        content.synced = content.now.clone();
        content.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset as usize, data.to_vec()))
    }
}

/// What was acknowledged: a plain map, and the one job of which nobody knows, because its call failed.
#[derive(Default)]
struct Witness {
    jobs: BTreeMap<JobId, Job>,
    in_doubt: Option<Doubt>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Doubt {
    /// A job may be there that nobody was told of.
    New,
    /// It may have got one step further.
    Step(JobId),
    /// It may be gone.
    Gone(JobId),
}

impl Witness {
    fn see(&mut self, doubt: Doubt, call: impl FnOnce() -> Result<Job, Error>) -> Result<Job, Error> {
        self.in_doubt = Some(doubt);
        let job = call()?;
        self.in_doubt = None;
        match doubt {
            Doubt::Gone(id) => self.jobs.remove(&id),
            _ => self.jobs.insert(job.id, job.clone()),
        };
        Ok(job)
    }

    fn check(&self, queue: &Queue) {
        for (id, expected) in &self.jobs {
            match queue.get(*id) {
                Ok(found) if self.in_doubt == Some(Doubt::Step(*id)) => {
                    assert!(found.attempt >= expected.attempt)
                }
                // How long a lease lasts is not synced.
                Ok(found) => assert_eq!(Job { lease_until_ms: expected.lease_until_ms, ..found }, *expected),
                Err(error) => assert_eq!(self.in_doubt, Some(Doubt::Gone(*id)), "{error}"),
            }
        }
        let listed = queue.list(None, None, 100).unwrap().jobs.len();
        let surplus = usize::from(self.in_doubt == Some(Doubt::New));
        assert!((self.jobs.len().saturating_sub(1)..=self.jobs.len() + surplus).contains(&listed));
        assert_eq!(queue.counts().unwrap().values().sum::<u64>(), listed as u64);
    }
}

/// A little of everything.
fn live(queue: &Queue, witness: &mut Witness) -> Result<(), Error> {
    let mut ids = Vec::new();
    for now_ms in 0..4 {
        let new = || queue.enqueue(new_job(), now_ms).map(|enqueued| enqueued.job);
        ids.push(witness.see(Doubt::New, new)?.id);
    }
    let claim = |id| move || Ok(queue.claim(10, LEASE_MS)?.filter(|job: &Job| job.id == id).unwrap());
    let first = witness.see(Doubt::Step(ids[0]), claim(ids[0]))?;
    let second = witness.see(Doubt::Step(ids[1]), claim(ids[1]))?;
    queue.extend(first.lease(), 11, LEASE_MS)?;
    witness.see(Doubt::Step(ids[0]), || queue.ack(first.lease(), output(), 12))?;
    witness.see(Doubt::Step(ids[1]), || queue.nack(second.lease(), failure(true), 13))?;
    witness.see(Doubt::Step(ids[2]), || queue.cancel(ids[2], 14))?;
    witness.see(Doubt::Step(ids[2]), || queue.retry(ids[2], 15))?;
    witness.see(Doubt::Gone(ids[0]), || queue.purge(ids[0]))?;
    Ok(())
}

/// How many operations [`live`] asks of a disk.
fn operations_of_a_life() -> usize {
    let (disk, queue) = Disk::with_queue();
    live(&queue, &mut Witness::default()).unwrap();
    disk.content().operations
}

/// The queue works: what waits can be claimed and completed.
fn check_that_it_works(queue: &Queue) {
    queue.reclaim(100).unwrap();
    let waiting = queue.counts().unwrap()["queued"];
    for _ in 0..waiting {
        let job = queue.claim(100_000, LEASE_MS).unwrap().unwrap();
        queue.ack(job.lease(), output(), 100_001).unwrap();
    }
    assert_eq!(queue.claim(100_000, LEASE_MS).unwrap(), None);
}

#[test]
fn after_a_full_disk_the_same_queue_goes_on_with_all_that_was_acknowledged() {
    let all = operations_of_a_life();
    assert!(all > 30, "only {all} operations");
    for good_for in 0..all {
        let (disk, queue) = Disk::with_queue();
        let mut witness = Witness::default();
        disk.fail_after(Some(good_for));
        if let Err(error) = live(&queue, &mut witness) {
            assert!(error.is_of_the_disk(), "after {good_for}: {error}");
            // Full all the same: every call says so, and none panics.
            assert!(queue.enqueue(new_job(), 50).is_err());
        }
        disk.fail_after(None);
        witness.check(&queue);
        check_that_it_works(&queue);
    }
}

#[test]
fn after_a_power_cut_all_that_was_acknowledged_is_there() {
    for keep in [1, 2, 3, usize::MAX] {
        // The last one cuts the power when everything was acknowledged.
        for good_for in 0..=operations_of_a_life() {
            let (disk, queue) = Disk::with_queue();
            let mut witness = Witness::default();
            disk.fail_after(Some(good_for));
            let _ = live(&queue, &mut witness);
            drop(queue);
            disk.lose_power(keep);
            let queue = disk.queue().unwrap();
            witness.check(&queue);
            check_that_it_works(&queue);
        }
    }
}

/// A disk with a queue that has work of every kind.
fn used_disk(is_closed: bool) -> Vec<u8> {
    let (disk, queue) = Disk::with_queue();
    for _ in 0..5 {
        live(&queue, &mut Witness::default()).unwrap();
    }
    if is_closed {
        drop(queue);
    }
    disk.content().now.clone()
}

#[test]
fn a_file_with_damage_anywhere_is_refused_or_read_but_stops_nobody() {
    for is_closed in [false, true] {
        let whole = used_disk(is_closed);
        for page in (0..whole.len()).step_by(4096).filter(|page| whole[*page..page + 4096] != [0; 4096]) {
            let mut damaged = whole.clone();
            damaged[page..page + 4096].fill(0xa5);
            let disk = Disk(Arc::new(Mutex::new(Content { now: damaged, ..Content::default() })));
            // A panic is what fails here.
            if let Ok(queue) = disk.queue() {
                let _ = (queue.reclaim(20), queue.list(None, None, 100), queue.claim(20, LEASE_MS));
            }
        }
    }
}
