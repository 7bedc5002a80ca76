//! Calls that wait for a time of the clock that a build sees, which the kernel does not have. The time is written as
//! the machine's for as long as the call takes; a wait goes on with it, as the kernel has read it by then
//! (restart_syscall(2)).

use nix::libc;

use super::super::sys;
use super::super::thread::Thread;
use super::clock::{Clock, Time};
use super::stopped::Stopped;
use super::{Answer, Caller};

/// More sleeps than this are looked through for those whose thread has ended.
const MANY: usize = 8192;

/// Sleeps until a time, which are answered when it comes.
#[derive(Default)]
pub(super) struct Sleeps(Vec<(Time, u64)>);

impl Sleeps {
    /// clock_nanosleep(2) with TIMER_ABSTIME.
    pub fn begin(&mut self, caller: &Caller<'_>, clock: &Clock) -> Answer {
        let mut bytes = [0; 16];
        match caller.get(caller.call.arguments[2], &mut bytes).map(|()| Time::of_timespec(bytes)) {
            Err(errno) => Answer::Returns(Err(errno)),
            Ok(None) => Answer::Returns(Err(libc::EINVAL)),
            Ok(Some(until)) => {
                if self.0.len() >= MANY {
                    self.0.retain(|(_, id)| sys::still_waits(caller.listener, *id));
                }
                self.0.push((clock.wakes(until), caller.call.id));
                Answer::Later
            }
        }
    }

    /// Answers those whose time has come. Returns the seconds and nanoseconds until the next.
    pub fn end(&mut self, listener: std::os::fd::BorrowedFd<'_>) -> Option<Time> {
        let now = Time::now();
        self.0.retain(|(until, id)| {
            if *until > now {
                return true;
            }
            sys::answer_call(listener, *id, Ok(0));
            false
        });
        self.0.iter().map(|(until, _)| until.since(now)).min()
    }
}

/// futex(2) with FUTEX_CLOCK_REALTIME: only that of pthread_cond_timedwait(3) and the like has an absolute time.
pub(super) fn futex(caller: &Caller<'_>, clock: &Clock) -> Answer {
    let [_, operation, _, address, ..] = caller.call.arguments;
    let is_wait = operation & 0x7f == u64::from(libc::FUTEX_WAIT_BITSET.unsigned_abs());
    if is_wait && address != 0 { run_with_real(caller, address, clock) } else { Answer::Passes }
}

/// timerfd_settime(2) with TFD_TIMER_ABSTIME.
pub(super) fn descriptor(caller: &Caller<'_>, clock: &Clock) -> Answer {
    let [fd, _, new, ..] = caller.call.arguments;
    let file = format!("fdinfo/{}", fd & 0xffff_ffff);
    set_timer(caller, Thread(caller.call.thread).field(&file, "clockid:"), new, clock)
}

/// timer_settime(2) with TIMER_ABSTIME.
pub(super) fn timer(caller: &Caller<'_>, clock: &Clock) -> Answer {
    let [timer, _, new, ..] = caller.call.arguments;
    set_timer(caller, Thread(caller.call.thread).clock_of_timer(timer & 0xffff_ffff), new, clock)
}

/// struct itimerspec has an interval before the time. Zero disarms.
fn set_timer(caller: &Caller<'_>, of: Option<String>, new: u64, clock: &Clock) -> Answer {
    let is_real = of.and_then(|it| it.parse().ok()).is_some_and(|it| super::REAL.contains(&it));
    let mut bytes = [0; 16];
    let is_armed = caller.get(new.wrapping_add(16), &mut bytes).is_ok() && bytes != [0; 16];
    if is_real && is_armed { run_with_real(caller, new.wrapping_add(16), clock) } else { Answer::Passes }
}

/// Has the call executed with the machine's time at this address.
fn run_with_real(caller: &Caller<'_>, address: u64, clock: &Clock) -> Answer {
    let mut shown = [0; 16];
    let Some(real) = caller
        .get(address, &mut shown)
        .ok()
        .and_then(|()| Time::of_timespec(shown))
        // Another thread waits with the same, and it is the machine's already.
        .filter(|it| !clock.is_real(*it))
        .map(|it| clock.wakes(it))
    else {
        return Answer::Passes;
    };
    if caller.put(address, &real.timespec()).is_err() {
        return Answer::Passes;
    }
    if let Some(memory) = Stopped::after(caller).and_then(|it| it.memory()) {
        memory.put(address, &shown);
    }
    Answer::Done
}
