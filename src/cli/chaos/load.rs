//! The jobs of a run: tiny models, each different, now and then a broken one; and the questions to the server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::{Ledger, Record};

/// One file of so many is broken.
const BROKEN_EVERY: usize = 10;
/// A server that was frozen or killed is asked again after this.
const PAUSE: Duration = Duration::from_millis(5);
/// The longest that an answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// What is to be submitted, and where.
pub(super) struct Load {
    jobs: usize,
    seed: u64,
    url: Mutex<String>,
    has_given_up: AtomicBool,
}

impl Load {
    pub(super) fn new(jobs: usize, seed: u64) -> Self {
        Self { jobs, seed, url: Mutex::default(), has_given_up: AtomicBool::new(false) }
    }

    /// From now on the server is there.
    pub(super) fn turn_to(&self, url: String) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }

    pub(super) fn give_up(&self) {
        self.has_given_up.store(true, Ordering::Relaxed);
    }

    /// Submits every job, each until the server says that it has it. Its idempotency key keeps it one job.
    pub(super) fn submit_all(&self, ledger: &Ledger) {
        for number in 0..self.jobs {
            let is_good = number % BROKEN_EVERY != BROKEN_EVERY - 1;
            let model = if is_good { triangle(number) } else { broken(number) };
            while !self.has_given_up.load(Ordering::Relaxed) {
                match self.submit(number, &model) {
                    Some(id) => {
                        ledger.accept(id, is_good);
                        break;
                    }
                    None => thread::sleep(PAUSE),
                }
            }
        }
    }

    fn submit(&self, number: usize, model: &[u8]) -> Option<String> {
        let url = self.url.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = agent()
            .post(format!("{url}/api/v1/jobs?name=chaos-{number}.glb&effort=fast"))
            .header("idempotency-key", format!("chaos-{}-{number}", self.seed));
        let mut response = request.send(model).ok().filter(|response| response.status() == 202)?;
        let job: Value = serde_json::from_reader(response.body_mut().as_reader()).ok()?;
        job["id"].as_str().map(str::to_owned)
    }
}

/// How many jobs the server knows of, in any state.
pub(super) fn jobs_in_books(url: &str) -> Option<usize> {
    jobs_in(url, &["queued", "running", "completed", "dead", "cancelled"])
}

/// How many jobs have ended.
pub(super) fn jobs_ended(url: &str) -> Option<usize> {
    jobs_in(url, &["completed", "dead", "cancelled"])
}

fn jobs_in(url: &str, states: &[&str]) -> Option<usize> {
    let health = get(&format!("{url}/health"))?;
    let counts = states.iter().map(|state| health["queue"][state].as_u64());
    usize::try_from(counts.sum::<Option<u64>>()?).ok()
}

/// The job as the server shows it; none when it knows no such job.
pub(super) fn final_record(url: &str, id: &str) -> Option<Record> {
    let job = get(&format!("{url}/api/v1/jobs/{id}"))?;
    let (state, attempt) = (job["state"].as_str()?.to_owned(), job["attempt"].as_u64()?);
    let has_result = state == "completed" && {
        let result = agent().get(format!("{url}/api/v1/jobs/{id}/result")).call().ok();
        let bytes = result.and_then(|mut result| result.body_mut().read_to_vec().ok());
        bytes.is_some_and(|bytes| Some(bytes.len() as u64) == job["output_bytes"].as_u64())
    };
    Some(Record { state, attempt, has_result })
}

fn get(url: &str) -> Option<Value> {
    let mut response = agent().get(url).call().ok()?;
    serde_json::from_reader(response.body_mut().as_reader()).ok()
}

/// A new connection each time: the server behind the old one may be gone.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(ANSWER_TIME)).build().into()
}

/// A triangle that no other number has.
fn triangle(number: usize) -> Vec<u8> {
    let corner = 1.0 + number as f32 / 1024.0;
    let positions = [[0.0, 0.0, 0.0], [corner, 0.0, 0.0], [0.0, 1.0, 0.0]];
    let bin: Vec<u8> = positions.iter().flatten().flat_map(|value: &f32| value.to_le_bytes()).collect();
    let document = json!({
        "asset": { "version": "2.0" },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0 }],
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
        "accessors": [{
            "bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3",
            "min": [0.0, 0.0, 0.0], "max": [corner, 1.0, 0.0]
        }],
        "bufferViews": [{ "buffer": 0, "byteLength": bin.len() }],
        "buffers": [{ "byteLength": bin.len() }]
    });
    glb(document.to_string(), &bin)
}

/// A container in order around something that is no document.
fn broken(number: usize) -> Vec<u8> {
    glb(format!("{{ number {number} is no JSON }}"), &[])
}

fn glb(mut document: String, bin: &[u8]) -> Vec<u8> {
    while !document.len().is_multiple_of(4) {
        document.push(' ');
    }
    let chunks = [chunk(*b"JSON", document.as_bytes()), chunk(*b"BIN\0", bin)].concat();
    // A model of a few hundred bytes.
    let length = (12 + chunks.len()) as u32;
    [&b"glTF"[..], &2_u32.to_le_bytes(), &length.to_le_bytes(), &chunks].concat()
}

fn chunk(kind: [u8; 4], bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    [&(bytes.len() as u32).to_le_bytes()[..], &kind, bytes].concat()
}
