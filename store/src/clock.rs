//! The clock and the process table, for leases and for display. No digest depends on them.

use std::fs;
use std::sync::OnceLock;
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

    /// The same lease, made independent of changes to the clock while the machine runs. One of an earlier boot
    /// holds for the rest of its time by the clock; for all of it, if by the clock it is not made yet.
    pub(crate) fn anchored(self) -> Self {
        let Some(this_boot) = boot_id() else { return self };
        let now = Moment::now();
        let left = match self {
            Self::Until(moment) => moment.saturating_sub(now.wall),
            Self::Timed { until, made, boot, .. } if boot != this_boot => match now.wall < made {
                true => until.saturating_sub(made),
                false => until.saturating_sub(now.wall),
            },
            _ => return self,
        };
        let until = now.wall.saturating_add(left);
        Self::Timed { until, made: now.wall, uptime: now.uptime, boot: this_boot }
    }

    /// Whether the lease holds for a time, not for the life of a process.
    pub(crate) fn is_timed(&self) -> bool {
        matches!(self, Self::Until(_) | Self::Timed { .. })
    }

    /// Whether the lease holds for so many seconds more.
    pub(crate) fn holds_for(&self, seconds: u64) -> bool {
        match *self {
            Self::Timed { until, made, uptime, boot } if boot_id() == Some(boot) => {
                let age = Moment::now().uptime.saturating_sub(uptime);
                until.saturating_sub(made).saturating_sub(age) >= seconds
            }
            Self::Until(until) | Self::Timed { until, .. } => until.saturating_sub(now()) >= seconds,
            Self::Process { .. } => false,
        }
    }

    /// Whether the lease still holds.
    pub fn holds(&self) -> bool {
        match *self {
            Self::Until(moment) => now() < moment,
            Self::Timed { until, made, uptime, boot } => {
                let now = Moment::now();
                match boot_id() == Some(boot) {
                    true => now.uptime.saturating_sub(uptime) < until.saturating_sub(made),
                    // Useless if set back; opening the store re-anchors the lease.
                    false => now.wall < until,
                }
            }
            Self::Process { pid, start, boot } => boot_id() == Some(boot) && start_time(pid) == Some(start),
        }
    }
}

/// Now, on two clocks.
#[derive(Clone, Copy)]
struct Moment {
    /// Seconds since 1970-01-01 UTC, if the clock is right.
    wall: u64,
    /// Seconds since boot, including sleep.
    uptime: u64,
}

impl Moment {
    fn now() -> Self {
        let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime).tv_sec;
        Self { wall: now(), uptime: u64::try_from(uptime).unwrap_or(0) }
    }
}

/// Field 22 of `/proc/<pid>/stat` (proc(5)), counted after the command's closing parenthesis, since the command
/// may itself contain spaces and parentheses.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let behind = stat.iter().rposition(|&byte| byte == b')')? + 1;
    let fields = String::from_utf8_lossy(&stat[behind..]).into_owned();
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Read once: a collection asks for each of a million leases.
fn boot_id() -> Option<[u8; 16]> {
    static THIS: OnceLock<Option<[u8; 16]>> = OnceLock::new();
    *THIS.get_or_init(read_boot_id)
}

fn read_boot_id() -> Option<[u8; 16]> {
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
        assert!(!Holder::Until(now()).anchored().holds());
        assert!(Holder::Until(u64::MAX).anchored().holds());
        assert!(Holder::Until(now() + 60).holds());
    }
    /// A lease of `seconds`, made while the clock was `ahead` seconds ahead of its present reading.
    fn made_while(ahead: i64, seconds: u64, boot: [u8; 16]) -> Holder {
        let wall = now().saturating_add_signed(ahead);
        Holder::Timed { until: wall + seconds, made: wall, uptime: Moment::now().uptime, boot }
    }

    const YEAR: i64 = 365 * 24 * 3600;

    #[test]
    fn no_setting_of_the_clock_ends_a_lease_or_makes_it_longer() {
        let boot = boot_id().unwrap();
        for ahead in [-50 * YEAR, -YEAR, 0, YEAR] {
            assert!(made_while(ahead, 3600, boot).holds(), "{ahead}");
            // An hour later by the clock that cannot be set.
            let Holder::Timed { until, made, uptime, .. } = made_while(ahead, 3600, boot) else {
                unreachable!()
            };
            let later = Holder::Timed {
                until: until - 3600,
                made: made - 3600,
                uptime: uptime.saturating_sub(3600),
                boot,
            };
            assert!(!later.holds() || uptime < 3600, "{ahead}");
        }
    }

    #[test]
    fn a_lease_of_an_earlier_boot_holds_for_no_longer_than_it_was_made_for() {
        let left = |holder: Holder| match holder.anchored() {
            Holder::Timed { until, made, .. } => until - made,
            other => panic!("{other:?}"),
        };
        let other = [0; 16];
        assert_eq!(left(made_while(-1000, 3600, other)), 2600);
        assert_eq!(left(made_while(YEAR, 3600, other)), 3600, "the clock was set back");
        assert_eq!(left(made_while(-50 * YEAR, 3600, other)), 0);
        let this = made_while(0, 3600, boot_id().unwrap());
        assert_eq!(this.anchored(), this);
    }
}
