//! Nothing can be changed, and the errors are those of a read-only disk.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, FallocateFlags, FileType, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use super::folders::names;
use super::{Case, Fixture, NOBODY_SPECIAL, ROOT, USERS, inner_paths, on_both, opened, said};

const LATER: Timespec = Timespec { tv_sec: 5, tv_nsec: 5 };

fn times(last: Timespec) -> Timestamps {
    Timestamps { last_access: last, last_modification: last }
}

fn special(nanoseconds: i64) -> Timestamps {
    times(Timespec { tv_sec: 0, tv_nsec: nanoseconds })
}

fn renamed(at: &Fixture, from: &OsStr, to: &OsStr, flags: RenameFlags) -> String {
    said(rustix::fs::renameat_with(&at.dir, from, &at.dir, to, flags))
}

fn made(at: &Fixture, path: &OsStr, kind: FileType) -> String {
    let device = if kind == FileType::CharacterDevice { rustix::fs::makedev(1, 3) } else { 0 };
    said(rustix::fs::mknodat(&at.dir, path, kind, Mode::RUSR, device))
}

const CHANGING: &[Case] = &[
    ("mkdir", |at, path| said(rustix::fs::mkdirat(&at.dir, path, Mode::RWXU))),
    ("rmdir", |at, path| said(rustix::fs::unlinkat(&at.dir, path, AtFlags::REMOVEDIR))),
    ("unlink", |at, path| said(rustix::fs::unlinkat(&at.dir, path, AtFlags::empty()))),
    ("rename", |at, path| renamed(at, path, "new".as_ref(), RenameFlags::empty())),
    ("rename into a folder", |at, path| renamed(at, path, "dir/new".as_ref(), RenameFlags::empty())),
    ("rename over a folder", |at, path| renamed(at, path, "empty-dir".as_ref(), RenameFlags::empty())),
    ("rename into itself", |at, path| renamed(at, path, &path_below(path), RenameFlags::empty())),
    ("rename over", |at, path| renamed(at, "text".as_ref(), path, RenameFlags::empty())),
    ("rename of a folder over", |at, path| renamed(at, "dir".as_ref(), path, RenameFlags::empty())),
    ("rename not over", |at, path| renamed(at, "text".as_ref(), path, RenameFlags::NOREPLACE)),
    ("exchange", |at, path| renamed(at, "text".as_ref(), path, RenameFlags::EXCHANGE)),
    ("link", |at, path| said(rustix::fs::linkat(&at.dir, path, &at.dir, "new", AtFlags::empty()))),
    ("link, followed", |at, path| {
        said(rustix::fs::linkat(&at.dir, path, &at.dir, "new", AtFlags::SYMLINK_FOLLOW))
    }),
    ("link over", |at, path| said(rustix::fs::linkat(&at.dir, "text", &at.dir, path, AtFlags::empty()))),
    ("symlink", |at, path| said(rustix::fs::symlinkat("target", &at.dir, path))),
    ("mknod of a file", |at, path| made(at, path, FileType::RegularFile)),
    ("mknod of a fifo", |at, path| made(at, path, FileType::Fifo)),
    ("mknod of a device", |at, path| made(at, path, FileType::CharacterDevice)),
    ("chmod", |at, path| said(rustix::fs::chmodat(&at.dir, path, Mode::RWXU, AtFlags::empty()))),
    ("chown", |at, path| said(rustix::fs::chownat(&at.dir, path, Some(Uid::ROOT), None, AtFlags::empty()))),
    ("lchown", |at, path| {
        let group = Some(Gid::from_raw(1000));
        said(rustix::fs::chownat(&at.dir, path, None, group, AtFlags::SYMLINK_NOFOLLOW))
    }),
    ("utimensat", |at, path| said(rustix::fs::utimensat(&at.dir, path, &times(LATER), AtFlags::empty()))),
    ("utimensat of now", |at, path| {
        let now = special(rustix::fs::UTIME_NOW);
        said(rustix::fs::utimensat(&at.dir, path, &now, AtFlags::SYMLINK_NOFOLLOW))
    }),
    ("setxattr", |at, path| {
        said(rustix::fs::setxattr(at.root.join(path), "user.a", b"b", XattrFlags::empty()))
    }),
    ("lsetxattr", |at, path| {
        said(rustix::fs::lsetxattr(at.root.join(path), "trusted.a", b"b", XattrFlags::CREATE))
    }),
    ("removexattr", |at, path| said(rustix::fs::removexattr(at.root.join(path), "user.a"))),
];

fn path_below(path: &OsStr) -> OsString {
    Path::new(path).join("x").into_os_string()
}

