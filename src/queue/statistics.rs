//! What became of the jobs of each day, counted in the transactions that change them.
//!
//! A job counts for the day on which it was accepted, whatever time it ends, so that no day has more ends than jobs.
//! It counts once: one that is tried again takes its earlier end back. Jobs that are forgotten stay counted. All
//! figures are whole numbers, because what is taken back must leave nothing behind.

use std::collections::BTreeMap;

use redb::{ReadTransaction, ReadableTable, Table};
use serde::{Deserialize, Serialize};

use super::Queue;
use super::error::Error;
use super::job::{Job, State};
use super::tables::{DAYS, Tables};

const MS_A_DAY: u64 = 86_400_000;

/// How small results are, as a part of the original: upper ends of the steps of [`Day::ratios`]; the last has no end.
pub const RATIO_STEPS: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// How long attempts took, in seconds: upper ends of the steps of [`Day::durations`]; the last has no end.
pub const SECONDS_STEPS: [f64; 8] = [1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 3600.0];

/// Sizes of results that somebody asked about: fit for streaming, for phones, for the web (row R-22).
const READY_BYTES: [u64; 3] = [5 << 20, 10 << 20, 25 << 20];

/// The jobs of one day, or of several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Day {
    /// Accepted.
    pub submitted: u64,
    /// Of these: completed.
    pub completed: u64,
    /// Of these: given up.
    pub dead: u64,
    /// Of these: stopped by their owners.
    pub cancelled: u64,
    /// Of the completed: those whose result was there already.
    pub cached: u64,
    /// Sizes of the originals of completed jobs together.
    pub input_bytes: u64,
    /// Sizes of their results together.
    pub output_bytes: u64,
    /// What was saved of each, in millionths of its original, together.
    pub saved_millionths: u64,
    /// Milliseconds that the last attempts of those took that were worked on.
    pub working_ms: u64,
    /// Completed jobs by the size of the result; see [`RATIO_STEPS`].
    pub ratios: [u64; 11],
    /// Completed jobs that were worked on, by the time; see [`SECONDS_STEPS`].
    pub durations: [u64; 9],
    /// Results under 5, 10 and 25 MiB.
    pub ready: [u64; 3],
    /// Completed jobs by preset, and what each of them saved, in millionths, together.
    pub presets: BTreeMap<String, (u64, u64)>,
    /// Dead jobs by the code of their error.
    pub failures: BTreeMap<String, u64>,
}

impl Day {
    /// Adds the jobs of another day.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.numbers().into_iter().zip(other.clone().numbers()) {
            *sum += *more;
        }
        for (preset, (count, saved)) in &other.presets {
            let sum = self.presets.entry(preset.clone()).or_default();
            *sum = (sum.0 + count, sum.1 + saved);
        }
        for (code, count) in &other.failures {
            *self.failures.entry(code.clone()).or_default() += count;
        }
    }

    fn numbers(&mut self) -> Vec<&mut u64> {
        let single = [
            &mut self.submitted,
            &mut self.completed,
            &mut self.dead,
            &mut self.cancelled,
            &mut self.cached,
            &mut self.input_bytes,
            &mut self.output_bytes,
            &mut self.saved_millionths,
            &mut self.working_ms,
        ];
        single.into_iter().chain(&mut self.ratios).chain(&mut self.durations).chain(&mut self.ready).collect()
    }

    fn subtract(&mut self, other: &Self) {
        for (sum, less) in self.numbers().into_iter().zip(other.clone().numbers()) {
            *sum = sum.saturating_sub(*less);
        }
        for (preset, (count, saved)) in &other.presets {
            let sum = self.presets.entry(preset.clone()).or_default();
            *sum = (sum.0.saturating_sub(*count), sum.1.saturating_sub(*saved));
        }
        for (code, count) in &other.failures {
            let sum = self.failures.entry(code.clone()).or_default();
            *sum = sum.saturating_sub(*count);
        }
        self.presets.retain(|_, (count, _)| *count > 0);
        self.failures.retain(|_, count| *count > 0);
    }

    /// How a job ended; nothing of one that has not.
    fn of_end(job: &Job) -> Self {
        let mut day = Self::default();
        match job.state {
            State::Queued | State::Running => {}
            State::Cancelled => day.cancelled = 1,
            State::Dead => {
                day.dead = 1;
                let code = job.error.as_ref().map_or("unknown", |error| error.code.as_str());
                day.failures.insert(code.into(), 1);
            }
            State::Completed => day.complete(job),
        }
        day
    }

    fn complete(&mut self, job: &Job) {
        let output_bytes = job.output.as_ref().map_or(0, |output| output.glb_bytes);
        let saved_bytes = job.input_bytes.saturating_sub(output_bytes);
        let saved_millionths = saved_bytes.saturating_mul(1_000_000) / job.input_bytes.max(1);
        self.completed = 1;
        self.cached = u64::from(job.cached_from.is_some());
        (self.input_bytes, self.output_bytes) = (job.input_bytes, output_bytes);
        self.saved_millionths = saved_millionths;
        self.ratios[step(output_bytes as f64 / job.input_bytes.max(1) as f64, &RATIO_STEPS)] = 1;
        self.ready = READY_BYTES.map(|bytes| u64::from(output_bytes < bytes));
        self.presets.insert(job.settings.preset.to_string(), (1, saved_millionths));
        if let (Some(start_ms), Some(end_ms)) = (job.started_at_ms, job.finished_at_ms) {
            self.working_ms = end_ms.saturating_sub(start_ms);
            self.durations[step(self.working_ms as f64 / 1_000.0, &SECONDS_STEPS)] = 1;
        }
    }
}

