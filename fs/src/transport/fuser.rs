//! Requests of the kernel by the crate `fuser`, and the answers of a [`View`] in its terms.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fuser::{
    BackingId, Config, Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty,
    ReplyEntry, ReplyIoctl, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyXattr, Request, Session, SessionACL,
};
use tracing::{debug, info, warn};

use super::terms::{ALWAYS, attr, errno, file_type, ttl};
use super::{Begin, Connection, Transport, handshake, resend, sys};
use crate::inode;
use crate::state::{Init, Mode, Opens, Question};
use crate::view::{Attributes, Backing, Invalidating, Kind, Lookup, Room, View};

/// The maximum number of background requests, such as read-ahead, in flight at once.
const BACKGROUND: u16 = 64;

/// Reads and writes `/dev/fuse`.
pub struct FuserTransport {
    /// Whether the kernel may read payload files directly, unchecked.
    pub passthrough: bool,
    /// The modification time of everything, in seconds since 1970: [`MODIFIED`](super::MODIFIED), unless a check
    /// varies it.
    pub modified: u64,
}

/// What all threads of one mount share.
struct Shared {
    view: Arc<View>,
    /// For requests to the device that are not answers.
    device: OwnedFd,
    passthrough: Arc<AtomicBool>,
}

struct Adapter {
    shared: Arc<Shared>,
    begin: Begin,
    want_passthrough: bool,
    modified: u64,
}

impl Transport for FuserTransport {
    fn serve(&self, view: &Arc<View>, devices: Vec<OwnedFd>, begin: Begin) -> io::Result<Connection> {
        let Some(first) = devices.first() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let shared = Arc::new(Shared {
            view: Arc::clone(view),
            device: first.try_clone()?,
            passthrough: Arc::default(),
        });
        let invalidating: Arc<dyn Invalidating> = Arc::<Shared>::clone(&shared);
        view.invalidate_by(Arc::downgrade(&invalidating));
        let mut sessions = Vec::new();
        // Passthrough needs requests to open files.
        let want_passthrough = self.passthrough && view.opens() == Opens::Sent;
        for device in devices {
            let begin = if sessions.is_empty() { begin } else { Begin::Resumed };
            let adapter =
                Adapter { shared: Arc::clone(&shared), begin, want_passthrough, modified: self.modified };
            sessions.push(match begin {
                Begin::New => Session::from_fd(adapter, device, SessionACL::All, Config::default())?,
                Begin::Resumed => handshake::resume(adapter, &device, view.with_state(|state| state.init()))?,
            });
        }
        // Tested now, so that lists of mounts are correct.
        if let Ok(sample) = view.sample()
            && let Ok(id) = shared.register(&sample)
        {
            shared.close(id);
            if begin == Begin::Resumed {
                // The kernel assigns each number once, and refuses closed ones. This process has none yet.
                view.with_state(|state| state.leftover(id)).into_iter().for_each(|id| shared.close(id));
            }
        }
        // Before the first read: a request that this process has begun to answer must not be resent.
        if begin == Begin::Resumed
            && let Err(e) = resend(shared.device.as_fd())
        {
            // Before Linux 6.9: a process that waits for such an answer waits until it is interrupted.
            warn!("the kernel does not resend earlier requests: {e}");
        }
        let mut threads = Vec::new();
        for (number, session) in sessions.into_iter().enumerate() {
            let name = format!("mount-{number}");
            threads.push(thread::Builder::new().name(name).spawn(move || session.run())?);
        }
        Ok(Connection { passthrough: Arc::clone(&shared.passthrough), threads })
    }
}

impl Backing for Shared {
    fn register(&self, file: &File) -> io::Result<u32> {
        if !self.passthrough.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        BackingId::create_raw(&self.device, file).inspect_err(|e| {
            // Only root may, and only on a file system that is not stacked: that will not change.
            info!("passthrough is not available: {e}");
            self.passthrough.store(false, Ordering::Relaxed);
        })
    }

    fn close(&self, id: u32) {
        if let Err(e) = sys::close_backing(self.device.as_fd(), id) {
            debug!("the kernel keeps a payload open: {e}");
        }
    }
}

impl Invalidating for Shared {
    fn invalidate(&self, parent: u64, name: &[u8]) {
        if let Err(e) = super::invalidate(self.device.as_fd(), parent, name) {
            debug!("the kernel does not know the name that changed: {e}");
        }
    }
}

fn question(request: &Request) -> Question {
    Question::new(request.unique().0)
}

