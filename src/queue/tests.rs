//! One rule of the queue after the other. Next: `model.rs` for random operations against a plain map, `disk.rs` for
//! disks that fail and machines that lose their power.

mod disk;
mod model;

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
    NewJob {
        input_name,
        input_bytes: 5,
        input,
        settings,
        priority,
        idempotency_key: None,
        batch: None,
        webhook: None,
        cached: None,
        sender: Sender::default(),
    }
}

fn output() -> Output {
    let blob = BlobId::from(blake3::hash(b"output"));
    Output {
        glb: blob,
        glb_bytes: 6,
        report: blob,
        worst_view: None,
        levels: Vec::new(),
        version: env!("CARGO_PKG_VERSION").into(),
    }
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
fn a_job_that_is_cancelled_or_purged_ends_the_lease_of_its_holder() {
    let queue = in_memory();
    let id = queue.enqueue(new_job(), 0).unwrap().job.id;
    let job = queue.claim(0, LEASE_MS).unwrap().unwrap();
    queue.cancel(id, 1).unwrap();
    assert!(matches!(queue.extend(job.lease(), 2, LEASE_MS), Err(Error::LeaseLost { .. })));
    queue.purge(id).unwrap();
    assert!(matches!(queue.extend(job.lease(), 3, LEASE_MS), Err(Error::LeaseLost { .. })));
    assert!(matches!(queue.release(job.lease(), 3), Err(Error::LeaseLost { .. })));
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
    let database = redb::Database::create(&path).unwrap();
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
    let purged = queue.purge_ended(19).unwrap();
    assert_eq!(purged.iter().map(|job| job.id).collect::<Vec<_>>(), [cancelled]);
    assert_eq!(queue.purge(done).unwrap().state, State::Completed);
    assert!(matches!(queue.get(done), Err(Error::UnknownJob(_))));
    assert_eq!(queue.needed_blobs().unwrap(), [new_job().input].into());
    assert_eq!(queue.counts().unwrap()["completed"], 0);
}

#[test]
fn only_ended_jobs_let_their_files_go_and_then_cannot_run_again() {
    let queue = in_memory();
    let [live, old, young] = [0, 1, 2].map(|at| queue.enqueue(new_job(), at).unwrap().job.id);
    queue.cancel(old, 10).unwrap();
    queue.cancel(young, 20).unwrap();
    assert_eq!(queue.let_files_go(10).unwrap(), 1);
    assert_eq!(queue.let_files_go(10).unwrap(), 0);
    assert!(matches!(queue.retry(old, 30), Err(Error::FilesGone(id)) if id == old));
    assert!(!queue.get(young).unwrap().files_gone);
    // As many as their sizes need, the first to end first, and no live one.
    assert_eq!(queue.let_oldest_files_go(1).unwrap(), 1);
    assert!(queue.get(young).unwrap().files_gone);
    assert_eq!(queue.let_oldest_files_go(u64::MAX).unwrap(), 0);
    assert!(!queue.get(live).unwrap().files_gone);
    assert_eq!(queue.needed_blobs().unwrap(), [new_job().input].into());
}

fn api_key() -> ApiKey {
    ApiKey {
        id: "00000000000000a1".parse().unwrap(),
        name: "shop".into(),
        hash: "ab".into(),
        scopes: vec![Scope::Upload],
        quota: Quota::default(),
        created_at_ms: 7,
        expires_at_ms: None,
        used: Used::default(),
    }
}

#[test]
fn a_copy_holds_what_the_queue_held() {
    let queue = in_memory();
    let ids = [0, 1, 2].map(|at| queue.enqueue(new_job(), at).unwrap().job.id);
    queue.claim(3, LEASE_MS).unwrap().unwrap();
    queue.cancel(ids[2], 4).unwrap();
    // Forgotten, and still counted.
    queue.purge(ids[2]).unwrap();
    queue.write_api_key(&api_key()).unwrap();
    queue.pause().unwrap();
    let copy = in_memory();
    copy.fill(&queue.snapshot().unwrap()).unwrap();
    assert_eq!(copy.snapshot().unwrap(), queue.snapshot().unwrap());
    assert_eq!(copy.counts().unwrap(), queue.counts().unwrap());
    assert_eq!(copy.days().unwrap(), queue.days().unwrap());
    assert_eq!(copy.api_keys().unwrap(), [api_key()]);
    // What ran there runs nowhere now.
    assert_eq!(copy.reclaim(5).unwrap().len(), 1);
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

#[test]
fn a_step_of_priority_is_worth_ten_minutes_and_no_more() {
    let queue = in_memory();
    let add = |priority, now_ms| queue.enqueue(NewJob { priority, ..new_job() }, now_ms).unwrap().job.id;
    let low = add(Priority::Low, 0);
    let normal = add(Priority::Normal, Priority::STEP_MS - 1);
    let high = add(Priority::High, 2 * Priority::STEP_MS - 2);
    let late = add(Priority::High, 2 * Priority::STEP_MS + 1);
    let now_ms = 2 * Priority::STEP_MS + 1;
    for (place, id) in [high, normal, low, late].into_iter().enumerate() {
        assert_eq!(queue.ahead_of(&queue.get(id).unwrap()).unwrap().jobs, place as u64);
    }
    for id in [high, normal, low, late] {
        assert_eq!(queue.claim(now_ms, LEASE_MS).unwrap().unwrap().id, id);
    }
}

#[test]
fn a_full_disk_counts_no_attempt_and_is_waited_out() {
    let queue = in_memory();
    queue.enqueue(new_job(), 0).unwrap();
    let mut now_ms = 0;
    for _ in 0..10 {
        let job = queue.claim(now_ms, LEASE_MS).unwrap().unwrap();
        let failure = Failure { blame: Blame::Node, ..failure(true) };
        let job = queue.nack(job.lease(), failure, now_ms).unwrap();
        assert_eq!(job.state, State::Queued);
        assert!((10_000..=transition::MAX_BACKOFF_MS).contains(&(job.run_at_ms - now_ms)));
        now_ms = job.run_at_ms;
    }
}

#[test]
fn a_clock_that_was_set_back_makes_nobody_wait() {
    let queue = in_memory();
    let year_ms = 365 * 86_400_000;
    queue.enqueue(new_job(), year_ms).unwrap();
    let job = queue.claim(year_ms, LEASE_MS).unwrap().unwrap();
    queue.nack(job.lease(), failure(true), year_ms).unwrap();
    let job = queue.claim(1_000, LEASE_MS).unwrap().unwrap();
    // Its lease is by the new time, and so is the end.
    assert_eq!(queue.reap(1_000 + LEASE_MS).unwrap().len(), 1);
    let job = queue.claim(20_000, LEASE_MS).unwrap().filter(|again| again.id == job.id).unwrap();
    assert_eq!(queue.ack(job.lease(), output(), 20_001).unwrap().finished_at_ms, Some(20_001));
}

#[test]
fn a_result_is_found_by_content_settings_and_version() {
    let queue = in_memory();
    queue.enqueue(new_job(), 0).unwrap();
    let job = queue.claim(0, LEASE_MS).unwrap().unwrap();
    let (input, settings) = (job.input, job.settings);
    assert_eq!(queue.result_of(input, &settings).unwrap(), None);
    let job = queue.ack(job.lease(), output(), 1).unwrap();
    assert_eq!(queue.result_of(input, &settings).unwrap(), Some(job.clone()));
    assert_eq!(queue.result_of(output().glb, &settings).unwrap(), None);
    let cached = Cached { output: output(), from: job.id };
    let copy = queue.enqueue(NewJob { cached: Some(cached), ..new_job() }, 2).unwrap().job;
    assert_eq!((copy.state, copy.cached_from), (State::Completed, Some(job.id)));
    // The older one goes, the newer one stays.
    queue.purge(job.id).unwrap();
    assert_eq!(queue.result_of(input, &settings).unwrap().unwrap().id, copy.id);
    queue.purge(copy.id).unwrap();
    assert_eq!(queue.result_of(input, &settings).unwrap(), None);
}

#[test]
fn what_another_version_made_is_made_again() {
    let queue = in_memory();
    queue.enqueue(new_job(), 0).unwrap();
    let job = queue.claim(0, LEASE_MS).unwrap().unwrap();
    queue.ack(job.lease(), Output { version: "0.0.1".into(), ..output() }, 1).unwrap();
    assert_eq!(queue.result_of(job.input, &job.settings).unwrap(), None);
}

#[test]
fn an_idempotency_key_stands_for_one_job_until_that_is_purged() {
    let queue = in_memory();
    let keyed = || NewJob { idempotency_key: Some("order-1".into()), ..new_job() };
    let first = queue.enqueue(keyed(), 0).unwrap();
    let again = queue.enqueue(keyed(), 5).unwrap();
    assert_eq!((first.is_new, again.is_new, again.job.id), (true, false, first.job.id));
    let other = NewJob { input: output().glb, ..keyed() };
    assert!(matches!(queue.enqueue(other.clone(), 6), Err(Error::KeyReused { id }) if id == first.job.id));
    queue.cancel(first.job.id, 7).unwrap();
    queue.purge(first.job.id).unwrap();
    assert!(queue.enqueue(other, 8).unwrap().is_new);
}

/// A record as format 1 had it.
fn record_of_format_1(job: &Job) -> Vec<u8> {
    let mut record = serde_json::to_value(job).unwrap();
    record.as_object_mut().unwrap().remove("priority");
    serde_json::to_vec(&record).unwrap()
}

#[test]
fn a_file_of_format_1_is_migrated_with_all_its_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.redb");
    let [waiting, running] = [3, 4].map(|now_ms| Job::accepted(new_job(), now_ms));
    let lease_until_ms = Some(9);
    let running = Job { state: State::Running, attempt: Attempt(1), lease_until_ms, ..running };
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut jobs = transaction.open_table(tables::JOBS).unwrap();
        for job in [&waiting, &running] {
            jobs.insert(job.id.as_u128(), record_of_format_1(job).as_slice()).unwrap();
        }
        transaction.open_table(tables::META).unwrap().insert("format", 1).unwrap();
        // The keys of this index had another type.
        let due: redb::TableDefinition<'_, (u64, u128), ()> = redb::TableDefinition::new("due");
        transaction.open_table(due).unwrap().insert((3, waiting.id.as_u128()), ()).unwrap();
        transaction.open_table(tables::COUNTS).unwrap().insert("queued", 7).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    for _ in 0..2 {
        let queue = Queue::open(&path).unwrap();
        assert_eq!(queue.list(None, None, 9).unwrap().jobs, [running.clone(), waiting.clone()]);
        assert_eq!((queue.counts().unwrap()["queued"], queue.counts().unwrap()["running"]), (1, 1));
    }
    let queue = Queue::open(&path).unwrap();
    assert_eq!(queue.reclaim(10).unwrap().len(), 1);
    assert_eq!(queue.claim(10, LEASE_MS).unwrap().unwrap().id, waiting.id);
}

#[test]
fn a_record_that_cannot_be_read_keeps_nobody_else_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.redb");
    let queue = Queue::open(&path).unwrap();
    let [leased, waiting, good] = [0, 1, 2].map(|at| queue.enqueue(new_job(), at).unwrap().job.id);
    queue.claim(3, LEASE_MS).unwrap().unwrap();
    let records = [leased, waiting].map(|id| queue.get(id).unwrap());
    queue
        .change(|tables| {
            for id in [leased, waiting] {
                tables.jobs.insert(id.as_u128(), b"{\"from\":\"the future\"}".as_slice())?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(queue.reclaim(4).unwrap(), []);
    assert_eq!(queue.claim(5, LEASE_MS).unwrap().unwrap().id, good);
    assert!(matches!(queue.get(waiting), Err(Error::Record { .. })));
    assert_eq!(queue.list(None, None, 9).unwrap().jobs.len(), 1);

    // A version that can read them: here the same one, with what it wrote itself.
    for job in [&records[0], &records[1]] {
        let record = serde_json::to_vec(job).unwrap();
        queue
            .change(|tables| Ok(tables.jobs.insert(job.id.as_u128(), record.as_slice())?.is_some()))
            .unwrap();
    }
    drop(queue);
    let queue = Queue::open(&path).unwrap();
    assert_eq!(queue.reclaim(6).unwrap().len(), 2, "the one that was set aside, and the good one");
    let claimed = [7, 8].map(|at| queue.claim(at, LEASE_MS).unwrap().map(|job| job.id));
    assert!(claimed.contains(&Some(waiting)), "{claimed:?}");
    assert_eq!(queue.counts().unwrap().values().sum::<u64>(), 3);
}

#[test]
fn an_ended_record_that_cannot_be_read_does_not_keep_the_others() {
    let queue = in_memory();
    let [bad, good] = [0, 1].map(|at| queue.enqueue(new_job(), at).unwrap().job.id);
    for at in [2, 3] {
        let job = queue.claim(at, LEASE_MS).unwrap().unwrap();
        queue.ack(job.lease(), output(), at).unwrap();
    }
    let spoil = |tables: &mut Tables<'_>| {
        tables.jobs.insert(bad.as_u128(), b"{\"from\":\"the future\"}".as_slice())?;
        Ok(())
    };
    queue.change(spoil).unwrap();
    assert_eq!(queue.snapshot().unwrap().jobs.len(), 1);
    assert_eq!(queue.purge_ended(4).unwrap().iter().map(|job| job.id).collect::<Vec<_>>(), [good]);
    assert!(matches!(queue.get(bad), Err(Error::Record { .. })), "it stays for a version that can read it");
}

#[test]
fn a_webhook_of_a_record_that_cannot_be_read_is_given_up() {
    let queue = in_memory();
    let hooked = || NewJob { webhook: Some("https://example.org".into()), ..new_job() };
    let [bad, good] = [0, 1].map(|at| queue.enqueue(hooked(), at).unwrap().job.id);
    for _ in [bad, good] {
        let job = queue.claim(2, LEASE_MS).unwrap().unwrap();
        queue.ack(job.lease(), output(), 3).unwrap();
    }
    let spoil = |tables: &mut Tables<'_>| {
        tables.jobs.insert(bad.as_u128(), b"{\"from\":\"the future\"}".as_slice())?;
        Ok(())
    };
    queue.change(spoil).unwrap();
    let due = queue.due_webhooks(4, 9).unwrap();
    assert_eq!(due.iter().map(|job| job.id).collect::<Vec<_>>(), [good]);
    queue.webhook_tried(&due[0], Ok(()), 5).unwrap();
    // Something that is due for ever would be looked at for ever.
    assert_eq!(queue.next_webhook_ms().unwrap(), None);
}

#[test]
fn a_fault_of_the_node_that_does_not_end_gives_the_job_up_after_a_day() {
    let queue = in_memory();
    queue.enqueue(new_job(), 0).unwrap();
    let mut now_ms = 0;
    let dead = loop {
        let job = queue.claim(now_ms, LEASE_MS).unwrap().unwrap();
        let failure = Failure { blame: Blame::Node, ..failure(true) };
        let job = queue.nack(job.lease(), failure, now_ms).unwrap();
        if job.state == State::Dead {
            break job;
        }
        now_ms = job.run_at_ms;
    };
    assert_eq!(dead.node_faults, MAX_NODE_FAULTS);
    assert!((18..32).contains(&(now_ms / 3_600_000)), "after {} hours", now_ms / 3_600_000);
    let again = queue.retry(dead.id, now_ms).unwrap();
    assert_eq!((again.state, again.node_faults), (State::Queued, 0));
}
