//! The umask of this process: files are written for it by the daemon, which has another.

use rustix::fs::Mode;

/// The umask. There is no way to ask for it without setting it.
pub fn get() -> u32 {
    let umask = rustix::process::umask(Mode::empty());
    rustix::process::umask(umask);
    umask.as_raw_mode()
}
