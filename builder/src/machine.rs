//! What a build sees of the machine. It is that of the [`profile`] on every machine; only a check varies it, to see
//! whether an output depends on it.

use serde::{Deserialize, Serialize};

use crate::profile;

/// A machine, as builds see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The host name.
    pub host: String,
    /// The NIS domain name.
    pub domain: String,
    /// The user and group that a build runs as.
    pub user: u32,
    /// The kernel's release (uname(2)).
    pub release: String,
    /// The number of processors, 1 to 63.
    pub processors: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// Seconds since it was started, when a build begins.
    pub uptime: u64,
    /// Whether directories that a build can write are listed backwards.
    pub backwards: bool,
    /// The modification time of inputs, in seconds since 1970.
    pub modified: u64,
}

impl Default for Machine {
    /// The profile's.
    fn default() -> Self {
        Self {
            host: profile::HOST.to_owned(),
            domain: profile::DOMAIN.to_owned(),
            user: profile::ID,
            release: profile::RELEASE.to_owned(),
            processors: profile::PROCESSORS,
            memory: profile::MEMORY,
            uptime: profile::UPTIME,
            backwards: false,
            modified: profile::MODIFIED,
        }
    }
}

impl Machine {
    /// Whether it is the profile's.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Files of `/proc` that describe it.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let Self { host, domain, release, processors, memory, uptime, .. } = self;
        let processor = |number: u32| {
            format!(
                "processor\t: {number}\nvendor_id\t: stele\nmodel name\t: x86-64\ncpu MHz\t\t: 1000.000\n\
                 physical id\t: 0\nsiblings\t: {processors}\ncore id\t\t: {number}\ncpu cores\t: {processors}\n\n"
            )
        };
        let kib = memory >> 10;
        let mut stat = "cpu  0 0 0 0 0 0 0 0 0 0\n".to_owned();
        (0..*processors).for_each(|number| stat.push_str(&format!("cpu{number} 0 0 0 0 0 0 0 0 0 0\n")));
        stat.push_str("intr 0\nctxt 0\nbtime 1\nprocesses 1\nprocs_running 1\nprocs_blocked 0\nsoftirq 0\n");
        vec![
            ("cmdline", "\n".to_owned()),
            ("cpuinfo", (0..*processors).map(processor).collect()),
            ("devices", "Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n\nBlock devices:\n".to_owned()),
            ("filesystems", "nodev\tproc\nnodev\ttmpfs\nnodev\tdevpts\n".to_owned()),
            ("loadavg", "0.00 0.00 0.00 1/1 1\n".to_owned()),
            (
                "meminfo",
                format!(
                    "MemTotal:       {kib} kB\nMemFree:        {kib} kB\nMemAvailable:   {kib} kB\n\
                     SwapTotal:      0 kB\nSwapFree:       0 kB\n"
                ),
            ),
            ("stat", stat),
            ("sys/fs/file-max", "4096\n".to_owned()),
            ("sys/kernel/cap_last_cap", "40\n".to_owned()),
            ("sys/kernel/domainname", format!("{domain}\n")),
            ("sys/kernel/hostname", format!("{host}\n")),
            ("sys/kernel/ngroups_max", "65536\n".to_owned()),
            ("sys/kernel/osrelease", format!("{release}\n")),
            ("sys/kernel/ostype", "Linux\n".to_owned()),
            ("sys/kernel/pid_max", "4194304\n".to_owned()),
            ("sys/kernel/version", "#1\n".to_owned()),
            ("sys/vm/overcommit_memory", "0\n".to_owned()),
            ("uptime", format!("{uptime}.00 0.00\n")),
            ("version", format!("Linux version {release} #1\n")),
        ]
    }

    /// A bit for each processor (sched_getaffinity(2)).
    pub(crate) fn affinity(&self) -> u64 {
        1_u64.checked_shl(self.processors).map_or(u64::MAX, |bit| bit - 1)
    }

    /// struct new_utsname (uname(2)): six texts of 65 bytes.
    pub(crate) fn uname(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(6 * 65);
        for text in ["Linux", &self.host, &self.release, "#1", std::env::consts::ARCH, &self.domain] {
            let end = bytes.len() + 65;
            bytes.extend(text.bytes().take(64));
            bytes.resize(end, 0);
        }
        bytes
    }

    /// struct sysinfo (sysinfo(2)) of a 64-bit machine: 112 bytes.
    pub(crate) fn sysinfo(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(112);
        let (total, free, zero) = (self.memory, self.memory, 0);
        // uptime, three loads, totalram, freeram, sharedram, bufferram, totalswap, freeswap.
        for number in [self.uptime, zero, zero, zero, total, free, zero, zero, zero, zero] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        // procs, padding, then totalhigh and freehigh, and the unit of memory.
        bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[0; 16]);
        bytes.extend_from_slice(&1_u32.to_le_bytes());
        bytes.resize(112, 0);
        bytes
    }
}
