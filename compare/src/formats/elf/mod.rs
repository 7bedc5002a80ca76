//! ELF: the header, the segments, what is needed at run time, sections, symbols.
//!
//! The headers, tables of sections and of symbols are read by the `object` crate, piece by piece; sections are compared
//! where they are. Nothing is held that grows with a file, but its symbols, whose number is bounded.

mod dynamic;
mod notes;
mod section;
mod strings;
mod symbols;

use std::collections::{BTreeMap, HashMap, HashSet};

use object::read::{ReadCache, ReadRef};
use object::{Object, ObjectSection, ObjectSegment, SectionFlags, SegmentFlags};

use super::super::meter::{Halt, Meter, malformed};
use super::super::report::{Bound, Change, Difference, Fact, Part};
use super::super::{Bytes, escape, guess};
use symbols::Symbols;

/// More sections than this are those of no compiler.
const MAX_SECTIONS: usize = 100_000;
/// So many names are shown of an order.
const MAX_NAMES: usize = 8;
/// The value of that name.
const LOAD_SEGMENTS: &str = "load segments";

/// What is known of a file from its headers and tables.
struct Elf {
    /// Single values: of the header, of the segments.
    values: BTreeMap<&'static str, String>,
    sections: Vec<Section>,
    little_endian: bool,
    is_64: bool,
    symbols: [Symbols; 2],
}

/// A section, from its header.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Section {
    name: Vec<u8>,
    /// How many sections before it have the same name.
    nth: usize,
    kind: u32,
    flags: u64,
    address: u64,
    size: u64,
    align: u64,
    /// Its bytes in the file: offset and length.
    range: Option<(u64, u64)>,
}

pub(super) fn compare(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let (before, after) = (elf(meter, a)?, elf(meter, b)?);
    let names: HashSet<&str> = before.values.keys().chain(after.values.keys()).copied().collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    for name in names {
        let (one, other) = (before.values.get(name), after.values.get(name));
        if one != other {
            // Addresses and sizes follow from what is in them.
            let both = one.zip(other).filter(|_| name != LOAD_SEGMENTS);
            let guess = both.and_then(|(one, other)| guess::of_texts(one, other));
            let fact = Fact { what: name.to_owned(), before: one.cloned(), after: other.cloned(), guess };
            meter.fact(into, fact);
        }
    }
    dynamic::compare(meter, (a, &before), (b, &after), into)?;
    let notes = notes::compare(meter, (a, &before), (b, &after), into)?;
    order(meter, &before.sections, &after.sections, into);
    for (table, (one, other)) in before.symbols.iter().zip(&after.symbols).enumerate() {
        symbols::compare(meter, ["symbol", "dynamic symbol"][table], one, other, into);
    }
    sections(meter, (a, &before), (b, &after), notes, depth, into)
}

fn elf(meter: &mut Meter<'_>, bytes: &mut dyn Bytes) -> Result<Elf, Halt> {
    let cache = ReadCache::new(bytes);
    let head = (&cache).read_bytes_at(0, 5).unwrap_or_default();
    let max = meter.limits.members;
    let (elf, symbols) = match head.get(4) {
        Some(1) => read(meter, &object::read::elf::ElfFile32::parse(&cache)?, max)?,
        Some(2) => read(meter, &object::read::elf::ElfFile64::parse(&cache)?, max)?,
        _ => return malformed("its class is neither of 32 nor of 64 bits"),
    };
    if symbols {
        meter.leave_out(Bound::Members, 1);
    }
    Ok(elf)
}

/// What a segment's memory may be used for, as `readelf --program-headers` shows it.
fn permissions(flags: SegmentFlags) -> String {
    let bits = match flags {
        SegmentFlags::Elf { p_flags, .. } => p_flags.0,
        _ => 0,
    };
    [(4, 'R'), (2, 'W'), (1, 'E')]
        .map(|(bit, letter)| if bits & bit == 0 { ' ' } else { letter })
        .iter()
        .collect()
}

