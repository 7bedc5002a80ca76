//! Unsafe code: the descriptors of this process, and its signal actions.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use nix::libc;
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

/// The socket on which the program that started this one listens for it (sd_listen_fds(3)): descriptor 3. Called
/// once.
///
/// # Errors
/// When there is none.
pub(super) fn inherited_listener() -> io::Result<UnixListener> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) || number("LISTEN_FDS") != Some(1) {
        return Err(io::Error::other("no socket was handed over (LISTEN_FDS)"));
    }
    // SAFETY: the program that started this one says that it left descriptor 3 for this process, and nothing here has
    // taken it: it is closed when this process ends, and not before.
    let fd = unsafe { OwnedFd::from_raw_fd(3) };
    if !rustix::net::sockopt::socket_acceptconn(&fd)? {
        return Err(io::Error::other("descriptor 3 is not a socket that listens"));
    }
    rustix::io::fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
    Ok(fd.into())
}

/// The supplementary groups of the process at the other end when it connected (socket(7), SO_PEERGROUPS).
///
/// # Errors
/// When the kernel does not say.
pub(super) fn peer_groups(stream: &UnixStream) -> io::Result<Vec<u32>> {
    // The most that a process can have (NGROUPS_MAX).
    let mut groups = vec![0_u32; 65_536];
    let mut length = libc::socklen_t::try_from(std::mem::size_of_val(&*groups)).map_err(io::Error::other)?;
    // SAFETY: the buffer is of `length` bytes and outlives the call, which writes no more than that into it, and how
    // many it wrote to `length`; any bytes are numbers.
    let outcome = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &mut length,
        )
    };
    if outcome != 0 {
        return Err(io::Error::last_os_error());
    }
    groups.truncate(length as usize / size_of::<u32>());
    Ok(groups)
}

/// Resets a signal's action to the default.
pub(super) fn default_signal(signal: nix::sys::signal::Signal) {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, sigaction};
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: SIG_DFL runs no code of this process. KILL and STOP refuse, which changes nothing.
    let _ = unsafe { sigaction(signal, &action) };
}
