//! The filters' verdicts on calls, by running their instructions.

use nix::libc::{self, sock_filter};
use seccompiler::BpfProgram;

use super::*;

/// Runs a filter on a call, with the instructions that these filters use (linux/filter.h).
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
            0x45 => at += test(a & it.k != 0),
            0x54 => a &= it.k,
            0x06 => return it.k,
            code => panic!("instruction {code:#x}"),
        }
    }
}

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// The strictest verdict of all filters, as the kernel combines these actions.
fn verdict(call: i64, arguments: &[u64; 6]) -> u32 {
    verdict_with(Wanted::default(), call, arguments)
}

fn verdict_with(wanted: Wanted, call: i64, arguments: &[u64; 6]) -> u32 {
    let call = u32::try_from(call).unwrap();
    let mut programs = denying().unwrap();
    programs.push(
        answering(wanted)
            .iter()
            .map(|it| seccompiler::sock_filter { code: it.code, jt: it.jt, jf: it.jf, k: it.k })
            .collect(),
    );
    let run = |program: &BpfProgram| {
        let plain: Vec<sock_filter> =
            program.iter().map(|it| sock_filter { code: it.code, jt: it.jt, jf: it.jf, k: it.k }).collect();
        run(&plain, ARCHITECTURE, call, arguments)
    };
    programs.iter().map(run).min().unwrap()
}

fn errno(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | number.unsigned_abs()
}

#[test]
fn creating_a_namespace_is_denied_and_creating_a_thread_is_not() {
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
    // Bits that the kernel ignores do not hide a family.
    let wide = verdict(libc::SYS_socket, &[(1 << 32) | 40, 1, 0, 0, 0, 0]);
    assert_eq!(wide, errno(libc::EAFNOSUPPORT));
}

#[test]
fn no_call_injects_input_into_a_terminal() {
    for code in TYPING {
        assert_eq!(verdict(libc::SYS_ioctl, &[0, *code, 0, 0, 0, 0]), errno(libc::EPERM));
        assert_eq!(verdict(libc::SYS_ioctl, &[0, *code | (1 << 32), 0, 0, 0, 0]), errno(libc::EPERM));
    }
    assert_eq!(verdict(libc::SYS_ioctl, &[0, libc::TCGETS, 0, 0, 0, 0]), ALLOW);
}

#[test]
fn no_build_can_take_a_lease_or_watch_a_directory_by_signals() {
    for command in [1024, 1026, 1040] {
        assert_eq!(verdict(libc::SYS_fcntl, &[3, command, 1, 0, 0, 0]), errno(libc::EINVAL), "{command}");
        // The kernel reads the lower half alone.
        let wide = command | 1 << 32;
        assert_eq!(verdict(libc::SYS_fcntl, &[3, wide, 1, 0, 0, 0]), errno(libc::EINVAL), "{command}");
    }
    for command in [libc::F_DUPFD, libc::F_SETFD, libc::F_SETLK, libc::F_OFD_SETLK, libc::F_ADD_SEALS] {
        assert_eq!(verdict(libc::SYS_fcntl, &[3, command.unsigned_abs().into(), 0, 0, 0, 0]), ALLOW);
    }
}

#[test]
fn no_single_call_can_allocate_the_whole_disk() {
    for (mode, expected) in [(0, 95), (1, 95), (0x10, 95), (0x11, 95), (0x20, 95), (0x40, 95), (3, 0), (8, 0)]
    {
        let expected = if expected == 0 { ALLOW } else { errno(expected) };
        assert_eq!(verdict(libc::SYS_fallocate, &[3, mode, 0, 1 << 40, 0, 0]), expected, "{mode:#x}");
    }
}

#[test]
fn the_core_limit_and_the_personality_can_be_queried_and_not_changed() {
    let answered = libc::SECCOMP_RET_USER_NOTIF;
    let (core, files) = (u64::from(libc::RLIMIT_CORE), u64::from(libc::RLIMIT_NOFILE));
    for (resource, new, expected) in [
        (core, 0, ALLOW),
        (core, 0x1000, answered),
        (core, 0x7fff_0000_0000, answered),
        (core | 1 << 32, 0x1000, answered),
        (files, 0x1000, ALLOW),
    ] {
        assert_eq!(verdict(libc::SYS_prlimit64, &[0, resource, new, 0x2000, 0, 0]), expected, "{resource}");
    }
    assert_eq!(verdict(libc::SYS_setrlimit, &[core, 0x1000, 0, 0, 0, 0]), answered);
    assert_eq!(verdict(libc::SYS_setrlimit, &[core | 1 << 32, 0x1000, 0, 0, 0, 0]), answered);
    assert_eq!(verdict(libc::SYS_setrlimit, &[files, 0x1000, 0, 0, 0, 0]), ALLOW);
    assert_eq!(verdict(libc::SYS_personality, &[0xffff_ffff, 0, 0, 0, 0, 0]), ALLOW);
    for wanted in [0, 8, 0x0040_0000, 0xffff_fffe, 1 << 32] {
        assert_eq!(verdict(libc::SYS_personality, &[wanted, 0, 0, 0, 0, 0]), answered, "{wanted:#x}");
    }
}

#[test]
fn every_listed_call_gets_its_stated_answer() {
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
    for call in [libc::SYS_read, libc::SYS_openat, libc::SYS_ptrace, libc::SYS_kill] {
        assert_eq!(verdict(call, &[0; 6]), ALLOW, "{call}");
    }
}

