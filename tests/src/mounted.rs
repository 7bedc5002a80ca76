//! A mount of a temporary store; beside it the same tree on a read-only ext4, to compare with; and the tree itself,
//! which has one of everything that a directory can hold.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use rustix::mount::UnmountFlags;
use tempfile::TempDir;

use crate::{Stele, skip, trees};

/// The mounts of this process, for [`within`] to cut off.
static MOUNTS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A store that is mounted, until this is dropped.
pub struct Mounted {
    stele: Stele,
    dir: TempDir,
}

impl Mounted {
    /// Mounts it in a temporary folder. `None`, and the test is skipped, where mounting is not permitted.
    pub fn on(stele: Stele) -> Option<Self> {
        Self::with(stele, &[])
    }

    /// The same, with options of `stele mount`.
    pub fn with(stele: Stele, options: &[&str]) -> Option<Self> {
        if !may_mount() {
            return None;
        }
        let mounted = Self { stele, dir: folder_for_all() };
        MOUNTS.lock().expect("nobody panics with it").push(mounted.dir().to_owned());
        let mut args = vec![OsStr::new("mount")];
        args.extend(options.iter().map(OsStr::new));
        args.push(mounted.dir().as_os_str());
        let said = mounted.stele.ok(&args);
        assert_eq!(Path::new(&said), mounted.dir(), "`mount` says where it mounted");
        Some(mounted)
    }

    /// The store that is mounted.
    pub fn stele(&self) -> &Stele {
        &self.stele
    }

    /// Where it is mounted.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where that tree or blob is.
    pub fn path(&self, digest: &str) -> PathBuf {
        self.dir().join(digest)
    }

    /// Unmounts as a user would; whether it worked, in bounded time.
    fn unmount(&self) -> bool {
        let mut command = self.stele.command(&[OsStr::new("umount"), self.dir().as_os_str()]);
        let Ok(mut child) = command.stdout(Stdio::null()).spawn() else { return false };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            match child.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Err(_) => break,
            }
        }
        let _ = child.kill();
        let _ = child.wait();
        false
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if !self.unmount() {
            eprintln!("`stele umount` failed, so {} is cut off", self.dir().display());
        }
        // Unless that failed, nothing is mounted there any more.
        cut(self.dir());
        if let Ok(mut mounts) = MOUNTS.lock() {
            mounts.retain(|dir| dir != self.dir());
        }
    }
}

/// Whether mounting is permitted here; if not, the test is skipped. To be called before anything slow.
pub fn may_mount() -> bool {
    if !rustix::process::geteuid().is_root() {
        skip("only root may mount with allow_other");
        return false;
    }
    if let Err(e) = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse") {
        skip(&format!("/dev/fuse cannot be opened: {e}"));
        return false;
    }
    true
}

/// What `umount --lazy --force` does: processes that wait for the mount get an error.
fn cut(dir: &Path) {
    let _ = rustix::mount::unmount(dir, UnmountFlags::FORCE | UnmountFlags::DETACH);
}

/// A folder that every user may look into.
fn folder_for_all() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("the mode");
    dir
}

