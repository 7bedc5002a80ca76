//! What the kernel tells a program when it starts (getauxval(3)): without the vDSO, whose clock asks nobody, with
//! random bytes that follow from the action, and without what describes the processor and the kernel.

use nix::libc;

use super::super::thread::Thread;
use super::random::{AT_START, Process, Streams};
use super::stopped::{Memory, Stopped, is_error};
use super::vdso::Vdso;
use super::{Answer, Caller};

/// At most so many random bytes are returned by one call.
const MOST_RANDOM: u64 = 1 << 20;
/// More words than there are arguments, variables and pairs of a program.
const MAX_WORDS: usize = 8 << 20;
/// What is read at once.
const CHUNK: usize = 4096;

// linux/auxvec.h.
const AT_NULL: u64 = 0;
const AT_IGNORE: u64 = 1;
const AT_HWCAP: u64 = 16;
const AT_RANDOM: u64 = 25;
const AT_HWCAP2: u64 = 26;
const AT_RSEQ_FEATURE_SIZE: u64 = 27;
const AT_RSEQ_ALIGN: u64 = 28;
const AT_SYSINFO_EHDR: u64 = 33;

/// What every x86-64 processor has, of CPUID 1, EDX. Libraries ask the processor itself.
#[cfg(target_arch = "x86_64")]
const BASELINE: u64 = 0x178b_fbff;

/// What the programs of a build are told, and their random numbers.
pub(super) struct Programs {
    /// The kernel's vDSO, if it can be replaced; programs are held at their start otherwise.
    pub vdso: Option<Vdso>,
    /// Whether they are not to know the machine's date.
    pub hides_clock: bool,
    /// Their random numbers, unless those are the machine's.
    pub random: Option<Streams>,
}

/// What is changed.
struct Changes {
    hides_clock: bool,
    random: Option<[u8; AT_START]>,
}

impl Programs {
    /// A thread starts a program (execve(2)), and is held at the end of that.
    pub fn held(&mut self, caller: &Caller<'_>) -> Answer {
        let Some(stopped) = Stopped::after(caller) else { return Answer::Done };
        if !is_error(stopped.result())
            && let Some((memory, stack)) = stopped.memory().zip(stopped.stack())
        {
            let thread = Thread(stopped.id());
            let created = thread.created().unwrap_or(0);
            // Nothing of the vDSO is replaced here: with either, it is hidden.
            let hides = self.hides_clock || self.random.is_some();
            let changes = changes(&mut self.random, hides, thread, created);
            // A program without such a stack has no use for it either.
            let _ = change(&memory, stack, &changes, |_| {});
        }
        Answer::Done
    }

    /// A program sets itself up, before it uses what it was told (arch_prctl(2), ARCH_SET_FS).
    pub fn set_up(&mut self, caller: &Caller<'_>) -> Answer {
        let thread = Thread(caller.call.thread);
        let Some(vdso) = &self.vdso else { return Answer::Passes };
        let Some(((created, stack), memory)) = thread.created_and_stack().zip(caller.memory_of_it()) else {
            return Answer::Passes;
        };
        let (clock, random) = (self.hides_clock, self.random.is_some());
        let replace = |base| vdso.replace(&memory, base, clock, random);
        let changes = changes(&mut self.random, clock, thread, created);
        let _ = change(&memory, stack, &changes, replace);
        Answer::Passes
    }

    /// getrandom(2).
    pub fn random(&mut self, caller: &Caller<'_>) -> Answer {
        let Some(streams) = &mut self.random else { return Answer::Passes };
        let [address, count, flags, ..] = caller.call.arguments;
        if flags & 0xffff_ffff & !7 != 0 {
            return Answer::Returns(Err(libc::EINVAL));
        }
        let thread = Thread(caller.call.thread);
        let Some((id, parent)) = thread.process() else { return Answer::Passes };
        let process = Process { id, parent, created: Thread(id).created().unwrap_or(0) };
        let bytes = streams.take(&process, usize::try_from(count.min(MOST_RANDOM)).unwrap_or(0));
        Answer::Returns(caller.put(address, &bytes).map(|()| i64::try_from(bytes.len()).unwrap_or(0)))
    }
}

fn changes(streams: &mut Option<Streams>, hides_clock: bool, thread: Thread, created: u64) -> Changes {
    let random = streams.as_mut().map(|streams| {
        let process = Process { id: thread.0, parent: 0, created };
        streams.start(&process, &[thread.directory(), thread.command_line()].join(&b'\n'))
    });
    Changes { hides_clock, random }
}

/// Changes what a program is told that has just started, and has its stack here: the number of its arguments, the
/// addresses of these and of its variables, each list with a null at its end, and then pairs of numbers. `replace` is
/// called with the address of its vDSO.
fn change(memory: &Memory, stack: u64, changes: &Changes, replace: impl Fn(u64)) -> Option<()> {
    let mut words = Words { memory, at: stack, chunk: Vec::new(), left: MAX_WORDS };
    let mut arguments = words.next()?;
    while arguments > 0 && words.next()? != 0 {
        arguments -= 1;
    }
    // The null of either list.
    if arguments == 0 {
        words.next()?;
    }
    while words.next()? != 0 {}
    loop {
        let pair = words.at;
        let (kind, value) = (words.next()?, words.next()?);
        match (kind, changes.random) {
            (AT_NULL, _) => return Some(()),
            (AT_RANDOM, Some(random)) => memory.put(value, &random),
            (AT_SYSINFO_EHDR, _) => {
                replace(value);
                if changes.hides_clock {
                    memory.put(pair, &AT_IGNORE.to_le_bytes());
                }
            }
            (AT_RSEQ_FEATURE_SIZE | AT_RSEQ_ALIGN, _) => memory.put(pair, &AT_IGNORE.to_le_bytes()),
            #[cfg(target_arch = "x86_64")]
            (AT_HWCAP, _) => memory.put(pair + 8, &BASELINE.to_le_bytes()),
            #[cfg(target_arch = "x86_64")]
            (AT_HWCAP2, _) => memory.put(pair + 8, &0_u64.to_le_bytes()),
            _ => {}
        }
    }
}

/// The words of a stack, from an address up.
struct Words<'a> {
    memory: &'a Memory,
    /// The address of the next.
    at: u64,
    /// What was read ahead, the next word last.
    chunk: Vec<u64>,
    /// So many more are read.
    left: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Option<u64> {
        if self.chunk.is_empty() {
            let mut bytes = [0; CHUNK];
            // Near the end of the stack there is less.
            let read = self.memory.get_some(self.at, &mut bytes);
            self.chunk
                .extend(bytes[..read].as_chunks::<8>().0.iter().rev().map(|it| u64::from_le_bytes(*it)));
        }
        self.left = self.left.checked_sub(1)?;
        let word = self.chunk.pop()?;
        self.at += 8;
        Some(word)
    }
}
