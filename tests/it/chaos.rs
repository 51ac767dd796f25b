//! `glb-optimizer chaos`, small in every run and large on request.
//!
//! `CHAOS_JOBS` and `CHAOS_KILLS` set how much; `tests/run --chaos 10000 200` does that.

use std::process::Command;

use serde_json::Value;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn nothing_is_lost_or_done_twice_or_stuck_whatever_is_killed() {
    let (jobs, kills) = (number("CHAOS_JOBS", 60), number("CHAOS_KILLS", 6));
    let mut command = Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
    command.args(["chaos", "--json", "--jobs", &jobs.to_string(), "--kills", &kills.to_string()]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let ledger: Value = serde_json::from_str(&said).unwrap();
    let count = |name: &str| ledger[name].as_u64().unwrap();
    assert_eq!(count("accepted"), jobs, "{ledger}");
    assert_eq!(count("finished") + count("bad") + count("dead"), jobs, "{ledger}");
    assert_eq!(count("bad"), jobs / 10, "{ledger}");
    assert!(count("server_kills") + count("child_kills") >= kills, "{ledger}");
    assert!(count("longest_recovery_ms") < 5_000, "{ledger}");
    if jobs > 1_000 {
        // The numbers of a large run are what it is made for.
        std::fs::write("/dev/stderr", format!("{ledger:#}\n")).unwrap();
    }
}