impl Filesystem for Adapter {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // The kernel's maximum is only found by trying.
        let max_readahead = match config.set_max_readahead(u32::MAX) {
            Ok(max) | Err(max) => max,
        };
        let _ = config.set_max_readahead(max_readahead);
        if self.begin == Begin::New {
            let flags = config.capabilities().bits();
            let init = Init { minor: config.kernel_abi().1, max_readahead, flags };
            self.shared.view.with_state(|state| state.set_init(init))?;
        }
        let wanted = [
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_CACHE_SYMLINKS,
            InitFlags::FUSE_EXPORT_SUPPORT,
            InitFlags::FUSE_ASYNC_DIO,
        ];
        for flag in wanted {
            if config.add_capabilities(flag).is_err() {
                debug!("this kernel has no {flag:?}");
            }
        }
        let passthrough = self.want_passthrough
            && config.add_capabilities(InitFlags::FUSE_PASSTHROUGH).is_ok()
            && config.set_max_stack_depth(1).is_ok();
        self.shared.passthrough.store(passthrough, Ordering::SeqCst);
        let _ = config.set_max_background(BACKGROUND);
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let _answer = self.shared.view.answer();
        match self.shared.view.look_up(parent.0, name.as_bytes(), question(request)) {
            Ok(Some(Lookup { attributes, generation, lifetime })) => {
                reply.entry_with_ttls(
                    &ALWAYS,
                    &ttl(lifetime),
                    &attr(&attributes, self.modified),
                    Generation(generation),
                );
            }
            // The number 0 means that there is no such name, and the timeout how long that holds.
            Ok(None) => {
                let absent = Attributes { ino: 0, kind: Kind::File { executable: false }, size: 0 };
                reply.entry(&ALWAYS, &attr(&absent, self.modified), Generation(0));
            }
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn forget(&self, _: &Request, ino: INodeNo, nlookup: u64) {
        // It has no answer, so the kernel sends it once: a process that is about to end records it, too.
        self.shared.view.forget(ino.0, nlookup);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let _answer = self.shared.view.answer();
        match self.shared.view.attributes(ino.0) {
            Ok(attributes) => reply.attr(&ALWAYS, &attr(&attributes, self.modified)),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let _answer = self.shared.view.answer();
        match self.shared.view.read_link(ino.0) {
            Ok(target) => reply.data(&target),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn open(&self, request: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Answered once, and the kernel opens and closes files by itself.
        if self.shared.view.opens() == Opens::Unsent {
            return reply.error(Errno::ENOSYS);
        }
        let _answer = self.shared.view.answer();
        let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH;
        match self.shared.view.open(ino.0, question(request), &*self.shared) {
            Ok(opened) => match opened.mode {
                Mode::Asked => reply.opened(FileHandle(opened.handle), flags),
                // The kernel accepts no other flags with it: the page cache is the payload's own.
                Mode::Passthrough(id) => {
                    sys::open_passthrough(reply, FileHandle(opened.handle), FopenFlags::FOPEN_NOFLUSH, id);
                }
            },
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let _answer = self.shared.view.answer();
        match self.shared.view.read(ino.0, handle.0, offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn release(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        let _answer = self.shared.view.answer();
        self.shared.view.release(ino.0, question(request), &*self.shared);
        reply.ok();
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let _answer = self.shared.view.answer();
        let own = ino.0 == inode::ROOT || ino.0 == inode::BY_NAME;
        let flags = FopenFlags::FOPEN_CACHE_DIR | FopenFlags::FOPEN_KEEP_CACHE;
        match self.shared.view.open_directory(ino.0) {
            Ok(handle) => reply.opened(FileHandle(handle), if own { FopenFlags::empty() } else { flags }),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn readdir(&self, _: &Request, ino: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let _answer = self.shared.view.answer();
        let listed = self.shared.view.list(ino.0, handle.0, offset, None, &mut |next, entry, _| {
            !reply.add(INodeNo(entry.ino), next, file_type(entry.kind), OsStr::from_bytes(&entry.name))
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn readdirplus(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let _answer = self.shared.view.answer();
        let listed = self.shared.view.list(
            ino.0,
            handle.0,
            offset,
            Some(question(request)),
            &mut |next, entry, found| {
                let Some(found) = found else { return true };
                let name = OsStr::from_bytes(&entry.name);
                let (attr, life) = (attr(&found.attributes, self.modified), ttl(found.lifetime));
                !reply.add(attr.ino, next, name, &life, &attr, Generation(found.generation))
            },
        );
        match listed {
            Ok(()) => reply.ok(),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        let _answer = self.shared.view.answer();
        self.shared.view.close_directory(handle.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let _answer = self.shared.view.answer();
        match self.shared.view.room() {
            Ok(Room { blocks, free, available, files, unused, size }) => {
                reply.statfs(blocks, free, available, files, unused, size, 255, size);
            }
            Err(fault) => reply.error(errno(fault)),
        }
    }

    // After one ENOSYS the kernel sends no more of them.
    fn getxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    // ENOSYS would mean that they are unsupported, and tar(1) would warn for each file; there are none.
    fn listxattr(&self, _: &Request, _: INodeNo, size: u32, reply: ReplyXattr) {
        if size == 0 { reply.size(0) } else { reply.data(&[]) }
    }

    fn lseek(&self, _: &Request, _: INodeNo, _: FileHandle, _: i64, _: i32, reply: ReplyLseek) {
        reply.error(Errno::ENOSYS);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn ioctl(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: fuser::IoctlFlags,
        _: u32,
        _: &[u8],
        _: u32,
        reply: ReplyIoctl,
    ) {
        reply.error(Errno::ENOTTY);
    }
}
