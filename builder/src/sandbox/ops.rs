//! The set-up before a build's first step, as a list: computed here, purely; applied by [`super::execute`].

use serde::{Deserialize, Serialize};

use stele_store::model::TreeId;

use crate::machine::Machine;
use crate::profile;

/// The paths in the namespaces that builds start in. See [`held_ops`].
pub mod held {
    /// The store.
    pub const STORE: &str = "/store";
    /// Contains a folder for each build.
    pub const BUILDS: &str = "/builds";
    /// Where a sandbox assembles its root.
    pub const ROOT: &str = "/new";
    /// The machine's devices; a sandbox may have nodes of its own there.
    pub const NODES: &str = "/nodes";
    /// A directory of the store's mount that is empty in the builds' mount.
    pub const EMPTY: &str = "/store/by-name";
}

/// Where the process directories of `/proc` are mounted: beside the files that are the same on every machine.
pub(super) const PROCESSES: &str = "/proc/pids";

/// A step of the set-up. Paths are those of the process that runs it, at that moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum SetupOp {
    /// Makes mounts private: they propagate neither out nor in.
    Private {},
    /// A directory with this mode and the inputs' modification time; it may exist.
    Directory {
        /// The path.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// A readable file.
    File {
        /// The path.
        path: String,
        /// Its content.
        text: String,
    },
    /// A symbolic link.
    Symlink {
        /// The path.
        path: String,
        /// Its target.
        target: String,
    },
    /// A tmpfs.
    Memory {
        /// The path.
        path: String,
        /// The mode of its root.
        mode: u32,
        /// Its size in bytes.
        size: u64,
    },
    /// Mounts the FUSE device.
    Store {
        /// The path.
        path: String,
    },
    /// A tree of the store, on a filesystem of this sandbox's own: locks, leases and watches belong to the
    /// inode, and no other process has these inodes. The page cache is shared.
    Inputs {
        /// The tree.
        tree: String,
        /// An empty directory on the same filesystem: overlayfs needs two.
        empty: String,
        /// The path.
        path: String,
    },
    /// Device nodes of this sandbox's own, if the sandbox has any: only root can create them.
    Nodes {
        /// The path.
        path: String,
    },
    /// Binds a character device; anything else at `from` is refused.
    Device {
        /// The device.
        from: String,
        /// The path of a file.
        to: String,
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A file of random bytes that follow from the action, served by the supervisor, in place of a device.
    Random {
        /// The path of a file.
        path: String,
    },
    /// Makes the mount there read-only.
    ReadOnly {
        /// The path.
        path: String,
    },
    /// Mounts an empty binfmt_misc of this user namespace (Linux 6.7), so that only the kernel's own program
    /// formats run. The instance stays when it is unmounted.
    OwnFormats {
        /// Where it is mounted for a moment.
        path: String,
    },
    /// A limit of this user namespace (namespaces(7)).
    Share {
        /// Its file in `/proc/sys/user/`.
        name: String,
        /// The limit.
        max: u32,
    },
    /// Binds a directory or file.
    Bind {
        /// A path, or a descriptor that was handed over.
        from: Source,
        /// The path.
        to: String,
        /// Whether mounts below are included.
        recursive: bool,
        /// Whether it is writable.
        writable: bool,
    },
    /// A proc(5) with only the directories of this sandbox's processes (`subset=pid`).
    Processes {
        /// The path.
        path: String,
    },
    /// Terminals of this sandbox's own (devpts).
    Terminals {
        /// The path.
        path: String,
        /// Their maximum number.
        max: u32,
    },
    /// Makes this path `/`, and detaches the old root.
    Pivot {
        /// The path.
        path: String,
    },
    /// uname(2)'s `nodename`.
    HostName {
        /// The name.
        name: String,
    },
    /// uname(2)'s `domainname`.
    DomainName {
        /// The name.
        name: String,
    },
    /// Brings the loopback interface up.
    Loopback {},
    /// A limit on a resource, soft and hard.
    Limit {
        /// Its name in setrlimit(2), in lower case.
        resource: String,
        /// None is unlimited.
        soft: Option<u64>,
        /// None is unlimited.
        hard: Option<u64>,
    },
    /// The umask.
    Umask {
        /// The bits that new files lack.
        mask: u32,
    },
    /// Resets all signals to their defaults and unblocks them.
    Signals {},
    /// Disables address space randomisation (personality(2), ADDR_NO_RANDOMIZE).
    FixedAddresses {},
    /// Makes this process undumpable, so that the sandbox cannot inspect it.
    Unseen {},
    /// Drops all capabilities, for good.
    NoCapabilities {},
    /// No program gains privileges (PR_SET_NO_NEW_PRIVS).
    NoNewPrivileges {},
    /// Installs the filters that deny system calls, and the one that the supervisor answers: see
    /// [`super::filter`].
    Filter {},
}

/// A bind mount's source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A path.
    Path(String),
    /// The folder of all builds, opened earlier.
    Builds,
}

