//! What is done before a build's first step, as a list: computed here, purely; applied by [`super::execute`].

use serde::{Deserialize, Serialize};

use stele_store::model::TreeId;

use crate::profile;

/// Where the namespaces that builds begin in have things. See [`held_ops`].
pub mod held {
    /// The store.
    pub const STORE: &str = "/store";
    /// The folder that has a folder for each build.
    pub const BUILDS: &str = "/builds";
    /// Where a sandbox puts its own root together.
    pub const ROOT: &str = "/new";
    /// The machine's devices; a sandbox may have nodes of its own there.
    pub const NODES: &str = "/nodes";
    /// A directory of the store's mount that is empty in the mount of builds.
    pub const EMPTY: &str = "/store/by-name";
}

/// Where the process directories of `/proc` are mounted: beside the files that say the same on every machine.
pub(super) const PROCESSES: &str = "/proc/pids";

/// One step of setting up. Paths are those of the process that does it, at that moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum SetupOp {
    /// No mount that is made from here on is seen outside, and none from outside here.
    Private {},
    /// A directory with this mode, modified when all inputs were; it may be there.
    Directory {
        /// Where.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// A file that can be read.
    File {
        /// Where.
        path: String,
        /// What is in it.
        text: String,
    },
    /// A symbolic link.
    Symlink {
        /// Where.
        path: String,
        /// What it says.
        target: String,
    },
    /// An empty file system in memory.
    Memory {
        /// Where.
        path: String,
        /// The mode of its top.
        mode: u32,
        /// How many bytes it takes.
        size: u64,
    },
    /// The FUSE device that was opened.
    Store {
        /// Where.
        path: String,
    },
    /// A tree of the store, on a file system of this sandbox's own: nobody else meets its locks, leases and watches
    /// there, for these are the inode's, and the inodes are its own. What is read lies in memory once for all.
    Inputs {
        /// The tree.
        tree: String,
        /// An empty directory on the same file system: overlayfs wants two.
        empty: String,
        /// Where.
        path: String,
    },
    /// Nodes of devices that are this sandbox's own, if it was given any: only root can make them.
    Nodes {
        /// Where.
        path: String,
    },
    /// A character device at another place; anything else there is refused.
    Device {
        /// Which.
        from: String,
        /// Where: a file.
        to: String,
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// What was mounted there is not written any more.
    ReadOnly {
        /// Where.
        path: String,
    },
    /// No formats of programs but the kernel's own (binfmt_misc, Linux 6.7): an instance of this user namespace's own,
    /// which is empty. The instance stays when it is unmounted.
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
    /// The same directory or file at another place.
    Bind {
        /// What: a path, or one of the descriptors that were handed over.
        from: Source,
        /// Where.
        to: String,
        /// With all that is mounted below.
        recursive: bool,
        /// Whether it can be written there.
        writable: bool,
    },
    /// The directories of this sandbox's processes, and nothing else of proc(5) (`subset=pid`).
    Processes {
        /// Where.
        path: String,
    },
    /// Terminals of this sandbox's own (devpts).
    Terminals {
        /// Where.
        path: String,
        /// How many.
        max: u32,
    },
    /// What is at this path becomes `/`, and what was is gone.
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
    /// The loopback interface is up.
    Loopback {},
    /// A limit on a resource, soft and hard.
    Limit {
        /// The name of it in setrlimit(2), in lower case.
        resource: String,
        /// No number is unlimited.
        soft: Option<u64>,
        /// No number is unlimited.
        hard: Option<u64>,
    },
    /// Modes of new files.
    Umask {
        /// What they lack.
        mask: u32,
    },
    /// Every signal does what it does at first, and none is held back.
    Signals {},
    /// Addresses are the same each time (personality(2), ADDR_NO_RANDOMIZE).
    FixedAddresses {},
    /// Nothing of this sandbox can look into the process that does this.
    Unseen {},
    /// No capability any more, and none to be had.
    NoCapabilities {},
    /// No program gets more rights than who starts it.
    NoNewPrivileges {},
    /// System calls that are denied, and those that are answered by the supervisor: see [`super::filter`].
    Filter {},
}

/// What is bound.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A path.
    Path(String),
    /// The folder of all builds, which was opened before.
    Builds,
}

/// From how the machine is to the namespaces that builds begin in: the store, the folder of the builds, devices. `top`
/// is a folder that is there on this machine; what is in it does not matter.
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
        // A sandbox may mount a proc(5) of its own only where a whole one can be seen (mount_namespaces(7)).
        directory("/proc"),
        bind(Source::Path("/proc".to_owned()), "/proc"),
        directory(held::NODES),
    ];
    ops.extend(devices("/dev", &at(held::NODES)));
    ops.push(SetupOp::Pivot { path: top.to_owned() });
    ops
}

