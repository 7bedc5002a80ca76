//! The content of a folder, from any offset and into any buffer; and inode numbers.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom};
use rustix::io::{Errno, Result};

use stele_tests::Stele;
use stele_tests::mounted::{self, LONGEST, Mounted, within};

use super::{Fixture, on_both, said};

/// As getdents64(2) gives it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Entry {
    name: OsString,
    kind: u32,
    number: u64,
    /// The offset of the next entry.
    next: u64,
}

const FOLDERS: &[&str] =
    &[".", "dir", "empty-dir", "twins/a", "deep/d", "crowd", "dir/sub/../..", "link-to-dir/"];

/// A record of the longest name: 19 bytes before it, NUL after it, a multiple of 8.
const LARGEST_RECORD: usize = (19 + LONGEST + 1).next_multiple_of(8);

/// What the kernel returns from here on, `buffer` bytes at a time, but at most so many entries.
fn entries(folder: &OwnedFd, buffer: usize, max: usize) -> Result<Vec<Entry>> {
    let mut buffer = vec![MaybeUninit::uninit(); buffer];
    let mut dir = RawDir::new(folder, &mut buffer);
    let mut entries = Vec::new();
    while entries.len() < max {
        let Some(entry) = dir.next() else { break };
        let entry = entry?;
        let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
        let kind = entry.file_type().as_raw_mode();
        entries.push(Entry { name, kind, number: entry.ino(), next: entry.next_entry_cookie() });
    }
    Ok(entries)
}

fn all(folder: &OwnedFd, buffer: usize) -> Result<Vec<Entry>> {
    rustix::fs::seek(folder, SeekFrom::Start(0))?;
    entries(folder, buffer, usize::MAX)
}

/// The sorted names and kinds, including `.` and `..`.
pub(super) fn names(at: &Fixture, path: &str) -> Result<Vec<(OsString, u32)>> {
    let entries = all(&at.open(path, OFlags::DIRECTORY)?, 1 << 16)?;
    let mut names: Vec<_> = entries.into_iter().map(|entry| (entry.name, entry.kind)).collect();
    names.sort();
    Ok(names)
}

#[test]
fn a_buffer_too_small_for_a_name_is_an_error_and_loses_no_entry() {
    on_both(|both| {
        for path in FOLDERS {
            let expected = both.ask(format!("{path}, in one piece"), |at| said(names(at, path)));
            for size in [1, 8, 23, 24, 32, 48, LARGEST_RECORD, 300, 512, 1024, 4096, 32 << 10, 1 << 20] {
                both.ask(format!("{path} into {size} bytes, if they suffice"), |at| {
                    let folder = at.open(path, OFlags::DIRECTORY).unwrap();
                    let mut found = match all(&folder, size) {
                        Err(Errno::INVAL) if size < LARGEST_RECORD => return "too small".to_owned(),
                        found => found.unwrap(),
                    };
                    found.sort();
                    let found: Vec<_> = found.into_iter().map(|entry| (entry.name, entry.kind)).collect();
                    let found = said(Ok(found));
                    assert_eq!(found, expected, "{path} into {size} bytes of {}", at.root.display());
                    if size < LARGEST_RECORD { "too small".to_owned() } else { found }
                });
            }
        }
        for (path, flags) in
            [("text", OFlags::RDONLY), ("link-to-text", OFlags::RDONLY), ("dir", OFlags::PATH)]
        {
            both.ask(format!("getdents on {path} {flags:?}"), |at| {
                said(entries(&at.open(path, flags).unwrap(), 4096, 1))
            });
        }
    });
}

