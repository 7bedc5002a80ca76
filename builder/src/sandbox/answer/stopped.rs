//! A thread that is held where its call ends (ptrace(2)): the kernel has executed the call, the program has not gone
//! on. Here the result of a call can be changed that no one but the kernel can execute: one that looks up a path, or
//! starts a program.
//!
//! The supervisor is the thread's tracer for the length of the call only, so that signals are delivered as usual and a
//! build can have debuggers of its own. A thread that already has a tracer is not held: its calls stay as the kernel
//! answers them.

use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::super::sys;
use super::Caller;

// Events of linux/ptrace.h.
const EVENT_EXEC: i32 = 4;
const EVENT_STOP: i32 = 128;

/// A thread at the end of a call.
pub(super) struct Stopped {
    thread: Pid,
    result: i64,
}

impl Stopped {
    /// Lets the kernel execute the call that `caller` waits with, and holds the thread at its end.
    ///
    /// `None` when it cannot be held: the call is executed all the same.
    pub fn after(caller: &Caller<'_>) -> Option<Self> {
        let pass = || sys::let_pass(caller.listener, caller.call.id);
        let thread = Pid::from_raw(caller.call.thread);
        // A thread that starts a program may take the place of its process's first, and loses the interruption then: so
        // it also stops for having started it.
        if ptrace::seize(thread, ptrace::Options::PTRACE_O_TRACEEXEC).is_err() {
            pass();
            return None;
        }
        // The number may have been that of another process by now. If the call still waits, what is held is its thread.
        let is_caller = caller.still_waits().is_ok();
        // It waits for the answer, which only its death interrupts; so it stops after the call.
        let interrupted = ptrace::interrupt(thread);
        pass();
        if interrupted.is_err() {
            // It has ended.
            while wait().is_some() {}
            return None;
        }
        let (thread, has_started) = wait()?;
        if !is_caller {
            drop(Self { thread, result: 0 });
            return None;
        }
        let result = if has_started { Some(0) } else { result(thread) };
        Some(Self { thread, result: result.unwrap_or(i64::MIN) })
    }

    /// What the call returned: a negative errno when it failed.
    pub fn result(&self) -> i64 {
        self.result
    }

    /// Its process: a program that was just started has no other thread.
    pub fn id(&self) -> i32 {
        self.thread.as_raw()
    }

    /// Its stack pointer.
    pub fn stack(&self) -> Option<u64> {
        stack(self.thread)
    }

    /// Its memory.
    pub fn memory(&self) -> Option<Memory> {
        let path = format!("/proc/{}/mem", self.thread);
        File::options().read(true).write(true).open(path).ok().map(Memory)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let mut held = Some(self.thread);
        while let Some(thread) = held.filter(|thread| ptrace::detach(*thread, None).is_err()) {
            // It was killed meanwhile. Its parent gets to know of that after its tracer.
            held = wait().map(|(it, _)| it).filter(|it| *it == thread);
        }
    }
}

/// The memory of a thread that is held.
pub(super) struct Memory(pub File);

impl Memory {
    /// So much of it; `None` when it is not all there.
    pub fn get<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact_at(&mut bytes, address).ok().map(|()| bytes)
    }

    /// As much of it as is there, into `bytes`.
    pub fn get_some(&self, address: u64, bytes: &mut [u8]) -> usize {
        self.0.read_at(bytes, address).unwrap_or(0)
    }

    /// Writes to it, as far as it is there.
    pub fn put(&self, address: u64, bytes: &[u8]) {
        let _ = self.0.write_all_at(bytes, address);
    }
}

/// Waits until the thread that is being held stops, under whatever number: one that starts a program takes that of its
/// process. Also says whether it has started one. `None` when it ended.
fn wait() -> Option<(Pid, bool)> {
    // Only for what this very thread traces: the supervisor's children are of another.
    let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    loop {
        match waitpid(None, Some(flags)) {
            Ok(WaitStatus::PtraceEvent(thread, _, event @ (EVENT_STOP | EVENT_EXEC))) => {
                return Some((thread, event == EVENT_EXEC));
            }
            // A signal on its way.
            Ok(WaitStatus::Stopped(thread, signal)) => {
                let _ = ptrace::cont(thread, signal);
            }
            Ok(WaitStatus::PtraceEvent(thread, ..)) => {
                let _ = ptrace::cont(thread, None);
            }
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => return None,
            Ok(_) | Err(Errno::EINTR) => {}
            // It ended, and another thread of its process reported that.
            Err(_) => return None,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn result(thread: Pid) -> Option<i64> {
    ptrace::getregs(thread).ok().map(|it| it.rax.cast_signed())
}

#[cfg(target_arch = "x86_64")]
fn stack(thread: Pid) -> Option<u64> {
    ptrace::getregs(thread).ok().map(|it| it.rsp)
}

#[cfg(target_arch = "aarch64")]
fn result(thread: Pid) -> Option<i64> {
    ptrace::getregset::<ptrace::regset::NT_PRSTATUS>(thread).ok().map(|it| it.regs[0].cast_signed())
}

#[cfg(target_arch = "aarch64")]
fn stack(thread: Pid) -> Option<u64> {
    ptrace::getregset::<ptrace::regset::NT_PRSTATUS>(thread).ok().map(|it| it.sp)
}

/// A result that is an error (linux/err.h).
pub(super) fn is_error(result: i64) -> bool {
    (-4095..0).contains(&result) || result == i64::MIN
}
