//! Where paths lead, who may traverse them, and the attributes of what is there.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{Access, AtFlags, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::Errno;

use super::{Case, Fixture, USERS, described, inner_paths, on_both, opened, said, without_attributes};

const READING: &[Case] = &[
    ("stat", |at, path| said(rustix::fs::statat(&at.dir, path, AtFlags::empty()).map(described))),
    ("lstat", |at, path| said(at.stat(path).map(described))),
    ("statx", |at, path| {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let x = rustix::fs::statx(&at.dir, path, flags, StatxFlags::BASIC_STATS);
        said(x.map(|x| (x.stx_mode, x.stx_uid, x.stx_gid, x.stx_mtime.tv_sec, x.stx_mask & 0x7ff)))
    }),
    ("opening", |at, path| opened(at, path, OFlags::RDONLY)),
    ("opening the folder", |at, path| opened(at, path, OFlags::DIRECTORY)),
    ("opening without following", |at, path| opened(at, path, OFlags::NOFOLLOW)),
    ("naming", |at, path| opened(at, path, OFlags::PATH)),
    ("naming the link", |at, path| opened(at, path, OFlags::PATH | OFlags::NOFOLLOW)),
    ("opening beneath", |at, path| {
        let (flags, resolve) = (OFlags::RDONLY | OFlags::CLOEXEC, ResolveFlags::BENEATH);
        let fd =
            rustix::fs::openat2(&at.dir, path, flags, Mode::empty(), resolve | ResolveFlags::NO_MAGICLINKS);
        said(fd.and_then(rustix::fs::fstat).map(described))
    }),
    ("opening without any link", |at, path| {
        let (flags, resolve) = (OFlags::RDONLY | OFlags::CLOEXEC, ResolveFlags::NO_SYMLINKS);
        let fd = rustix::fs::openat2(&at.dir, path, flags, Mode::empty(), resolve | ResolveFlags::NO_XDEV);
        said(fd.and_then(rustix::fs::fstat).map(described))
    }),
    ("access", |at, path| {
        let modes = [
            Access::EXISTS,
            Access::READ_OK,
            Access::WRITE_OK,
            Access::EXEC_OK,
            Access::READ_OK | Access::EXEC_OK,
            Access::READ_OK | Access::WRITE_OK,
            Access::WRITE_OK | Access::EXEC_OK,
        ];
        let flags = [AtFlags::empty(), AtFlags::EACCESS, AtFlags::SYMLINK_NOFOLLOW];
        let ask = |flags| modes.map(|mode| said(rustix::fs::accessat(&at.dir, path, mode, flags)));
        format!("{:?}", flags.map(ask))
    }),
    ("readlink", |at, path| said(rustix::fs::readlinkat(&at.dir, path, Vec::new()))),
    ("statvfs", |at, path| said(rustix::fs::statvfs(at.root.join(path)).map(|s| (s.f_flag, s.f_namemax)))),
    ("listxattr", |at, path| without_attributes(rustix::fs::llistxattr_query(at.root.join(path)))),
    ("getxattr", |at, path| without_attributes(rustix::fs::getxattr_query(at.root.join(path), "user.a"))),
    ("getxattr of rights", |at, path| {
        without_attributes(rustix::fs::getxattr_query(at.root.join(path), "system.posix_acl_access"))
    }),
];

#[test]
fn a_path_leads_where_it_leads_on_a_disk_for_every_user_or_fails_alike() {
    let mut paths = inner_paths();
    paths.extend(["..", "../", "../..", "dir/../..", "dir/up", "link-to-dot/.."].map(OsString::from));
    on_both(|both| {
        for user in USERS {
            user.does(|| both.ask_each(user.name, READING, &paths));
        }
        let open = |path: &str| both.ask(path, |at| opened(at, path.as_ref(), OFlags::RDONLY));
        for (path, error) in [
            ("absent", Errno::NOENT),
            ("text/x", Errno::NOTDIR),
            ("text/", Errno::NOTDIR),
            ("loop-a", Errno::LOOP),
            ("chain-40", Errno::LOOP),
            ("link-of-4095", Errno::NAMETOOLONG),
        ] {
            assert_eq!(open(path), error.to_string(), "{path}");
        }
        assert!(open("chain-39").contains("done"), "{}", open("chain-39"));
    });
}

#[test]
fn a_link_is_cut_off_at_the_end_of_the_buffer_and_nothing_else_is_a_link() {
    on_both(|both| {
        for path in
            ["link-to-text", "loop-a", "link-of-4095", "link-of-dots", "link-to-bytes", "text", "dir", "x"]
        {
            for length in [0, 1, 3, 4, 5, 100, 4094, 4095, 4096, 9000] {
                both.ask(format!("readlink of {path} into {length} bytes"), |at| {
                    let mut buffer = vec![b'?'; length];
                    let length = rustix::fs::readlinkat_raw(&at.dir, path, &mut buffer[..]);
                    format!("{} {:?}", said(length), OsString::from_vec(buffer))
                });
            }
            let named = |at: &Fixture| {
                let fd = at.open(path, OFlags::PATH | OFlags::NOFOLLOW)?;
                rustix::fs::readlinkat(&fd, "", Vec::new())
            };
            both.ask(format!("readlink of {path}, opened"), |at| said(named(at)));
        }
    });
}
