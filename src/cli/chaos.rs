//! `glb-optimizer chaos`: shows on the user's own machine that no accepted job gets lost.
//!
//! A server (this same executable) works in a temporary folder on a load of tiny models. Meanwhile it and its
//! children are killed, frozen and stopped at random moments, and it is started again. Then every job that was
//! accepted is looked at. The server is a process like any other here: nothing is known of it but what it answers and
//! logs. Next: `ledger.rs` for what counts as lost, twice and stuck; `victim.rs` for the process; `load.rs` for the jobs.

mod ledger;
mod load;
mod victim;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::Serialize;
use uuid::Uuid;

use crate::config::{self, Config};
use crate::sandbox::Folder;
use ledger::{Counts, Ledger};
use load::Load;
use victim::Victim;

/// How long nothing may happen before the jobs that have not ended count as stuck.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the server is asked how far it is.
const POLL: Duration = Duration::from_millis(20);
/// When jobs take long, the next kill comes after this all the same.
const LONGEST_PEACE: Duration = Duration::from_secs(3);

/// What to do and how often.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// Jobs to submit
    #[arg(long, value_name = "N", default_value_t = 200)]
    jobs: usize,
    /// Times to kill the server or the process that works on a job
    #[arg(long, value_name = "N", default_value_t = 20)]
    kills: usize,
    /// Give up after this time; what has not ended by then is stuck
    #[arg(long, value_name = "S", default_value_t = 7200)]
    seconds: u64,
    /// Jobs that run at once
    #[arg(long, value_name = "N", default_value_t = 2)]
    workers: usize,
    /// Repeat the choices of an earlier run
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Print the ledger as JSON
    #[arg(long)]
    json: bool,
}

/// What came of it all.
#[derive(Debug, Serialize)]
struct Report {
    seed: u64,
    #[serde(flatten)]
    counts: Counts,
    server_kills: usize,
    child_kills: usize,
    freezes: usize,
    stops: usize,
    /// From the kill until the new server has every accepted job in its books.
    longest_recovery_ms: u64,
    mean_recovery_ms: u64,
    seconds: u64,
}

/// Runs the chaos and prints its ledger.
///
/// # Errors
/// A job was lost, ended twice or got stuck; or the server could not be started.
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let seed = flags.seed.unwrap_or_else(seed_of_now);
    let temp_dir = Config::from_process(config::Flags::default())?.temp_dir;
    let path = temp_dir.join(format!("glb-optimizer-chaos-{}", Uuid::new_v4().simple()));
    let folder = Folder::create(path).context("there is no folder for the server to work in")?;
    let report = Chaos::start(flags, seed, folder.path().to_owned())?.run()?;
    print(&report, flags.json)?;
    let Counts { lost, twice, stuck, .. } = report.counts;
    anyhow::ensure!(
        lost + twice + stuck == 0,
        "{lost} jobs were lost, {twice} ended twice, {stuck} got stuck"
    );
    Ok(())
}

/// One run: the server as it is now, and what is known so far.
struct Chaos<'a> {
    flags: &'a Flags,
    folder: PathBuf,
    victim: Victim,
    load: Arc<Load>,
    ledger: Arc<Ledger>,
    random: Random,
    started: Instant,
    recoveries_ms: Vec<u64>,
    report: Report,
}

impl<'a> Chaos<'a> {
    fn start(flags: &'a Flags, seed: u64, folder: PathBuf) -> anyhow::Result<Self> {
        let ledger = Arc::new(Ledger::default());
        let mut victim = Victim::start(&folder, flags.workers, &ledger)?;
        let load = Arc::new(Load::new(flags.jobs, seed));
        load.turn_to(victim.url()?);
        let report = Report {
            seed,
            counts: Counts::default(),
            server_kills: 0,
            child_kills: 0,
            freezes: 0,
            stops: 0,
            longest_recovery_ms: 0,
            mean_recovery_ms: 0,
            seconds: 0,
        };
        let (random, started) = (Random(seed), Instant::now());
        Ok(Self { flags, folder, victim, load, ledger, random, started, recoveries_ms: Vec::new(), report })
    }

    fn run(mut self) -> anyhow::Result<Report> {
        let (load, ledger) = (Arc::clone(&self.load), Arc::clone(&self.ledger));
        let submitter = thread::spawn(move || load.submit_all(&ledger));
        while self.report.server_kills + self.report.child_kills < self.flags.kills && !self.is_late() {
            self.wait_for_the_next_moment();
            self.do_harm()?;
        }
        self.wait_for_the_end();
        self.load.give_up();
        submitter.join().map_err(|_| anyhow::anyhow!("the submitter stopped in the middle of its work"))?;
        self.close_the_books()
    }