/// Does `work`, which must finish in `time`. If not, all mounts of this process are cut off, so that processes that
/// hang on one of them get an error and the test can fail.
pub fn within<T: Send>(time: Duration, work: impl FnOnce() -> T + Send) -> T {
    let (done, wait) = mpsc::channel::<()>();
    let is_late = |time| matches!(wait.recv_timeout(time), Err(mpsc::RecvTimeoutError::Timeout));
    std::thread::scope(|scope| {
        let work = scope.spawn(move || {
            // Nothing is ever sent: it is dropped when the work ends, even by a panic.
            let _done = done;
            work()
        });
        if is_late(time) {
            MOUNTS.lock().expect("nobody panics with it").iter().for_each(|dir| cut(dir));
            if is_late(Duration::from_secs(20)) {
                eprintln!("something hangs for more than {time:?}, and not on a mount");
                std::process::abort();
            }
            panic!("it took longer than {time:?}");
        }
        work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The tree of a digest, exported to an ext4 that is mounted read-only: the reference for the mount. It has the modes
/// and times of the mount, and lies at the same place below its top.
pub struct Peer {
    dir: TempDir,
}

impl Peer {
    /// Exports it. `None`, and the test is skipped, without loop devices.
    pub fn of(stele: &Stele, digest: &str) -> Option<Self> {
        let peer = Self { dir: folder_for_all() };
        let (image, export) = (stele.scratch().join("peer.ext4"), stele.scratch().join("peer"));
        fs::File::create(&image).and_then(|file| file.set_len(2 << 30)).expect("an image");
        let script = "set -e
            mkfs.ext4 -q -F -i 8192 -O ^has_journal -E lazy_itable_init=1 \"$1\"
            mount -o loop \"$1\" \"$2\"
            rmdir \"$2/lost+found\"
            \"$5\" store export \"$4\" \"$3\" >/dev/null
            mkdir \"$2/$4\"
            tar -C \"$3\" -c --sparse --mode=a-w,a+rX --mtime=@315619200 . | tar -C \"$2/$4\" -x --same-permissions
            rm -rf \"$3\"
            chmod 0555 \"$2\"
            touch -d @315619200 \"$2\"
            mount -o remount,ro,nosuid,nodev \"$2\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(&image).arg(peer.dir.path()).arg(&export).arg(digest);
        command.arg(crate::binary()).env("STELE_STORE", stele.store());
        let output = command.output().expect("sh runs");
        if output.status.success() {
            return Some(peer);
        }
        skip(&format!("there is no read-only disk: {}", String::from_utf8_lossy(&output.stderr)));
        None
    }

    /// The path of that tree.
    pub fn path(&self, digest: &str) -> PathBuf {
        self.dir.path().join(digest)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.dir.path(), UnmountFlags::DETACH);
    }
}

/// The longest possible name.
pub const LONGEST: usize = 255;

/// How many links the kernel follows in one path (path_resolution(7)).
pub const LINKS: usize = 40;

/// The files of [`sample`] at critical sizes: on both sides of a page and of the inline bound, and larger than what is
/// read or mapped at once.
pub const SIZES: &[(&str, usize)] = &[
    ("empty", 0),
    ("one", 1),
    ("page-less", 4095),
    ("page", 4096),
    ("page-more", 4097),
    ("inline", 16 << 10),
    ("file", (16 << 10) + 1),
    ("group", 64 << 10),
    ("large", (1 << 20) + 12_345),
];

/// Makes a directory with one of everything, and in its folder `crowd` so many files and links.
pub fn sample(root: &Path, crowd: usize) {
    fs::create_dir_all(root.join("dir/sub/empty")).expect("a folder");
    fs::create_dir(root.join("empty-dir")).expect("a folder");
    let mut random = trees::Random::new(11);
    for (name, size) in SIZES {
        fs::write(root.join(name), random.bytes(*size)).expect("a file");
    }
    for (name, text) in [("text", "some text\n"), ("dir/text", "other text\n"), ("dir/sub/leaf", "a leaf\n")]
    {
        fs::write(root.join(name), text).expect("a file");
    }
    let sparse = fs::File::create(root.join("sparse")).expect("a file");
    sparse.set_len(8 << 20).expect("the length");
    sparse.write_all_at(&random.bytes(300_000), 4 << 20).expect("program-as-data");
    programs(root);
    twins(root);
    links(root);
    for name in names() {
        fs::write(root.join(name), "an odd name\n").expect("a file");
    }
    let deep = (0..500).fold(root.join("deep"), |path, _| path.join("d"));
    fs::create_dir_all(&deep).expect("folders");
    fs::write(deep.join("leaf"), "deep\n").expect("a file");
    fs::create_dir(root.join("crowd")).expect("a folder");
    for n in 0..crowd {
        member(&root.join("crowd").join(n.to_string()), n);
    }
}

/// Of every ten in the crowd one is a program, which the store keeps as a file, and one a link.
fn member(path: &Path, n: usize) {
    if n % 10 == 9 {
        return symlink(crowded(n), path).expect("a link");
    }
    fs::write(path, crowded(n)).expect("a file");
    if n % 10 == 8 {
        trees::make_executable(path);
    }
}

/// The content of the file with that number in the crowd, or the target of the link.
pub fn crowded(n: usize) -> String {
    format!("number {n}")
}

fn programs(root: &Path) {
    for name in ["script", "script-as-text"] {
        fs::write(root.join(name), "#!/bin/sh\necho \"it ran with $# arguments\"\nexit 7\n").expect("a file");
    }
    for (from, name) in
        [("/bin/bash", "dir/large-program"), ("/bin/cat", "program"), ("/bin/cat", "program-as-data")]
    {
        fs::write(root.join(name), fs::read(from).expect("a program")).expect("a copy");
    }
    fs::write(root.join("empty-program"), "").expect("a file");
    for name in ["script", "program", "empty-program", "dir/large-program"] {
        trees::make_executable(&root.join(name));
    }
}

/// The same content, and the same folder, in two places; and the same content as a program.
fn twins(root: &Path) {
    for folder in ["twins/a", "twins/b"] {
        fs::create_dir_all(root.join(folder)).expect("a folder");
        for name in ["small", "executable"] {
            fs::write(root.join(folder).join(name), "twins\n").expect("a file");
        }
        fs::write(root.join(folder).join("large"), vec![b'x'; 100_000]).expect("a file");
        trees::make_executable(&root.join(folder).join("executable"));
    }
}

fn links(root: &Path) {
    let link = |target: &str, name: &str| symlink(target, root.join(name)).expect("a link");
    for (name, target) in [
        ("link-to-text", "text"),
        ("link-to-dir", "dir"),
        ("link-with-slash", "dir/"),
        ("link-to-text-with-slash", "text/"),
        ("link-to-dot", "."),
        ("dangling", "nowhere"),
        ("dangling-deep", "nowhere/at/all"),
        ("through-a-file", "text/x"),
        ("loop-a", "loop-b"),
        ("loop-b", "loop-a"),
        ("self", "self"),
        ("self-below", "self-below/x"),
        ("absolute", "/proc/self/no such thing"),
        ("dir/back", "../text"),
        ("dir/up", ".."),
        ("twins/link", "a/../b/./small"),
        ("chain-0", "text"),
    ] {
        link(target, name);
    }
    for n in 1..=LINKS {
        link(&format!("chain-{}", n - 1), &format!("chain-{n}"));
    }
    link(&"t".repeat(4095), "link-of-4095");
    link(&"./".repeat(2000), "link-of-dots");
    symlink(OsStr::from_bytes(b"\xff\xfe of bytes"), root.join("link-to-bytes")).expect("a link");
}

/// Names that not every program expects.
pub fn names() -> Vec<OsString> {
    let low: Vec<u8> = (1..128).filter(|byte| *byte != b'/').collect();
    let high: Vec<u8> = (128..=255).collect();
    let mut names = vec![low, high, vec![b'n'; LONGEST], vec![0xff; LONGEST], b"\xff\xfe of bytes".to_vec()];
    for name in
        ["line\nfeed", " ", "-rf", "..x", "...", "back\\slash", "*", "caf\u{e9}", "cafe\u{301}", "Text"]
    {
        names.push(name.into());
    }
    names.into_iter().map(OsString::from_vec).collect()
}
