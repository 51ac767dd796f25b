//! The queue against a plain map: random operations, then the same answers and the same invariants.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ids::{Attempt, BlobId};
use crate::optimize::Settings;

const LEASE_MS: u64 = 15_000;

fn in_memory() -> Queue {
    Queue::in_memory().unwrap()
}

fn new_job() -> NewJob {
    let input = BlobId::from(blake3::hash(b"input"));
    let (input_name, settings, priority) = ("a.glb".into(), Settings::default(), Priority::Normal);
    NewJob { input_name, input_bytes: 5, input, settings, priority, idempotency_key: None, cached: None }
}

fn output() -> Output {
    let blob = BlobId::from(blake3::hash(b"output"));
    Output { glb: blob, glb_bytes: 6, report: blob, version: env!("CARGO_PKG_VERSION").into() }
}

fn failure(retry: bool) -> Failure {
    let blame = if retry { Blame::Unclear } else { Blame::Input };
    Failure { error: JobError { code: "test".into(), message: "It failed.".into() }, blame }
}

#[test]
fn a_job_is_claimed_once_and_completed_by_its_holder() {
    let queue = in_memory();
    let id = queue.enqueue(new_job(), 0).unwrap().job.id;
    let job = queue.claim(1, LEASE_MS).unwrap().unwrap();
    assert_eq!((job.id, job.attempt, job.state), (id, Attempt(1), State::Running));
    assert_eq!(queue.claim(1, LEASE_MS).unwrap(), None);
    let done = queue.ack(job.lease(), output(), 2).unwrap();
    assert_eq!((done.state, done.finished_at_ms), (State::Completed, Some(2)));
    assert!(matches!(queue.ack(job.lease(), output(), 3), Err(Error::LeaseLost { .. })));
}

#[test]
fn a_slow_holder_cannot_overwrite_the_next_one() {
    let queue = in_memory();
    queue.enqueue(new_job(), 0).unwrap();
    let slow = queue.claim(0, LEASE_MS).unwrap().unwrap();
    assert_eq!(queue.reap(LEASE_MS - 1).unwrap(), []);
    assert_eq!(queue.reap(LEASE_MS).unwrap().len(), 1);
    let next = queue.claim(LEASE_MS, LEASE_MS).unwrap().unwrap();
    assert_eq!(next.attempt, Attempt(2));
    assert!(matches!(queue.ack(slow.lease(), output(), LEASE_MS), Err(Error::LeaseLost { .. })));
    assert!(matches!(queue.release(slow.lease(), LEASE_MS), Err(Error::LeaseLost { .. })));
    assert_eq!(queue.get(next.id).unwrap().state, State::Running);
}

#[test]
fn a_failure_waits_longer_each_time_and_ends_dead() {
    let queue = in_memory();
    let id = queue.enqueue(new_job(), 0).unwrap().job.id;
    let mut now_ms = 0;
    for base_ms in [1_000, 2_000] {
        let job = queue.claim(now_ms, LEASE_MS).unwrap().unwrap();
        let job = queue.nack(job.lease(), failure(true), now_ms).unwrap();
        let wait_ms = job.run_at_ms - now_ms;
        assert!((base_ms..base_ms * 3 / 2).contains(&wait_ms), "waited {wait_ms} ms");
        assert_eq!(queue.claim(job.run_at_ms - 1, LEASE_MS).unwrap(), None);
        now_ms = job.run_at_ms;
    }
    let job = queue.claim(now_ms, LEASE_MS).unwrap().unwrap();
    let dead = queue.nack(job.lease(), failure(true), now_ms).unwrap();
    assert_eq!((dead.id, dead.state), (id, State::Dead));
    assert_eq!(dead.error.unwrap().message, "It failed.");
}

#[test]
fn bad_input_is_dead_at_once_and_can_be_retried_with_all_attempts() {
    let queue = in_memory();
    let id = queue.enqueue(new_job(), 0).unwrap().job.id;
    let job = queue.claim(0, LEASE_MS).unwrap().unwrap();
    assert_eq!(queue.nack(job.lease(), failure(false), 1).unwrap().state, State::Dead);
    assert!(matches!(queue.cancel(id, 1), Err(Error::Refused { state: State::Dead, .. })));
    queue.retry(id, 2).unwrap();
    for attempt in 1..=u64::from(MAX_ATTEMPTS) {
        // Far enough apart for any back-off.
        let now_ms = attempt * 1_000_000;
        let job = queue.claim(now_ms, LEASE_MS).unwrap().unwrap();
        assert_eq!(job.state, State::Running);
        queue.nack(job.lease(), failure(true), now_ms).unwrap();
    }
    assert_eq!(queue.get(id).unwrap().state, State::Dead);
}

