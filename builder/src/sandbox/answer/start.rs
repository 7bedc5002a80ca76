//! What the kernel tells a program when it starts (getauxval(3)): without the vDSO, whose clock asks nobody, with
//! random bytes that follow from the action, and without what describes the processor and the kernel.

use super::random::AT_START;
use super::stopped::Memory;

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

/// What is changed.
pub(super) struct Changes {
    /// Whether the clock of the vDSO is hidden.
    pub hides_clock: bool,
    /// The random bytes, unless the kernel's stay.
    pub random: Option<[u8; AT_START]>,
}

/// Changes what a program is told that has just started, and has its stack here: the number of its arguments, the
/// addresses of these and of its variables, each list with a null at its end, and then pairs of numbers.
pub(super) fn change(memory: &Memory, stack: u64, changes: &Changes) -> Option<()> {
    let mut words = Words { memory, at: stack, chunk: Vec::new() };
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
            (AT_SYSINFO_EHDR, _) if changes.hides_clock => memory.put(pair, &AT_IGNORE.to_le_bytes()),
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
        let word = self.chunk.pop()?;
        self.at += 8;
        Some(word)
    }
}
