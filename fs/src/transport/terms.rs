//! The answers of a [`View`](crate::view::View) in the terms of `fuser`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{Errno, FileAttr, FileType, INodeNo};

use crate::view::{Attributes, Fault, Kind, Lifetime};

/// As long as the kernel supports: seconds of 64 bits, with room for what it adds.
pub(super) const ALWAYS: Duration = Duration::from_secs(1 << 40);
/// The kernel is told when it changes; a lookup that was being answered at that moment is old for so long.
const BRIEF: Duration = Duration::from_secs(1);
const NEVER: Duration = Duration::ZERO;
pub(super) fn errno(fault: Fault) -> Errno {
    match fault {
        Fault::NoEntry => Errno::ENOENT,
        Fault::NameTooLong => Errno::ENAMETOOLONG,
        Fault::Stale => Errno::ESTALE,
        Fault::NotDirectory => Errno::ENOTDIR,
        Fault::IsDirectory => Errno::EISDIR,
        Fault::Invalid => Errno::EINVAL,
        Fault::Io => Errno::EIO,
    }
}

pub(super) fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::Directory => FileType::Directory,
        Kind::File { .. } => FileType::RegularFile,
        Kind::Link => FileType::Symlink,
    }
}

/// The time of everything in a mount, in seconds since 1970: 1980-01-02, constant so that `make` sees no difference.
/// Zip archives begin at 1980-01-01, in any time zone; programs that make them (and Python wheels) refuse older files.
pub const MODIFIED: u64 = 315_619_200;

/// Times of change stay [`MODIFIED`], whatever the modification time is: builds tell inputs by them.
pub(super) fn attr(attributes: &Attributes, modified: u64) -> FileAttr {
    let time = |seconds: u64| -> SystemTime { UNIX_EPOCH + Duration::from_secs(seconds) };
    let perm = match attributes.kind {
        Kind::Directory | Kind::File { executable: true } => 0o555,
        Kind::File { executable: false } => 0o444,
        Kind::Link => 0o777,
    };
    FileAttr {
        ino: INodeNo(attributes.ino),
        size: attributes.size,
        // The unit of stat(2).
        blocks: attributes.size.div_ceil(512),
        atime: time(modified),
        mtime: time(modified),
        ctime: time(MODIFIED),
        crtime: time(MODIFIED),
        kind: file_type(attributes.kind),
        perm,
        // 1 for a directory means that subdirectories are not counted, as on btrfs.
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

pub(super) fn ttl(lifetime: Lifetime) -> Duration {
    match lifetime {
        Lifetime::Always => ALWAYS,
        Lifetime::Brief => BRIEF,
        Lifetime::Never => NEVER,
    }
}
