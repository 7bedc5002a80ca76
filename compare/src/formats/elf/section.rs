//! Two sections of one name.

use super::super::super::meter::{Halt, Meter};
use super::super::super::report::{Difference, Fact, Format};
use super::super::super::streams::{Window, exactly, read_at, same};
use super::super::super::{Bytes, bytes, contents};
use super::super::compressed;
use super::{Elf, Section, strings};

/// System V ABI, "Section Types" and "Section Attribute Flags".
const SHT_NOBITS: u32 = 8;
const SHF_EXECINSTR: u64 = 0x4;
const SHF_STRINGS: u64 = 0x20;
const SHF_COMPRESSED: u64 = 0x800;

/// Two builds' code differs in at most so many bytes when only some constants in it do.
const MAX_CONSTANTS: u64 = 32;

/// Longer tables of strings are compared as bytes. Two of them are in memory.
const MAX_STRINGS: u64 = 16 << 20;

pub(super) fn compare(
    meter: &mut Meter<'_>,
    (a, one): (&mut dyn Bytes, &Section),
    (b, other): (&mut dyn Bytes, &Section),
    elf: &Elf,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let mut value = |what: &str, one: u64, other: u64, hex: bool| {
        if one != other {
            let spelled = |number| if hex { format!("{number:#x}") } else { format!("{number}") };
            meter.fact(into, Fact::both(what, spelled(one), spelled(other)));
        }
    };
    value("type", one.kind.into(), other.kind.into(), true);
    value("flags", one.flags, other.flags, true);
    value("alignment", one.align, other.align, false);
    value("size", one.size, other.size, false);
    let (Some((at, length)), Some((other_at, other_length))) = (one.range, other.range) else {
        return Ok(());
    };
    if one.kind == SHT_NOBITS || other.kind == SHT_NOBITS {
        return Ok(());
    }
    let (mut a, mut b) = (Window::new(a, at, length)?, Window::new(b, other_at, other_length)?);
    if same(meter, &mut a, &mut b)? {
        return Ok(());
    }
    if one.flags & other.flags & SHF_COMPRESSED != 0 && elf.little_endian {
        return deflated(meter, &mut a, &mut b, elf, depth, into);
    }
    let is_strings = |section: &Section| {
        section.flags & SHF_STRINGS != 0
            || [&b".comment"[..], b".strtab", b".dynstr", b".shstrtab", b".debug_str", b".debug_line_str"]
                .contains(&section.name.as_slice())
    };
    if is_strings(one) && length.max(other_length) <= MAX_STRINGS {
        meter.tick(length + other_length)?;
        let before = read_at(&mut a, 0, MAX_STRINGS)?;
        let after = read_at(&mut b, 0, MAX_STRINGS)?;
        let facts = into.facts.len();
        strings::compare(meter, &before, &after, into);
        if into.facts.len() > facts {
            return Ok(());
        }
    }
    match one.name.as_slice() {
        // What a program carries along may be anything, an archive say.
        b".gnu_debugdata" | b".rodata" | b".data" => contents::compare(meter, &mut a, &mut b, depth, into),
        name => {
            bytes::compare(meter, &mut a, &mut b, into)?;
            // In code, the distances of calls look like anything. A constant that was compiled in changes little else.
            let is_code = one.flags & SHF_EXECINSTR != 0;
            let is_little = into.bytes.as_ref().is_some_and(|it| it.differing <= MAX_CONSTANTS);
            if is_code && !(name == b".text" && is_little) {
                into.guess = None;
            }
            Ok(())
        }
    }
}

/// System V ABI, "Section Compression".
fn deflated(
    meter: &mut Meter<'_>,
    a: &mut Window<'_>,
    b: &mut Window<'_>,
    elf: &Elf,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let header = if elf.is_64 { 24 } else { 12 };
    let (one, other): ([u8; 4], [u8; 4]) = (exactly(a, 0)?, exactly(b, 0)?);
    let (mut before, mut after) = (Window::new(a, header, u64::MAX)?, Window::new(b, header, u64::MAX)?);
    match (u32::from_le_bytes(one), u32::from_le_bytes(other)) {
        // zlib: two bytes of a header, and deflate.
        (1, 1) => {
            let mut before = Window::new(&mut before, 2, u64::MAX)?;
            let mut after = Window::new(&mut after, 2, u64::MAX)?;
            compressed::deflated(meter, &mut before, &mut after, depth, into)
        }
        (2, 2) => compressed::inside(meter, Format::Zstd, &mut before, &mut after, depth, into),
        _ => bytes::compare(meter, &mut before, &mut after, into),
    }
}
