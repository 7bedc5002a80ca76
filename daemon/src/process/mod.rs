//! The daemon's process: it inherits nothing from the process that started it but the store's path.

mod log;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::sys::signal::{SigSet, Signal};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use stele::failure::{Failure, Kind};

use crate::client::Started;

pub use log::log_to;

/// The minimum address space, in bytes, with which RocksDB and the threads of a daemon start. With less, they abort
/// the process.
const MIN_ADDRESS_SPACE: u64 = 2 << 30;

/// The number of threads that a daemon has at most while it opens a store: RocksDB opens tables with 16.
const MIN_THREADS: usize = 32;

/// Reports to the command line that started this daemon.
pub(crate) fn report(started: &Started) {
    let mut line = serde_json::to_vec(started).unwrap_or_default();
    line.push(b'\n');
    // The command line may be gone.
    let _ = io::stdout().write_all(&line);
}

/// Resets what the process inherited from its parent: session, signals, working directory, limits and groups. A daemon
/// serves every terminal, and must not depend on the state of the first one.
///
/// # Errors
/// When a limit is too low for the daemon to survive, and cannot be raised.
pub fn begin_anew() -> Result<(), Failure> {
    // A new session: the terminal's Ctrl-C and hang-up must not reach the daemon.
    let _ = rustix::process::setsid();
    let _ = std::env::set_current_dir("/");
    let _ = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let _ = SigSet::empty().thread_set_mask();
    // While SIGCHLD is ignored, the kernel reaps children, and waiting for one fails. Rust ignores SIGPIPE itself.
    Signal::iterator().filter(|signal| *signal != Signal::SIGPIPE).for_each(crate::sys::default_signal);
    reset_groups();
    raise_limits()
}

/// Checks that a daemon can have the threads that it needs: RocksDB ends the process when it cannot have one.
///
/// # Errors
/// When it cannot.
pub fn require_threads() -> Result<(), Failure> {
    let gate = Arc::new(Mutex::new(()));
    let held = gate.lock().unwrap_or_else(PoisonError::into_inner);
    let start = |_| {
        let gate = Arc::clone(&gate);
        let thread = thread::Builder::new().stack_size(64 << 10);
        thread.spawn(move || drop(gate.lock().unwrap_or_else(PoisonError::into_inner))).ok()
    };
    let threads: Vec<_> = (0..MIN_THREADS).map_while(start).collect();
    drop(held);
    let count = threads.len();
    threads.into_iter().for_each(|thread| drop(thread.join()));
    if count == MIN_THREADS {
        return Ok(());
    }
    let message = format!("a daemon needs {MIN_THREADS} threads, and only {count} can be started");
    Err(Failure::new(Kind::Failed, message).hint(
        "end other programs of this user, or raise its limit of processes, which counts threads: `ulimit -u`",
    ))
}

/// Root's daemon has root's groups, regardless of sudo or newgrp. Another user's daemon cannot change its groups.
fn reset_groups() {
    if rustix::process::geteuid().is_root() {
        let _ = nix::unistd::initgroups(c"root", nix::unistd::Gid::from_raw(0));
    }
}

/// Raises each limit as far as this process may. An import holds a descriptor for each directory level, RocksDB some
/// hundred; the limits of processor time and file size kill a process in the middle of its work.
fn raise_limits() -> Result<(), Failure> {
    for resource in
        [Resource::Nofile, Resource::Cpu, Resource::Fsize, Resource::As, Resource::Data, Resource::Nproc]
    {
        raise(resource);
    }
    let _ =
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum });
    let too_low = [
        (Resource::Cpu, "RLIMIT_CPU, seconds of processor time", u64::MAX),
        (Resource::Fsize, "RLIMIT_FSIZE, the size of files", u64::MAX),
        (Resource::As, "RLIMIT_AS, address space", MIN_ADDRESS_SPACE),
        (Resource::Data, "RLIMIT_DATA, memory", MIN_ADDRESS_SPACE),
    ];
    for (resource, name, least) in too_low {
        if let Some(limit) = getrlimit(resource).current.filter(|limit| *limit < least) {
            let message = format!("a daemon cannot run with this limit: {name}, is {limit}");
            return Err(Failure::new(Kind::Failed, message).hint(
                "only root raises a hard limit: start the command in a session without it; `ulimit -H -a` shows them",
            ));
        }
    }
    Ok(())
}

fn raise(resource: Resource) {
    let mut limit = getrlimit(resource);
    // As root, beyond the inherited hard limit.
    let lifted = Rlimit { current: None, maximum: None };
    if resource != Resource::Nofile && setrlimit(resource, lifted).is_ok() {
        return;
    }
    limit.current = limit.maximum;
    let _ = setrlimit(resource, limit);
}

/// Raises the limit of descriptors as far as this process may.
pub fn raise_descriptor_limit() {
    raise(Resource::Nofile);
}

/// Closes the pipe on which the command that started the daemon waits.
pub fn leave_terminal() {
    if let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}
