//! A mounted file without an end: each opening of it reads bytes of its own.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use fuser::{
    Config, Errno, FileAttr, FileHandle, Filesystem, FopenFlags, INodeNo, LockOwner, OpenFlags, ReplyAttr,
    ReplyData, ReplyEmpty, ReplyOpen, ReplyWrite, Request, Session, SessionACL, WriteFlags,
};

use super::terms::{ALWAYS, MODIFIED, attr};
use crate::view::{Attributes, Kind};

/// The bytes of one opening: so many more.
pub type Bytes = Box<dyn FnMut(usize) -> Vec<u8> + Send>;

/// At most so many openings at a time: each takes some memory of whoever serves it.
const MAX_OPEN: usize = 1 << 16;

/// Serves a mount whose root is such a file, until it ends. `open` is called for each opening. What is written to it is
/// ignored, as by `/dev/urandom` without the right to add entropy.
///
/// # Errors
/// When the device cannot be used.
pub fn serve_endless(device: OwnedFd, open: impl FnMut() -> Bytes + Send + 'static) -> io::Result<()> {
    let endless = Endless { open: Mutex::new(Box::new(open)), opened: Mutex::default() };
    Session::from_fd(endless, device, SessionACL::All, Config::default())?.run()
}

struct Endless {
    open: Mutex<Box<dyn FnMut() -> Bytes + Send>>,
    opened: Mutex<Opened>,
}

/// All openings; they are numbered.
#[derive(Default)]
struct Opened {
    last: u64,
    all: HashMap<u64, Bytes>,
}

impl Filesystem for Endless {
    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let file =
            attr(&Attributes { ino: ino.0, kind: Kind::File { executable: false }, size: 0 }, MODIFIED);
        reply.attr(&ALWAYS, &FileAttr { perm: 0o666, ..file });
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        user: Option<u32>,
        group: Option<u32>,
        size: Option<u64>,
        _: Option<fuser::TimeOrNow>,
        _: Option<fuser::TimeOrNow>,
        _: Option<std::time::SystemTime>,
        handle: Option<FileHandle>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        // It is emptied by whoever opens it to write, and stays as it is; nothing else of it can be set.
        match (size, mode, user, group) {
            (Some(_), None, None, None) => self.getattr(request, ino, handle, reply),
            _ => reply.error(Errno::EROFS),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.all.len() >= MAX_OPEN {
            return reply.error(Errno::ENFILE);
        }
        let bytes = (self.open.lock().unwrap_or_else(PoisonError::into_inner))();
        opened.last += 1;
        let number = opened.last;
        opened.all.insert(number, bytes);
        // The kernel keeps nothing of it, and asks for as much as is read.
        reply.opened(FileHandle(number), FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_NONSEEKABLE);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        match opened.all.get_mut(&handle.0) {
            Some(bytes) => reply.data(&bytes(usize::try_from(size).unwrap_or(0))),
            None => reply.error(Errno::EBADF),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX));
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).all.remove(&handle.0);
        reply.ok();
    }
}
