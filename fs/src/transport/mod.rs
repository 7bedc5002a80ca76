//! Receiving the kernel's requests and sending answers.
//!
//! There is one implementation, [`FuserTransport`]: read(2) and write(2) on `/dev/fuse`, by the crate `fuser`. The
//! kernel supports another, io_uring (Linux 6.14, Documentation/filesystems/fuse/fuse-io-uring.rst), which the crate
//! does not have yet: it would be another [`Transport`].

mod endless;
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

pub use endless::{Bytes, serve_endless};
pub use fuser::FuserTransport;
pub(crate) use sys::clone_device;
pub use terms::MODIFIED;

/// FUSE_NOTIFY_INVAL_ENTRY.
const NOTIFY_INVAL_ENTRY: i32 = 3;
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

/// Makes the kernel look up a name again. Waits for lookups in that directory that are being answered.
///
/// # Errors
/// When the kernel does not know the name.
fn invalidate(device: BorrowedFd<'_>, parent: u64, name: &[u8]) -> io::Result<()> {
    // fuse_notify_inval_entry_out: the directory, the length of the name, no flags; then the name, with its zero.
    let length = u32::try_from(name.len()).map_err(io::Error::other)?;
    let mut message = Vec::from([0; 16]);
    message.extend_from_slice(&parent.to_ne_bytes());
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(name);
    message.push(0);
    let whole = u32::try_from(message.len()).map_err(io::Error::other)?;
    message[..4].copy_from_slice(&whole.to_ne_bytes());
    message[4..8].copy_from_slice(&NOTIFY_INVAL_ENTRY.to_ne_bytes());
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

/// A mount that is being served.
pub struct Connection {
    /// Whether the kernel reads payload files directly; cleared if it turns out that it cannot.
    pub passthrough: Arc<AtomicBool>,
    /// They end when the mount does.
    pub threads: Vec<JoinHandle<io::Result<()>>>,
}

/// A way to receive requests and answer them.
pub trait Transport: Send + Sync {
    /// Starts to serve `view` on descriptors of one FUSE device, each in its own thread. The first is the mounted one,
    /// the others are clones of it (FUSE_DEV_IOC_CLONE) or duplicates.
    ///
    /// # Errors
    /// When the kernel does not answer, or violates the protocol.
    fn serve(&self, view: &Arc<View>, devices: Vec<OwnedFd>, begin: Begin) -> io::Result<Connection>;
}
