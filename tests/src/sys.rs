//! unshare(2), which rustix calls unsafe for the sake of descriptor tables.

#![allow(unsafe_code)]

use rustix::thread::UnshareFlags;

/// Gives this thread, and what it starts from now on, a mount namespace of its own.
pub(crate) fn unshare_mounts() -> rustix::io::Result<()> {
    // SAFETY: unsafe is only to unshare the table of descriptors, which other code may rely on, and that flag is not
    // among these.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }
}
