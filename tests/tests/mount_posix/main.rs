//! The read-only part of POSIX on the mount. Every operation on the mount is also done on the same tree on an ext4 that
//! is mounted read-only; both must give the same answer, or the same error.
//!
//! They may differ in what POSIX leaves open and a tree does not hold: inode numbers, the size and the links of a
//! directory, disk usage, and possible extended attributes.

mod changing;
mod folders;
mod paths;
mod reading;

use std::ffi::{OsStr, OsString};
use std::fmt::{Debug, Display};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::{Errno, Result};
use rustix::thread::{CapabilitySet, CapabilitySets};

use stele_tests::Stele;
use stele_tests::mounted::{self, LINKS, LONGEST, Mounted, Peer, within};

/// One of the two directories.
struct Fixture {
    root: PathBuf,
    dir: OwnedFd,
}

impl Fixture {
    fn new(root: PathBuf) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&root, flags, Mode::empty()).unwrap();
        Self { root, dir }
    }

    fn open(&self, path: impl AsRef<OsStr>, flags: OFlags) -> Result<OwnedFd> {
        rustix::fs::openat(&self.dir, path.as_ref(), flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o644))
    }

    fn stat(&self, path: impl AsRef<OsStr>) -> Result<Stat> {
        rustix::fs::statat(&self.dir, path.as_ref(), AtFlags::SYMLINK_NOFOLLOW)
    }
}

/// The same tree twice. The places are dropped before they are unmounted.
struct Both {
    mount: Fixture,
    disk: Fixture,
    different: Mutex<Vec<String>>,
    _mounted: Mounted,
    _peer: Peer,
}

type Case = (&'static str, fn(&Fixture, &OsStr) -> String);

/// Runs `cases` on both places, in bounded time; every answer must be the same.
fn on_both(cases: impl FnOnce(&Both) + Send) {
    on_both_with(&[], cases);
}

/// The same, once with a mount that uses passthrough for large files, and once with one that checks every byte.
fn checked_or_not(cases: impl Fn(&Both) + Sync) {
    on_both_with(&[], &cases);
    on_both_with(&["--passthrough"], &cases);
}

fn on_both_with(options: &[&str], cases: impl FnOnce(&Both) + Send) {
    if !mounted::may_mount() {
        return;
    }
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    mounted::sample(&tree, 1000);
    let digest = stele.add(&tree);
    let Some(mounted) = Mounted::with(stele, options) else { return };
    let Some(peer) = Peer::of(mounted.stele(), &digest) else { return };
    let (mount, disk) = (Fixture::new(mounted.path(&digest)), Fixture::new(peer.path(&digest)));
    let both = Both { mount, disk, different: Mutex::default(), _mounted: mounted, _peer: peer };
    within(Duration::from_secs(300), || cases(&both));
    let different = both.different.lock().unwrap();
    let shown = &different[..different.len().min(40)];
    assert!(
        shown.is_empty(),
        "{options:?}: {} answers are not the same:\n{}",
        different.len(),
        shown.join("\n")
    );
}

impl Both {
    /// The answer of the mount.
    fn ask(&self, what: impl Display, case: impl Fn(&Fixture) -> String) -> String {
        let (mount, disk) = (case(&self.mount), case(&self.disk));
        if mount != disk {
            // Some names are longer than readable.
            let short = |text: &str| text.chars().take(400).collect::<String>();
            let (what, mount, disk) = (short(&what.to_string()), short(&mount), short(&disk));
            self.different.lock().unwrap().push(format!("{what}\n  mount: {mount}\n  disk:  {disk}"));
        }
        mount
    }

    /// Each case with each path, and the answer of the mount.
    fn ask_each(&self, who: &str, cases: &[Case], paths: &[OsString]) -> Vec<String> {
        let mut answers = Vec::new();
        for (name, case) in cases {
            for path in paths {
                let what = format!("{name} by {who} of {} bytes: {path:?}", path.len());
                let answer = self.ask(&what, |at| case(at, path));
                answers.push(format!("{what}: {answer}"));
            }
        }
        answers
    }
}

fn said<T: Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("done: {value:?}"),
        Err(e) => e.to_string(),
    }
}

/// What both places must agree on: not disk usage, or the size and the links of a directory.
fn described(stat: Stat) -> String {
    let is_dir = FileType::from_raw_mode(stat.st_mode).is_dir();
    let sizes = if is_dir { None } else { Some((stat.st_size, stat.st_nlink)) };
    let times = (stat.st_mtime, stat.st_mtime_nsec);
    format!("{:o} {}:{} {sizes:?} {times:?} {}", stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev)
}

