//! The system calls that are noted, and what each does to which descriptor or path.

use nix::libc;

use super::super::sys::Call;

/// Noted whatever their arguments are.
pub const NOTED: &[i64] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_ftruncate,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_copy_file_range,
    libc::SYS_openat2,
    libc::SYS_mkdirat,
    libc::SYS_symlinkat,
    libc::SYS_linkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_exit,
    libc::SYS_exit_group,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
];

/// linux/fs.h: FICLONE and FICLONERANGE, which share the blocks of a file with another.
pub const CLONING: [u32; 2] = [0x4004_9409, 0x4020_940d];

/// What a call does, if it succeeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Does {
    /// Reads from a descriptor.
    Reads(u64),
    /// Writes to a descriptor; the bytes are at this address, if that is known, and so many.
    Writes(u64, Option<(u64, u64)>),
    /// Reads from the first and writes to the second.
    Copies(u64, u64),
    /// Creates or changes what is at a path, below a directory's descriptor; the path is at this address.
    Makes(u64, u64),
    /// Changes the mode of a descriptor's file.
    Changes(u64),
    /// Starts a program in this process; its arguments are at this address.
    Starts(u64),
    /// The process, or a thread of it, ends.
    Ends,
}

/// AT_FDCWD as an argument.
const HERE: u64 = libc::AT_FDCWD as u64;

/// What the call does. None when it is not one that is noted.
pub(super) fn does(call: &Call) -> Option<Does> {
    let [first, second, third, fourth, fifth, _] = call.arguments;
    Some(match call.number {
        libc::SYS_read | libc::SYS_readv | libc::SYS_pread64 | libc::SYS_preadv | libc::SYS_preadv2 => {
            Does::Reads(first)
        }
        libc::SYS_write | libc::SYS_pwrite64 => Does::Writes(first, Some((second, third))),
        libc::SYS_writev | libc::SYS_pwritev | libc::SYS_pwritev2 | libc::SYS_ftruncate => {
            Does::Writes(first, None)
        }
        libc::SYS_sendfile => Does::Copies(second, first),
        libc::SYS_splice | libc::SYS_copy_file_range => Does::Copies(first, third),
        libc::SYS_ioctl if CLONING.iter().any(|it| u64::from(*it) == second & 0xffff_ffff) => match second {
            it if it & 0xffff_ffff == u64::from(CLONING[0]) => Does::Copies(third, first),
            _ => Does::Writes(first, None),
        },
        // The filter has passed on only those of files.
        libc::SYS_mmap if is_shared_and_writable(third, fourth) => Does::Writes(fifth, None),
        libc::SYS_mmap => Does::Reads(fifth),
        libc::SYS_openat | libc::SYS_openat2 | libc::SYS_mkdirat | libc::SYS_fchmodat => {
            Does::Makes(first, second)
        }
        libc::SYS_symlinkat => Does::Makes(second, third),
        libc::SYS_linkat | libc::SYS_renameat | libc::SYS_renameat2 => Does::Makes(third, fourth),
        libc::SYS_fchmod => Does::Changes(first),
        libc::SYS_execve => Does::Starts(second),
        libc::SYS_execveat => Does::Starts(third),
        libc::SYS_exit | libc::SYS_exit_group => Does::Ends,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open | libc::SYS_creat | libc::SYS_mkdir | libc::SYS_chmod => Does::Makes(HERE, first),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_symlink | libc::SYS_link | libc::SYS_rename => Does::Makes(HERE, second),
        _ => return None,
    })
}

fn is_shared_and_writable(protection: u64, flags: u64) -> bool {
    let has = |value: u64, flag: i32| value & u64::from(flag.unsigned_abs()) != 0;
    has(protection, libc::PROT_WRITE) && has(flags, libc::MAP_SHARED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(number: i64, arguments: [u64; 6]) -> Option<Does> {
        does(&Call { id: 1, thread: 1, number, arguments })
    }

    #[test]
    fn every_call_that_is_noted_does_something() {
        assert!(NOTED.iter().all(|call| of(*call, [0; 6]).is_some()));
        assert_eq!(of(libc::SYS_getpid, [0; 6]), None);
        assert_eq!(of(libc::SYS_ioctl, [1, 0x5401, 0, 0, 0, 0]), None);
    }

    #[test]
    fn what_copies_is_told_apart_from_what_is_copied() {
        assert_eq!(of(libc::SYS_sendfile, [4, 3, 0, 9, 0, 0]), Some(Does::Copies(3, 4)));
        assert_eq!(of(libc::SYS_copy_file_range, [3, 0, 4, 0, 9, 0]), Some(Does::Copies(3, 4)));
        assert_eq!(of(libc::SYS_splice, [3, 0, 4, 0, 9, 0]), Some(Does::Copies(3, 4)));
        assert_eq!(of(libc::SYS_ioctl, [4, 0x4004_9409, 3, 0, 0, 0]), Some(Does::Copies(3, 4)));
    }

    #[test]
    fn a_map_writes_only_when_it_is_shared_and_writable() {
        let map = |protection: i32, flags: i32| {
            let [protection, flags] = [protection, flags].map(|it| u64::from(it.unsigned_abs()));
            of(libc::SYS_mmap, [0, 9, protection, flags, 3, 0])
        };
        assert_eq!(map(libc::PROT_READ, libc::MAP_SHARED), Some(Does::Reads(3)));
        assert_eq!(map(libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE), Some(Does::Reads(3)));
        assert_eq!(map(libc::PROT_WRITE, libc::MAP_SHARED), Some(Does::Writes(3, None)));
    }
}
