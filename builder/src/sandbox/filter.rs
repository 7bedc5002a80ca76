//! The system calls that a build is denied, and those that its supervisor answers so that every machine looks
//! the same.
//!
//! The namespaces and the dropped capabilities already confine a build. These filters are the second line of
//! defence: they remove attack surface of the kernel, what is not namespaced (keyrings, vsock, the kernel log),
//! and new namespaces.

use std::collections::BTreeMap;

use nix::libc::{self, sock_filter};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::answer::REAL;
use super::note::{CLONING, NOTED};

/// A filter could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the system call filter cannot be built: {0}")]
pub struct FilterError(String);

fn failed(error: impl std::fmt::Display) -> FilterError {
    FilterError(error.to_string())
}

/// Denied with EPERM.
const DENIED: &[i64] = &[
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    // State that the kernel shares among all users of a machine.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_vhangup,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Kernel code.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    // Access to files other than by path, and to other processes' files.
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // NUMA placement of memory.
    libc::SYS_mbind,
    libc::SYS_set_mempolicy,
    libc::SYS_set_mempolicy_home_node,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// Answered with ENOSYS, as by an older kernel: programs fall back.
const ABSENT: &[i64] = &[
    // Its flags lie in memory, where no filter sees them; libraries fall back to clone(2).
    libc::SYS_clone3,
    // It opens sockets that no filter sees.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Their presence depends on the kernel's configuration.
    libc::SYS_memfd_secret,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
    // The old variant: libraries use getdents64(2), which is answered sorted.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getdents,
];

/// Answered with 0 and no effect: a build must not see its user's groups.
const PRETENDED: &[i64] = &[libc::SYS_getgroups];

/// Commands of fcntl(2) that are answered with EINVAL, as by a filesystem without them: leases, delegations and
/// dnotify. A process that opens a file waits for the holder of a lease on it. F_SETDELEG (Linux 6.19) has no
/// name yet.
const UNSUPPORTED: &[i32] = &[libc::F_SETLEASE, libc::F_NOTIFY, 1024 + 16];

/// The modes of fallocate(2) that free space (FALLOC_FL_PUNCH_HOLE, FALLOC_FL_COLLAPSE_RANGE). All others are
/// answered with EOPNOTSUPP, as by many filesystems: they would allocate all free space in one call.
const GIVING_BACK: u64 = 0x2 | 0x8;

/// Answered by the supervisor.
pub const ANSWERED: &[i64] = &[
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_getdents64,
];

/// Where the supervisor holds programs at their start.
const STARTING: &[i64] = &[libc::SYS_execve, libc::SYS_execveat];

/// Where it does not, it hears of their start by arch_prctl(2) with ARCH_SET_FS: a library calls that before it uses
/// what the kernel told it.
#[cfg(target_arch = "x86_64")]
const SET_UP: (i64, u32) = (libc::SYS_arch_prctl, 0x1002);

/// Answered by the supervisor, too, unless a build has the machine's clock.
const OF_CLOCK: &[i64] = &[
    // What they return of files is changed.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_gettimeofday,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// What a build has of the machine, and what is noted of it: the filter passes on more or fewer calls.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Whether it has the machine's clock.
    pub real_clock: bool,
    /// Whether it has the machine's random numbers.
    pub real_random: bool,
    /// Whether programs are held at their start.
    pub holds_starts: bool,
    /// Whether calls are passed on that are noted.
    pub notes: bool,
}

/// Flags of clone(2) that create a namespace.
const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// ioctl(2)s that inject input into a terminal (TIOCSTI, TIOCLINUX), or load a line discipline into the kernel
/// (TIOCSETD).
const TYPING: &[u64] = &[libc::TIOCSTI, 0x541c, 0x5423];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, FilterError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(failed)
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, FilterError> {
    SeccompRule::new(conditions).map_err(failed)
}

fn always(calls: &[i64]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

fn program(rules: Rules, errno: i32) -> Result<BpfProgram, FilterError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(failed)?;
    let errno = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, errno, arch).map_err(failed)?;
    filter.try_into().map_err(failed)
}