    /// Harm comes evenly over the jobs, so that there is load on every machine, and within that at any moment.
    fn wait_for_the_next_moment(&mut self) {
        let done = self.report.server_kills + self.report.child_kills;
        let due = self.flags.jobs * (done + 1) / (self.flags.kills + 1);
        let since = Instant::now();
        while self.ledger.ended() < due && since.elapsed() < LONGEST_PEACE {
            thread::sleep(POLL);
        }
        thread::sleep(Duration::from_millis(self.random.below(120)));
    }

    fn do_harm(&mut self) -> anyhow::Result<()> {
        match self.random.below(10) {
            0..=4 => self.kill_server(),
            5..=7 => {
                self.report.child_kills += usize::from(self.victim.kill_child());
                Ok(())
            }
            8 => {
                self.report.freezes += 1;
                self.victim.freeze(Duration::from_millis(self.random.below(1_500)));
                Ok(())
            }
            _ => self.stop_server(),
        }
    }

    fn kill_server(&mut self) -> anyhow::Result<()> {
        self.report.server_kills += 1;
        let since = Instant::now();
        self.victim.kill()?;
        // Now and then the new one is killed while it starts.
        if self.random.below(4) == 0 {
            self.victim = Victim::start(&self.folder, self.flags.workers, &self.ledger)?;
            thread::sleep(Duration::from_millis(self.random.below(60)));
            self.victim.kill()?;
        }
        self.start_again(since)
    }

    fn stop_server(&mut self) -> anyhow::Result<()> {
        self.report.stops += 1;
        self.victim.stop()?;
        self.start_again(Instant::now())
    }

    /// Starts a new server and waits until it has every job in its books that was accepted.
    fn start_again(&mut self, since: Instant) -> anyhow::Result<()> {
        let accepted = self.ledger.accepted();
        self.victim = Victim::start(&self.folder, self.flags.workers, &self.ledger)?;
        let url = self.victim.url()?;
        // What is missing in the end, the ledger shows; here it must only not last for ever.
        while load::jobs_in_books(&url).is_none_or(|known| known < accepted) && since.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        self.recoveries_ms.push(u64::try_from(since.elapsed().as_millis())?);
        self.load.turn_to(url);
        Ok(())
    }

    /// Until all jobs are submitted and ended, or nothing has happened for [`PATIENCE`].
    fn wait_for_the_end(&mut self) {
        let (mut last, mut since) = ((0, 0), Instant::now());
        while last.1 < self.flags.jobs && since.elapsed() < PATIENCE && !self.is_late() {
            thread::sleep(POLL);
            let now = (self.ledger.accepted(), self.victim.url().ok().and_then(|url| load::jobs_ended(&url)));
            let now = (now.0, now.1.unwrap_or(last.1));
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }

    fn close_the_books(mut self) -> anyhow::Result<Report> {
        let url = self.victim.url()?;
        let counts = self.ledger.close(load::jobs_in_books(&url), |id| load::final_record(&url, id));
        self.victim.stop()?;
        let count = self.recoveries_ms.len().max(1) as u64;
        Ok(Report {
            counts,
            longest_recovery_ms: self.recoveries_ms.iter().copied().max().unwrap_or(0),
            mean_recovery_ms: self.recoveries_ms.iter().sum::<u64>() / count,
            seconds: self.started.elapsed().as_secs(),
            ..self.report
        })
    }

    fn is_late(&self) -> bool {
        self.started.elapsed() > Duration::from_secs(self.flags.seconds)
    }
}

fn print(report: &Report, is_json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if is_json {
        writeln!(out, "{}", serde_json::to_string_pretty(report)?)?;
        return Ok(());
    }
    let Counts { accepted, finished, bad, dead, lost, twice, stuck } = report.counts;
    let Report { server_kills, child_kills, freezes, stops, seconds, seed, .. } = report;
    writeln!(out, "killed: the server {server_kills} times, a job's process {child_kills} times")?;
    writeln!(out, "frozen: {freezes} times; stopped and started: {stops} times; seed {seed}; {seconds} s")?;
    writeln!(
        out,
        "recovery: at most {} ms, {} ms on average",
        report.longest_recovery_ms, report.mean_recovery_ms
    )?;
    for (name, count) in [
        ("accepted", accepted),
        ("finished", finished),
        ("refused, as they should be", bad),
        ("dead, killed too often", dead),
        ("lost", lost),
        ("twice", twice),
        ("stuck", stuck),
    ] {
        writeln!(out, "{count:>8}  {name}")?;
    }
    Ok(())
}

/// Numbers that a seed repeats: splitmix64.
struct Random(u64);

impl Random {
    /// A number below `bound`, which is small.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

fn seed_of_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_millis() as u64)
}
