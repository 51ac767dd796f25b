//! The system calls that a child still needs once its files are open; every other one fails.
//!
//! A list of what is allowed, so that a call that nobody thought of is refused: no network, no other program, no
//! new process, no file opened, no look into another process, no memory that is both written and run. A refused
//! call fails with ENOSYS, as on a kernel that does not have it: libraries then take the older call, and what has
//! no older one fails in the child alone.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen as ArgLen, SeccompCmpOp as Op,
    SeccompCondition as Condition, SeccompFilter, SeccompRule as Rule,
};

/// Allowed whatever their arguments are.
const CALLS: [i64; 36] = [
    // The pipes and the files that are open.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads: waiting for each other, and their end.
    libc::SYS_futex,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_membarrier,
    libc::SYS_getcpu,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals to itself.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Clocks, randomness, and what the process has used.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// Forbids this thread, and all that it starts, every other call.
pub(super) fn apply() -> Result<(), Error> {
    let rules =
        CALLS.into_iter().map(|call| Ok((call, Vec::new()))).chain(guarded()).collect::<Result<_, _>>()?;
    let program: BpfProgram = compile(rules)?;
    seccompiler::apply_filter(&program)
}

fn compile(rules: BTreeMap<i64, Vec<Rule>>) -> Result<BpfProgram, Error> {
    let refuse = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let arch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()?)
}

/// Allowed with some arguments only.
fn guarded() -> [Result<(i64, Vec<Rule>), Error>; 7] {
    let own_pid = u64::from(std::process::id());
    // A thread of this process; `clone3` hides its flags from a filter, so it is refused altogether.
    let is_thread =
        masked(0, libc::CLONE_THREAD.cast_unsigned().into(), libc::CLONE_THREAD.cast_unsigned().into());
    // No code that was not there at the start.
    let executes_not = || masked(2, libc::PROT_EXEC.cast_unsigned().into(), 0);
    // How a library asks for the state of an open file; a path may not be given.
    let is_open_file =
        || masked(3, libc::AT_EMPTY_PATH.cast_unsigned().into(), libc::AT_EMPTY_PATH.cast_unsigned().into());
    [
        only_if(libc::SYS_clone, is_thread),
        only_if(libc::SYS_mmap, executes_not()),
        only_if(libc::SYS_mprotect, executes_not()),
        only_if(libc::SYS_newfstatat, is_open_file()),
        // An abort is a signal to oneself.
        only_if(libc::SYS_tgkill, equal(0, own_pid)),
        only_if(libc::SYS_prctl, equal(0, libc::PR_SET_NAME.cast_unsigned().into())),
        // Limits are read, of this process, and never set.
        only_if(libc::SYS_prlimit64, equal(2, 0)),
    ]
}

fn only_if(call: i64, condition: Result<Condition, Error>) -> Result<(i64, Vec<Rule>), Error> {
    Ok((call, vec![Rule::new(vec![condition?])?]))
}

fn equal(argument: u8, value: u64) -> Result<Condition, Error> {
    Ok(Condition::new(argument, ArgLen::Qword, Op::Eq, value)?)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<Condition, Error> {
    Ok(Condition::new(argument, ArgLen::Qword, Op::MaskedEq(mask), value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_each_call_once_and_compiles() {
        let calls: BTreeMap<_, _> = CALLS.into_iter().map(|call| (call, Vec::new())).collect();
        assert_eq!(calls.len(), CALLS.len());
        assert!(!compile(calls).unwrap().is_empty());
    }

    /// A filter holds for one thread, so a test may try it.
    #[test]
    fn work_goes_on_and_everything_else_is_refused() {
        let confined = || {
            if let Err(error) = apply() {
                // As in a container that refuses it; `/health` says so there.
                assert!(!error.to_string().is_empty());
                return;
            }
            assert!(std::net::TcpListener::bind("127.0.0.1:0").is_err());
            assert!(std::net::UdpSocket::bind("127.0.0.1:0").is_err());
            assert!(std::fs::File::open("/dev/null").is_err());
            assert!(std::process::Command::new("true").spawn().is_err());
            assert!(
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::CONT)
                    .is_err()
            );
            let sum: u64 = std::thread::spawn(|| vec![1_u64; 1 << 20].iter().sum()).join().unwrap();
            assert_eq!(sum, 1 << 20);
        };
        std::thread::spawn(confined).join().unwrap();
    }
}
