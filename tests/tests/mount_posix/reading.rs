//! The bytes: read, mapped, locked and executed.

use std::io::IoSliceMut;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::fs::{Advice, FlockOperation, OFlags, SeekFrom, StatVfsMountFlags};
use rustix::io::{Errno, Result};

use stele_store::model::Digest;
use stele_tests::mounted::{LONGEST, SIZES};

use super::{Fixture, USERS, checked_or_not, described, on_both, said};

const MORE: &[(&str, usize)] =
    &[("sparse", 8 << 20), ("program", 30_000), ("crowd/8", 8), ("twins/a/large", 100_000)];

/// The result of a read: its length, and its digest.
fn bytes(read: Result<Vec<u8>>) -> String {
    said(read.map(|bytes| (bytes.len(), Digest::of(&bytes))))
}

fn read_at(fd: &OwnedFd, offset: u64, length: usize) -> Result<Vec<u8>> {
    let mut buffer = vec![0; length];
    let read = rustix::io::pread(fd, &mut buffer[..], offset)?;
    buffer.truncate(read);
    Ok(buffer)
}

/// All, in so many bytes at a time.
fn read_all(fd: &OwnedFd, step: usize) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = vec![0; step];
    loop {
        match rustix::io::read(fd, &mut buffer[..])? {
            0 => return Ok(all),
            length => all.extend_from_slice(&buffer[..length]),
        }
    }
}

#[test]
fn unreadable_things_fail_as_on_a_disk() {
    checked_or_not(|both| {
        for (path, flags) in [("dir", OFlags::RDONLY), ("text", OFlags::PATH), ("link-to-text", OFlags::PATH)]
        {
            let ask = |what: &str, case: fn(&OwnedFd) -> String| {
                both.ask(format!("{what} of {path} {flags:?}"), |at| case(&at.open(path, flags).unwrap()))
            };
            ask("read", |fd| bytes(read_all(fd, 100)));
            ask("pread", |fd| bytes(read_at(fd, 0, 100)));
            ask("pread of nothing", |fd| bytes(read_at(fd, 0, 0)));
            ask("readv", |fd| said(rustix::io::readv(fd, &mut [IoSliceMut::new(&mut [0; 9])])));
            ask("seek", |fd| said(rustix::fs::seek(fd, SeekFrom::Start(0))));
            ask("flock", |fd| said(rustix::fs::flock(fd, FlockOperation::NonBlockingLockShared)));
            ask("fadvise", |fd| said(rustix::fs::fadvise(fd, 0, None, Advice::WillNeed)));
        }
        for offset in [1 << 63, u64::MAX, (1 << 63) - 1, (1 << 63) - 100] {
            both.ask(format!("pread at {offset}"), |at| {
                bytes(at.open("text", OFlags::RDONLY).and_then(|fd| read_at(&fd, offset, 100)))
            });
        }
    });
}

#[test]
fn any_part_of_any_file_equals_that_on_a_disk() {
    checked_or_not(|both| {
        for (path, size) in SIZES.iter().chain(MORE) {
            let end = *size as u64;
            let offsets =
                [0, 1, 4095, 4096, 4097, 65_535, end / 2, end.saturating_sub(1), end, end + 1, 1 << 40];
            for offset in offsets {
                for length in [0, 1, 7, 4096, 5000, 65_537, 2 << 20] {
                    both.ask(format!("{length} bytes of {path} at {offset}"), |at| {
                        bytes(at.open(path, OFlags::RDONLY).and_then(|fd| read_at(&fd, offset, length)))
                    });
                }
                both.ask(format!("three pieces of {path} at {offset}"), |at| {
                    let (mut a, mut b, mut c) = ([0; 1], [0; 4096], [0; 333]);
                    let fd = at.open(path, OFlags::RDONLY).unwrap();
                    let mut pieces = [&mut a[..], &mut [], &mut b, &mut c].map(IoSliceMut::new);
                    let read = rustix::io::preadv(&fd, &mut pieces, offset);
                    format!("{} {:?}", said(read), Digest::of(&[&a[..], &b, &c].concat()))
                });
            }
            for step in [97, 4096, 70_000, 3 << 20] {
                both.ask(format!("all of {path}, {step} bytes at a time"), |at| {
                    bytes(at.open(path, OFlags::RDONLY).and_then(|fd| read_all(&fd, step)))
                });
            }
            let advice =
                [Advice::Sequential, Advice::Random, Advice::WillNeed, Advice::DontNeed, Advice::NoReuse];
            both.ask(format!("{path} after advice"), |at| {
                let fd = at.open(path, OFlags::RDONLY).unwrap();
                let given = advice.map(|advice| said(rustix::fs::fadvise(&fd, 0, None, advice)));
                format!("{given:?} {}", bytes(read_at(&fd, 3, 5000)))
            });
        }
    });
}

