//! How requests of the kernel come in and answers go back.
//!
//! One way is here, [`FuserTransport`]: read(2) and write(2) on `/dev/fuse`, by the crate `fuser`. The kernel knows
//! another, io_uring (Linux 6.14, Documentation/filesystems/fuse/fuse-io-uring.rst), which the crate does not have
//! yet: it would be another [`Transport`].

mod fuser;
mod handshake;
mod sys;
mod terms;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use crate::view::View;

pub use fuser::FuserTransport;
pub(crate) use sys::clone_device;
pub use terms::MODIFIED;

/// FUSE_NOTIFY_RESEND.
const NOTIFY_RESEND: i32 = 7;

/// Makes the kernel resend the requests that were read from the device and not answered.
///
/// # Errors
/// Not available before Linux 6.9.
pub fn resend(device: BorrowedFd<'_>) -> io::Result<()> {
    // fuse_out_header: length, code, and 0 instead of a request's number.
    let mut message = [0; 16];
    message[..4].copy_from_slice(&16u32.to_ne_bytes());
    message[4..8].copy_from_slice(&NOTIFY_RESEND.to_ne_bytes());
    rustix::io::write(device, &message)?;
    Ok(())
}

/// Whether the kernel's FUSE_INIT has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begin {
    /// It is going to: the mount is new.
    New,
    /// It has, to an earlier process.
    Resumed,
}

/// A mount that is being answered.
pub struct Connection {
    /// Whether the kernel reads payload files by itself; it may be found that it cannot.
    pub passthrough: Arc<AtomicBool>,
    /// They end when the mount does.
    pub threads: Vec<JoinHandle<io::Result<()>>>,
}

/// A way to answer.
pub trait Transport: Send + Sync {
    /// Starts to serve `view` on descriptors of one FUSE device, each in a thread of its own. The first is the
    /// one that was mounted, the others are clones of it (FUSE_DEV_IOC_CLONE) or duplicates.
    ///
    /// # Errors
    /// When the kernel does not answer, or not as it should.
    fn serve(&self, view: &Arc<View>, devices: Vec<OwnedFd>, begin: Begin) -> io::Result<Connection>;
}
