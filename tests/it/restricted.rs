//! Machines that allow little: on each, a job is done from upload to result, or one sentence says what is missing.
//!
//! Namespaces are made with bubblewrap, limits with cgroups. Where the machine that tests forbids these, a test says so on
//! stderr and ends. What is refused by seccomp, and a system without /proc, are in `sandbox.rs`.

#![expect(clippy::print_stderr, reason = "a test that could not be made is named")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::{TempDir, tempdir};

use crate::support::{command, padded_glb};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_glb-optimizer");

/// Serves on a port, sends a model, waits for the result, and asks the server to stop: `$1` the executable, `$2` the folder
/// for the model and the result, then what `serve` is told. Its exit code is the server's. `PORT` tells all of them where.
const SCRIPT: &str = r#"
exe=$1 desk=$2 && shift 2
"$exe" serve --workers 1 "$@" &
server=$!
looks=0
until "$exe" health >"$desk/health" 2>&1; do
    kill -0 $server 2>/dev/null && [ $((looks += 1)) -lt 600 ] || exit 90
    sleep 0.1
done
"$exe" submit "$desk/model.glb" --wait -o "$desk/small.glb" >"$desk/said" 2>&1 || { cat "$desk/said" >&2; exit 91; }
kill -TERM $server
wait $server
"#;

/// A port that nobody uses now.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// A folder that the box can write, with a model in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("model.glb"), padded_glb(5_000)).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs the script behind `wrapper`, with nothing in the environment.
    fn run(&self, wrapper: &[&str], serve: &[&str]) -> Output {
        let script = self.path().join("script");
        fs::write(&script, SCRIPT).unwrap();
        let port = free_port();
        let words = wrapper.iter().map(std::ffi::OsStr::new);
        let mut words = words.chain([std::ffi::OsStr::new("sh"), script.as_os_str(), EXECUTABLE.as_ref()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg(self.path()).args(serve).env_clear().envs([
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOST", "127.0.0.1"),
            ("PORT", &*port),
        ]);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Fails unless the result is there and the server has stopped in peace. Returns what it said of its health.
    fn check(&self, output: &Output) -> String {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let small = fs::read(self.path().join("small.glb")).unwrap();
        assert!(small.starts_with(b"glTF") && small.len() < 5_000, "{said}");
        fs::read_to_string(self.path().join("health")).unwrap()
    }
}

/// The words that put a program into a box of its own: only this machine's files, read-only, and no network but
/// loopback. None where nobody may.
fn boxed<'a>(more: &[&'a str]) -> Option<Vec<&'a str>> {
    let mut words = vec!["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-net"];
    words.extend(more);
    let tried = Command::new(words[0]).args(&words[1..]).arg("true").output();
    if tried.is_ok_and(|output| output.status.success()) {
        return Some(words);
    }
    eprintln!("NOT TESTED: bubblewrap (bwrap) is missing, or may make no namespaces here");
    None
}

/// Serves in a box in which the desk can be written and `more` holds.
fn serve_in_a_box(more: &[&str], serve: &[&str]) -> Option<String> {
    let desk = Desk::new();
    let path = desk.path().to_str().unwrap();
    let data = format!("{path}/data");
    let bound: Vec<&str> = more.iter().copied().chain(["--bind", path, path]).collect();
    let serve: Vec<&str> =
        serve.iter().map(|word| if *word == "DATA" { data.as_str() } else { *word }).collect();
    let wrapper = boxed(&bound)?;
    Some(desk.check(&desk.run(&wrapper, &serve)))
}

#[test]
fn without_any_network_but_its_port_a_job_is_done() {
    let Some(health) = serve_in_a_box(&[], &["--data-dir", "DATA"]) else { return };
    assert!(health.starts_with("ok: tier embedded"), "{health}");
}

/// The desk is below /tmp, and the executable may be: they are mounted there before all of it becomes read-only.
#[test]
fn without_a_temporary_folder_a_job_is_done() {
    let desk = Desk::new();
    let path = desk.path().to_str().unwrap();
    let own = ["--tmpfs", "/tmp", "--bind", path, path, "--ro-bind", EXECUTABLE, EXECUTABLE];
    let no_tmp = [&own[..], &["--remount-ro", "/tmp", "--ro-bind", "/sys", "/dev/shm"]].concat();
    let Some(wrapper) = boxed(&no_tmp) else { return };
    let data = format!("{path}/data");
    let health = desk.check(&desk.run(&wrapper, &["--data-dir", &data]));
    assert!(health.starts_with("ok: tier embedded"), "{health}");
}

/// Nothing says where to keep anything, and nothing could be kept: the upload waits for its result.
#[test]
fn without_a_home_on_a_read_only_system_a_job_is_done_and_health_says_what_is_missing() {
    let Some(health) = serve_in_a_box(&["--chdir", "/", "--tmpfs", "/dev/shm"], &[]) else { return };
    assert!(health.starts_with("degraded: tier sync"), "{health}");
    assert!(health.contains("the data folder glb-optimizer-data cannot be used"), "{health}");
}

#[test]
fn for_a_user_that_nobody_knows_a_job_is_done() {
    let user = ["--unshare-user", "--uid", "4711", "--gid", "4711"];
    let Some(health) = serve_in_a_box(&user, &["--data-dir", "DATA"]) else { return };
    assert!(health.starts_with("ok: tier embedded"), "{health}");
}