/// From the machine's state to the namespaces that builds start in: the store, the folder of the builds,
/// devices. `top` is an existing folder on this machine; its content does not matter.
pub fn held_ops(top: &str) -> Vec<SetupOp> {
    let at = |path: &str| format!("{top}{path}");
    let directory = |path: &str| SetupOp::Directory { path: at(path), mode: 0o755 };
    let bind = |from: Source, to: &str| SetupOp::Bind { from, to: at(to), recursive: true, writable: true };
    let mut ops = vec![
        SetupOp::Private {},
        SetupOp::Memory { path: top.to_owned(), mode: 0o755, size: 16 << 20 },
        directory(held::STORE),
        SetupOp::Store { path: at(held::STORE) },
        directory(held::BUILDS),
        bind(Source::Builds, held::BUILDS),
        directory(held::ROOT),
        SetupOp::OwnFormats { path: at(held::ROOT) },
        // A sandbox may mount its own proc(5) only where an unrestricted one is visible (mount_namespaces(7)).
        directory("/proc"),
        bind(Source::Path("/proc".to_owned()), "/proc"),
        directory(held::NODES),
    ];
    ops.extend(devices("/dev", &at(held::NODES)));
    ops.push(SetupOp::Pivot { path: top.to_owned() });
    ops
}

/// The devices with random numbers; both have the same.
const RANDOM: [&str; 2] = ["random", "urandom"];

/// The devices of `from` in the directory `to`.
fn devices(from: &str, to: &str) -> Vec<SetupOp> {
    let each = |(name, major, minor): &(&str, u32, u32)| {
        let (from, to) = (format!("{from}/{name}"), format!("{to}/{name}"));
        let file = SetupOp::File { path: to.clone(), text: String::new() };
        [file, SetupOp::Device { from, to, major: *major, minor: *minor }]
    };
    profile::DEVICES.iter().flat_map(each).collect()
}

/// The same, but for random numbers that follow from the action.
fn devices_without_chance(from: &str, to: &str) -> Vec<SetupOp> {
    let is_random = |path: &str| RANDOM.iter().any(|name| path == format!("{to}/{name}"));
    let mut ops = devices(from, to);
    ops.retain(|op| !matches!(op, SetupOp::Device { to, .. } if is_random(to)));
    let [first, second] = RANDOM.map(|name| format!("{to}/{name}"));
    ops.push(SetupOp::Random { path: first.clone() });
    ops.push(SetupOp::Bind { from: Source::Path(first), to: second, recursive: false, writable: true });
    ops
}

/// The size of a filesystem with a few small files, in bytes.
pub(super) const SMALL: u64 = 1 << 20;