/// The filters that deny calls.
///
/// # Errors
/// When the table yields no valid filter: a bug in this file.
pub fn denying() -> Result<Vec<BpfProgram>, FilterError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut denied = always(DENIED);
    let one_bit = |flag: &i32| {
        let flag = u64::from(flag.unsigned_abs());
        rule(vec![condition(0, MaskedEq(flag), flag)?])
    };
    denied.insert(libc::SYS_clone, NAMESPACES.iter().map(one_bit).collect::<Result<_, _>>()?);
    let typing = |code: &u64| rule(vec![condition(1, Eq, *code)?]);
    denied.insert(libc::SYS_ioctl, TYPING.iter().map(typing).collect::<Result<_, _>>()?);
    // Sockets within the sandbox: Unix, its own loopback, and netlink to list its interfaces.
    let netlink = libc::AF_NETLINK.unsigned_abs().into();
    let others = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK]
        .iter()
        .map(|family| condition(0, Ne, family.unsigned_abs().into()))
        .collect::<Result<_, _>>()?;
    let mut sockets = vec![rule(others)?, rule(vec![condition(0, Eq, netlink)?, condition(2, Ne, 0)?])?];
    // The kernel would load a module for a protocol that is not in use.
    for family in [libc::AF_INET, libc::AF_INET6] {
        let protocols = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];
        let mut other = vec![condition(0, Eq, family.unsigned_abs().into())?];
        for protocol in protocols {
            other.push(condition(2, Ne, protocol.unsigned_abs().into())?);
        }
        sockets.push(rule(other)?);
    }
    let pairs = vec![rule(vec![condition(0, Ne, libc::AF_UNIX.unsigned_abs().into())?])?];
    let command = |command: &i32| rule(vec![condition(1, Eq, command.unsigned_abs().into())?]);
    let unsupported = UNSUPPORTED.iter().map(command).collect::<Result<_, _>>()?;
    let allocating = vec![rule(vec![condition(1, MaskedEq(GIVING_BACK), 0)?])?];
    Ok(vec![
        program(denied, libc::EPERM)?,
        program(BTreeMap::from([(libc::SYS_fallocate, allocating)]), libc::EOPNOTSUPP)?,
        program(BTreeMap::from([(libc::SYS_fcntl, unsupported)]), libc::EINVAL)?,
        program(always(ABSENT), libc::ENOSYS)?,
        program(always(PRETENDED), 0)?,
        program(
            BTreeMap::from([(libc::SYS_socket, sockets), (libc::SYS_socketpair, pairs)]),
            libc::EAFNOSUPPORT,
        )?,
    ])
}

/// A build for another architecture does not run here, and its calls have other numbers.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
/// The last call of the kernel release that builds see ([`crate::profile::RELEASE`]): later ones are absent on
/// every machine. So are the calls of x86-64's x32 interface, which have large numbers.
const LAST: i64 = libc::SYS_set_mempolicy_home_node;