/// The step that a value lies in: below its upper end, and in the last above all.
fn step(value: f64, ends: &[f64]) -> usize {
    ends.iter().position(|end| value < *end).unwrap_or(ends.len())
}

/// Enters a change of a job.
pub(super) fn tally(
    days: &mut Table<'_, u64, &'static [u8]>,
    old: Option<&Job>,
    new: &Job,
) -> Result<(), Error> {
    let (before, after) = (old.map(Day::of_end).unwrap_or_default(), Day::of_end(new));
    if old.is_some() && before == after {
        return Ok(());
    }
    let key = new.created_at_ms / MS_A_DAY;
    let mut day = days.get(key)?.map(|day| decode(day.value())).unwrap_or_default();
    day.submitted += u64::from(old.is_none());
    day.add(&after);
    day.subtract(&before);
    write(days, key, &day)
}

fn write(days: &mut Table<'_, u64, &'static [u8]>, key: u64, day: &Day) -> Result<(), Error> {
    let json = serde_json::to_vec(day).map_err(|source| Error::DayRecord { day: key, source })?;
    days.insert(key, json.as_slice())?;
    Ok(())
}

/// Statistics must not keep jobs from being written: a damaged day begins anew.
fn decode(day: &[u8]) -> Day {
    serde_json::from_slice(day).unwrap_or_else(|error| {
        tracing::error!(%error, "the counts of a day cannot be read");
        Day::default()
    })
}

impl Queue {
    /// Every day on which jobs were accepted, by its number since 1970.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn days(&self) -> Result<BTreeMap<u64, Day>, Error> {
        self.store.read(all_days)
    }
}

pub(super) fn all_days(snapshot: &ReadTransaction) -> Result<BTreeMap<u64, Day>, Error> {
    let mut days = BTreeMap::new();
    for entry in snapshot.open_table(DAYS)?.iter()? {
        let (day, counts) = entry?;
        days.insert(day.value(), decode(counts.value()));
    }
    Ok(days)
}

/// Puts the counts of whole days in the place of what was counted.
pub(super) fn replace(tables: &mut Tables<'_>, days: &BTreeMap<u64, Day>) -> Result<(), Error> {
    days.iter().try_for_each(|(key, day)| write(&mut tables.days, *key, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_back_leaves_nothing() {
        let mut day = Day { submitted: 3, ..Day::default() };
        let mut end = Day { dead: 1, ..Day::default() };
        end.failures.insert("timed_out".into(), 1);
        end.presets.insert("high".into(), (1, 500_000));
        let before = day.clone();
        day.add(&end);
        assert_eq!((day.dead, day.failures["timed_out"]), (1, 1));
        day.subtract(&end);
        assert_eq!(day, before);
    }

    #[test]
    fn steps_begin_where_the_one_before_ends() {
        assert_eq!(step(0.05, &RATIO_STEPS), 0);
        assert_eq!(step(0.1, &RATIO_STEPS), 1);
        assert_eq!(step(1.0, &RATIO_STEPS), 10);
        assert_eq!(step(7_200.0, &SECONDS_STEPS), 8);
    }
}
