//! The requests to `/dev/fuse` for which there is no safe call (the kernel's include/uapi/linux/fuse.h).
#![allow(unsafe_code)]

use std::fs::OpenOptions;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use fuser::{BackingId, ReplyOpen};
use rustix::ioctl::{Setter, ioctl, opcode};

/// FUSE_DEV_IOC_MAGIC.
const MAGIC: u8 = 229;
/// FUSE_DEV_IOC_CLONE: reads, though its number encodes a write.
const CLONE: rustix::ioctl::Opcode = opcode::read::<u32>(MAGIC, 0);
/// FUSE_DEV_IOC_BACKING_CLOSE.
const BACKING_CLOSE: rustix::ioctl::Opcode = opcode::write::<u32>(MAGIC, 2);

/// Another descriptor of the same FUSE connection, with its own requests.
pub(crate) fn clone_device(device: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let clone = OwnedFd::from(OpenOptions::new().read(true).write(true).open("/dev/fuse")?);
    let number = device.as_raw_fd().cast_unsigned();
    // SAFETY: FUSE_DEV_IOC_CLONE reads one u32, the number of an open descriptor, which `device` is.
    unsafe { ioctl(&clone, Setter::<CLONE, u32>::new(number)) }?;
    Ok(clone)
}

/// Unregisters a backing file.
pub(super) fn close_backing(device: BorrowedFd<'_>, id: u32) -> io::Result<()> {
    // SAFETY: FUSE_DEV_IOC_BACKING_CLOSE reads one u32, and refuses a number that it did not give.
    Ok(unsafe { ioctl(device, Setter::<BACKING_CLOSE, u32>::new(id)) }?)
}

/// Answers that the kernel reads the file of that number directly. The number stays ours to close.
pub(super) fn open_passthrough(
    reply: ReplyOpen,
    handle: fuser::FileHandle,
    flags: fuser::FopenFlags,
    id: u32,
) {
    // SAFETY: the number was assigned by this connection and is not closed while the file is open; the value is taken
    // apart again below, and so closes nothing.
    let backing: BackingId = unsafe { reply.wrap_backing(id) };
    reply.opened_passthrough(handle, flags, &backing);
    let _ = backing.into_raw();
}

/// Replaces another open descriptor by `device`.
pub(super) fn replace(place: BorrowedFd<'_>, device: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: `place` is open and stays open: dup3(2) makes its number mean `device` in one step. Its owner closes it
    // later, so it is not closed here.
    let mut place = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(place.as_raw_fd()) });
    Ok(rustix::io::dup3(device.as_fd(), &mut place, rustix::io::DupFlags::CLOEXEC)?)
}
