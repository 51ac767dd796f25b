//! The child process of a job: what holds it, what it may take, and that asking it to stop is no crash.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Server, padded_glb, triangle_glb};

const MEASURES: [&str; 7] = [
    "dies_with_server",
    "killed_before_server",
    "landlock",
    "limits",
    "no_core_dump",
    "no_new_privileges",
    "seccomp",
];

async fn sandbox(server: &Server) -> Value {
    let health: Value = server.get("/health").await.json().await.unwrap();
    assert_eq!(health["components"]["sandbox"]["healthy"], true, "{health}");
    health["sandbox"].clone()
}

#[tokio::test]
async fn health_names_every_measure_as_in_force_or_missing() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let sandbox = sandbox(&server).await;
    let in_force = sandbox["in_force"].as_array().unwrap().iter();
    let missing = sandbox["missing"].as_array().unwrap().iter();
    assert!(missing.clone().all(|one| one["reason"].as_str().is_some_and(|reason| !reason.is_empty())));
    let mut named: Vec<&str> =
        in_force.chain(missing.map(|one| &one["measure"])).filter_map(Value::as_str).collect();
    named.sort_unstable();
    assert_eq!(named, MEASURES);
}

/// A container's own filter may refuse these. The thread that starts the server gets such a filter, and so does
/// all that comes of it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_the_system_refuses_measures_jobs_run_without_and_health_says_so() {
    let folder = tempdir().unwrap();
    let path = folder.path().to_owned();
    let start = move || {
        refuse_measures();
        Server::start(&path)
    };
    let server = std::thread::spawn(start).join().unwrap();
    let sandbox = sandbox(&server).await;
    let missing: Vec<&str> =
        sandbox["missing"].as_array().unwrap().iter().filter_map(|one| one["measure"].as_str()).collect();
    assert_eq!(missing, ["landlock", "seccomp"], "{sandbox}");
    let id = server.submit(triangle_glb()).await;
    assert_eq!(server.finished(&id).await["state"], "completed");
}

#[tokio::test]
async fn without_proc_jobs_run_too() {
    let folder = tempdir().unwrap();
    // Where nobody may mount, this cannot be seen.
    let Some(server) = Server::start_without_proc(folder.path()) else { return };
    let sandbox = sandbox(&server).await;
    assert_eq!(sandbox["missing"][0]["measure"], "killed_before_server", "{sandbox}");
    let id = server.submit(triangle_glb()).await;
    assert_eq!(server.finished(&id).await["state"], "completed");
}

/// Makes Landlock and seccomp fail with EPERM for this thread and its children.
#[cfg(target_os = "linux")]
fn refuse_measures() {
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };
    let mode = u64::from(libc::PR_SET_SECCOMP.cast_unsigned());
    let is_mode = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, mode).unwrap();
    let rules = [
        (libc::SYS_landlock_create_ruleset, vec![]),
        (libc::SYS_seccomp, vec![]),
        (libc::SYS_prctl, vec![SeccompRule::new(vec![is_mode]).unwrap()]),
    ];
    let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules.into(), SeccompAction::Allow, refuse, arch).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

#[tokio::test]
async fn a_job_over_the_memory_limit_says_which_limit() {
    let folder = tempdir().unwrap();
    // Each thread draws one of ten views or so, and two fit into 128 MB.
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let limit = 96 + 16 * threads.min(10);
    let server = Server::start_with(folder.path(), &[("MEMORY_LIMIT_MB", &limit.to_string())]);
    let id = server.submit(padded_glb((limit - 28) << 20)).await;
    let waiting = server.job_until(&id, |job| !job["error"].is_null()).await;
    assert_eq!(waiting["error"]["code"], "out_of_memory", "{waiting}");
    let message = format!(
        "The optimizer needed more than {limit} MB of memory, which is this server's limit for a job (MEMORY_LIMIT_MB)."
    );
    assert_eq!(waiting["error"]["message"], message);
    // A small one fits.
    let small = server.submit(triangle_glb()).await;
    assert_eq!(server.finished(&small).await["state"], "completed");
}

/// As service managers stop a unit: every process of it gets the signal, and gets it again.
#[tokio::test]
async fn a_stop_that_reaches_server_and_child_together_and_twice_counts_no_attempt() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let (id, mut child) = server.submit_frozen().await;
    // More stops than a job has attempts, each with the job running, as far as it can be caught.
    for _ in 0..4 {
        kill_process(child, Signal::TERM).unwrap();
        server.signal(Signal::TERM);
        // Lets the child see its signal while the server is on its way out.
        let _ = kill_process(child, Signal::CONT);
        let _ = kill_process(child, Signal::TERM);
        server.signal(Signal::TERM);
        assert!(server.terminate().success());
        server = Server::start(folder.path());
        let Some(next) = server.freeze_child(&id).await else { break };
        child = next;
    }
    drop(server);
    let server = Server::start(folder.path());
    let job = server.finished(&id).await;
    assert_eq!((&job["state"], &job["error"]), (&Value::from("completed"), &Value::Null), "{job}");
}

#[tokio::test]
async fn a_child_that_is_asked_to_stop_goes_on() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    for ballast in 0..8 {
        let id = server.submit(padded_glb(ballast * 4)).await;
        let mut asked = None;
        let job = loop {
            // In its first moment, when it may not have learnt to ignore the signal yet.
            if let (Some(child), None) = (server.child(), asked) {
                ask_to_stop(child);
                asked = Some(child);
            }
            let job = server.job(&id).await;
            if job["finished_at"].is_string() {
                break job;
            }
        };
        assert!(asked.is_some());
        assert_eq!((&job["state"], &job["attempt"]), (&Value::from("completed"), &Value::from(1)), "{job}");
    }
}

/// It may be gone already.
fn ask_to_stop(child: Pid) {
    let _ = kill_process(child, Signal::TERM);
    let _ = kill_process(child, Signal::INT);
}
