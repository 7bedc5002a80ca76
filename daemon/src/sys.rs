//! The one thing that safe Rust cannot say: which descriptors this process has.
#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;

use rustix::io::FdFlags;

/// Keeps every descriptor but the first three from programs that are started from now on. What a shell or a
/// CI runner left open (a lock, the end of a pipe that somebody waits for) is not for a daemon to hold.
pub(super) fn keep_descriptors() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    for entry in entries.flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if number > 2 {
            // SAFETY: the descriptor is only borrowed for one fcntl(2), which changes nothing but its
            // close-on-exec flag; one that was closed since it was listed makes the call fail, and nothing
            // else.
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            let _ = rustix::io::fcntl_setfd(fd, FdFlags::CLOEXEC);
        }
    }
}
