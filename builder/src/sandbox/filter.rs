//! Which system calls a build is denied, and which are answered by its supervisor so that every machine looks the same.
//!
//! The namespaces and the lost capabilities already keep a build in. These filters are the second wall: they take away
//! what a kernel offers to those who look for its faults, what is not namespaced (keyrings, vsock, the log of the
//! kernel), and new namespaces.

use std::collections::BTreeMap;

use nix::libc::{self, sock_filter};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// A filter could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the filter of system calls cannot be made: {0}")]
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
    // What the kernel has for all users of a machine together.
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
    // Code for the kernel.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    // Files by other ways than their path, and what others do with files.
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // Where memory lies.
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

/// Answered with ENOSYS, as by an older kernel: programs have another way.
const ABSENT: &[i64] = &[
    // Its flags lie in memory, where no filter sees them; libraries go on with clone(2).
    libc::SYS_clone3,
    // It opens sockets that no filter sees.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Whether a kernel has these is its configuration's business.
    libc::SYS_memfd_secret,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
    // The old one: libraries use getdents64(2), which is answered sorted.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getdents,
];

/// Answered with 0, and nothing is done: where a build runs is none of its business, and of which groups its user is.
const PRETENDED: &[i64] = &[libc::SYS_sched_setaffinity, libc::SYS_getgroups];

/// Answered by the supervisor.
pub const ANSWERED: &[i64] =
    &[libc::SYS_uname, libc::SYS_sysinfo, libc::SYS_sched_getaffinity, libc::SYS_getdents64];

/// Flags of clone(2) that make a namespace.
const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// ioctl(2)s that type into a terminal (TIOCSTI, TIOCLINUX), or load a line discipline into the kernel (TIOCSETD).
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

/// The filters that deny.
///
/// # Errors
/// When the table makes no filter: a fault of this file.
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
    // Sockets within the sandbox: of Unix, of its own loopback, and to ask which interfaces it has.
    let netlink = libc::AF_NETLINK.unsigned_abs().into();
    let others = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK]
        .iter()
        .map(|family| condition(0, Ne, family.unsigned_abs().into()))
        .collect::<Result<_, _>>()?;
    let mut sockets = vec![rule(others)?, rule(vec![condition(0, Eq, netlink)?, condition(2, Ne, 0)?])?];
    // A protocol that nobody uses is one that the kernel would load for it.
    for family in [libc::AF_INET, libc::AF_INET6] {
        let protocols = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];
        let mut other = vec![condition(0, Eq, family.unsigned_abs().into())?];
        for protocol in protocols {
            other.push(condition(2, Ne, protocol.unsigned_abs().into())?);
        }
        sockets.push(rule(other)?);
    }
    let pairs = vec![rule(vec![condition(0, Ne, libc::AF_UNIX.unsigned_abs().into())?])?];
    Ok(vec![
        program(denied, libc::EPERM)?,
        program(always(ABSENT), libc::ENOSYS)?,
        program(always(PRETENDED), 0)?,
        program(
            BTreeMap::from([(libc::SYS_socket, sockets), (libc::SYS_socketpair, pairs)]),
            libc::EAFNOSUPPORT,
        )?,
    ])
}

/// A build for another kind of machine does not run here, and its calls have other numbers.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
/// The last call of the kernel that this one says it is ([`crate::profile::RELEASE`]): what came later is not there, on
/// whatever machine. So are the calls of x86-64's x32 interface, which have large numbers.
const LAST: i64 = libc::SYS_set_mempolicy_home_node;

