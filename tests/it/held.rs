//! Work that takes as long as a test wants, without costing a processor: each child is stopped for a while.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::Server;

const POLL: Duration = Duration::from_millis(3);

/// Holds every child of some nodes, until it is dropped.
pub(crate) struct Held {
    stop: Arc<AtomicBool>,
    seconds: Arc<Mutex<Vec<f64>>>,
    watching: Option<JoinHandle<()>>,
}

/// A child that is stopped.
struct Child {
    node: usize,
    since: Instant,
    is_over: bool,
}

impl Held {
    /// Each child of the nodes is stopped for this long, in its own time.
    pub(crate) fn hold(nodes: &[&Server], time: Duration) -> Self {
        let ids: Vec<u32> = nodes.iter().map(|node| node.id()).collect();
        let (stop, seconds) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(vec![0.0; ids.len()])));
        let (stopping, counted) = (Arc::clone(&stop), Arc::clone(&seconds));
        let watching = std::thread::spawn(move || {
            let mut children = HashMap::new();
            while !stopping.load(Ordering::SeqCst) {
                stop_new(&ids, &mut children);
                go_on_after(time, &mut children, &counted);
                std::thread::sleep(POLL);
            }
            go_on_after(Duration::ZERO, &mut children, &counted);
        });
        Self { stop, seconds, watching: Some(watching) }
    }

    /// For how long each node has worked by now, in seconds.
    pub(crate) fn work_seconds(&self) -> Vec<f64> {
        self.seconds.lock().unwrap().clone()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.watching.take().map(JoinHandle::join);
    }
}

fn stop_new(nodes: &[u32], children: &mut HashMap<Pid, Child>) {
    for (node, &id) in nodes.iter().enumerate() {
        for pid in children_of(id).into_iter().filter(|pid| is_at_work(*pid)) {
            children.entry(pid).or_insert_with(|| {
                // It may have ended just now.
                let _ = kill_process(pid, Signal::STOP);
                Child { node, since: Instant::now(), is_over: false }
            });
        }
    }
}

fn go_on_after(time: Duration, children: &mut HashMap<Pid, Child>, seconds: &Mutex<Vec<f64>>) {
    for (pid, child) in children.iter_mut().filter(|(_, child)| !child.is_over) {
        if child.since.elapsed() >= time {
            child.is_over = true;
            seconds.lock().unwrap()[child.node] += child.since.elapsed().as_secs_f64();
            let _ = kill_process(*pid, Signal::CONT);
        }
    }
}

fn children_of(id: u32) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids = lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    pids.filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Whether it is a process of its own by now; before that, stopping it would stop its parent.
fn is_at_work(pid: Pid) -> bool {
    let words = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    words.split(|byte| *byte == 0).any(|word| word == b"sandbox-child")
}
