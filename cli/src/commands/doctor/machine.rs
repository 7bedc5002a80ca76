//! What is read of the machine.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

/// A machine, or in tests the text of one.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    pub is_root: bool,
    /// uname(2)'s release.
    pub kernel: String,
    /// Files below `/proc/sys` that were read, without that prefix.
    pub sysctls: Vec<(&'static str, String)>,
    /// `/proc/filesystems`.
    pub filesystems: String,
    /// Whether `/proc/self/ns/time` is there.
    pub has_time_namespaces: bool,
    /// Why `/dev/fuse` cannot be opened, if so.
    pub fuse: Option<(io::ErrorKind, String)>,
    /// Whether a group for builds can be made.
    pub cgroups: Cgroups,
    /// Those of [`PROGRAMS`] that are on PATH.
    pub programs: Vec<&'static str>,
    /// The store's folder.
    pub store: PathBuf,
    /// Free bytes and inodes of the disk that it is on or would be on.
    pub free: Option<(u64, u64)>,
    /// Why the store has no room for more, if so.
    pub no_room: Option<String>,
    /// Seconds since 1970.
    pub now: u64,
    pub processors: usize,
}

/// Whether limits are the kernel's or the supervisor's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cgroups {
    #[default]
    None,
    /// There, but not delegated to this user.
    Others,
    Usable,
}

/// Programs that are started when there is need.
pub const PROGRAMS: [&str; 5] = ["fusermount3", "apt-get", "gpgv", "podman", "docker"];

const SYSCTLS: [&str; 3] = [
    "user/max_user_namespaces",
    "kernel/unprivileged_userns_clone",
    "kernel/apparmor_restrict_unprivileged_userns",
];

impl Machine {
    /// This one.
    pub fn this(store: &Path) -> Self {
        let read =
            |name: &&'static str| Some((*name, fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = |name: &&'static str| std::env::split_paths(&path).any(|it| it.join(name).is_file());
        let disk = store.ancestors().find(|it| it.exists());
        let stat = disk.and_then(|it| rustix::fs::statvfs(it).ok());
        let is_root = rustix::process::geteuid().is_root();
        Self {
            is_root,
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            sysctls: SYSCTLS.iter().filter_map(read).collect(),
            filesystems: fs::read_to_string("/proc/filesystems").unwrap_or_default(),
            has_time_namespaces: Path::new("/proc/self/ns/time").exists(),
            fuse: fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/fuse")
                .err()
                .map(|e| (e.kind(), e.to_string())),
            cgroups: cgroups(),
            programs: PROGRAMS.iter().filter(|it| on_path(it)).copied().collect(),
            store: store.to_owned(),
            free: stat.map(|it| (it.f_bavail.saturating_mul(it.f_frsize), it.f_favail)),
            no_room: disk.and_then(|it| stele_store::require_room(it).err()).map(|e| e.to_string()),
            now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

fn cgroups() -> Cgroups {
    match Path::new("/sys/fs/cgroup").exists() {
        false => Cgroups::None,
        true if stele_builder::sandbox::has_cgroups() => Cgroups::Usable,
        true => Cgroups::Others,
    }
}