#[test]
fn attempts_that_ended_with_their_holder_do_not_count_until_there_are_many() {
    let queue = in_memory();
    let id = queue.enqueue(new_job(), 0).unwrap().job.id;
    for _ in 1..MAX_LOST_ATTEMPTS {
        queue.claim(0, LEASE_MS).unwrap().unwrap();
        queue.reclaim(0).unwrap();
        assert_eq!(queue.get(id).unwrap().state, State::Queued);
    }
    queue.claim(0, LEASE_MS).unwrap().unwrap();
    queue.reclaim(0).unwrap();
    assert_eq!(queue.get(id).unwrap().state, State::Dead);
    assert_eq!(queue.retry(id, 0).unwrap().lost, 0);
}

#[test]
fn a_release_does_not_count() {
    let queue = in_memory();
    queue.enqueue(new_job(), 0).unwrap();
    for attempt in 1..=10 {
        let job = queue.claim(0, LEASE_MS).unwrap().unwrap();
        assert_eq!(job.attempt, Attempt(attempt));
        queue.release(job.lease(), 0).unwrap();
    }
}

#[test]
fn a_cancelled_job_ends_the_lease_of_its_holder() {
    let queue = in_memory();
    let id = queue.enqueue(new_job(), 0).unwrap().job.id;
    let job = queue.claim(0, LEASE_MS).unwrap().unwrap();
    queue.cancel(id, 1).unwrap();
    assert!(matches!(queue.extend(job.lease(), 2, LEASE_MS), Err(Error::LeaseLost { .. })));
}

#[test]
fn jobs_outlive_the_process_and_leases_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.redb");
    let queue = Queue::open(&path).unwrap();
    let waiting = queue.enqueue(new_job(), 0).unwrap().job.id;
    let running = queue.claim(0, LEASE_MS).unwrap().unwrap();
    let second = queue.enqueue(new_job(), 1).unwrap().job.id;
    drop(queue);
    let queue = Queue::open(&path).unwrap();
    let reclaimed = queue.reclaim(2).unwrap();
    assert_eq!(reclaimed.iter().map(|job| job.id).collect::<Vec<_>>(), [running.id]);
    assert_eq!(queue.claim(2, LEASE_MS).unwrap().unwrap().id, second);
    assert_eq!(queue.claim(2, LEASE_MS).unwrap().unwrap().id, waiting);
}

#[test]
fn a_second_opener_is_told_that_the_file_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.redb");
    let _first = Queue::open(&path).unwrap();
    let error = Queue::open(&path).err().unwrap();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.redb");
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    transaction.open_table(meta).unwrap().insert("format", 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    for _ in 0..2 {
        let error = Queue::open(&path).err().unwrap();
        assert!(matches!(error, Error::NewerFormat { found: 99, .. }), "{error}");
    }
}

#[test]
fn a_list_is_newest_first_and_goes_on_after_its_cursor() {
    let queue = in_memory();
    let ids: Vec<JobId> = (0..5).map(|at| queue.enqueue(new_job(), at).unwrap().job.id).collect();
    queue.cancel(ids[2], 9).unwrap();
    let ids_of = |page: &Page| page.jobs.iter().map(|job| job.id).collect::<Vec<_>>();
    let first = queue.list(None, None, 3).unwrap();
    assert_eq!(ids_of(&first), [ids[4], ids[3], ids[2]]);
    let cursor = first.next.unwrap().to_string().parse().unwrap();
    let rest = queue.list(None, Some(cursor), 3).unwrap();
    assert_eq!((ids_of(&rest), rest.next), (vec![ids[1], ids[0]], None));
    let queued = queue.list(Some(State::Queued), first.next, 9).unwrap();
    assert_eq!(ids_of(&queued), [ids[1], ids[0]]);
    assert_eq!(ids_of(&queue.list(Some(State::Cancelled), None, 9).unwrap()), [ids[2]]);
    assert_eq!("12-abc".parse::<Cursor>(), Err(crate::ids::InvalidId));
}