#[test]
fn a_file_is_sent_to_a_pipe_as_it_is_read() {
    checked_or_not(|both| {
        for (path, _) in SIZES.iter().chain(MORE) {
            both.ask(format!("splice of {path}"), |at| {
                let fd = at.open(path, OFlags::RDONLY).unwrap();
                let (out, into) = rustix::pipe::pipe().unwrap();
                let read = std::thread::spawn(move || read_all(&out, 65_536));
                let mut sent = 0;
                loop {
                    let flags = rustix::pipe::SpliceFlags::empty();
                    match rustix::pipe::splice(&fd, None, &into, None, 50_000, flags).unwrap() {
                        0 => break,
                        length => sent += length,
                    }
                }
                drop(into);
                format!("{sent} {}", bytes(read.join().unwrap()))
            });
            both.ask(format!("sendfile of {path}"), |at| {
                let fd = at.open(path, OFlags::RDONLY).unwrap();
                let mut place = tempfile::tempfile().unwrap();
                let mut offset = 1;
                while rustix::fs::sendfile(&place, &fd, Some(&mut offset), 70_000).unwrap() > 0 {}
                let mut all = Vec::new();
                std::io::Seek::rewind(&mut place).unwrap();
                std::io::Read::read_to_end(&mut place, &mut all).unwrap();
                format!("{offset} {}", bytes(Ok(all)))
            });
        }
    });
}

#[test]
fn seeking_works_as_on_a_disk_and_not_before_the_beginning() {
    checked_or_not(|both| {
        for (path, size) in SIZES {
            let size = i64::try_from(*size).unwrap();
            let mut to =
                vec![SeekFrom::Start(u64::MAX), SeekFrom::Start(1 << 63), SeekFrom::Current(i64::MIN)];
            to.extend([0, 1, 4096, 1 << 40].map(SeekFrom::Start));
            to.extend([-size - 1, -size, -1, 0, 10, 1 << 40].map(SeekFrom::End));
            to.extend([-3, -2, 0, 5, i64::MAX].map(SeekFrom::Current));
            for offset in [0, 1, 4095, 4096, u64::try_from(size).unwrap(), 1 << 40, 1 << 63] {
                to.extend([SeekFrom::Data(offset), SeekFrom::Hole(offset)]);
            }
            for to in to {
                both.ask(format!("{to:?} in {path}"), |at| {
                    let fd = at.open(path, OFlags::RDONLY).unwrap();
                    rustix::fs::seek(&fd, SeekFrom::Start(2)).unwrap();
                    let moved = rustix::fs::seek(&fd, to);
                    let mut next = [0; 10];
                    let read = rustix::io::read(&fd, &mut next);
                    format!("{} {} {next:?} {}", said(moved), said(read), said(rustix::fs::tell(&fd)))
                });
            }
        }
    });
}

/// Copying programs may skip reported holes.
#[test]
fn no_data_is_in_a_hole() {
    checked_or_not(|both| {
        for path in ["sparse", "large", "empty", "inline"] {
            both.ask(path, |at| {
                let fd = at.open(path, OFlags::RDONLY).unwrap();
                let expected = read_all(&fd, 1 << 20).unwrap();
                let mut found = vec![0; expected.len()];
                let mut at = 0;
                loop {
                    let begin = match rustix::fs::seek(&fd, SeekFrom::Data(at)) {
                        Err(Errno::NXIO) => break,
                        begin => begin.unwrap(),
                    };
                    let end = rustix::fs::seek(&fd, SeekFrom::Hole(begin)).unwrap();
                    assert!(at <= begin && begin < end, "{path}: {at} {begin} {end}");
                    let part = usize::try_from(begin).unwrap()..usize::try_from(end).unwrap();
                    found[part.clone()].copy_from_slice(&read_at(&fd, begin, part.len()).unwrap());
                    at = end;
                }
                assert!(found == expected, "a copy of {path} lacks data");
                bytes(Ok(found))
            });
        }
    });
}

#[test]
fn locks_of_a_file_that_is_open_for_reading_exclude_each_other() {
    use FlockOperation::{NonBlockingLockExclusive, NonBlockingLockShared, NonBlockingUnlock, Unlock};
    let (exclusive, shared) = (NonBlockingLockExclusive, NonBlockingLockShared);
    checked_or_not(|both| {
        for path in ["text", "large", "program", "dir"] {
            both.ask(format!("locks of {path}"), |at| {
                let open = || at.open(path, OFlags::RDONLY).unwrap();
                let (a, b) = (open(), open());
                let steps = [
                    (&a, exclusive),
                    (&b, exclusive),
                    (&b, shared),
                    (&a, shared),
                    (&b, shared),
                    (&a, exclusive),
                    (&b, Unlock),
                    (&a, exclusive),
                    (&a, NonBlockingUnlock),
                    (&b, exclusive),
                    (&b, Unlock),
                ];
                let whole = steps.map(|(fd, step)| said(rustix::fs::flock(fd, step)));
                assert!(whole[0].contains("done") && !whole[1].contains("done"), "{path}: {whole:?}");
                let records = [shared, exclusive, Unlock].map(|step| said(rustix::fs::fcntl_lock(&a, step)));
                format!("{whole:?} {records:?}")
            });
        }
    });
}