#[test]
fn a_folder_can_be_read_on_from_every_entry_and_again_from_the_beginning() {
    on_both(|both| {
        for path in FOLDERS {
            both.ask(path, |at| {
                let folder = at.open(path, OFlags::DIRECTORY).unwrap();
                let list = all(&folder, 1 << 16).unwrap();
                assert_eq!(entries(&folder, 1 << 16, 1).unwrap(), [], "nothing is behind the end");
                // Backwards, so that nothing is right only because it comes next.
                for n in (0..list.len()).rev() {
                    rustix::fs::seek(&folder, SeekFrom::Start(list[n].next)).unwrap();
                    let size = if n % 2 == 0 { LARGEST_RECORD } else { 4096 };
                    let rest = entries(&folder, size, 3).unwrap();
                    let end = list.len().min(n + 1 + rest.len().max(1));
                    assert_eq!(rest, list[n + 1..end], "behind {:?} of {path}", list[n].name);
                }
                assert_eq!(all(&folder, 700).unwrap(), list, "the second time {path} was read");
                let another = at.open(path, OFlags::DIRECTORY).unwrap();
                assert_eq!(all(&another, 4096).unwrap(), list, "{path} opened again");
                list.len().to_string()
            });
        }
    });
}

#[test]
fn an_invalid_directory_offset_ends_and_shows_no_wrong_entry() {
    on_both(|both| {
        for path in FOLDERS {
            both.ask(path, |at| {
                let folder = at.open(path, OFlags::DIRECTORY).unwrap();
                let known: BTreeSet<_> = all(&folder, 4096).unwrap().into_iter().map(|e| e.name).collect();
                for offset in [1, 2, 3, 5, 100, 1 << 20, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1] {
                    let from = SeekFrom::Start(offset);
                    let found = rustix::fs::seek(&folder, from).and_then(|_| entries(&folder, 4096, 5000));
                    let found: Vec<_> = found.unwrap_or_default().into_iter().map(|e| e.name).collect();
                    let distinct: BTreeSet<_> = found.iter().cloned().collect();
                    assert_eq!(distinct.len(), found.len(), "{path} from {offset}: {found:?}");
                    assert!(distinct.is_subset(&known), "{path} from {offset}: {found:?}");
                }
                let below = rustix::fs::seek(&folder, SeekFrom::Start(1 << 63));
                format!("{known:?} {}", said(below))
            });
        }
    });
}

#[test]
fn each_entry_has_the_inode_number_and_kind_of_stat() {
    on_both(|both| {
        for path in FOLDERS.iter().filter(|path| !path.contains("..")) {
            both.ask(path, |at| {
                let folder = at.open(path, OFlags::DIRECTORY).unwrap();
                for entry in all(&folder, 4096).unwrap() {
                    let stat = rustix::fs::statat(&folder, &entry.name, AtFlags::SYMLINK_NOFOLLOW).unwrap();
                    let stat_kind = FileType::from_raw_mode(stat.st_mode).as_raw_mode();
                    assert_eq!((entry.number, entry.kind), (stat.st_ino, stat_kind), "{path} {entry:?}");
                }
                String::new()
            });
        }
    });
}

#[test]
fn a_file_has_the_number_of_its_content_and_a_folder_that_of_its_place() {
    on_both(|both| {
        let number = |path: &str| both.mount.stat(path).unwrap().st_ino;
        assert_ne!(number("twins/a/small"), number("twins/a/executable"), "the rights are the file's too");
        assert_ne!(number("twins/a"), number("twins/b"));
        assert_ne!(number("empty-dir"), number("dir/sub/empty"));
        for name in ["small", "large", "executable"] {
            assert_eq!(number(&format!("twins/a/{name}")), number(&format!("twins/b/{name}")));
        }
        for path in ["text", "dir", "link-to-text", "crowd", "deep/d/d/d"] {
            assert_eq!(number(path), number(path), "{path}");
            let held = both.mount.open(path, OFlags::PATH | OFlags::NOFOLLOW).unwrap();
            assert_eq!(rustix::fs::fstat(held.as_fd()).unwrap().st_ino, number(path), "{path}, opened");
        }
    });
}

/// A mount of a tree with a folder of 100,000 entries, and its digest.
fn crowded() -> Option<(Mounted, String)> {
    if !mounted::may_mount() {
        return None;
    }
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    mounted::sample(&tree, 100_000);
    let digest = stele.add(&tree);
    Some((Mounted::on(stele)?, digest))
}