/// Loopback is down, so nobody can ask; the folder is watched all the same.
#[test]
fn without_loopback_a_watched_folder_is_worked_on() {
    let desk = Desk::new();
    let script = format!(
        "\"$0\" serve --listen 127.0.0.1:5000 --data-dir {desk}/data --watch {desk} & server=$! looks=0
         until [ -s {desk}/model-optimized.glb ]; do
             kill -0 $server && [ $((looks += 1)) -lt 1200 ] || exit 90
             sleep 0.1
         done
         kill -TERM $server; wait $server",
        desk = desk.path().display()
    );
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "sh", "-c", &script, EXECUTABLE]);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    let output = command.output().unwrap();
    if !Command::new("unshare")
        .args(["--user", "--net", "true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        return eprintln!("NOT TESTED: no namespaces may be made here");
    }
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A group of processes with a limit; removed when dropped.
struct Group {
    folder: PathBuf,
}

impl Group {
    /// With a limit on memory in bytes (`memory`), or on processes and threads (`pids`). None where nobody may.
    fn new(controller: &str, limit: u64) -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let name = format!("glb-optimizer-test-{controller}-{limit}-{}", std::process::id());
        let (parent, file) = match (controller, root.join("cgroup.controllers").exists()) {
            ("memory", true) => (root.to_owned(), "memory.max"),
            ("memory", false) => (root.join("memory"), "memory.limit_in_bytes"),
            (_, true) => (root.to_owned(), "pids.max"),
            (_, false) => (root.join("pids"), "pids.max"),
        };
        let folder = parent.join(name);
        let made = fs::create_dir(&folder).and_then(|()| fs::write(folder.join(file), limit.to_string()));
        if made.is_err() {
            let _ = fs::remove_dir(&folder);
            eprintln!("NOT TESTED: no group of processes with a limit on {controller} may be made here");
        }
        made.ok().map(|()| Self { folder })
    }

    fn run(&self, desk: &Desk, serve: &[&str]) -> Output {
        let enter = format!("echo $$ >{}/cgroup.procs && exec \"$0\" \"$@\"", self.folder.display());
        desk.run(&["sh", "-c", &enter], serve)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

fn serve_in_a_group(controller: &str, limit: u64) {
    let desk = Desk::new();
    let data = desk.path().join("data");
    let Some(group) = Group::new(controller, limit) else { return };
    let health = desk.check(&group.run(&desk, &["--data-dir", data.to_str().unwrap()]));
    assert!(health.starts_with("ok: tier embedded"), "{health}");
}

#[test]
fn with_256_megabytes_of_memory_a_job_is_done() {
    serve_in_a_group("memory", 256 << 20);
}

/// The server, one child, their threads, the shell and the client.
#[test]
fn with_no_processes_beyond_the_child_a_job_is_done() {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    serve_in_a_group("pids", 32 + 4 * processors as u64);
}

#[test]
fn with_one_processor_a_job_is_done() {
    let desk = Desk::new();
    let data = desk.path().join("data");
    desk.check(&desk.run(&["taskset", "-c", "0"], &["--data-dir", data.to_str().unwrap()]));
}

#[test]
fn with_a_clock_in_the_past_a_job_is_done() {
    if Command::new("faketime").arg("--version").output().is_err() {
        return eprintln!("NOT TESTED: faketime is missing");
    }
    let desk = Desk::new();
    let data = desk.path().join("data");
    desk.check(&desk.run(&["faketime", "2001-02-03"], &["--data-dir", data.to_str().unwrap()]));
}

/// What the server says on stderr when it cannot start.
fn refusal(mut server: Command) -> String {
    let output = server.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// What memory it would need later it would not get, and end in the midst of a job.
#[test]
fn with_too_little_address_space_the_server_says_so_and_does_not_start() {
    let folder = tempdir().unwrap();
    let mut server = Command::new("sh");
    server
        .args(["-c", "ulimit -v 262144 && exec \"$0\" serve --data-dir \"$1\""])
        .args([EXECUTABLE.as_ref(), folder.path()]);
    let said = refusal(server);
    assert!(said.contains("only 256 MB of address space may be used"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn with_too_few_threads_the_server_says_so_and_does_not_start() {
    let Some(group) = Group::new("pids", 3) else { return };
    let folder = tempdir().unwrap();
    let mut server = Command::new("sh");
    let enter =
        format!("echo $$ >{}/cgroup.procs && exec \"$0\" serve --data-dir \"$1\"", group.folder.display());
    server.args(["-c", &enter]).args([EXECUTABLE.as_ref(), folder.path()]);
    let said = refusal(server);
    assert!(said.contains("the threads of the server cannot be started: raise the limit"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_file_that_may_not_get_that_long_is_named() {
    let desk = Desk::new();
    let script =
        "cd \"$1\" && ulimit -f 1 && exec \"$0\" optimize model.glb -o small.glb --report report.json";
    let output =
        Command::new("sh").args(["-c", script]).args([EXECUTABLE.as_ref(), desk.path()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("report.json") && said.contains("File too large"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() {
    let folder = tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut server = Command::new(EXECUTABLE);
    server.env_clear().args(["serve", "--listen", &address, "--data-dir"]).arg(folder.path());
    let said = refusal(server);
    assert!(said.contains(&format!("cannot listen on {address}: ")), "{said}");
    assert!(said.contains("choose another with --listen"), "{said}");
}

#[test]
fn a_data_folder_of_a_newer_version_is_named_and_left_alone() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("queue.redb");
    let database = redb::Database::create(&file).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    transaction.open_table(meta).unwrap().insert("format", 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let said = refusal(command(folder.path(), &[]));
    assert!(said.contains("queue.redb") && said.contains("newer"), "{said}");
    assert!(redb::Database::open(&file).is_ok());
}