/// The filter that sends [`ANSWERED`] and [`answered_sometimes`] to the listener, and what else is wanted.
/// Hand-written, since the library lacks that action; it also kills a process that uses another architecture's system
/// calls (linux/audit.h, AUDIT_ARCH).
pub fn answering(wanted: Wanted) -> Vec<sock_filter> {
    // Of struct seccomp_data (seccomp(2)): `arch` is at 4, `nr` at 0.
    let mut program = vec![
        load(4),
        equal(ARCHITECTURE, 1, 0),
        end(libc::SECCOMP_RET_KILL_PROCESS),
        load(0),
        greater(u32::try_from(LAST).unwrap_or(0), 0, 1),
        end(libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
    ];
    let mut always = ANSWERED.to_vec();
    let mut sometimes = answered_sometimes().to_vec();
    #[cfg(target_arch = "x86_64")]
    let (allow, answer) = (end(libc::SECCOMP_RET_ALLOW), end(libc::SECCOMP_RET_USER_NOTIF));
    if !wanted.real_clock {
        always.extend(OF_CLOCK);
        sometimes.extend(of_clock_sometimes());
    }
    if !wanted.real_random {
        always.push(libc::SYS_getrandom);
    }
    if wanted.holds_starts {
        always.extend(STARTING);
    } else {
        #[cfg(target_arch = "x86_64")]
        sometimes.push((SET_UP.0, vec![load(16), equal(SET_UP.1, 1, 0), allow, answer]));
    }
    if wanted.notes {
        // Those that are answered come anyway.
        let come: Vec<i64> = always.clone();
        always.extend(NOTED.iter().filter(|call| !come.contains(call)));
        sometimes.extend(noted_sometimes());
    }
    for call in always {
        program.push(equal(number(call), 0, 1));
        program.push(end(libc::SECCOMP_RET_USER_NOTIF));
    }
    for (call, block) in sometimes {
        program.push(equal(number(call), 0, u8::try_from(block.len()).unwrap_or(u8::MAX)));
        program.extend(block);
    }
    program.push(end(libc::SECCOMP_RET_ALLOW));
    program
}

/// Calls that are answered depending on their arguments: each with the rest of a program, which decides.
///
/// The argument 0xffffffff queries the personality; any change is ignored. With a core limit of 0 the kernel
/// starts the machine's core dump program, outside of the sandbox: so setting that limit is ignored, too.
fn answered_sometimes() -> [(i64, Vec<sock_filter>); 3] {
    let (allow, answer) = (end(libc::SECCOMP_RET_ALLOW), end(libc::SECCOMP_RET_USER_NOTIF));
    // The lower and the upper half of an argument.
    let (low, high) = (|argument: u32| load(16 + 8 * argument), |argument: u32| load(20 + 8 * argument));
    let core = libc::RLIMIT_CORE;
    [
        (libc::SYS_personality, vec![low(0), equal(u32::MAX, 0, 1), allow, answer]),
        (libc::SYS_setrlimit, vec![low(0), equal(core, 1, 0), allow, answer]),
        (
            libc::SYS_prlimit64,
            // The address of the new limit: null for a query.
            vec![low(1), equal(core, 0, 4), low(2), equal(0, 0, 3), high(2), equal(0, 0, 1), allow, answer],
        ),
    ]
}

/// Calls about the clock that are answered depending on their arguments: of a clock that shows the date, or with a time
/// that is one of it. Those of clock_nanosleep(2) and of both timers have TIMER_ABSTIME in the second argument.
fn of_clock_sometimes() -> Vec<(i64, Vec<sock_filter>)> {
    let (allow, answer) = (end(libc::SECCOMP_RET_ALLOW), end(libc::SECCOMP_RET_USER_NOTIF));
    let low = |argument: u32| load(16 + 8 * argument);
    let [one, two, three, four] = REAL;
    let is_real =
        || vec![equal(one, 4, 0), equal(two, 3, 0), equal(three, 2, 0), equal(four, 1, 0), allow, answer];
    let absolute = || vec![low(1), any(1, 1, 0), allow];
    vec![
        (libc::SYS_clock_gettime, [vec![low(0)], is_real()].concat()),
        (libc::SYS_clock_nanosleep, [absolute(), vec![low(0)], is_real()].concat()),
        (libc::SYS_timer_settime, [absolute(), vec![answer]].concat()),
        (libc::SYS_timerfd_settime, [absolute(), vec![answer]].concat()),
        (libc::SYS_futex, vec![low(1), any(libc::FUTEX_CLOCK_REALTIME.unsigned_abs(), 1, 0), allow, answer]),
    ]
}

/// Calls that are noted depending on their arguments: opening files that may be created or emptied, mapping files,
/// and cloning their blocks.
fn noted_sometimes() -> Vec<(i64, Vec<sock_filter>)> {
    let (allow, answer) = (end(libc::SECCOMP_RET_ALLOW), end(libc::SECCOMP_RET_USER_NOTIF));
    let low = |argument: u32| load(16 + 8 * argument);
    let makes = (libc::O_CREAT | libc::O_TRUNC).unsigned_abs();
    let anonymous = libc::MAP_ANONYMOUS.unsigned_abs();
    let [one, other] = CLONING;
    vec![
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, vec![low(1), any(makes, 1, 0), allow, answer]),
        (libc::SYS_openat, vec![low(2), any(makes, 1, 0), allow, answer]),
        (libc::SYS_mmap, vec![low(3), any(anonymous, 0, 1), allow, answer]),
        (libc::SYS_ioctl, vec![low(1), equal(one, 2, 0), equal(other, 1, 0), allow, answer]),
    ]
}

fn number(call: i64) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

fn load(offset: u32) -> sock_filter {
    sock_filter { code: 0x20, jt: 0, jf: 0, k: offset }
}

fn equal(k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: 0x15, jt, jf, k }
}

fn greater(k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: 0x25, jt, jf, k }
}

/// Whether any of these bits is set.
fn any(k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: 0x45, jt, jf, k }
}

fn end(action: u32) -> sock_filter {
    sock_filter { code: 0x06, jt: 0, jf: 0, k: action }
}

#[cfg(test)]
mod tests;
