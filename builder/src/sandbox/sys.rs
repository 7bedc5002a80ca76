//! What safe Rust cannot express: creating processes, and system calls that no crate wraps.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc::{self, sock_filter};
use rustix::thread::UnshareFlags;

/// The side of a [`fork`].
pub enum Forked {
    /// The new process.
    Child,
    /// The old process, with the new one's ID.
    Parent(rustix::process::Pid),
}

/// Creates a process.
///
/// # Errors
/// When no more are allowed.
pub fn fork() -> io::Result<Forked> {
    // SAFETY: all callers are processes with one thread: they are started for this, and start no threads before
    // it. So the child has no lock that another thread held.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => Ok(Forked::Child),
        nix::unistd::ForkResult::Parent { child } => rustix::process::Pid::from_raw(child.as_raw())
            .map(Forked::Parent)
            .ok_or(io::ErrorKind::Other.into()),
    }
}

/// Exits at once, without running the parent's exit handlers.
pub fn exit(status: i32) -> ! {
    // SAFETY: _exit(2) takes any number and touches no memory.
    unsafe { libc::_exit(status) }
}

/// Resets all signals to their defaults and unblocks them.
///
/// # Errors
/// When the kernel refuses.
pub fn reset_signals() -> io::Result<()> {
    // struct sigaction of the kernel: SIG_DFL, no flags, no restorer, an empty mask. The C library's call
    // refuses the two signals that it reserves, and those may be inherited as ignored, too.
    let usual = [0_u64; 4];
    for signal in (1..=64).filter(|it| ![libc::SIGKILL, libc::SIGSTOP].contains(it)) {
        // SAFETY: the structure outlives the call, which only reads it; no handler is set. A mask has 8 bytes.
        let done = unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, usual.as_ptr(), std::ptr::null_mut::<u64>(), 8)
        };
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let none = 0_u64;
    // SAFETY: as above.
    let done = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const none,
            std::ptr::null_mut::<u64>(),
            8,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Resets this process's scheduling to the default, as far as the user may.
pub fn usual_scheduling() {
    let usual = libc::sched_param { sched_priority: 0 };
    // SAFETY: none of these touches memory except to read the structure, which outlives its call.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const usual);
        libc::setpriority(libc::PRIO_PROCESS, 0, 0);
        // IOPRIO_WHO_PROCESS, and no class.
        libc::syscall(libc::SYS_ioprio_set, 1, 0, 0);
        libc::syscall(libc::SYS_set_mempolicy, libc::MPOL_DEFAULT, std::ptr::null::<u64>(), 0);
        libc::prctl(libc::PR_SET_TIMERSLACK, 50_000, 0, 0, 0);
        libc::prctl(libc::PR_SET_THP_DISABLE, 0, 0, 0, 0);
        libc::prctl(libc::PR_SET_TSC, libc::PR_TSC_ENABLE, 0, 0, 0);
    }
}

/// Moves this process into new namespaces.
///
/// # Errors
/// When the kernel refuses.
pub fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: only UnshareFlags::FILES is dangerous, which gives a thread its own descriptors; it is masked
    // out.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags.difference(UnshareFlags::FILES)) }?)
}

/// Disables address space randomisation for this process and its children.
///
/// # Errors
/// When the kernel has no personalities.
pub fn fix_addresses() -> io::Result<()> {
    // SAFETY: personality(2) takes flags and touches no memory.
    match unsafe { libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Brings up the loopback interface of this network namespace (netdevice(7)).
///
/// # Errors
/// When there is none.
pub fn loopback_up() -> io::Result<()> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: an ifreq of zeros is valid: a name, and a union of plain numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING);
    request.ifr_ifru.ifru_flags = flags.map_err(io::Error::other)?;
    // SAFETY: the request outlives the call, and SIOCSIFFLAGS only reads it.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Installs a filter of system calls; undecided ones are sent to the returned descriptor (seccomp_unotify(2)).
///
/// # Errors
/// When the kernel refuses.
pub fn filter_with_listener(program: &mut [sock_filter]) -> io::Result<OwnedFd> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: the program outlives the call, and has the stated length; the kernel copies it.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            // A signal must not restart a call that is being answered: the answer would be lost, and with it
            // the entries that a directory's position passed. Only the death of its process interrupts it
            // (Linux 5.19).
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE,
            &raw const program,
        )
    };
    let fd = i32::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
    let listener = unsafe { OwnedFd::from_raw_fd(fd) };
    // The caller waits for the answer anyway: where it runs there is room for who answers (Linux 6.6; older kernels
    // refuse this, and wake it elsewhere).
    // SAFETY: the argument is a number.
    unsafe { libc::ioctl(listener.as_raw_fd(), SET_FLAGS, SYNC_WAKE_UP) };
    Ok(listener)
}