#[test]
fn only_ended_jobs_can_be_purged_and_only_what_records_refer_to_is_needed() {
    let queue = in_memory();
    let [waiting, done, cancelled] = [0, 1, 2].map(|at| queue.enqueue(new_job(), at).unwrap().job.id);
    queue.cancel(cancelled, 10).unwrap();
    queue.cancel(waiting, 11).unwrap();
    queue.retry(waiting, 12).unwrap();
    let job = queue.claim(12, LEASE_MS).unwrap().unwrap();
    assert_eq!(job.id, done);
    queue.ack(job.lease(), output(), 20).unwrap();
    assert!(matches!(queue.purge(waiting), Err(Error::Refused { state: State::Queued, .. })));
    assert_eq!(queue.needed_blobs().unwrap(), [new_job().input, output().glb].into());
    assert_eq!(queue.oldest_ended(1).unwrap()[0].id, cancelled);
    let purged = queue.purge_ended(19).unwrap();
    assert_eq!(purged.iter().map(|job| job.id).collect::<Vec<_>>(), [cancelled]);
    assert_eq!(queue.purge(done).unwrap().state, State::Completed);
    assert!(matches!(queue.get(done), Err(Error::UnknownJob(_))));
    assert_eq!(queue.needed_blobs().unwrap(), [new_job().input].into());
    assert_eq!(queue.counts().unwrap()["completed"], 0);
}

#[test]
fn a_pause_holds_claims_back_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.redb");
    let queue = Queue::open(&path).unwrap();
    queue.enqueue(new_job(), 0).unwrap();
    queue.pause().unwrap();
    drop(queue);
    let queue = Queue::open(&path).unwrap();
    assert!(queue.is_paused().unwrap());
    assert_eq!(queue.claim(1, LEASE_MS).unwrap(), None);
    assert_eq!(queue.next_due_ms().unwrap(), None);
    queue.resume().unwrap();
    assert!(queue.claim(1, LEASE_MS).unwrap().is_some());
}

/// What the queue must amount to, written without indexes, storage or shared code.
#[derive(Default)]
struct Model {
    jobs: BTreeMap<JobId, ModelJob>,
}

#[derive(Clone)]
struct ModelJob {
    state: State,
    attempt: u32,
    counted: u32,
    lost: u32,
    run_at_ms: u64,
    lease_until_ms: u64,
}

impl Model {
    fn due(&self, now_ms: u64) -> Option<JobId> {
        let queued = self.jobs.iter().filter(|(_, job)| job.state == State::Queued);
        let due = queued.filter(|(_, job)| job.run_at_ms <= now_ms);
        due.min_by_key(|(id, job)| (job.run_at_ms, id.as_u128())).map(|(id, _)| *id)
    }

    fn holder(&mut self, lease: Lease) -> Option<&mut ModelJob> {
        let job = self.jobs.get_mut(&lease.id)?;
        (job.state == State::Running && job.attempt == lease.attempt.0).then_some(job)
    }

    fn expire(&mut self, until_ms: u64, now_ms: u64) {
        let running = self.jobs.values_mut().filter(|job| job.state == State::Running);
        for job in running.filter(|job| job.lease_until_ms <= until_ms) {
            (job.counted, job.lost) = (job.counted - 1, job.lost + 1);
            job.state = if job.lost >= MAX_LOST_ATTEMPTS { State::Dead } else { State::Queued };
            job.run_at_ms = now_ms;
        }
    }
}

#[derive(Debug, Clone)]
enum Operation {
    Enqueue,
    Claim,
    Extend(usize),
    Ack(usize),
    Nack(usize, bool),
    Release(usize),
    Cancel(usize),
    Retry(usize),
    Reap,
    Reclaim,
    Wait(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        4 => Just(Enqueue),
        8 => Just(Claim),
        2 => (0..40_usize).prop_map(Extend),
        2 => (0..40_usize).prop_map(Ack),
        4 => (0..40_usize, any::<bool>()).prop_map(|(at, retry)| Nack(at, retry)),
        2 => (0..40_usize).prop_map(Release),
        2 => (0..40_usize).prop_map(Cancel),
        2 => (0..40_usize).prop_map(Retry),
        1 => Just(Reap),
        1 => Just(Reclaim),
        4 => (0..20_000_u64).prop_map(Wait),
    ]
}

/// The queue, the model, every lease that was ever given out, and the time.
struct Pair {
    queue: Queue,
    model: Model,
    leases: Vec<Lease>,
    now_ms: u64,
}