#[test]
fn modifications_fail_as_on_a_read_only_disk_and_change_nothing() {
    on_both(|both| {
        let seen = |at: &Fixture| format!("{:?}", [".", "dir", "empty-dir"].map(|path| names(at, path)));
        let before = both.ask("the names", seen);
        for user in USERS {
            let answers = user.does(|| both.ask_each(user.name, CHANGING, &inner_paths()));
            let done: Vec<&String> = answers.iter().filter(|answer| answer.contains("done")).collect();
            assert!(done.is_empty(), "the mount was changed: {done:#?}");
        }
        // Leaving both times unchanged is not a change, and the kernel does not even resolve the path (utimensat(2)).
        let omit = special(rustix::fs::UTIME_OMIT);
        both.ask("utimensat of nothing", |at| {
            said(rustix::fs::utimensat(&at.dir, "text", &omit, AtFlags::empty()))
        });
        assert_eq!(both.ask("the names after all that", seen), before);
    });
}

#[test]
fn opening_for_writing_is_refused_as_on_a_read_only_disk() {
    let switches = [
        OFlags::CREATE,
        OFlags::EXCL,
        OFlags::TRUNC,
        OFlags::APPEND,
        OFlags::DIRECTORY,
        OFlags::NOFOLLOW,
        OFlags::PATH,
        OFlags::TMPFILE,
        OFlags::NONBLOCK,
    ];
    let paths = [
        "text",
        "empty",
        "program",
        "dir",
        "empty-dir/",
        "link-to-text",
        "link-to-dir",
        "dangling",
        "loop-a",
        "absent",
        "absent/x",
        "dir/absent",
        "text/x",
        "text/",
        "absent/",
        ".",
        "",
        "chain-40",
    ];
    on_both(|both| {
        for user in [ROOT, NOBODY_SPECIAL] {
            user.does(|| {
                for mode in [OFlags::RDONLY, OFlags::WRONLY, OFlags::RDWR, OFlags::WRONLY | OFlags::RDWR] {
                    for set in 0..1 << switches.len() {
                        let chosen = (0..).zip(switches).filter(|(n, _)| set & (1 << n) != 0);
                        let flags = chosen.fold(mode, |flags, (_, switch)| flags | switch);
                        for path in paths {
                            let ask = |at: &Fixture| opened(at, path.as_ref(), flags);
                            let answer = both.ask(format!("open {path:?} {flags:?} by {}", user.name), ask);
                            let writes = !flags.contains(OFlags::PATH) && mode != OFlags::RDONLY;
                            assert!(!writes || !answer.contains("done"), "{path:?} {flags:?}: {answer}");
                        }
                    }
                }
            });
        }
        assert_eq!(both.ask("text", |at| said(at.open("text", OFlags::RDWR))), Errno::ROFS.to_string());
        assert_eq!(both.ask("new", |at| said(at.open("new", OFlags::CREATE))), Errno::ROFS.to_string());
    });
}

#[test]
fn an_open_file_or_folder_cannot_be_changed_and_is_always_in_sync() {
    type Operation = (&'static str, fn(&OwnedFd) -> String);
    let cases: &[Operation] = &[
        ("write", |fd| said(rustix::io::write(fd, b"x"))),
        ("write of nothing", |fd| said(rustix::io::write(fd, b""))),
        ("pwrite", |fd| said(rustix::io::pwrite(fd, b"x", 3))),
        ("ftruncate", |fd| said(rustix::fs::ftruncate(fd, 1))),
        ("fallocate", |fd| said(rustix::fs::fallocate(fd, FallocateFlags::empty(), 0, 10))),
        ("a hole", |fd| {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            said(rustix::fs::fallocate(fd, flags, 0, 10))
        }),
        ("fchmod", |fd| said(rustix::fs::fchmod(fd, Mode::RWXU))),
        ("fchown", |fd| said(rustix::fs::fchown(fd, Some(Uid::ROOT), Some(Gid::ROOT)))),
        ("futimens", |fd| said(rustix::fs::futimens(fd, &times(LATER)))),
        ("fsetxattr", |fd| said(rustix::fs::fsetxattr(fd, "user.a", b"b", XattrFlags::empty()))),
        ("fremovexattr", |fd| said(rustix::fs::fremovexattr(fd, "user.a"))),
        ("fsync", |fd| said(rustix::fs::fsync(fd))),
        ("fdatasync", |fd| said(rustix::fs::fdatasync(fd))),
        ("syncfs", |fd| said(rustix::fs::syncfs(fd))),
        ("copy_file_range", |fd| said(rustix::fs::copy_file_range(fd, None, fd, None, 1))),
        ("mkdirat", |fd| said(rustix::fs::mkdirat(fd, "new", Mode::RWXU))),
        ("openat", |fd| said(rustix::fs::openat(fd, "x", OFlags::CREATE | OFlags::RDWR, Mode::RWXU))),
        ("getdents", |fd| said(rustix::fs::Dir::read_from(fd).map(|dir| dir.take(0).count()))),
    ];
    on_both(|both| {
        for path in ["text", "empty", "program", "large", "dir", "empty-dir", "link-to-text"] {
            for flags in [OFlags::RDONLY, OFlags::PATH, OFlags::PATH | OFlags::NOFOLLOW] {
                for (name, case) in cases {
                    let ask =
                        |at: &Fixture| at.open(path, flags).map_or_else(|e| e.to_string(), |fd| case(&fd));
                    both.ask(format!("{name} on {path} {flags:?}"), ask);
                }
            }
        }
    });
}
