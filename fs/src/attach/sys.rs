//! unshare(2), which rustix calls unsafe for the sake of descriptor tables.
#![allow(unsafe_code)]

use rustix::thread::UnshareFlags;

/// Moves this process into new namespaces.
pub(super) fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: only UnshareFlags::FILES, which gives a thread its own descriptors, is dangerous; it is masked out.
    unsafe { rustix::thread::unshare_unsafe(flags.difference(UnshareFlags::FILES)) }
}
