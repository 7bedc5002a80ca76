//! What can only be seen before Rust's runtime begins: it opens /dev/null in the place of standard streams that are
//! closed.
#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: AtomicBool = AtomicBool::new(false);

extern "C" fn look() {
    // SAFETY: the descriptor is borrowed for one question, whether it is open; one that is not gives EBADF.
    let stdout = unsafe { BorrowedFd::borrow_raw(1) };
    CLOSED.store(rustix::io::fcntl_getfd(stdout).is_err(), Ordering::SeqCst);
}

// SAFETY: the C runtime calls what stands in this section, once, before main. `look` makes one system call, and stores
// into a static that needs no initialisation.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

/// Whether the process was started with stdout closed.
pub fn stdout_was_closed() -> bool {
    CLOSED.load(Ordering::SeqCst)
}