/// A system call that waits for an answer.
pub struct Call {
    /// Its identifier, for the answer.
    pub id: u64,
    /// The calling thread, as numbered in this process's namespace.
    pub thread: i32,
    /// Its number.
    pub number: i64,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// Receives the next waiting call. None when its caller has ended meanwhile.
///
/// # Errors
/// When the listener is closed.
pub fn receive_call(listener: BorrowedFd<'_>) -> io::Result<Option<Call>> {
    // SAFETY: seccomp_unotify(2) requires a zeroed seccomp_notif.
    let mut call: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the structure outlives the call, and has the size encoded in the request number.
    let done = unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE, &raw mut call) };
    if done == 0 {
        let libc::seccomp_notif { id, pid, data, .. } = call;
        return Ok(Some(Call {
            id,
            thread: i32::try_from(pid).unwrap_or(0),
            number: data.nr.into(),
            arguments: data.args,
        }));
    }
    match io::Error::last_os_error() {
        e if matches!(e.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(None),
        e => Err(e),
    }
}

/// Whether the call still waits, so that its thread ID has not been reused.
pub fn still_waits(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the number outlives the call, which only reads it.
    unsafe { libc::ioctl(listener.as_raw_fd(), ID_VALID, &raw const id) == 0 }
}

/// Answers a call; one that no longer waits needs no answer.
pub fn answer_call(listener: BorrowedFd<'_>, id: u64, answer: Result<i64, i32>) {
    let (val, error) = match answer {
        Ok(value) => (value, 0),
        Err(errno) => (0, -errno),
    };
    let answer = libc::seccomp_notif_resp { id, val, error, flags: 0 };
    // SAFETY: the structure outlives the call, and has the size encoded in the request number.
    unsafe { libc::ioctl(listener.as_raw_fd(), SEND, &raw const answer) };
}

/// Lets the kernel execute the call. Only for calls that are harmless with any arguments: these may change
/// meanwhile.
pub fn let_pass(listener: BorrowedFd<'_>, id: u64) {
    let answer = libc::seccomp_notif_resp { id, val: 0, error: 0, flags: CONTINUE };
    // SAFETY: as above.
    unsafe { libc::ioctl(listener.as_raw_fd(), SEND, &raw const answer) };
}

// linux/seccomp.h: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV.
const WAIT_KILLABLE: libc::c_ulong = 1 << 5;
// linux/seccomp.h: SECCOMP_USER_NOTIF_FLAG_CONTINUE.
const CONTINUE: u32 = 1;
// linux/seccomp.h: SECCOMP_IOW and SECCOMP_IOWR of '!' with the sizes of what is passed.
const RECEIVE: libc::c_ulong = 0xc050_2100;
const SEND: libc::c_ulong = 0xc018_2101;
const ID_VALID: libc::c_ulong = 0x4008_2102;
const SET_FLAGS: libc::c_ulong = 0x4008_2104;
// linux/seccomp.h: SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP.
const SYNC_WAKE_UP: libc::c_ulong = 1;

/// A pidfd through which a thread's descriptors can be duplicated. Check the owner afterwards ([`still_waits`]): the
/// thread ID may have been reused.
///
/// # Errors
/// When the thread has ended, or may not be inspected.
pub fn hold_only(thread: rustix::process::Pid) -> io::Result<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};
    // linux/pidfd.h: PIDFD_THREAD, since Linux 6.9. A thread may have its own descriptor table, and its
    // process's first thread may have ended.
    let of_thread = PidfdFlags::from_bits_retain(libc::O_EXCL.unsigned_abs());
    Ok(match pidfd_open(thread, of_thread) {
        Err(rustix::io::Errno::INVAL) => pidfd_open(process_of(thread)?, PidfdFlags::empty())?,
        opened => opened?,
    })
}

/// The same, and the thread's process.
///
/// # Errors
/// As above.
pub fn hold_thread(thread: rustix::process::Pid) -> io::Result<(OwnedFd, rustix::process::Pid)> {
    Ok((hold_only(thread)?, process_of(thread)?))
}

/// fstat(2), as the kernel writes it.
///
/// # Errors
/// When the kernel refuses.
pub fn stat<const N: usize>(file: impl AsFd, bytes: &mut [u8; N]) -> io::Result<()> {
    const { assert!(N >= size_of::<libc::stat>(), "room for struct stat") };
    // SAFETY: the kernel writes one struct stat, and there is room for it.
    match unsafe { libc::syscall(libc::SYS_fstat, file.as_fd().as_raw_fd(), bytes.as_mut_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// statx(2) of an open file, as the kernel writes it.
///
/// # Errors
/// When the kernel refuses.
pub fn statx<const N: usize>(file: impl AsFd, mask: u64, bytes: &mut [u8; N]) -> io::Result<()> {
    const { assert!(N >= size_of::<libc::statx>(), "room for struct statx") };
    let (fd, mask) = (file.as_fd().as_raw_fd(), u32::try_from(mask & 0xffff_ffff).unwrap_or(0));
    // SAFETY: the kernel reads an empty text, and writes one struct statx, for which there is room.
    let done = unsafe {
        libc::syscall(libc::SYS_statx, fd, c"".as_ptr(), libc::AT_EMPTY_PATH, mask, bytes.as_mut_ptr())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The process of a thread.
///
/// # Errors
/// When the thread has ended.
fn process_of(thread: rustix::process::Pid) -> io::Result<rustix::process::Pid> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", thread.as_raw_nonzero()))?;
    let number = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
    number.and_then(rustix::process::Pid::from_raw).ok_or_else(|| io::ErrorKind::NotFound.into())
}
