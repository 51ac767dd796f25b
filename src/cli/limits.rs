//! What the system lets this process use: more is asked for where that is allowed, and too little is said before it hurts.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::SIGXFSZ;

/// Open files that the server asks for.
const MOST_FILES: u64 = 16_384;

/// Address space that a server of few processors gets by with, in bytes. Most of it is only reserved.
const LEAST_ADDRESS_SPACE: u64 = 384 << 20;

/// Threads of a server beside one for each processor: for its log, its signals and calls that block.
const MORE_THREADS: usize = 4;

/// Makes a file that gets too long (`ulimit -f`) an error of whoever writes it, rather than the end of this process.
pub(super) fn outlast_long_files() {
    // Refused, it stays as it is. Nobody reads the flag.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

/// Prepares for a server.
///
/// # Errors
/// It would end in the midst of its work, for want of memory or of threads; the error says which limit to raise.
pub(super) fn prepare() -> anyhow::Result<()> {
    raise_file_limit();
    if let Some(most) = getrlimit(Resource::As).current.filter(|most| *most < LEAST_ADDRESS_SPACE) {
        anyhow::bail!(
            "only {} MB of address space may be used, and the server needs {}: raise that limit (ulimit -v); \
             MEMORY_LIMIT_MB bounds the memory of a job",
            most >> 20,
            LEAST_ADDRESS_SPACE >> 20
        );
    }
    start_threads()
        .context("the threads of the server cannot be started: raise the limit of processes (ulimit -u)")
}

/// A download takes two files, the connection and the model; many systems begin with a limit of 1,024.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(MOST_FILES, |most| most.min(MOST_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        // Refused, it stays as it is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
    }
}

/// Starts as many threads at once as a server needs at least, and ends them: libraries panic where they get none.
fn start_threads() -> io::Result<()> {
    let count = thread::available_parallelism().map_or(1, std::num::NonZero::get) + MORE_THREADS;
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let _closed = gate.lock();
        for _ in 0..count {
            thread::Builder::new().spawn_scoped(scope, || drop(gate.lock()))?;
        }
        Ok(())
    })
}
