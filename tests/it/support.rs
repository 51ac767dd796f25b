//! A server of its own for each test, a few requests, and the smallest models.
//!
//! The server is the built executable on a free port and a temporary folder. Nothing in here checks
//! anything about the product except that it answers.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Client, Response, StatusCode};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::{Value, json};

use crate::fixtures::file::glb;

/// How long any wait may take before the test fails. Generous, because machines are slow and shared.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(2);
const READY: &str = "GLB Optimizer is ready: ";
const TOKEN: &str = "/login?token=";

/// A running server; killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    /// Shows the admin token with everything that it sends.
    pub(crate) client: Client,
    /// The admin token; empty where the server was told one.
    pub(crate) token: String,
}

impl Server {
    /// Starts a server on `folder` with one worker.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// Starts a server on `folder` with one worker and these variables.
    pub(crate) fn start_with(folder: &Path, variables: &[(&str, &str)]) -> Self {
        Self::spawn(command(folder, variables), folder)
    }

    /// Starts a server on `folder` that listens on this address and port.
    pub(crate) fn start_at(folder: &Path, address: &str) -> Self {
        Self::spawn(command_at(address, folder, &[]), folder)
    }

    /// Starts a server by another command, which gets the server's command line behind its own words.
    pub(crate) fn start_behind(
        wrapper: &[&str],
        address: &str,
        folder: &Path,
        variables: &[(&str, &str)],
    ) -> Self {
        let server = command_at(address, folder, variables);
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(server.get_program()).args(server.get_args());
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        Self::spawn(command, folder)
    }

    /// Starts a server whose data folder is a disk of its own, mounted with these options. None where nobody may mount.
    pub(crate) fn start_on_disk(folder: &Path, options: &str) -> Option<Self> {
        Self::start_after(&format!("mount -t tmpfs -o {options} tmpfs \"$0\""), folder)
    }

    /// Starts a server that has no /proc. None where nobody may mount.
    pub(crate) fn start_without_proc(folder: &Path) -> Option<Self> {
        Self::start_after("mount -t tmpfs tmpfs /proc", folder)
    }

    /// Starts a server after a mount that nobody else sees; the shell knows `folder` as `$0`.
    fn start_after(mount: &str, folder: &Path) -> Option<Self> {
        let server = command(folder, &[]);
        let in_namespace = |script: &str| {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(folder);
            command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            command.stdin(Stdio::null()).stderr(Stdio::piped());
            command
        };
        if !in_namespace(mount).output().is_ok_and(|output| output.status.success()) {
            return None;
        }
        let mut command = in_namespace(&format!("{mount} && exec \"$@\""));
        command.arg(server.get_program()).args(server.get_args());
        Some(Self::spawn(command, folder))
    }

