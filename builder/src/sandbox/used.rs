//! Resource usage of a sandbox's processes, measured from outside: from its own `/proc`, which lists no others,
//! and its `/dev/shm`. A process that cannot be read has just ended.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, Mode, OFlags, fstat, fstatvfs, major, minor, openat};

/// The usage.
#[derive(Default, Debug)]
pub(super) struct Used {
    /// An upper bound of memory in bytes: shared memory is counted for each process.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Bytes that they and their reaped children have written to disks.
    pub written: u64,
}

/// An upper bound, cheap to compute.
pub(super) fn at_most(processes: &OwnedFd, shm: &OwnedFd) -> Used {
    let mut used = Used { memory: in_files(shm), ..Used::default() };
    each(processes, |process| {
        let text = read(processes, &format!("{process}/status")).unwrap_or_default();
        // Shared anonymous memory counts like private memory (proc_pid_status(5)).
        used.memory += kib(&text, "RssAnon:") + kib(&text, "RssShmem:");
        used.processes += number(&text, "Threads:").max(1);
        let text = read(processes, &format!("{process}/io")).unwrap_or_default();
        used.written += number(&text, "write_bytes:").saturating_sub(number(&text, "cancelled_write_bytes:"));
    });
    used
}

/// Bytes of memory in use: each process counts its part of shared memory (proc_pid_smaps(5), `Pss`). Files in
/// `/dev/shm` are counted there, once, mapped or not.
pub(super) fn exactly(processes: &OwnedFd, shm: &OwnedFd) -> u64 {
    let mut memory = in_files(shm);
    let device = fstat(shm).map(|it| format!("{:02x}:{:02x}", major(it.st_dev), minor(it.st_dev)));
    each(processes, |process| {
        let rollup = read(processes, &format!("{process}/smaps_rollup")).unwrap_or_default();
        let own = kib(&rollup, "Pss_Anon:") + kib(&rollup, "Pss_Shmem:");
        let mapped = match &device {
            // Most have none.
            Ok(device) if kib(&rollup, "Pss_Shmem:") > 0 => {
                let text = read(processes, &format!("{process}/smaps")).unwrap_or_default();
                mapped(&text, device)
            }
            _ => 0,
        };
        memory += own.saturating_sub(mapped);
    });
    memory
}

/// Bytes of mapped files on that device: the process's part of shared ones.
fn mapped(smaps: &str, device: &str) -> u64 {
    let (mut of_device, mut bytes) = (false, 0);
    for line in smaps.lines() {
        // ADDRESS-ADDRESS MODE OFFSET DEVICE INODE PATH, followed by lines of NAME: VALUE.
        if line.split(' ').next().is_some_and(|first| !first.ends_with(':')) {
            of_device = line.split_whitespace().nth(3) == Some(device);
        } else if of_device {
            bytes += kib(line, "Pss:");
        }
    }
    bytes
}

/// Bytes in a tmpfs, which belong to no process.
fn in_files(shm: &OwnedFd) -> u64 {
    fstatvfs(shm).map_or(0, |it| it.f_blocks.saturating_sub(it.f_bfree) * it.f_frsize)
}

fn each(processes: &OwnedFd, mut take: impl FnMut(&str)) {
    let Ok(entries) = Dir::read_from(processes) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().to_str() else { continue };
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            take(name);
        }
    }
}

fn number(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn kib(text: &str, name: &str) -> u64 {
    number(text, name) << 10
}

fn read(at: &OwnedFd, path: &str) -> io::Result<String> {
    let file = openat(at, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    // A build may create names that are not UTF-8.
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut std::fs::File::from(file), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "7f0000000000-7f0000100000 rw-s 00000000 00:2a 3       /dev/shm/x 00:01 y: z\n\
        Size:               1024 kB\nPss:                 512 kB\nVmFlags: rd wr sh\n\
        7f0000200000-7f0000300000 rw-s 00000000 00:01 9       /dev/zero (deleted)\n\
        Size:               1024 kB\nPss:                1024 kB\n";

    #[test]
    fn memory_in_files_is_distinguished_from_shared_memory() {
        assert_eq!(mapped(SMAPS, "00:2a"), 512 << 10);
        assert_eq!(mapped(SMAPS, "00:01"), 1024 << 10);
        assert_eq!(mapped(SMAPS, "00:03"), 0);
    }

    #[test]
    fn a_line_is_found_by_its_name_and_a_missing_one_counts_as_zero() {
        assert_eq!(kib("VmRSS:\t  12 kB\nRssAnon:\t    4 kB\n", "RssAnon:"), 4096);
        assert_eq!(number("Threads:\t17\n", "Threads:"), 17);
        assert_eq!(kib("", "RssShmem:"), 0);
    }
}