impl Pair {
    fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Wait(ms) => self.now_ms += ms,
            Operation::Enqueue => self.enqueue(),
            Operation::Claim => self.claim(),
            Operation::Reap => {
                self.queue.reap(self.now_ms).unwrap();
                self.model.expire(self.now_ms, self.now_ms);
            }
            Operation::Reclaim => {
                self.queue.reclaim(self.now_ms).unwrap();
                self.model.expire(u64::MAX, self.now_ms);
            }
            Operation::Cancel(at) => self.cancel(at),
            Operation::Retry(at) => self.retry(at),
            held => self.use_lease(held),
        }
    }

    fn enqueue(&mut self) {
        let id = self.queue.enqueue(new_job(), self.now_ms).unwrap().job.id;
        let (attempt, counted, run_at_ms) = (0, 0, self.now_ms);
        let job = ModelJob { state: State::Queued, attempt, counted, lost: 0, run_at_ms, lease_until_ms: 0 };
        self.model.jobs.insert(id, job);
    }

    fn claim(&mut self) {
        let claimed = self.queue.claim(self.now_ms, LEASE_MS).unwrap();
        assert_eq!(claimed.as_ref().map(|job| job.id), self.model.due(self.now_ms));
        let Some(claimed) = claimed else { return };
        let job = self.model.jobs.get_mut(&claimed.id).unwrap();
        job.state = State::Running;
        job.attempt += 1;
        job.counted += 1;
        job.lease_until_ms = self.now_ms + LEASE_MS;
        assert_eq!(claimed.attempt.0, job.attempt);
        self.leases.push(claimed.lease());
    }

    fn cancel(&mut self, at: usize) {
        let Some(id) = self.model.jobs.keys().nth(at).copied() else { return };
        let job = self.model.jobs.get_mut(&id).unwrap();
        let allowed = !job.state.is_final();
        assert_eq!(self.queue.cancel(id, self.now_ms).is_ok(), allowed);
        if allowed {
            job.state = State::Cancelled;
        }
    }

    fn retry(&mut self, at: usize) {
        let Some(id) = self.model.jobs.keys().nth(at).copied() else { return };
        let job = self.model.jobs.get_mut(&id).unwrap();
        let allowed = matches!(job.state, State::Dead | State::Cancelled);
        assert_eq!(self.queue.retry(id, self.now_ms).is_ok(), allowed);
        if allowed {
            (job.state, job.counted, job.lost) = (State::Queued, 0, 0);
            job.run_at_ms = self.now_ms;
        }
    }

    /// Leases are picked from all that ever were, so most of them are out of date.
    fn use_lease(&mut self, operation: Operation) {
        let (Operation::Extend(at) | Operation::Ack(at) | Operation::Nack(at, _) | Operation::Release(at)) =
            operation
        else {
            return;
        };
        let Some(&lease) = self.leases.iter().rev().nth(at) else { return };
        let answer = match operation {
            Operation::Extend(_) => self.queue.extend(lease, self.now_ms, LEASE_MS),
            Operation::Ack(_) => self.queue.ack(lease, output(), self.now_ms).map(|_| ()),
            Operation::Nack(_, retry) => self.queue.nack(lease, failure(retry), self.now_ms).map(|_| ()),
            _ => self.queue.release(lease, self.now_ms).map(|_| ()),
        };
        let Some(job) = self.model.holder(lease) else {
            assert!(matches!(answer, Err(Error::LeaseLost { .. })), "{answer:?}");
            return;
        };
        answer.unwrap();
        match operation {
            Operation::Extend(_) => job.lease_until_ms = self.now_ms + LEASE_MS,
            Operation::Ack(_) => job.state = State::Completed,
            Operation::Nack(_, retry) if !retry || job.counted >= MAX_ATTEMPTS => job.state = State::Dead,
            Operation::Nack(..) => {
                job.state = State::Queued;
                // How long the back-off is, is for the unit tests; that it is in the future, for here.
                job.run_at_ms = self.queue.get(lease.id).unwrap().run_at_ms;
                assert!(job.run_at_ms > self.now_ms);
            }
            _ => (job.state, job.counted) = (State::Queued, job.counted - 1),
        }
    }

    fn check(&self) {
        let mut counts: BTreeMap<&str, u64> = State::ALL.map(|state| (state.name(), 0)).into();
        for (id, expected) in &self.model.jobs {
            let job = self.queue.get(*id).unwrap();
            assert_eq!((job.state, job.attempt.0), (expected.state, expected.attempt));
            assert_eq!(job.lease_until_ms.is_some(), job.state == State::Running);
            assert_eq!(job.finished_at_ms.is_some(), job.state.is_final());
            assert_eq!(job.output.is_some(), job.state == State::Completed);
            *counts.get_mut(job.state.name()).unwrap() += 1;
        }
        assert_eq!(self.queue.counts().unwrap(), counts);
        let due = self.model.due(u64::MAX).map(|id| self.model.jobs[&id].run_at_ms);
        assert_eq!(self.queue.next_due_ms().unwrap(), due);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_behaves_like_a_plain_map(operations in prop::collection::vec(operation(), 1..60)) {
        let (queue, model, leases) = (in_memory(), Model::default(), Vec::new());
        let mut pair = Pair { queue, model, leases, now_ms: 1_000 };
        for operation in operations {
            pair.perform(operation);
            pair.check();
        }
    }
}