/// The filter that has [`ANSWERED`] answered by whoever holds its listener. Written by hand, as the library has no
/// such action; it also ends whoever calls the kernel of another architecture (linux/audit.h, AUDIT_ARCH).
pub fn answering() -> Vec<sock_filter> {
    let load = |offset: u32| sock_filter { code: 0x20, jt: 0, jf: 0, k: offset };
    let jump = |code: u16, k: u32, jt: u8, jf: u8| sock_filter { code, jt, jf, k };
    let end = |action: u32| sock_filter { code: 0x06, jt: 0, jf: 0, k: action };
    let (equal, greater) = (0x15, 0x25);
    // Of struct seccomp_data (seccomp(2)): `arch` is at 4, `nr` at 0.
    let mut program = vec![
        load(4),
        jump(equal, ARCHITECTURE, 1, 0),
        end(libc::SECCOMP_RET_KILL_PROCESS),
        load(0),
        jump(greater, u32::try_from(LAST).unwrap_or(0), 0, 1),
        end(libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
    ];
    for call in ANSWERED {
        program.push(jump(equal, u32::try_from(*call).unwrap_or(u32::MAX), 0, 1));
        program.push(end(libc::SECCOMP_RET_USER_NOTIF));
    }
    program.push(end(libc::SECCOMP_RET_ALLOW));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a filter says of a call: the instructions that these filters use (linux/filter.h).
    fn run(program: &[sock_filter], arch: u32, call: u32, arguments: &[u64; 6]) -> u32 {
        let mut data = [0_u8; 64];
        data[..4].copy_from_slice(&call.to_le_bytes());
        data[4..8].copy_from_slice(&arch.to_le_bytes());
        for (at, argument) in arguments.iter().enumerate() {
            data[16 + 8 * at..24 + 8 * at].copy_from_slice(&argument.to_le_bytes());
        }
        let (mut at, mut a) = (0, 0_u32);
        loop {
            let it = program[at];
            at += 1;
            let test = |yes: bool| usize::from(if yes { it.jt } else { it.jf });
            match it.code {
                0x20 => {
                    let offset = it.k as usize;
                    a = u32::from_le_bytes(data[offset..offset + 4].try_into().unwrap());
                }
                0x05 => at += it.k as usize,
                0x15 => at += test(a == it.k),
                0x35 => at += test(a >= it.k),
                0x25 => at += test(a > it.k),
                0x54 => a &= it.k,
                0x06 => return it.k,
                code => panic!("instruction {code:#x}"),
            }
        }
    }

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

    /// The strictest that any of the filters says, as the kernel takes it for these actions.
    fn verdict(call: i64, arguments: &[u64; 6]) -> u32 {
        let call = u32::try_from(call).unwrap();
        let mut programs = denying().unwrap();
        programs.push(
            answering()
                .iter()
                .map(|it| seccompiler::sock_filter { code: it.code, jt: it.jt, jf: it.jf, k: it.k })
                .collect(),
        );
        let run = |program: &BpfProgram| {
            let plain: Vec<sock_filter> = program
                .iter()
                .map(|it| sock_filter { code: it.code, jt: it.jt, jf: it.jf, k: it.k })
                .collect();
            run(&plain, ARCHITECTURE, call, arguments)
        };
        programs.iter().map(run).min().unwrap()
    }

    fn errno(number: i32) -> u32 {
        libc::SECCOMP_RET_ERRNO | number.unsigned_abs()
    }

    #[test]
    fn what_makes_a_namespace_is_denied_and_what_makes_a_thread_is_not() {
        let thread = 0x003d_0f00;
        assert_eq!(verdict(libc::SYS_clone, &[thread, 0, 0, 0, 0, 0]), ALLOW);
        for flag in NAMESPACES {
            let flags = thread | u64::from(flag.unsigned_abs());
            assert_eq!(verdict(libc::SYS_clone, &[flags, 0, 0, 0, 0, 0]), errno(libc::EPERM), "{flag:#x}");
        }
        assert_eq!(verdict(libc::SYS_unshare, &[0; 6]), errno(libc::EPERM));
        assert_eq!(verdict(libc::SYS_clone3, &[0; 6]), errno(libc::ENOSYS));
    }

    #[test]
    fn only_sockets_that_stay_in_the_sandbox_can_be_made() {
        let socket = |family: i32, protocol: u64| {
            verdict(libc::SYS_socket, &[family.unsigned_abs().into(), 1, protocol, 0, 0, 0])
        };
        for family in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK] {
            assert_eq!(socket(family, 0), ALLOW, "{family}");
        }
        for family in (0..64).filter(|it| ![1, 2, 10, 16].contains(it)) {
            assert_eq!(socket(family, 0), errno(libc::EAFNOSUPPORT), "{family}");
        }
        for protocol in 1..32 {
            assert_eq!(socket(libc::AF_NETLINK, protocol), errno(libc::EAFNOSUPPORT), "{protocol}");
        }
        for family in [libc::AF_INET, libc::AF_INET6] {
            for protocol in 1..300 {
                let expected = if [6, 17].contains(&protocol) { ALLOW } else { errno(libc::EAFNOSUPPORT) };
                assert_eq!(socket(family, protocol), expected, "{family} {protocol}");
            }
        }
        for family in 0..64 {
            let expected = if family == 1 { ALLOW } else { errno(libc::EAFNOSUPPORT) };
            assert_eq!(verdict(libc::SYS_socketpair, &[family, 1, 0, 0, 0, 0]), expected, "{family}");
        }
        // What the kernel does not look at does not hide a family.
        let wide = verdict(libc::SYS_socket, &[(1 << 32) | 40, 1, 0, 0, 0, 0]);
        assert_eq!(wide, errno(libc::EAFNOSUPPORT));
    }

    #[test]
    fn nothing_types_into_a_terminal() {
        for code in TYPING {
            assert_eq!(verdict(libc::SYS_ioctl, &[0, *code, 0, 0, 0, 0]), errno(libc::EPERM));
            assert_eq!(verdict(libc::SYS_ioctl, &[0, *code | (1 << 32), 0, 0, 0, 0]), errno(libc::EPERM));
        }
        assert_eq!(verdict(libc::SYS_ioctl, &[0, libc::TCGETS, 0, 0, 0, 0]), ALLOW);
    }

    #[test]
    fn all_that_is_named_is_answered_as_it_says() {
        for call in DENIED {
            assert_eq!(verdict(*call, &[0; 6]), errno(libc::EPERM), "{call}");
        }
        for call in ABSENT {
            assert_eq!(verdict(*call, &[0; 6]), errno(libc::ENOSYS), "{call}");
        }
        for call in PRETENDED {
            assert_eq!(verdict(*call, &[0; 6]), errno(0), "{call}");
        }
        for call in ANSWERED {
            assert_eq!(verdict(*call, &[0; 6]), libc::SECCOMP_RET_USER_NOTIF, "{call}");
        }
        for call in [libc::SYS_read, libc::SYS_execve, libc::SYS_openat, libc::SYS_ptrace, libc::SYS_kill] {
            assert_eq!(verdict(call, &[0; 6]), ALLOW, "{call}");
        }
    }

    #[test]
    fn the_calls_of_another_architecture_end_the_process() {
        let program = answering();
        let killed = libc::SECCOMP_RET_KILL_PROCESS;
        assert_eq!(run(&program, 0x4000_0003, 20, &[0; 6]), killed);
        // x32, and what kernels have that are newer than the one that a build is told of.
        for call in [0x4000_0001, 451, 500, u32::MAX] {
            assert_eq!(run(&program, ARCHITECTURE, call, &[0; 6]), errno(libc::ENOSYS), "{call}");
        }
        assert_eq!(run(&program, ARCHITECTURE, 450, &[0; 6]), ALLOW);
    }
}