/// The file, and whether it has more symbols than are looked at.
fn read<'data, Elf32Or64, R>(
    meter: &mut Meter<'_>,
    file: &object::read::elf::ElfFile<'data, Elf32Or64, R>,
    max: usize,
) -> Result<(Elf, bool), Halt>
where
    Elf32Or64: object::read::elf::FileHeader<Endian = object::Endianness>,
    R: ReadRef<'data>,
{
    let header = file.elf_header();
    let endian = file.endian();
    let mut values = BTreeMap::from([
        ("type", header.e_type(endian).0.to_string()),
        ("machine", header.e_machine(endian).0.to_string()),
        ("entry", format!("{:#x}", file.entry())),
        ("flags", format!("{:#x}", header.e_flags(endian))),
        ("OS/ABI", format!("{:?}", header.e_ident().os_abi.0)),
    ]);
    let segments: Vec<String> = file
        .segments()
        .map(|it| {
            let (at, size, align) = (it.address(), it.size(), it.align());
            format!("{} {at:#x}+{size:#x} align {align:#x}", permissions(it.flags()))
        })
        .take(MAX_NAMES)
        .collect();
    values.insert(LOAD_SEGMENTS, segments.join(", "));
    let mut sections = Vec::new();
    let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
    for section in file.sections() {
        meter.tick(0)?;
        if sections.len() >= MAX_SECTIONS {
            return malformed("it has too many sections");
        }
        let name = section.name_bytes().unwrap_or_default().to_vec();
        let nth = seen.entry(name.clone()).or_default();
        let (kind, flags) = match section.flags() {
            SectionFlags::Elf { sh_type, sh_flags } => (sh_type.0, sh_flags.0),
            _ => (0, 0),
        };
        sections.push(Section {
            name,
            nth: *nth,
            kind,
            flags,
            address: section.address(),
            size: section.size(),
            align: section.align(),
            range: section.file_range(),
        });
        *nth += 1;
    }
    let (symbols, more) = symbols::of(meter, file.symbols(), max)?;
    let (dynamic, more_dynamic) = symbols::of(meter, file.dynamic_symbols(), max)?;
    let (little_endian, is_64) = (file.is_little_endian(), file.is_64());
    let elf = Elf { values, sections, little_endian, is_64, symbols: [symbols, dynamic] };
    Ok((elf, more || more_dynamic))
}

impl Elf {
    fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name.as_bytes())
    }
}

impl Section {
    fn key(&self) -> (&[u8], usize) {
        (&self.name, self.nth)
    }
}

/// Whether the sections that both have come in the same order.
fn order(meter: &mut Meter<'_>, before: &[Section], after: &[Section], into: &mut Difference) {
    let common = |sections: &[Section], others: &[Section]| -> Vec<(Vec<u8>, usize)> {
        let others: HashSet<_> = others.iter().map(Section::key).collect();
        let common = sections.iter().filter(|section| others.contains(&section.key()));
        common.map(|section| (section.name.clone(), section.nth)).collect()
    };
    let (one, other) = (common(before, after), common(after, before));
    let Some(first) = one.iter().zip(&other).position(|(a, b)| a != b) else { return };
    let names = |keys: &[(Vec<u8>, usize)]| {
        let names: Vec<String> =
            keys[first..].iter().take(MAX_NAMES).map(|key| escape::name(&key.0)).collect();
        names.join(", ")
    };
    let guess = guess::order(one.len(), "sections");
    meter.fact(into, Fact::both("order of sections", names(&one), names(&other)).guess(guess));
}

fn sections(
    meter: &mut Meter<'_>,
    (a, before): (&mut dyn Bytes, &Elf),
    (b, after): (&mut dyn Bytes, &Elf),
    notes: bool,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let places: HashMap<_, _> = after.sections.iter().map(|section| (section.key(), section)).collect();
    for section in &before.sections {
        let Some(other) = places.get(&section.key()) else {
            alone(meter, section, Change::Removed, into);
            continue;
        };
        let name = escape::name(&section.name);
        let mut child = Difference::new(Part::Section, name, Change::Changed);
        let outcome = section::compare(meter, (a, section), (b, other), before, depth, &mut child);
        let is_told = section.kind == notes::SHT_NOTE && notes;
        if is_told {
            child = Difference::new(Part::Section, child.name, Change::Changed);
        }
        if (child.says_something() || outcome.is_err()) && meter.has_room(into) {
            into.inside.push(child);
        }
        outcome?;
    }
    let old: HashSet<_> = before.sections.iter().map(Section::key).collect();
    for section in after.sections.iter().filter(|section| !old.contains(&section.key())) {
        alone(meter, section, Change::Added, into);
    }
    Ok(())
}

fn alone(meter: &mut Meter<'_>, section: &Section, change: Change, into: &mut Difference) {
    if meter.has_room(into) {
        into.inside.push(Difference::new(Part::Section, escape::name(&section.name), change));
    }
}
