//! What a program needs at run time: its interpreter, libraries and where they are searched.

use super::super::super::meter::{Halt, Meter};
use super::super::super::report::{Difference, Fact};
use super::super::super::streams::read_at;
use super::super::super::{Bytes, escape, guess};
use super::Elf;

/// Tables beyond that are not read.
const MAX_TABLE: u64 = 4 << 20;
/// System V ABI, "Dynamic Section", and GNU's.
const TAGS: [(u64, &str); 4] = [(1, "needed library"), (14, "soname"), (15, "RPATH"), (29, "RUNPATH")];

/// Values by their names: a library each.
type Needs = Vec<(&'static str, String)>;

pub(super) fn compare(
    meter: &mut Meter<'_>,
    (a, before): (&mut dyn Bytes, &Elf),
    (b, after): (&mut dyn Bytes, &Elf),
    into: &mut Difference,
) -> Result<(), Halt> {
    let (one, other) = (interpreter(a, before)?, interpreter(b, after)?);
    if one != other {
        let guess = one.as_ref().zip(other.as_ref()).and_then(|(one, other)| guess::of_texts(one, other));
        meter.fact(into, Fact { what: "interpreter".to_owned(), before: one, after: other, guess });
    }
    let (one, other) = (needs(a, before)?, needs(b, after)?);
    for (_, what) in TAGS {
        let values = |needs: &Needs| {
            let values: Vec<&str> =
                needs.iter().filter(|need| need.0 == what).map(|need| need.1.as_str()).collect();
            (!values.is_empty()).then(|| escape::cut(&values.join(", "), 400))
        };
        let (before, after) = (values(&one), values(&other));
        if before != after {
            let pair = before.as_ref().zip(after.as_ref());
            let guess = pair.and_then(|(before, after)| guess::of_texts(before, after));
            meter.fact(into, Fact { what: what.to_owned(), before, after, guess });
        }
    }
    Ok(())
}

fn table(bytes: &mut dyn Bytes, elf: &Elf, name: &str) -> Result<Option<Vec<u8>>, Halt> {
    match elf.section(name).and_then(|section| section.range) {
        Some((offset, length)) => Ok(Some(read_at(bytes, offset, length.min(MAX_TABLE))?)),
        None => Ok(None),
    }
}

fn interpreter(bytes: &mut dyn Bytes, elf: &Elf) -> Result<Option<String>, Halt> {
    let text = table(bytes, elf, ".interp")?;
    Ok(text.map(|text| escape::text(text.split(|byte| *byte == 0).next().unwrap_or_default())))
}

fn needs(bytes: &mut dyn Bytes, elf: &Elf) -> Result<Needs, Halt> {
    let (Some(entries), Some(names)) = (table(bytes, elf, ".dynamic")?, table(bytes, elf, ".dynstr")?) else {
        return Ok(Needs::new());
    };
    let word = if elf.is_64 { 8 } else { 4 };
    let number = |bytes: &[u8]| {
        let digits: Vec<u8> = match elf.little_endian {
            true => bytes.iter().rev().copied().collect(),
            false => bytes.to_vec(),
        };
        digits.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let mut needs = Needs::new();
    for entry in entries.chunks_exact(2 * word) {
        let (tag, value) = (number(&entry[..word]), number(&entry[word..]));
        let Some((_, what)) = TAGS.iter().find(|(known, _)| *known == tag) else { continue };
        let name = usize::try_from(value).ok().and_then(|at| names.get(at..)).unwrap_or_default();
        needs.push((what, escape::text(name.split(|byte| *byte == 0).next().unwrap_or_default())));
        if needs.len() >= 1000 {
            break;
        }
    }
    Ok(needs)
}
