//! The server under systemd: what it says, the socket that it takes over, and how little its units allow.

#![expect(clippy::print_stderr, reason = "a test that could not be made is named")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;
use tempfile::tempdir;

use crate::support::{DEADLINE, Server, client_with};

/// The units, and the most that `systemd-analyze security` may say of each, from 0 (closed) to 10. Without root a service can
/// be held by seccomp only.
const UNITS: [(&str, f64); 3] = [
    ("glb-optimizer.service", 2.0),
    ("glb-optimizer-work.service", 2.0),
    ("glb-optimizer-user.service", 6.5),
];

#[test]
fn systemd_is_told_that_the_server_is_ready_alive_and_stopping() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let next = || {
        let mut bytes = [0; 256];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).trim().to_owned()
    };
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let server = Server::start_with(&folder.path().join("data"), &variables);
    let mut said = vec![next(), next(), next()];
    said.sort();
    assert_eq!(said, ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]);
    server.signal(Signal::TERM);
    while next() != "STOPPING=1" {}
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_socket_of_systemd_is_taken_over_at_the_first_request() {
    let folder = tempdir().unwrap();
    // Free now, and nobody else on this machine takes ports in order.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new("systemd-socket-activate");
    command.args([
        "--listen",
        &address.to_string(),
        env!("CARGO_BIN_EXE_glb-optimizer"),
        "serve",
        "--data-dir",
    ]);
    command.arg(folder.path()).stdin(Stdio::null()).stderr(Stdio::null());
    let Ok(process) = command.spawn() else {
        return eprintln!("NOT TESTED: systemd-socket-activate is missing");
    };
    let _process = Killed(process);
    let (client, start) = (client_with(""), Instant::now());
    let answer = loop {
        match client.get(format!("http://{address}/health/live")).send().await {
            Ok(answer) => break answer,
            Err(error) => assert!(start.elapsed() < DEADLINE, "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(answer.text().await.unwrap(), "alive\n");
}

fn unit(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/deploy").join(name)
}

#[test]
fn the_units_allow_as_little_as_was_promised() {
    for (name, most) in UNITS {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--offline=true", "--no-pager"]).arg(unit(name));
        let Ok(output) = command.output() else {
            return eprintln!("NOT TESTED: systemd-analyze is missing");
        };
        let said = String::from_utf8_lossy(&output.stdout);
        let level = said
            .lines()
            .find_map(|line| line.split_once("Overall exposure level for "))
            .map(|(_, rest)| rest);
        let level = level.and_then(|rest| rest.split_whitespace().nth(1)?.parse::<f64>().ok());
        let level =
            level.unwrap_or_else(|| panic!("{name}: {said}{}", String::from_utf8_lossy(&output.stderr)));
        assert!(level <= most, "{name} has an exposure of {level}");
    }
}

/// The rules of a unit, from the first that confines what it runs to the last.
fn rules(name: &str) -> Vec<String> {
    let text = fs::read_to_string(unit(name)).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with("NoNewPrivileges="));
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter(|line| line.contains('=') && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The units differ in what they run, not in what they allow; a user's has those rules that need no root.
#[test]
fn the_server_and_the_node_are_held_alike() {
    let held = rules("glb-optimizer.service");
    assert!(held.len() > 20, "{held:#?}");
    assert_eq!(held, rules("glb-optimizer-work.service"));
    let of_user = rules("glb-optimizer-user.service");
    assert!(of_user.len() > 10, "{of_user:#?}");
    for rule in of_user {
        assert!(held.contains(&rule), "only a user's server is held by {rule}");
    }
}

#[test]
fn wrong_settings_end_with_the_code_after_which_no_unit_starts_again() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
    let output = command.arg("serve").env_clear().env("PORT", "no port").output().unwrap();
    let line = format!("RestartPreventExitStatus={}", output.status.code().unwrap());
    for (name, _) in UNITS {
        let text = fs::read_to_string(unit(name)).unwrap();
        assert!(text.lines().any(|found| found == line), "{name} does not say {line}");
    }
}
