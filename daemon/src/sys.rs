//! Unsafe code: the descriptors of this process, and its signal actions.
#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;

use rustix::io::FdFlags;

/// Sets close-on-exec on every descriptor but the first three. A daemon must not hold what a shell or a CI runner left
/// open (a lock, the end of a pipe that a process waits for).
pub(super) fn keep_descriptors() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    for entry in entries.flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if number > 2 {
            // SAFETY: the descriptor is only borrowed for one fcntl(2), which changes nothing but its close-on-exec
            // flag; if it was closed since it was listed, the call fails without effect.
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            let _ = rustix::io::fcntl_setfd(fd, FdFlags::CLOEXEC);
        }
    }
}

/// Resets a signal's action to the default.
pub(super) fn default_signal(signal: nix::sys::signal::Signal) {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, sigaction};
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: SIG_DFL runs no code of this process. KILL and STOP refuse, which changes nothing.
    let _ = unsafe { sigaction(signal, &action) };
}