#[test]
fn a_folder_of_100_000_entries_is_listed_whole_and_from_any_place() {
    let Some((mounted, digest)) = crowded() else { return };
    within(Duration::from_secs(300), || {
        let place = Fixture::new(mounted.path(&digest));
        let folder = place.open("crowd", OFlags::DIRECTORY).unwrap();
        let list = all(&folder, 32 << 10).unwrap();
        let names: BTreeSet<_> = list.iter().map(|entry| entry.name.clone()).collect();
        let expected = (0..100_000).map(|n| n.to_string().into()).chain([".".into(), "..".into()]);
        assert_eq!(names, expected.collect(), "each is there");
        assert_eq!(list.len(), 100_002, "and none is there twice");
        let links = list.iter().filter(|entry| entry.kind == FileType::Symlink.as_raw_mode());
        assert_eq!(links.count(), 10_000);
        assert_eq!(all(&folder, LARGEST_RECORD).unwrap(), list, "into a small buffer");
        for n in (0..list.len()).step_by(997).rev() {
            rustix::fs::seek(&folder, SeekFrom::Start(list[n].next)).unwrap();
            assert_eq!(entries(&folder, 4096, 5).unwrap(), list[n + 1..list.len().min(n + 6)]);
        }
    });
}

/// Each lookup of a name once decoded its whole list.
#[test]
fn a_name_is_found_in_a_large_folder_as_fast_as_in_a_small_one() {
    let Some((mounted, digest)) = crowded() else { return };
    let place = Fixture::new(mounted.path(&digest));
    let time = |folder: &str| {
        let begun = Instant::now();
        for n in 0..1000 {
            assert_eq!(place.stat(format!("{folder}/absent-{n}")).map(drop), Err(Errno::NOENT));
        }
        begun.elapsed()
    };
    let (small, large) = (time("dir"), time("crowd"));
    assert!(large < small * 20 + Duration::from_millis(500), "{large:?}, and in a small folder {small:?}");
}

/// So many nested folders of that name, with a file in the last; deeper than the longest path.
fn chain(top: &OwnedFd, name: &str, levels: usize) {
    let mut at = rustix::io::dup(top).unwrap();
    for _ in 0..levels {
        rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(0o755)).unwrap();
        at = rustix::fs::openat(&at, name, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    }
    let file = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let leaf = rustix::fs::openat(&at, "leaf", file, Mode::from_raw_mode(0o644)).unwrap();
    rustix::io::write(leaf, b"deep").unwrap();
}

#[test]
fn folders_deeper_than_the_longest_path_are_reached_step_by_step() {
    if !mounted::may_mount() {
        return;
    }
    let longest = "n".repeat(LONGEST);
    for (name, levels) in [("d", 2047), (longest.as_str(), 40)] {
        let stele = Stele::new();
        let tree = stele.scratch().join("tree");
        std::fs::create_dir(&tree).unwrap();
        chain(&Fixture::new(tree.clone()).open(".", OFlags::DIRECTORY).unwrap(), name, levels);
        let digest = stele.add(&tree);
        std::process::Command::new("rm").arg("-rf").arg(&tree).status().unwrap();
        let Some(mounted) = Mounted::on(stele) else { return };
        within(Duration::from_secs(60), || {
            let place = Fixture::new(mounted.path(&digest));
            let path = format!("{name}/").repeat(levels) + "leaf";
            let by_path = place.open(&path, OFlags::RDONLY).map(drop);
            let fits = path.len() < 4096;
            assert_eq!(by_path, if fits { Ok(()) } else { Err(Errno::NAMETOOLONG) }, "{} bytes", path.len());
            let mut at = place.open(".", OFlags::DIRECTORY).unwrap();
            for _ in 0..levels {
                at = rustix::fs::openat(&at, name, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                    .unwrap();
            }
            let leaf = rustix::fs::openat(&at, "leaf", OFlags::CLOEXEC, Mode::empty()).unwrap();
            let mut bytes = [0; 10];
            assert_eq!(rustix::io::read(&leaf, &mut bytes), Ok(4));
            // And back up to the start.
            for _ in 0..levels {
                at = rustix::fs::openat(&at, "..", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                    .unwrap();
            }
            let (top, begun) = (
                rustix::fs::fstat(&at).unwrap(),
                place.stat("").unwrap_or_else(|_| rustix::fs::fstat(&place.dir).unwrap()),
            );
            assert_eq!(top.st_ino, begun.st_ino);
        });
    }
}
