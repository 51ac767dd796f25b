//! The books of a run: which jobs were accepted, which ends were seen, and what that amounts to.
//!
//! Two witnesses that do not know of each other: the log, in which a server says that it completed or gave up an
//! attempt *after* that was committed, and the record that the last server shows in the end. An end that was taken
//! back shows as a second line in the log, or as a record of a later attempt than the one that had ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;

/// What a run amounts to, in jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// The server said that it has them.
    pub(super) accepted: usize,
    /// They have a result that can be fetched.
    pub(super) finished: usize,
    /// Their file was broken on purpose, and they were refused for it.
    pub(super) bad: usize,
    /// Good files that were given up: killed too often.
    pub(super) dead: usize,
    /// The server knows nothing of them any more, or their result cannot be fetched.
    pub(super) lost: usize,
    /// They ended more than once, or one submission made several jobs.
    pub(super) twice: usize,
    /// They have not ended.
    pub(super) stuck: usize,
}

/// A job as the server shows it in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) state: String,
    pub(super) attempt: u64,
    /// Whether its result was there when it was fetched.
    pub(super) has_result: bool,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default, Clone)]
struct Seen {
    /// Job id to whether its file was good.
    accepted: BTreeMap<String, bool>,
    /// Job id to the attempts whose end was logged.
    ends: HashMap<String, Vec<u64>>,
}

impl Ledger {
    /// Writes down that the server has accepted a job.
    pub(super) fn accept(&self, id: String, is_good: bool) {
        self.lock().accepted.insert(id, is_good);
    }

    /// Writes down what a line of a server's log says, if it is about the end of a job.
    pub(super) fn read_log(&self, line: &str) {
        let Ok(line) = serde_json::from_str::<Value>(line) else { return };
        let is_end = ["completed a job", "gave a job up"].iter().any(|end| line["message"] == **end);
        if let (true, Some(id), Some(attempt)) = (is_end, line["job"].as_str(), line["attempt"].as_u64()) {
            self.lock().ends.entry(id.to_owned()).or_default().push(attempt);
        }
    }

    pub(super) fn accepted(&self) -> usize {
        self.lock().accepted.len()
    }

    /// How many jobs have ended, as far as the logs tell.
    pub(super) fn ended(&self) -> usize {
        self.lock().ends.len()
    }

    /// Compares what was seen with what the server has: `known` jobs, and a record for each id.
    pub(super) fn close(&self, known: Option<usize>, record: impl Fn(&str) -> Option<Record>) -> Counts {
        // A copy: a server that is asked for records goes on telling its log, which somebody has to read.
        let seen = self.lock().clone();
        let mut counts = Counts { accepted: seen.accepted.len(), ..Counts::default() };
        for (id, is_good) in &seen.accepted {
            let record = record(id);
            let ends = seen.ends.get(id).map_or(&[][..], Vec::as_slice);
            counts.twice += usize::from(has_ended_twice(ends, record.as_ref()));
            *counts.place_of(*is_good, record.as_ref()) += 1;
        }
        // Every submission was repeated until it was answered, so each job is one that somebody knows.
        counts.twice += known.unwrap_or(0).saturating_sub(seen.accepted.len());
        counts
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Where a job is counted.
    fn place_of(&mut self, is_good: bool, record: Option<&Record>) -> &mut usize {
        let Some(record) = record else { return &mut self.lost };
        match (record.state.as_str(), is_good) {
            ("completed", true) if record.has_result => &mut self.finished,
            ("dead", true) => &mut self.dead,
            ("dead", false) => &mut self.bad,
            ("queued" | "running", _) => &mut self.stuck,
            _ => &mut self.lost,
        }
    }
}

fn has_ended_twice(ends: &[u64], record: Option<&Record>) -> bool {
    let later = record.is_some_and(|record| ends.iter().any(|attempt| *attempt != record.attempt));
    ends.len() > 1 || later
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: &str, attempt: u64) -> Option<Record> {
        Some(Record { state: state.into(), attempt, has_result: true })
    }

    fn closed(is_good: bool, ends: &[u64], found: Option<Record>) -> Counts {
        let ledger = Ledger::default();
        ledger.accept("a".into(), is_good);
        for attempt in ends {
            ledger.read_log(&format!(r#"{{"message":"completed a job","job":"a","attempt":{attempt}}}"#));
        }
        ledger.close(Some(1), |_| found.clone())
    }

    #[test]
    fn each_job_is_counted_where_it_belongs() {
        let one = Counts { accepted: 1, ..Counts::default() };
        assert_eq!(closed(true, &[1], record("completed", 1)), Counts { finished: 1, ..one });
        assert_eq!(closed(false, &[1], record("dead", 1)), Counts { bad: 1, ..one });
        assert_eq!(closed(true, &[], record("dead", 3)), Counts { dead: 1, ..one });
        assert_eq!(closed(true, &[], record("running", 1)), Counts { stuck: 1, ..one });
        assert_eq!(closed(true, &[], None), Counts { lost: 1, ..one });
        // Broken files cannot have a result, and good ones must.
        assert_eq!(closed(false, &[1], record("completed", 1)), Counts { lost: 1, ..one });
        let empty = Some(Record { has_result: false, ..record("completed", 1).unwrap() });
        assert_eq!(closed(true, &[1], empty), Counts { lost: 1, ..one });
    }

    #[test]
    fn an_end_that_was_taken_back_is_noticed() {
        assert_eq!(closed(true, &[1, 2], record("completed", 2)).twice, 1);
        assert_eq!(closed(true, &[1], record("completed", 2)).twice, 1);
        assert_eq!(closed(true, &[1], record("queued", 1)).stuck, 1);
        let ledger = Ledger::default();
        ledger.accept("a".into(), true);
        assert_eq!(ledger.close(Some(3), |_| record("completed", 1)).twice, 2);
    }
}
