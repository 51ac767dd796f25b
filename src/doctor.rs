//! One thorough look at all that the server depends on, for `glb-optimizer doctor`: the machine, the folder, the network.
//!
//! Every check ends in pass, warn or fail, with what was found and what to do, and within [`CHECK_TIME`]. Nothing is left
//! behind and nothing repaired; a server that runs on the same folder is not disturbed. What a server knows of itself at
//! any time is in [`crate::health`]. A new check: a function that returns a [`Finding`], in one of the files here, and a line
//! in [`checks`].

mod codecs;
mod fleet;
mod folder;
mod machine;
mod network;
mod place;

use std::pin::Pin;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::Config;
use fleet::Redis;

/// The longest that one check may take.
const CHECK_TIME: Duration = Duration::from_secs(15);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// The server works, but somebody should know.
    Warn,
    /// Something does not work.
    Fail,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen, for people.
    pub found: String,
    /// What to do about it; none after a pass.
    pub advice: Option<String>,
}

/// One check and its end.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Its name, for scripts.
    pub name: &'static str,
    /// What it found.
    #[serde(flatten)]
    pub finding: Finding,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
}

impl Finding {
    fn pass(found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Pass, found: found.into(), advice: None }
    }

    fn warn(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, found: found.into(), advice: Some(advice.into()) }
    }

    /// Something does not work: what was seen, and what to do.
    #[must_use]
    pub fn fail(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, found: found.into(), advice: Some(advice.into()) }
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Finding> + Send + 'a>>;

/// All checks, in the order in which people look for a fault: where am I, what is here, what works, who else is there.
fn checks<'a>(config: &'a Config, redis: &'a Redis<'a>) -> Vec<(&'static str, Running<'a>)> {
    let mut checks: Vec<(&'static str, Running<'a>)> = vec![
        ("platform", Box::pin(place::platform(config))),
        ("data_lasts", Box::pin(place::data_lasts(config))),
        ("data_folder", Box::pin(folder::written(config))),
        ("disk", Box::pin(folder::room(config))),
        ("memory", Box::pin(machine::memory(config))),
        ("processors", Box::pin(machine::processors(config))),
        ("sandbox", Box::pin(machine::sandbox(config))),
        ("port", Box::pin(network::port(config))),
        ("server", Box::pin(network::server(config))),
        ("redis", Box::pin(redis.connection())),
    ];
    if redis.is_configured() {
        checks.push(("redis_persistence", Box::pin(redis.persistence())));
        checks.push(("redis_memory", Box::pin(redis.memory())));
        checks.push(("redis_nodes", Box::pin(redis.nodes())));
    }
    checks.push(("storage", Box::pin(fleet::storage(&config.fleet))));
    for (name, round_trip) in codecs::ALL {
        checks.push((name, Box::pin(blocking(move || codecs::exercise(round_trip)))));
    }
    checks
}

/// Makes every check, one after the other, and hands each on as it ends.
pub async fn examine(config: &Config, mut on_check: impl FnMut(&Check)) -> Vec<Check> {
    let redis = Redis::of(&config.fleet);
    let mut done = Vec::new();
    for (name, running) in checks(config, &redis) {
        let start = Instant::now();
        let ended = tokio::time::timeout(CHECK_TIME, running).await;
        let finding = ended.unwrap_or_else(|_elapsed| {
            let found = format!("no answer within {} seconds", CHECK_TIME.as_secs());
            Finding::fail(found, "find out what hangs: a disk, a network, an overloaded machine")
        });
        let check = Check { name, finding, took_ms: start.elapsed().as_secs_f64() * 1_000.0 };
        on_check(&check);
        done.push(check);
    }
    done
}

/// The worst of all verdicts.
#[must_use]
pub fn verdict(checks: &[Check]) -> Verdict {
    checks.iter().map(|check| check.finding.verdict).max().unwrap_or(Verdict::Pass)
}

/// Runs what waits for the disk or takes the processor, where that keeps nobody from noticing the time.
async fn blocking(work: impl FnOnce() -> Finding + Send + 'static) -> Finding {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| {
        Finding::fail(format!("the check stopped unexpectedly: {error}"), "please report it")
    })
}

/// Bytes in units of 1024, roughly, as limits are set.
fn mebibytes(bytes: u64) -> String {
    if bytes >= 10 << 30 { format!("{} GB", bytes >> 30) } else { format!("{} MB", bytes >> 20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_counts() {
        let check = |finding| Check { name: "x", finding, took_ms: 0.0 };
        assert_eq!(verdict(&[]), Verdict::Pass);
        let checks = [check(Finding::pass("a")), check(Finding::warn("b", "c"))];
        assert_eq!(verdict(&checks), Verdict::Warn);
        assert_eq!(verdict(&[check(Finding::fail("a", "b")), checks[1].clone()]), Verdict::Fail);
    }

    #[test]
    fn a_check_reads_as_one_line_of_json() {
        let check = Check { name: "disk", finding: Finding::warn("1 MB", "make room"), took_ms: 0.5 };
        let json = serde_json::to_string(&check).unwrap();
        assert_eq!(
            json,
            r#"{"name":"disk","verdict":"warn","found":"1 MB","advice":"make room","took_ms":0.5}"#
        );
    }
}
