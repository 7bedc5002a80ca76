//! The sandbox profile: all that a build can see and that is not part of its action, fixed and versioned.
//!
//! The version is part of every action. So any change here requires a new version, and everything is rebuilt; a
//! golden test guards the text. `docs/sandbox.md` gives the reason for each line, and lists what cannot be
//! fixed.

use serde::Serialize;

use stele_store::model::Digest;

use crate::machine::Machine;

/// The version of the profile.
pub const VERSION: u32 = 3;
/// The user and group ID that a build sees as its own.
pub const ID: u32 = 1000;
/// The number of processors that a build sees.
pub const PROCESSORS: u32 = 4;
/// The host name.
pub const HOST: &str = "stele";
/// The NIS domain name (getdomainname(2)).
pub const DOMAIN: &str = "(none)";
/// The kernel release (uname(2), `release`).
pub const RELEASE: &str = "6.1.0";
/// The boot time, in seconds before the build.
pub const UPTIME: u64 = 1000;
/// The memory that the machine reports, in bytes.
pub const MEMORY: u64 = 8 << 30;
/// The modification time of a build's inputs, in seconds since 1970.
pub const MODIFIED: u64 = stele_fs::MODIFIED;
/// When a build's clock begins, in seconds since 1970, unless its SOURCE_DATE_EPOCH is another.
pub const DATE: i64 = MODIFIED.cast_signed();
/// What the random numbers of a build follow from.
const RANDOM: &str = "action";
/// The size of a block of the disk that a build sees its own folders on, and the number of blocks: 1 TiB. Half of it is
/// free.
pub const BLOCK: u64 = 4096;
/// See [`BLOCK`].
pub const BLOCKS: u64 = 1 << 28;
/// The size of `/dev/shm` in bytes.
pub const SHARED_MEMORY: u64 = 1 << 30;

/// The OOM score adjustment of a build (proc(5), `oom_score_adj`): the kernel kills it first. That is the only
/// value that any process may set, whatever it inherited.
pub const FIRST_TO_GO: u32 = 1000;

/// Environment variables of every build, which its action may override.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("HOME", "/build"),
    ("LC_ALL", "C"),
    ("PATH", "/usr/bin:/bin"),
    ("SOURCE_DATE_EPOCH", "315619200"),
    ("TERM", "dumb"),
    ("TMPDIR", "/tmp"),
    ("TZ", "UTC"),
];

/// Resource limits (setrlimit(2)), soft and hard; none is "unlimited". With a limit of 1 for `core` the kernel
/// neither writes a core file nor starts the machine's core dump program, which it does with 0 (core(5)).
pub const LIMITS: &[(&str, Option<u64>, Option<u64>)] = &[
    ("as", None, None),
    ("core", Some(1), Some(1)),
    ("cpu", None, None),
    ("data", None, None),
    ("fsize", None, None),
    ("locks", None, None),
    ("memlock", Some(65_536), Some(65_536)),
    ("msgqueue", Some(65_536), Some(65_536)),
    ("nice", Some(0), Some(0)),
    ("nofile", Some(1_024), Some(4_096)),
    ("nproc", Some(4_096), Some(4_096)),
    ("rss", None, None),
    ("rtprio", Some(0), Some(0)),
    ("rttime", None, None),
    ("sigpending", Some(1_024), Some(1_024)),
    ("stack", Some(8 << 20), Some(64 << 20)),
];

/// Character devices of `/dev`: name, major and minor number (the kernel's Documentation/admin-guide/devices.txt).
pub const DEVICES: &[(&str, u32, u32)] =
    &[("full", 1, 7), ("null", 1, 3), ("random", 1, 8), ("tty", 5, 0), ("urandom", 1, 9), ("zero", 1, 5)];

/// Limits of the build's user namespace (namespaces(7), `/proc/sys/user/`): its share of what the machine
/// allows one user. No build creates a namespace, whatever the system call filter allows.
pub const SHARES: &[(&str, u32)] =
    &[("max_inotify_instances", 32), ("max_inotify_watches", 16_384), ("max_user_namespaces", 0)];
/// The maximum number of terminals (pty(7)) of a build.
pub const TERMINALS: u32 = 64;

#[derive(Serialize)]
struct Text {
    blocks: (u64, u64),
    date: i64,
    devices: Vec<&'static str>,
    domain: &'static str,
    environment: std::collections::BTreeMap<&'static str, &'static str>,
    group: u32,
    host: &'static str,
    limits: &'static [(&'static str, Option<u64>, Option<u64>)],
    machine: Vec<(&'static str, String)>,
    memory: u64,
    modified: u64,
    oom_score_adj: u32,
    processors: u32,
    profile: u32,
    random: &'static str,
    release: &'static str,
    shared_memory: u64,
    shares: std::collections::BTreeMap<&'static str, u32>,
    terminals: u32,
    umask: &'static str,
    uptime: u64,
    user: u32,
    writable: [&'static str; 4],
}

/// The canonical text (RFC 8785), whose digest goes into attestations.
pub fn text() -> Vec<u8> {
    let text = Text {
        blocks: (BLOCKS, BLOCK),
        date: DATE,
        devices: DEVICES.iter().map(|(name, ..)| *name).collect(),
        domain: DOMAIN,
        environment: ENVIRONMENT.iter().copied().collect(),
        group: ID,
        host: HOST,
        limits: LIMITS,
        machine: Machine::default().files(),
        memory: MEMORY,
        modified: MODIFIED,
        oom_score_adj: FIRST_TO_GO,
        processors: PROCESSORS,
        profile: VERSION,
        random: RANDOM,
        release: RELEASE,
        shared_memory: SHARED_MEMORY,
        shares: SHARES.iter().copied().collect(),
        terminals: TERMINALS,
        umask: "022",
        uptime: UPTIME,
        user: ID,
        writable: ["/build", "/dev/shm", "/out", "/tmp"],
    };
    serde_json_canonicalizer::to_vec(&text).expect("strings and numbers can be written")
}

/// The digest of [`text`].
pub fn digest() -> Digest {
    Digest::of(&text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::assert_golden;

    #[test]
    fn the_profile_does_not_change_without_a_new_version() {
        let text = format!("{}\n{}\n", String::from_utf8(text()).unwrap(), digest());
        assert_golden(&format!("profile-{VERSION}"), &text);
    }

    #[test]
    fn source_date_epoch_is_the_modification_time_of_inputs() {
        let told = ENVIRONMENT.iter().find(|(name, _)| *name == "SOURCE_DATE_EPOCH");
        assert_eq!(told.map(|(_, date)| (*date).to_owned()), Some(MODIFIED.to_string()));
    }

    #[test]
    fn each_limit_is_named_once_and_its_soft_value_is_within_the_hard_one() {
        for (number, (name, soft, hard)) in LIMITS.iter().enumerate() {
            assert!(LIMITS[..number].iter().all(|(other, ..)| other < name), "{name}");
            assert!(hard.is_none_or(|hard| soft.is_some_and(|soft| soft <= hard)), "{name}");
        }
    }
}