/// `/dev`, below `root`.
fn dev(root: &str, real_random: bool) -> Vec<SetupOp> {
    let dev = format!("{root}/dev");
    let directory = |path: &str| SetupOp::Directory { path: format!("{dev}{path}"), mode: 0o755 };
    let mut ops = vec![SetupOp::Memory { path: dev.clone(), mode: 0o755, size: SMALL }];
    ops.extend(match real_random {
        true => devices(held::NODES, &dev),
        false => devices_without_chance(held::NODES, &dev),
    });
    ops.extend(links(
        &dev,
        &[
            ("fd", "/proc/self/fd"),
            ("ptmx", "pts/ptmx"),
            ("stderr", "/proc/self/fd/2"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
        ],
    ));
    // The last one again: creating files in it changed its modification time.
    ops.extend([directory("/pts"), directory("/shm"), directory("")]);
    ops.push(SetupOp::ReadOnly { path: dev.clone() });
    ops.push(SetupOp::Memory { path: format!("{dev}/shm"), mode: 0o1777, size: profile::SHARED_MEMORY });
    ops.push(SetupOp::Terminals { path: format!("{dev}/pts"), max: profile::TERMINALS });
    ops
}

/// `/proc`, below `root`: files that are the same on every machine, and the sandbox's own processes beside
/// them.
fn proc(root: &str, machine: &Machine) -> Vec<SetupOp> {
    let proc = format!("{root}/proc");
    let directory = |path: &str| SetupOp::Directory { path: format!("{proc}{path}"), mode: 0o755 };
    let mut ops = vec![SetupOp::Memory { path: proc.clone(), mode: 0o755, size: SMALL }];
    let mut made = std::collections::BTreeSet::new();
    for (name, text) in machine.files() {
        let parts: Vec<&str> = name.split('/').collect();
        for depth in 1..parts.len() {
            let folder = format!("/{}", parts[..depth].join("/"));
            if made.insert(folder.clone()) {
                ops.push(directory(&folder));
            }
        }
        ops.push(SetupOp::File { path: format!("{proc}/{name}"), text });
    }
    ops.push(directory("/pids"));
    ops.extend(links(
        &proc,
        &[
            ("mounts", "self/mounts"),
            ("net", "self/net"),
            ("self", "pids/self"),
            ("thread-self", "pids/thread-self"),
        ],
    ));
    // Again: creating files in them changed their modification times.
    ops.extend(made.iter().map(|folder| directory(folder)));
    ops.push(directory(""));
    ops.push(SetupOp::ReadOnly { path: proc });
    ops.push(SetupOp::Processes { path: format!("{root}{PROCESSES}") });
    ops
}

/// Where builds work.
pub const BUILD: &str = "/build";

/// Binds what is at [`BUILD`] at `place`, too: a path below `/dev`, since the root is of inputs only.
pub(super) fn also_at(ops: &mut Vec<SetupOp>, place: &str) {
    let at = |path: &str| format!("{}{path}", held::ROOT);
    let bound = |op: &SetupOp| matches!(op, SetupOp::Bind { to, .. } if *to == at(BUILD));
    let dev = |op: &SetupOp| matches!(op, SetupOp::Memory { path, .. } if *path == at("/dev"));
    if let Some(which) = ops.iter().position(bound)
        && let SetupOp::Bind { from, recursive, writable, .. } = ops[which].clone()
    {
        ops.insert(which + 1, SetupOp::Bind { from, to: at(place), recursive, writable });
    }
    if let Some(which) = ops.iter().position(dev) {
        let ends = place.match_indices('/').map(|(end, _)| end).chain([place.len()]);
        // `/dev` itself is there.
        let directories = ends.filter(|end| *end > "/dev".len()).map(|end| at(&place[..end]));
        let made = directories.map(|path| SetupOp::Directory { path, mode: 0o755 });
        ops.splice(which + 1..which + 1, made.collect::<Vec<_>>());
    }
}

fn links(folder: &str, links: &[(&str, &str)]) -> Vec<SetupOp> {
    let link = |(name, target): &(&str, &str)| SetupOp::Symlink {
        path: format!("{folder}/{name}"),
        target: (*target).to_owned(),
    };
    links.iter().map(link).collect()
}

/// From the namespaces that builds start in to a build's first step. `root` becomes `/`; `folder` names the
/// build's folder in the folder of all builds.
pub fn sandbox_ops(root: &TreeId, folder: &str, machine: &Machine, real_random: bool) -> Vec<SetupOp> {
    let at = |path: &str| format!("{}{path}", held::ROOT);
    let bind = |from: String, to: &str, writable: bool| SetupOp::Bind {
        from: Source::Path(from),
        to: at(to),
        recursive: true,
        writable,
    };
    let mut ops = vec![SetupOp::Private {}];
    for (name, max) in profile::SHARES {
        ops.push(SetupOp::Share { name: (*name).to_owned(), max: *max });
    }
    ops.extend([
        SetupOp::Inputs {
            tree: format!("{}/{root}", held::STORE),
            empty: held::EMPTY.to_owned(),
            path: at(""),
        },
        SetupOp::Nodes { path: held::NODES.to_owned() },
    ]);
    ops.extend(dev(held::ROOT, real_random));
    ops.extend(proc(held::ROOT, machine));
    for name in ["build", "out", "tmp"] {
        ops.push(bind(format!("{}/{folder}/{name}", held::BUILDS), &format!("/{name}"), true));
    }
    ops.extend([
        SetupOp::Pivot { path: held::ROOT.to_owned() },
        SetupOp::HostName { name: machine.host.clone() },
        SetupOp::DomainName { name: machine.domain.clone() },
        SetupOp::Loopback {},
    ]);
    for (resource, soft, hard) in profile::LIMITS {
        ops.push(SetupOp::Limit { resource: (*resource).to_owned(), soft: *soft, hard: *hard });
    }
    ops.extend([
        SetupOp::Umask { mask: 0o022 },
        SetupOp::Signals {},
        SetupOp::FixedAddresses {},
        SetupOp::Unseen {},
        SetupOp::NoCapabilities {},
        SetupOp::NoNewPrivileges {},
        SetupOp::Filter {},
    ]);
    ops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_golden, lines};

    fn sandbox() -> Vec<SetupOp> {
        sandbox_ops(
            &TreeId(stele_store::model::Digest::of(b"a root")),
            "0123456789abcdef",
            &Machine::default(),
            false,
        )
    }

    #[test]
    fn the_operations_match_the_golden_files() {
        assert_golden("held-ops", &lines(&held_ops("/tmp")));
        assert_golden("sandbox-ops", &lines(&sandbox()));
    }

    /// The index of an operation.
    fn at(ops: &[SetupOp], wanted: impl Fn(&SetupOp) -> bool) -> usize {
        ops.iter().position(wanted).unwrap()
    }

    #[test]
    fn only_the_builds_own_directories_are_writable() {
        let ops = sandbox();
        let writable = ops.iter().filter_map(|op| match op {
            SetupOp::Bind { to, writable: true, .. } => Some(to.trim_start_matches(held::ROOT)),
            _ => None,
        });
        // The file in its place keeps nothing that is written to it.
        assert_eq!(writable.collect::<Vec<_>>(), ["/dev/urandom", "/build", "/out", "/tmp"]);
    }

    #[test]
    fn rights_are_dropped_after_their_last_use_and_the_filter_comes_last() {
        let ops = sandbox();
        let pivot = at(&ops, |op| matches!(op, SetupOp::Pivot { .. }));
        let rights = at(&ops, |op| matches!(op, SetupOp::NoCapabilities {}));
        let after = |op: &SetupOp| matches!(op, SetupOp::NoNewPrivileges {} | SetupOp::Filter {});
        assert!(ops[..pivot].iter().any(|op| matches!(op, SetupOp::Private {})));
        assert!(pivot < rights && ops[rights + 1..].iter().all(after));
        assert_eq!(ops.last(), Some(&SetupOp::Filter {}));
    }
}