/// The devices of `from` in the directory `to`.
fn devices(from: &str, to: &str) -> Vec<SetupOp> {
    let each = |(name, major, minor): &(&str, u32, u32)| {
        let (from, to) = (format!("{from}/{name}"), format!("{to}/{name}"));
        let file = SetupOp::File { path: to.clone(), text: String::new() };
        [file, SetupOp::Device { from, to, major: *major, minor: *minor }]
    };
    profile::DEVICES.iter().flat_map(each).collect()
}

/// Bytes of a file system that has a few small files.
const SMALL: u64 = 1 << 20;

/// `/dev`, below `root`.
fn dev(root: &str) -> Vec<SetupOp> {
    let dev = format!("{root}/dev");
    let directory = |path: &str| SetupOp::Directory { path: format!("{dev}{path}"), mode: 0o755 };
    let mut ops = vec![SetupOp::Memory { path: dev.clone(), mode: 0o755, size: SMALL }];
    ops.extend(devices(held::NODES, &dev));
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
    // The last once more: what was made in it has changed when it was modified.
    ops.extend([directory("/pts"), directory("/shm"), directory("")]);
    ops.push(SetupOp::ReadOnly { path: dev.clone() });
    ops.push(SetupOp::Memory { path: format!("{dev}/shm"), mode: 0o1777, size: profile::SHARED_MEMORY });
    ops.push(SetupOp::Terminals { path: format!("{dev}/pts"), max: profile::TERMINALS });
    ops
}

/// `/proc`, below `root`: files that say the same on every machine, and the sandbox's own processes beside them.
fn proc(root: &str) -> Vec<SetupOp> {
    let proc = format!("{root}/proc");
    let directory = |path: &str| SetupOp::Directory { path: format!("{proc}{path}"), mode: 0o755 };
    let mut ops = vec![SetupOp::Memory { path: proc.clone(), mode: 0o755, size: SMALL }];
    let mut made = std::collections::BTreeSet::new();
    for (name, text) in profile::machine() {
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
    // Once more: what was made in it has changed when it was modified.
    ops.extend(made.iter().map(|folder| directory(folder)));
    ops.push(directory(""));
    ops.push(SetupOp::ReadOnly { path: proc });
    ops.push(SetupOp::Processes { path: format!("{root}{PROCESSES}") });
    ops
}

fn links(folder: &str, links: &[(&str, &str)]) -> Vec<SetupOp> {
    let link = |(name, target): &(&str, &str)| SetupOp::Symlink {
        path: format!("{folder}/{name}"),
        target: (*target).to_owned(),
    };
    links.iter().map(link).collect()
}

/// From the namespaces that builds begin in to a build's first step. `root` is what it sees as `/`; `folder` the name
/// of the build's folder among those of all builds.
pub fn sandbox_ops(root: &TreeId, folder: &str) -> Vec<SetupOp> {
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
    ops.extend(dev(held::ROOT));
    ops.extend(proc(held::ROOT));
    for name in ["build", "out", "tmp"] {
        ops.push(bind(format!("{}/{folder}/{name}", held::BUILDS), &format!("/{name}"), true));
    }
    ops.extend([
        SetupOp::Pivot { path: held::ROOT.to_owned() },
        SetupOp::HostName { name: profile::HOST.to_owned() },
        SetupOp::DomainName { name: "(none)".to_owned() },
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
        sandbox_ops(&TreeId(stele_store::model::Digest::of(b"a root")), "0123456789abcdef")
    }

    #[test]
    fn the_operations_are_those_that_were_written_down() {
        assert_golden("held-ops", &lines(&held_ops("/tmp")));
        assert_golden("sandbox-ops", &lines(&sandbox()));
    }

    /// Where an operation is in a list.
    fn at(ops: &[SetupOp], wanted: impl Fn(&SetupOp) -> bool) -> usize {
        ops.iter().position(wanted).unwrap()
    }

    #[test]
    fn nothing_is_writable_but_what_is_the_builds_own() {
        let ops = sandbox();
        let writable = ops.iter().filter_map(|op| match op {
            SetupOp::Bind { to, writable: true, .. } => Some(to.trim_start_matches(held::ROOT)),
            _ => None,
        });
        assert_eq!(writable.collect::<Vec<_>>(), ["/build", "/out", "/tmp"]);
    }

    #[test]
    fn rights_go_after_all_that_needs_them_and_the_filter_comes_last() {
        let ops = sandbox();
        let pivot = at(&ops, |op| matches!(op, SetupOp::Pivot { .. }));
        let rights = at(&ops, |op| matches!(op, SetupOp::NoCapabilities {}));
        let after = |op: &SetupOp| matches!(op, SetupOp::NoNewPrivileges {} | SetupOp::Filter {});
        assert!(ops[..pivot].iter().any(|op| matches!(op, SetupOp::Private {})));
        assert!(pivot < rights && ops[rights + 1..].iter().all(after));
        assert_eq!(ops.last(), Some(&SetupOp::Filter {}));
    }
}
