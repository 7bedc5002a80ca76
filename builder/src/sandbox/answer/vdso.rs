//! The vDSO (vdso(7)): code of the kernel in each process, which tells the date and random numbers without a call. Its
//! functions are replaced by the calls, which are answered.

use std::io;
use std::os::unix::fs::FileExt;

use super::stopped::Memory;

/// Where a kernel has the functions, and what takes their place.
pub(in super::super) struct Vdso {
    clock: Vec<Replacement>,
    random: Vec<Replacement>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Replacement {
    /// From the begin of the vDSO.
    offset: u64,
    code: [u8; 8],
}

impl Vdso {
    /// That of this kernel. `None` if it cannot be replaced: on another processor than x86-64, or when the kernel lets
    /// only a debugger write to code.
    pub fn here() -> Option<Self> {
        let (base, image) = own().ok().flatten()?;
        let replaced = Self::of(&image)?;
        // Trying with the bytes that are there.
        let memory = std::fs::File::options().write(true).open("/proc/self/mem").ok()?;
        memory.write_all_at(&image[..8], base).ok().map(|()| replaced)
    }

    /// Of an image of it. `None` if it is none, or a function is too short.
    fn of(image: &[u8]) -> Option<Self> {
        use object::{Object, ObjectSymbol};
        let file = object::read::elf::ElfFile64::<object::Endianness>::parse(image).ok()?;
        let (mut clock, mut random) = (Vec::new(), Vec::new());
        for symbol in file.dynamic_symbols() {
            let Ok(name) = symbol.name() else { continue };
            let (into, code) = match name.strip_prefix("__vdso_").unwrap_or(name) {
                "clock_gettime" => (&mut clock, call(228)),
                "gettimeofday" => (&mut clock, call(96)),
                "time" => (&mut clock, call(201)),
                // It has further arguments, and libraries fall back to the call.
                "getrandom" => (&mut random, NO_SUCH_CALL),
                _ => continue,
            };
            let replacement = Replacement { offset: symbol.address(), code };
            if symbol.size() < 8 || symbol.address().checked_add(8)? > image.len() as u64 {
                return None;
            }
            if !into.contains(&replacement) {
                into.push(replacement);
            }
        }
        (!clock.is_empty()).then_some(Self { clock, random })
    }

    /// Replaces it in a process that has it at `base`: what tells the date, and random numbers.
    pub(super) fn replace(&self, memory: &Memory, base: u64, clock: bool, random: bool) {
        let clock = self.clock.iter().filter(|_| clock);
        for Replacement { offset, code } in clock.chain(self.random.iter().filter(|_| random)) {
            memory.put(base.wrapping_add(*offset), code);
        }
    }
}

/// `mov eax, NUMBER; syscall; ret`: the arguments are where a call has them.
const fn call(number: u32) -> [u8; 8] {
    let [a, b, c, d] = number.to_le_bytes();
    [0xb8, a, b, c, d, 0x0f, 0x05, 0xc3]
}

/// `mov rax, -ENOSYS; ret`
const NO_SUCH_CALL: [u8; 8] = [0x48, 0xc7, 0xc0, 0xda, 0xff, 0xff, 0xff, 0xc3];

/// The vDSO of this process: its address, and its bytes.
fn own() -> io::Result<Option<(u64, Vec<u8>)>> {
    if !cfg!(target_arch = "x86_64") {
        return Ok(None);
    }
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let range = maps.lines().find_map(|line| line.ends_with(" [vdso]").then(|| line.split(' ').next())?);
    let parsed = range.and_then(|range| {
        let (begin, end) = range.split_once('-')?;
        Some((u64::from_str_radix(begin, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    });
    let Some((begin, end)) = parsed else { return Ok(None) };
    let mut image = vec![0; usize::try_from(end.saturating_sub(begin)).unwrap_or(0)];
    std::fs::File::open("/proc/self/mem")?.read_exact_at(&mut image, begin)?;
    Ok(Some((begin, image)))
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn this_kernels_functions_are_found() {
        let (_, image) = own().unwrap().expect("a vDSO");
        let vdso = Vdso::of(&image).expect("its functions");
        assert_eq!(vdso.clock.len(), 3, "{:?}", vdso.clock);
        assert!(Vdso::here().is_some(), "this kernel lets it be replaced");
    }

    #[test]
    fn what_is_no_vdso_is_not_replaced() {
        assert!(Vdso::of(b"").is_none());
        let (_, image) = own().unwrap().expect("a vDSO");
        for cut in [16, 64, image.len() / 8] {
            assert!(Vdso::of(&image[..cut]).is_none_or(|it| it.clock.len() <= 3), "{cut}");
        }
    }
}