    fn spawn(mut command: Command, folder: &Path) -> Self {
        let process = command.spawn().unwrap();
        let (url, token) = (String::new(), String::new());
        let mut server = Self { process, url, client: Client::new(), token };
        let mut lines = BufReader::new(server.process.stderr.take().unwrap()).lines();
        let mut said = String::new();
        while server.url.is_empty() {
            let line =
                lines.next().unwrap_or_else(|| panic!("the server ended before it was ready:\n{said}"));
            let line = line.unwrap();
            server.url = line.strip_prefix(READY).unwrap_or_default().into();
            if let Some((_, token)) = line.split_once(TOKEN) {
                server.token = token.into();
            }
            said += &(line + "\n");
        }
        if server.token.is_empty() {
            let stored = fs::read_to_string(folder.join("admin-token")).unwrap_or_default();
            server.token = stored.trim().into();
        }
        server.client = client_with(&server.token);
        pass_on(lines);
        server
    }

    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(self.address(path)).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str) -> Response {
        self.client.post(self.address(path)).send().await.unwrap()
    }

    /// Deletes an ended job; returns the status of the answer.
    pub(crate) async fn delete(&self, id: &str) -> StatusCode {
        let request = self.client.delete(self.address(&format!("/api/v1/jobs/{id}")));
        request.send().await.unwrap().status()
    }

    /// Uploads a model as the raw body and returns the accepted job's id.
    pub(crate) async fn submit(&self, glb: Vec<u8>) -> String {
        let job = self.submit_with(glb, "", &[]).await;
        job["id"].as_str().unwrap().to_owned()
    }

    /// Uploads a model with more query and these headers, and returns the accepted job.
    pub(crate) async fn submit_with(&self, glb: Vec<u8>, query: &str, headers: &[(&str, &str)]) -> Value {
        let address = self.address(&format!("/api/v1/jobs?name=model.glb{query}"));
        let request = self.client.post(address).body(glb);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        response.json().await.unwrap()
    }

    pub(crate) async fn job(&self, id: &str) -> Value {
        let response = self.get(&format!("/api/v1/jobs/{id}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    /// Reads the job's events to their end and returns the job in its final state.
    pub(crate) async fn finished(&self, id: &str) -> Value {
        let events = tokio::time::timeout(DEADLINE, self.events(id)).await;
        let events = events.unwrap_or_else(|_| panic!("job {id} does not finish"));
        events.last().unwrap().1.clone()
    }

    /// All events of the job until the stream ends, as name and JSON.
    pub(crate) async fn events(&self, id: &str) -> Vec<(String, Value)> {
        let text = self.get(&format!("/api/v1/jobs/{id}/events")).await.text().await.unwrap();
        events_in(&text)
    }

    /// Waits until the job is as `condition` wants it.
    pub(crate) async fn job_until(&self, id: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let job = self.job(id).await;
            if condition(&job) {
                return job;
            }
            assert!(start.elapsed() < DEADLINE, "job {id} stays {job}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until `/health` is as `condition` wants it.
    pub(crate) async fn health_until(&self, condition: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let health = self.get("/health").await.json().await.unwrap();
            if condition(&health) {
                return health;
            }
            assert!(start.elapsed() < DEADLINE, "the server stays {health}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Submits a model and stops its child in the middle of the work, so that the job stays `running`.
    /// Returns the job's id and the child. A child that was too quick is tried again with another job.
    pub(crate) async fn submit_frozen(&self) -> (String, Pid) {
        for _ in 0..20 {
            // One that was too quick would be answered from its result.
            let job = self.submit_with(heavy_glb(), "", &[("cache-control", "no-cache")]).await;
            let id = job["id"].as_str().unwrap().to_owned();
            if let Some(child) = self.freeze_child(&id).await {
                return (id, child);
            }
        }
        panic!("no child could be caught at work");
    }

    /// Freezes the child of the running job; none if the job ended before it was caught.
    ///
    /// Only a child that has told of its progress: an earlier one may not be tied to its parent yet, or
    /// not even be a process of its own, and freezing it would freeze the server.
    pub(crate) async fn freeze_child(&self, id: &str) -> Option<Pid> {
        let job = self.job_until(id, |job| job["stage"].is_string() || job["finished_at"].is_string()).await;
        let child = self.child().filter(|_| job["state"] == "running")?;
        // It may be gone by now, or have said its last word; then the job ends without it.
        let _ = kill_process(child, Signal::STOP);
        let is_held = is_stopped(child) && self.job(id).await["state"] == "running";
        is_held.then_some(child)
    }

    /// The process that works on a job, if there is one.
    pub(crate) fn child(&self) -> Option<Pid> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process.id())).ok()?;
        let children =
            threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
        children.collect::<String>().split_whitespace().find_map(|pid| Pid::from_raw(pid.parse().ok()?))
    }

    /// The server's process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends the server a signal; it may have ended by now.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.process), signal);
    }

    /// Stops the server in the midst of what it does, until it is sent `CONT`.
    pub(crate) fn freeze(&self) {
        freeze(&self.process);
    }

    /// The memory that the server holds now, in KiB.
    pub(crate) fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// As the out-of-memory killer would: no warning, no clean-up.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// As a platform does it: SIGTERM, then wait.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        self.process.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection is not used again after it has idled for so long: less than the server's patience with one.
const IDLE_CONNECTION: Duration = Duration::from_secs(5);

/// A client that shows this token with everything that it sends, if it is one.
pub(crate) fn client_with(token: &str) -> Client {
    let mut headers = HeaderMap::new();
    if !token.is_empty() {
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    }
    provide_tls();
    // A connection that idles is closed by the server at last, perhaps just when it is used again.
    Client::builder().default_headers(headers).pool_idle_timeout(IDLE_CONNECTION).build().unwrap()
}

/// Clients want TLS although nothing in the tests is encrypted; whoever comes second finds it there.
fn provide_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The server's command line, not yet started, with its stderr piped.
pub(crate) fn command(folder: &Path, variables: &[(&str, &str)]) -> Command {
    command_at("127.0.0.1:0", folder, variables)
}

fn command_at(address: &str, folder: &Path, variables: &[(&str, &str)]) -> Command {
    provide_tls();
    let mut command = Command::new(env!("CARGO_BIN_EXE_glb-optimizer"));
    command.args(["serve", "--listen", address, "--workers", "1", "--data-dir"]).arg(folder);
    // Tests ask as often as they can; those that are about limits say so.
    let unlimited = [("RATE_LIMIT_UPLOADS", "0"), ("RATE_LIMIT_REQUESTS", "0")];
    command
        .env_clear()
        .envs(unlimited)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Keeps reading the log, so that the server never waits for us, and shows it if the test fails.
#[expect(clippy::print_stderr, reason = "the test harness keeps it until it is wanted")]
fn pass_on(lines: std::io::Lines<BufReader<ChildStderr>>) {
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
}

/// The events of a stream that has ended, as name and JSON.
pub(crate) fn events_in(text: &str) -> Vec<(String, Value)> {
    text.split("\n\n").filter_map(parse_event).collect()
}

fn parse_event(text: &str) -> Option<(String, Value)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    Some((field("event: ")?.to_owned(), serde_json::from_str(field("data: ")?).unwrap()))
}

/// Whether the kernel has stopped the process by now.
pub(crate) fn is_stopped(pid: Pid) -> bool {
    let start = Instant::now();
    loop {
        match process_state(pid) {
            Some('T') => return true,
            Some('Z' | 'X') | None => return false,
            Some(_) if start.elapsed() > DEADLINE => return false,
            Some(_) => std::thread::yield_now(),
        }
    }
}

/// The letter that /proc gives for a process's state; none when the process is gone.
pub(crate) fn process_state(pid: Pid) -> Option<char> {
    let mut stat = String::new();
    let file = format!("/proc/{}/stat", pid.as_raw_nonzero());
    fs::File::open(file).ok()?.read_to_string(&mut stat).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// Waits until the process is gone or only its exit status is left.
pub(crate) fn wait_for_end(pid: Pid) {
    let start = Instant::now();
    while !matches!(process_state(pid), None | Some('Z' | 'X')) {
        assert!(start.elapsed() < DEADLINE, "process {} lives on", pid.as_raw_nonzero());
        std::thread::sleep(POLL);
    }
}

/// The smallest useful model: one triangle.
pub(crate) fn triangle_glb() -> Vec<u8> {
    padded_glb(0)
}

/// A triangle with so much ballast that a child is busy with it for a while.
pub(crate) fn heavy_glb() -> Vec<u8> {
    padded_glb(24 << 20)
}

/// A triangle and `ballast` bytes that nothing refers to.
pub(crate) fn padded_glb(ballast: usize) -> Vec<u8> {
    let positions = [[0.0_f32, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    let mut bin: Vec<u8> = positions.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    bin.resize(bin.len() + ballast.next_multiple_of(4), 7);
    let document = json!({
        "asset": { "version": "2.0" },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0 }],
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
        "accessors": [{
            "bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3",
            "min": [0.0, 0.0, 0.0], "max": [1.0, 1.0, 0.0]
        }],
        "bufferViews": [{ "buffer": 0, "byteLength": 36 }],
        "buffers": [{ "byteLength": bin.len() }]
    });
    glb(document.to_string().into_bytes(), &bin)
}

/// Stops all threads of a child. One that was only sent the signal goes on until its main thread gets a processor.
pub(crate) fn freeze(process: &Child) {
    let pid = Pid::from_child(process);
    kill_process(pid, Signal::STOP).unwrap();
    waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT).unwrap();
}