fn opened(at: &Fixture, path: &OsStr, flags: OFlags) -> String {
    said(at.open(path, flags).map(|fd| {
        let mut bytes = [0; 16];
        let read = rustix::io::read(&fd, &mut bytes).map(|length| bytes[..length].to_vec());
        (rustix::fs::fstat(&fd).map(described), rustix::fs::fcntl_getfl(&fd).map(|flags| flags.bits()), read)
    }))
}

/// Neither place has extended attributes, for any reason.
fn without_attributes(result: Result<usize>) -> String {
    match result {
        Ok(0) | Err(Errno::NODATA | Errno::OPNOTSUPP) => "no attributes".to_owned(),
        other => said(other),
    }
}

/// The calling user.
struct User {
    name: &'static str,
    uid: u32,
    gid: u32,
    /// Root's; all others have none.
    has_capabilities: bool,
}

const ROOT: User = User { name: "root", uid: 0, gid: 0, has_capabilities: true };
const POWERLESS: User = User { name: "a root without power", uid: 0, gid: 0, has_capabilities: false };
const NOBODY_SPECIAL: User = User { name: "a user", uid: 1000, gid: 1000, has_capabilities: false };
const MEMBER: User = User { name: "a user of root's group", uid: 1000, gid: 0, has_capabilities: false };
const USERS: &[User] = &[ROOT, POWERLESS, NOBODY_SPECIAL, MEMBER];

impl User {
    /// Does it in a thread with this user's credentials, which the kernel keeps per thread.
    fn does<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let become_this = || {
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            rustix::thread::set_thread_groups(&[])?;
            rustix::thread::set_thread_res_gid(gid, gid, gid)?;
            rustix::thread::set_thread_res_uid(uid, uid, uid)?;
            if !self.has_capabilities {
                let none = CapabilitySet::empty();
                let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
                rustix::thread::set_capabilities(None, sets)?;
            }
            Ok::<_, Errno>(())
        };
        let work = move || {
            become_this().expect("root may become anybody");
            work()
        };
        std::thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|e| std::panic::resume_unwind(e))
    }
}

/// Paths that exist, and many that do not; none leaves the tree, so that a change could do no harm.
fn inner_paths() -> Vec<OsString> {
    let mut paths: Vec<OsString> = [
        "",
        ".",
        "./",
        "./.",
        "text",
        "./text",
        "text/",
        "text/.",
        "text/..",
        "text/x",
        "text//",
        "dir",
        "dir/",
        "dir//",
        "dir/.",
        "dir/..",
        "dir/../text",
        "dir/text",
        "dir//text",
        "dir/sub",
        "dir/absent",
        "empty-dir",
        "dir/absent/",
        "absent",
        "absent/",
        "absent/x",
        "absent/..",
        "empty-dir/..",
        "link-to-text",
        "TEXT",
        "link-to-text/",
        "link-to-text/x",
        "link-to-dir",
        "link-to-dir/",
        "link-to-dir/..",
        "link-to-dir/text",
        "link-to-dir/.",
        "link-with-slash",
        "link-to-text-with-slash",
        "link-to-dot",
        "link-to-dot/",
        "link-to-dot/link-to-dot/text",
        "dangling",
        "dangling/",
        "dangling/x",
        "dangling-deep",
        "through-a-file",
        "loop-a",
        "loop-a/",
        "loop-a/x",
        "self",
        "self-below",
        "absolute",
        "dir/back",
        "dir/up/text",
        "chain-1",
        "twins/link",
        "link-to-bytes",
        "link-of-4095",
        "link-of-dots",
        "script",
        "program",
        "empty",
        "large",
        "sparse",
        "crowd/8",
        "crowd/9",
        "deep/d/d/d",
    ]
    .map(OsString::from)
    .into();
    paths.extend([LINKS - 1, LINKS].map(|n| format!("chain-{n}").into()));
    paths.extend(mounted::names());
    for length in [LONGEST + 1, 1024, 1025, 4095, 4096, 5000] {
        paths.extend([format!("{:x<length$}", ""), format!("dir/{:x<length$}/x", "")].map(OsString::from));
    }
    // Of 4095 bytes, the longest possible path, and of one more.
    paths.extend(
        [format!("{}text", "./".repeat(2045)), format!(".//{}text", "./".repeat(2045))].map(OsString::from),
    );
    paths.push(OsString::from_vec(b"\xff\xfe of other bytes".to_vec()));
    paths
}
