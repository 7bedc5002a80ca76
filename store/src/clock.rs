//! The clock and the process table, for leases and for what people read. No digest depends on them.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::db::Holder;

/// Seconds since 1970-01-01 UTC.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Holder {
    /// A lease that holds as long as process `pid` lives. `None` when there is no such process.
    pub fn process(pid: u32) -> Option<Self> {
        Some(Self::Process { pid, start: start_time(pid)?, boot: boot_id()? })
    }

    /// Whether the lease still holds.
    pub fn holds(&self) -> bool {
        match *self {
            Self::Until(moment) => now() < moment,
            Self::Process { pid, start, boot } => boot_id() == Some(boot) && start_time(pid) == Some(start),
        }
    }
}

/// Field 22 of `/proc/<pid>/stat` (proc(5)), counted behind the command's closing parenthesis, since the
/// command may hold spaces and parentheses itself.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let behind = stat.iter().rposition(|&byte| byte == b')')? + 1;
    let fields = String::from_utf8_lossy(&stat[behind..]).into_owned();
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

fn boot_id() -> Option<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.trim().chars().filter(|&c| c != '-').collect();
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_of_a_process_ends_with_it_and_not_before() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let lease = Holder::process(child.id()).unwrap();
        assert!(lease.holds());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!lease.holds());
        assert_eq!(Holder::process(child.id()), None);
    }

    #[test]
    fn a_lease_of_another_boot_or_another_process_of_the_same_number_is_over() {
        let Some(Holder::Process { pid, start, boot }) = Holder::process(std::process::id()) else {
            panic!("this process is not in /proc");
        };
        assert!(!Holder::Process { pid, start: start + 1, boot }.holds());
        assert!(!Holder::Process { pid, start, boot: [0; 16] }.holds());
        assert!(!Holder::Until(now()).holds());
        assert!(Holder::Until(now() + 60).holds());
    }
}
