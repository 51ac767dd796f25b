//! The queue in numbers, and the same work done by SQLite: `cargo bench --bench queue`.
//!
//! Prints durable jobs a second (enqueue, claim, ack: three synced transactions each), what a claim takes with ten and
//! with ten thousand waiting, and the memory that these take. Fails where a bar is missed. The folder lies in the
//! target folder: a temporary one may be in memory, where syncing costs nothing.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has to stop")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use glb_optimizer::ids::BlobId;
use glb_optimizer::optimize::Settings;
use glb_optimizer::queue::{Job, NewJob, Output, Priority, Queue, Sender};
use rusqlite::{Connection, OptionalExtension, params};

const LEASE_MS: u64 = 15_000;
/// Jobs of one round; rounds of both queues alternate, so that both see the same disk.
const ROUND: u64 = 100;
const ROUNDS: u64 = 8;
const MANY: u64 = 10_000;

const MIN_JOBS_PER_SECOND: f64 = 300.0;
const MAX_BYTES_OF_MANY: u64 = 100 << 20;
/// A claim among a thousand times as many may take this much longer: its trees are a level deeper.
const MAX_SLOWDOWN: f64 = 2.0;

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let jobs_per_second = compare(folder.path());
    let slowdown = claim_among_many(folder.path());
    assert!(jobs_per_second >= MIN_JOBS_PER_SECOND, "fewer than {MIN_JOBS_PER_SECOND} jobs a second");
    assert!(slowdown <= MAX_SLOWDOWN, "waiting jobs slow a claim");
}

/// Runs the same rounds on both and returns our jobs a second.
fn compare(folder: &Path) -> f64 {
    let queue = Queue::open(&folder.join("queue.redb")).unwrap();
    let sqlite = Sqlite::open(&folder.join("queue.sqlite"));
    let (mut own, mut other) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        own += timed(|| (0..ROUND).for_each(|now_ms| one_job(&queue, now_ms)));
        other += timed(|| (0..ROUND).for_each(|now_ms| sqlite.one_job(now_ms)));
    }
    let per_second = |time: Duration| (ROUND * ROUNDS) as f64 / time.as_secs_f64();
    let (own, other) = (per_second(own), per_second(other));
    println!("durable jobs a second: {own:.0}; SQLite (WAL, FULL): {other:.0}; ratio {:.2}", own / other);
    own
}

/// Returns how many times longer a claim takes among [`MANY`] waiting jobs than among ten.
fn claim_among_many(folder: &Path) -> f64 {
    let before = resident_bytes();
    let queue = Queue::open(&folder.join("many.redb")).unwrap();
    (0..10).for_each(|now_ms| drop(queue.enqueue(new_job(now_ms), now_ms).unwrap()));
    let few = median_claim(&queue);
    (10..MANY).for_each(|now_ms| drop(queue.enqueue(new_job(now_ms), now_ms).unwrap()));
    let many = median_claim(&queue);
    let bytes = resident_bytes().saturating_sub(before);
    println!("a claim among 10: {few:?}; among {MANY}: {many:?}");
    println!("memory of {MANY} waiting jobs: {:.1} MB", bytes as f64 / f64::from(1 << 20));
    assert!(bytes <= MAX_BYTES_OF_MANY, "{MANY} waiting jobs take too much memory");
    many.as_secs_f64() / few.as_secs_f64()
}

/// The median time of a claim. Each job is put back, so that as many wait for the next.
fn median_claim(queue: &Queue) -> Duration {
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let mut job = None;
            let time = timed(|| job = queue.claim(MANY, LEASE_MS).unwrap());
            queue.release(job.unwrap().lease(), MANY).unwrap();
            time
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn one_job(queue: &Queue, now_ms: u64) {
    queue.enqueue(new_job(now_ms), now_ms).unwrap();
    let job = queue.claim(now_ms, LEASE_MS).unwrap().unwrap();
    queue.ack(job.lease(), output(), now_ms).unwrap();
}

fn new_job(number: u64) -> NewJob {
    let input = BlobId::from(blake3::hash(&number.to_le_bytes()));
    let (input_name, settings, priority) = ("model.glb".into(), Settings::default(), Priority::Normal);
    NewJob {
        input_name,
        input_bytes: number,
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

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// What this process has in memory.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// The same queue as one would write it on SQLite: one table, one index, the same records.
struct Sqlite(Connection);

impl Sqlite {
    fn open(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        let schema = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE jobs (id BLOB PRIMARY KEY, state TEXT, run_at INTEGER, record BLOB) WITHOUT ROWID;
            CREATE INDEX due ON jobs (state, run_at);";
        connection.execute_batch(schema).unwrap();
        Self(connection)
    }

    fn one_job(&self, now_ms: u64) {
        let job = Job::accepted(new_job(now_ms), now_ms);
        let (id, record) = (job.id.as_u128().to_be_bytes(), serde_json::to_vec(&job).unwrap());
        let insert = "INSERT INTO jobs VALUES (?1, 'queued', ?2, ?3)";
        self.0.prepare_cached(insert).unwrap().execute(params![id, now_ms, record]).unwrap();
        let claim = "UPDATE jobs SET state = 'running', record = ?2 WHERE id = (SELECT id FROM jobs
            WHERE state = 'queued' AND run_at <= ?1 ORDER BY run_at LIMIT 1) RETURNING id";
        let mut claim = self.0.prepare_cached(claim).unwrap();
        let claimed: Option<[u8; 16]> =
            claim.query_row(params![now_ms, record], |row| row.get(0)).optional().unwrap();
        let ack = "UPDATE jobs SET state = 'completed', record = ?2 WHERE id = ?1 AND state = 'running'";
        let changed = self.0.prepare_cached(ack).unwrap().execute(params![claimed.unwrap(), record]);
        assert_eq!(changed.unwrap(), 1);
    }
}
