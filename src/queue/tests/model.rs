//! The queue against a plain map: random operations, then the same answers and the same invariants.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What the queue must amount to, written without indexes, storage or shared code.
#[derive(Default)]
struct Model {
    jobs: BTreeMap<JobId, ModelJob>,
    is_paused: bool,
}

#[derive(Clone)]
struct ModelJob {
    state: State,
    attempt: u32,
    counted: u32,
    lost: u32,
    rank: u64,
    key: Option<u8>,
    created_at_ms: u64,
    finished_at_ms: u64,
    run_at_ms: u64,
    lease_until_ms: u64,
}

impl Model {
    /// The queued jobs in the order in which they go.
    fn line(&self) -> Vec<(JobId, &ModelJob)> {
        let queued = self.jobs.iter().filter(|(_, job)| job.state == State::Queued);
        let mut line: Vec<_> = queued.map(|(id, job)| (*id, job)).collect();
        line.sort_by_key(|(id, job)| (job.run_at_ms + job.rank * Priority::STEP_MS, job.rank, id.as_u128()));
        line
    }

    fn due(&self, now_ms: u64) -> Option<JobId> {
        let first = self.line().into_iter().find(|(_, job)| job.run_at_ms <= now_ms);
        first.filter(|_| !self.is_paused).map(|(id, _)| id)
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
            job.finished_at_ms = now_ms;
        }
    }
}

#[derive(Debug, Clone)]
enum Operation {
    Enqueue(usize, Option<u8>),
    Claim,
    Extend(usize),
    Ack(usize),
    Nack(usize, bool),
    Release(usize),
    Cancel(usize),
    Retry(usize),
    Purge(usize),
    PurgeEnded(u64),
    Pause(bool),
    Reap,
    Reclaim,
    Wait(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        4 => (0..3_usize, prop::option::of(0..6_u8)).prop_map(|(rank, key)| Enqueue(rank, key)),
        8 => Just(Claim),
        2 => (0..40_usize).prop_map(Extend),
        2 => (0..40_usize).prop_map(Ack),
        4 => (0..40_usize, any::<bool>()).prop_map(|(at, retry)| Nack(at, retry)),
        2 => (0..40_usize).prop_map(Release),
        2 => (0..40_usize).prop_map(Cancel),
        2 => (0..40_usize).prop_map(Retry),
        1 => (0..40_usize).prop_map(Purge),
        1 => (0..60_000_u64).prop_map(PurgeEnded),
        1 => any::<bool>().prop_map(Pause),
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
            Operation::Enqueue(rank, key) => self.enqueue(rank, key),
            Operation::Purge(at) => self.purge(at),
            Operation::PurgeEnded(age_ms) => self.purge_ended(age_ms),
            Operation::Pause(true) => (self.queue.pause().unwrap(), self.model.is_paused = true).0,
            Operation::Pause(false) => (self.queue.resume().unwrap(), self.model.is_paused = false).0,
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

    fn enqueue(&mut self, rank: usize, key: Option<u8>) {
        let (priority, idempotency_key) = (Priority::ALL[rank], key.map(|key| key.to_string()));
        let new = NewJob { priority, idempotency_key, ..new_job() };
        let enqueued = self.queue.enqueue(new, self.now_ms).unwrap();
        let known = self.model.jobs.iter().find(|(_, job)| key.is_some() && job.key == key);
        assert_eq!(enqueued.is_new, known.is_none());
        if let Some((id, _)) = known {
            assert_eq!(enqueued.job.id, *id);
            return;
        }
        let job = ModelJob {
            state: State::Queued,
            attempt: 0,
            counted: 0,
            lost: 0,
            rank: rank as u64,
            key,
            created_at_ms: self.now_ms,
            finished_at_ms: 0,
            run_at_ms: self.now_ms,
            lease_until_ms: 0,
        };
        self.model.jobs.insert(enqueued.job.id, job);
    }

    fn purge(&mut self, at: usize) {
        let Some(id) = self.model.jobs.keys().nth(at).copied() else { return };
        let allowed = self.model.jobs[&id].state.is_final();
        assert_eq!(self.queue.purge(id).is_ok(), allowed);
        if allowed {
            self.model.jobs.remove(&id);
        }
    }

    fn purge_ended(&mut self, age_ms: u64) {
        let until_ms = self.now_ms.saturating_sub(age_ms);
        let purged = self.queue.purge_ended(until_ms).unwrap();
        let purged: BTreeSet<JobId> = purged.into_iter().map(|job| job.id).collect();
        let is_old = |job: &ModelJob| job.state.is_final() && job.finished_at_ms <= until_ms;
        let old = self.model.jobs.iter().filter(|(_, job)| is_old(job)).map(|(id, _)| *id);
        assert_eq!(purged, old.collect());
        self.model.jobs.retain(|id, _| !purged.contains(id));
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
            (job.state, job.finished_at_ms) = (State::Cancelled, self.now_ms);
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
            Operation::Ack(_) => (job.state, job.finished_at_ms) = (State::Completed, self.now_ms),
            Operation::Nack(_, retry) if !retry || job.counted >= MAX_ATTEMPTS => {
                (job.state, job.finished_at_ms) = (State::Dead, self.now_ms);
            }
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
        let line = self.model.line();
        let next_ms = line.iter().map(|(_, job)| job.run_at_ms).min().filter(|_| !self.model.is_paused);
        assert_eq!(self.queue.next_due_ms().unwrap(), next_ms);
        for (place, (id, _)) in line.iter().enumerate() {
            let ahead = self.queue.ahead_of(&self.queue.get(*id).unwrap()).unwrap();
            let place = place as u64;
            assert_eq!(ahead, Ahead { jobs: place, input_bytes: place * new_job().input_bytes });
        }
        self.check_lists();
    }
}

impl Pair {
    /// Every list, put together from pages of two, holds what it should, the newest first.
    fn check_lists(&self) {
        for state in [None].into_iter().chain(State::ALL.map(Some)) {
            let jobs = self.model.jobs.iter().filter(|(_, job)| state.is_none_or(|state| job.state == state));
            let mut expected: Vec<_> = jobs.map(|(id, job)| (job.created_at_ms, *id)).collect();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = self.queue.list(state, after, 2).unwrap();
                found.extend(page.jobs.iter().map(|job| (job.created_at_ms, job.id)));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

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
