//! A session of `fuser` on a device whose handshake is over.
//!
//! The crate begins each session by waiting for the kernel's FUSE_INIT, which the kernel sends once in a mount's life:
//! not on a clone of the device, and not to a process that takes over from a killed one. So the session begins on a
//! socket, with a copy of the kernel's message; once it has answered, the device replaces the socket.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use fuser::{Config, Filesystem, Session, SessionACL};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::sys;
use crate::state::Init;

/// FUSE_INIT, the opcode.
const INIT: u32 = 26;
/// Indicates that `flags2` is valid (FUSE_INIT_EXT).
const INIT_EXT: u32 = 1 << 30;
/// Sizes of fuse_in_header and fuse_init_in since protocol 7.36.
const HEADER: usize = 40;
const BODY: usize = 64;

/// The kernel's FUSE_INIT.
fn message(init: Init) -> [u8; HEADER + BODY] {
    let mut bytes = [0; HEADER + BODY];
    // The halves of 64 flags.
    #[allow(clippy::cast_possible_truncation)]
    let (low, high) = (init.flags as u32 | INIT_EXT, (init.flags >> 32) as u32);
    #[allow(clippy::cast_possible_truncation)]
    let length = bytes.len() as u32;
    let words = [(0, length), (4, INIT), (8, 1), (HEADER, 7), (HEADER + 4, init.minor)];
    let more = [(HEADER + 8, init.max_readahead), (HEADER + 12, low), (HEADER + 16, high)];
    for (at, word) in words.into_iter().chain(more) {
        bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

/// A session that continues with `device`.
pub(super) fn resume<F: Filesystem>(filesystem: F, device: &OwnedFd, init: Init) -> io::Result<Session<F>> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    rustix::io::write(&ours, &message(init))?;
    let session = Session::from_fd(filesystem, theirs, SessionACL::All, Config::default())?;
    sys::replace(session.as_fd(), device.as_fd())?;
    Ok(session)
}
