//! `glb-optimizer doctor`: looks at everything that the server depends on, and says what to do.
//!
//! Takes the server's own flags and environment, so that it looks at what the server would use. The checks are in
//! [`crate::doctor`]; here they are printed.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use crate::config::{self, Config};
use crate::doctor::{self, Check, Finding, Verdict};

/// A check that hangs is not waited for at the end.
const STOP_TIME: Duration = Duration::from_millis(100);

/// What `doctor` can be told.
#[derive(Debug, clap::Args)]
// The flags inside have this name too.
#[group(skip)]
#[command(after_help = "\
Exit codes: 0 all checks passed or only warn, 1 at least one failed.
Examples:
  glb-optimizer doctor
  glb-optimizer doctor --json | jq '.checks[] | select(.verdict != \"pass\")'")]
pub(super) struct Flags {
    #[command(flatten)]
    server: config::Flags,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Something does not work; what, is printed already.
#[derive(Debug, thiserror::Error)]
#[error("{0} of {1} checks failed")]
struct SomeFailed(usize, usize);

/// Makes every check and prints them.
///
/// # Errors
/// A check failed, or nothing can be printed.
pub(super) fn run(flags: Flags) -> anyhow::Result<()> {
    let lines = if flags.json { None } else { Some(io::stdout().is_terminal()) };
    let on_check = |check: &Check| {
        if let Some(is_coloured) = lines {
            // Without a stdout there is nobody to tell.
            let _ = io::stdout().lock().write_all(line(check, is_coloured).as_bytes());
        }
    };
    let checks = match Config::from_process(flags.server) {
        Ok(config) => examine(&config, on_check)?,
        Err(error) => {
            let finding =
                Finding::fail(error.to_string(), "set it right; the server does not start like this");
            let check = Check { name: "configuration", finding, took_ms: 0.0 };
            on_check(&check);
            vec![check]
        }
    };
    let verdict = doctor::verdict(&checks);
    if flags.json {
        let version = env!("CARGO_PKG_VERSION");
        let all = json!({ "verdict": verdict, "version": version, "checks": checks });
        writeln!(io::stdout().lock(), "{all:#}")?;
    }
    let failed = checks.iter().filter(|check| check.finding.verdict == Verdict::Fail).count();
    if failed > 0 { Err(SomeFailed(failed, checks.len()).into()) } else { Ok(()) }
}

fn examine(config: &Config, on_check: impl FnMut(&Check)) -> anyhow::Result<Vec<Check>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the checks cannot be started")?;
    let checks = runtime.block_on(doctor::examine(config, on_check));
    runtime.shutdown_timeout(STOP_TIME);
    Ok(checks)
}

/// One check for people: how it ended, its name, what was found, and below that what to do.
fn line(check: &Check, is_coloured: bool) -> String {
    let Check { name, finding: Finding { verdict, found, advice }, .. } = check;
    let (word, colour) = match verdict {
        Verdict::Pass => ("pass", 32),
        Verdict::Warn => ("warn", 33),
        Verdict::Fail => ("FAIL", 31),
    };
    let word = if is_coloured { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() };
    let advice = advice.as_ref().map(|advice| format!("{:>23}  -> {advice}\n", "")).unwrap_or_default();
    format!("{word}  {name:<17}  {found}\n{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_it_ended_and_what_to_do() {
        let finding = Finding::fail("nobody there", "start it");
        let check = Check { name: "redis", finding, took_ms: 1.0 };
        assert_eq!(
            line(&check, false),
            "FAIL  redis              nobody there\n                         -> start it\n"
        );
        assert!(line(&check, true).starts_with("\x1b[31mFAIL"));
    }
}