#[test]
fn only_programs_run_and_every_user_may_run_them() {
    checked_or_not(|both| {
        for user in USERS {
            user.does(|| {
                for path in [
                    "script-as-text",
                    "program-as-data",
                    "text",
                    "empty",
                    "dir",
                    "absent",
                    "text/x",
                    "dangling",
                    "loop-a",
                    "crowd/7",
                    "script",
                    "program",
                    "empty-program",
                    "dir/large-program",
                    "twins/a/executable",
                    "crowd/8",
                ] {
                    both.ask(format!("running {path} as {}", user.name), |at| {
                        let mut command = Command::new(at.root.join(path));
                        let output = command.arg("--version").current_dir("/").stdin(Stdio::null()).output();
                        match output {
                            Ok(output) => {
                                format!("{:?} {}", output.status, String::from_utf8_lossy(&output.stdout))
                            }
                            Err(e) => e.to_string(),
                        }
                    });
                }
                let script = both.ask("the script", |at| {
                    let output = Command::new(at.root.join("script")).output();
                    output.map_or_else(|e| e.to_string(), |output| format!("{:?}", output.status.code()))
                });
                assert_eq!(script, "Some(7)");
            });
        }
    });
}

/// What Rust has no safe function for: mapped memory, other processes' locks, handles, signals.
#[test]
fn system_calls_that_need_unsafe_code_are_answered_as_on_a_disk() {
    checked_or_not(|both| {
        let ask = |at: &Fixture| {
            let mut command = Command::new("python3");
            let probe =
                command.args(["-I", "-c", include_str!("probe.py")]).arg(&at.root).stdin(Stdio::null());
            let output = probe.output().expect("python3 is there");
            assert!(
                output.status.success(),
                "{}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8(output.stdout).expect("it prints ASCII")
        };
        let (mount, disk) = (ask(&both.mount), ask(&both.disk));
        assert_eq!(mount.lines().count(), disk.lines().count());
        for (mount, disk) in mount.lines().zip(disk.lines()) {
            both.ask("probe.py", |at| if std::ptr::eq(at, &both.mount) { mount } else { disk }.to_owned());
        }
        for claim in [
            "text is mapped shared to be written = EACCES",
            "text mapped shared is made writable = EACCES",
            "text is cut off = EROFS",
            "calls on large that signals break off = 0",
        ] {
            assert!(mount.lines().any(|line| line == claim), "{claim:?} is not among\n{mount}");
        }
    });
}

#[test]
fn the_mount_reports_itself_as_read_only() {
    on_both(|both| {
        both.ask("statvfs", |at| {
            let [of_path, of_file] = [
                rustix::fs::statvfs(&at.root).unwrap(),
                rustix::fs::fstatvfs(at.open("text", OFlags::RDONLY).unwrap()).unwrap(),
            ];
            let flags = StatVfsMountFlags::RDONLY | StatVfsMountFlags::NOSUID | StatVfsMountFlags::NODEV;
            for statvfs in [&of_path, &of_file] {
                assert!(statvfs.f_flag.contains(flags), "{:?}", statvfs.f_flag);
                assert_eq!(statvfs.f_namemax, LONGEST as u64);
            }
            format!("{:?}", of_path.f_flag)
        });
    });
}

/// Not a comparison: attributes of every file of every mount.
#[test]
fn everything_belongs_to_root_and_is_from_the_first_second() {
    on_both(|both| {
        for path in ["", "text", "dir", "link-to-text", "program", "crowd/1", "deep/d/d", "empty", "large"] {
            let stat =
                if path.is_empty() { rustix::fs::fstat(&both.mount.dir) } else { both.mount.stat(path) };
            let stat = stat.unwrap();
            for time in [
                (stat.st_atime, stat.st_atime_nsec),
                (stat.st_mtime, stat.st_mtime_nsec),
                (stat.st_ctime, stat.st_ctime_nsec),
            ] {
                assert_eq!(time, (315_619_200, 0), "{path:?}");
            }
            assert_eq!((stat.st_uid, stat.st_gid, stat.st_nlink), (0, 0, 1), "{path:?}");
            let mode = match path {
                "" | "dir" | "deep/d/d" => 0o040_555,
                "program" => 0o100_555,
                "link-to-text" => 0o120_777,
                _ => 0o100_444,
            };
            assert_eq!(stat.st_mode, mode, "{path:?}: {}", described(stat));
        }
    });
}