#[test]
fn a_call_of_another_architecture_kills_the_process() {
    let program = answering(Wanted::default());
    let killed = libc::SECCOMP_RET_KILL_PROCESS;
    assert_eq!(run(&program, 0x4000_0003, 20, &[0; 6]), killed);
    // x32, and calls of kernels newer than the release that builds see.
    for call in [0x4000_0001, 451, 500, u32::MAX] {
        assert_eq!(run(&program, ARCHITECTURE, call, &[0; 6]), errno(libc::ENOSYS), "{call}");
    }
    assert_eq!(run(&program, ARCHITECTURE, 450, &[0; 6]), ALLOW);
}

#[test]
fn notes_are_taken_of_calls_that_write_and_only_when_they_are_wanted() {
    const ANSWER: u32 = libc::SECCOMP_RET_USER_NOTIF;
    const WITH_NOTES: Wanted =
        Wanted { real_clock: false, real_random: false, holds_starts: false, notes: true };
    let [create, read] =
        [libc::O_CREAT | libc::O_WRONLY, libc::O_RDONLY].map(|it| u64::from(it.unsigned_abs()));
    let [file, memory] = [libc::MAP_PRIVATE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS];
    let map = |flags: i32| [0, 9, 1, u64::from(flags.unsigned_abs()), 3, 0];
    for (call, arguments, noted) in [
        (libc::SYS_write, [1, 2, 3, 0, 0, 0], true),
        (libc::SYS_openat, [0, 1, create, 0, 0, 0], true),
        (libc::SYS_openat, [0, 1, read, 0, 0, 0], false),
        (libc::SYS_mmap, map(file), true),
        (libc::SYS_mmap, map(memory), false),
        (libc::SYS_ioctl, [1, u64::from(CLONING[0]), 3, 0, 0, 0], true),
        (libc::SYS_ioctl, [1, u64::from(CLONING[1]), 3, 0, 0, 0], true),
        (libc::SYS_ioctl, [1, 0x5401, 3, 0, 0, 0], false),
        (libc::SYS_getpid, [0; 6], false),
    ] {
        assert_eq!(verdict(call, &arguments), ALLOW, "{call}");
        let verdict = verdict_with(WITH_NOTES, call, &arguments);
        assert_eq!(verdict, if noted { ANSWER } else { ALLOW }, "{call}");
    }
    // What is denied stays denied.
    assert_eq!(verdict_with(WITH_NOTES, libc::SYS_mount, &[0; 6]), errno(libc::EPERM));
    assert_eq!(
        verdict_with(WITH_NOTES, libc::SYS_ioctl, &[0, libc::TIOCSTI, 0, 0, 0, 0]),
        errno(libc::EPERM)
    );
}

#[test]
fn calls_about_the_date_are_answered_unless_a_build_has_the_machines_clock() {
    const ANSWER: u32 = libc::SECCOMP_RET_USER_NOTIF;
    const REAL_ONES: Wanted =
        Wanted { real_clock: true, real_random: true, holds_starts: true, notes: false };
    let realtime_wait = u64::from((libc::FUTEX_WAIT_BITSET | libc::FUTEX_CLOCK_REALTIME).unsigned_abs());
    for (call, arguments, answered) in [
        (libc::SYS_clock_gettime, [0, 1, 0, 0, 0, 0], true),
        (libc::SYS_clock_gettime, [5, 1, 0, 0, 0, 0], true),
        (libc::SYS_clock_gettime, [8, 1, 0, 0, 0, 0], true),
        (libc::SYS_clock_gettime, [11, 1, 0, 0, 0, 0], true),
        (libc::SYS_clock_gettime, [1, 1, 0, 0, 0, 0], false),
        (libc::SYS_clock_gettime, [7, 1, 0, 0, 0, 0], false),
        (libc::SYS_clock_nanosleep, [0, 1, 2, 3, 0, 0], true),
        (libc::SYS_clock_nanosleep, [0, 0, 2, 3, 0, 0], false),
        (libc::SYS_clock_nanosleep, [1, 1, 2, 3, 0, 0], false),
        (libc::SYS_timerfd_settime, [3, 1, 2, 3, 0, 0], true),
        (libc::SYS_timerfd_settime, [3, 2, 2, 3, 0, 0], false),
        (libc::SYS_timer_settime, [3, 1, 2, 3, 0, 0], true),
        (libc::SYS_timer_settime, [3, 0, 2, 3, 0, 0], false),
        (libc::SYS_futex, [3, realtime_wait, 0, 4, 0, 0], true),
        (libc::SYS_futex, [3, 9, 0, 4, 0, 0], false),
        (libc::SYS_gettimeofday, [1, 0, 0, 0, 0, 0], true),
        (libc::SYS_getrandom, [1, 8, 0, 0, 0, 0], true),
    ] {
        assert_eq!(verdict(call, &arguments), if answered { ANSWER } else { ALLOW }, "{call} {arguments:?}");
        assert_eq!(verdict_with(REAL_ONES, call, &arguments), ALLOW, "{call} {arguments:?}");
    }
    assert_eq!(verdict_with(REAL_ONES, libc::SYS_execve, &[0; 6]), ANSWER);
    assert_eq!(verdict_with(REAL_ONES, libc::SYS_arch_prctl, &[0x1002, 1, 0, 0, 0, 0]), ALLOW);
    assert_eq!(verdict(libc::SYS_execve, &[0; 6]), ALLOW);
    assert_eq!(verdict(libc::SYS_arch_prctl, &[0x1002, 1, 0, 0, 0, 0]), ANSWER);
    assert_eq!(verdict(libc::SYS_arch_prctl, &[0x1003, 1, 0, 0, 0, 0]), ALLOW);
}
