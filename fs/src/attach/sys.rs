//! unshare(2), which rustix calls unsafe for the sake of descriptor tables.
#![allow(unsafe_code)]

use rustix::thread::UnshareFlags;

/// Moves this process into namespaces of its own.
pub(super) fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: the danger is with UnshareFlags::FILES alone, which gives a thread its own descriptors; it is taken out.
    unsafe { rustix::thread::unshare_unsafe(flags.difference(UnshareFlags::FILES)) }
}
