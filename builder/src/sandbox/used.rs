//! What the processes of a sandbox use, looked at from outside: by its own list of them, which has no others, and its
//! `/dev/shm`. What cannot be read has just ended.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, Mode, OFlags, fstat, fstatvfs, major, minor, openat};

/// What they use.
#[derive(Default, Debug)]
pub(super) struct Used {
    /// Bytes of memory, at most: what several have together is counted for each.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Bytes that they have written to disks, and those that they have waited for.
    pub written: u64,
}

/// What they use at most, for little work.
pub(super) fn at_most(processes: &OwnedFd, shm: &OwnedFd) -> Used {
    let mut used = Used { memory: in_files(shm), ..Used::default() };
    each(processes, |process| {
        let text = read(processes, &format!("{process}/status")).unwrap_or_default();
        // Memory that is shared and of no file is as much the build's as its own (proc_pid_status(5)).
        used.memory += kib(&text, "RssAnon:") + kib(&text, "RssShmem:");
        used.processes += number(&text, "Threads:").max(1);
        let text = read(processes, &format!("{process}/io")).unwrap_or_default();
        used.written += number(&text, "write_bytes:").saturating_sub(number(&text, "cancelled_write_bytes:"));
    });
    used
}

/// Bytes of memory that they use: each has its part of what several have together (proc_pid_smaps(5), `Pss`). What lies
/// in `/dev/shm` is counted there, once, mapped or not.
pub(super) fn exactly(processes: &OwnedFd, shm: &OwnedFd) -> u64 {
    let mut memory = in_files(shm);
    let device = fstat(shm).map(|it| format!("{:02x}:{:02x}", major(it.st_dev), minor(it.st_dev)));
    each(processes, |process| {
        let rollup = read(processes, &format!("{process}/smaps_rollup")).unwrap_or_default();
        let own = kib(&rollup, "Pss_Anon:") + kib(&rollup, "Pss_Shmem:");
        let mapped = match &device {
            // Most have none of it.
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

/// Bytes of files of that device, of those that a process has mapped: its part of what several have.
fn mapped(smaps: &str, device: &str) -> u64 {
    let (mut of_device, mut bytes) = (false, 0);
    for line in smaps.lines() {
        // ADDRESS-ADDRESS MODE OFFSET DEVICE INODE PATH, and below it lines of NAME: VALUE.
        if line.split(' ').next().is_some_and(|first| !first.ends_with(':')) {
            of_device = line.split_whitespace().nth(3) == Some(device);
        } else if of_device {
            bytes += kib(line, "Pss:");
        }
    }
    bytes
}

/// What lies in a file system in memory, which is in no process's own.
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
    // A build may have names in it that are no text.
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
    fn what_lies_in_files_is_told_from_what_is_only_shared() {
        assert_eq!(mapped(SMAPS, "00:2a"), 512 << 10);
        assert_eq!(mapped(SMAPS, "00:01"), 1024 << 10);
        assert_eq!(mapped(SMAPS, "00:03"), 0);
    }

    #[test]
    fn a_line_is_found_by_its_name_and_what_is_not_there_is_nothing() {
        assert_eq!(kib("VmRSS:\t  12 kB\nRssAnon:\t    4 kB\n", "RssAnon:"), 4096);
        assert_eq!(number("Threads:\t17\n", "Threads:"), 17);
        assert_eq!(kib("", "RssShmem:"), 0);
    }
}
