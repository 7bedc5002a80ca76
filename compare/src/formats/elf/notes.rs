//! Notes: the build id, and whatever else is in sections of notes.

use super::super::super::escape::{hex, text};
use super::super::super::meter::{Halt, Meter};
use super::super::super::report::{Cause, Difference, Fact};
use super::super::super::streams::read_at;
use super::super::super::{Bytes, guess};
use super::Elf;

/// System V ABI, "Note Section".
pub(super) const SHT_NOTE: u32 = 7;

/// Longer notes are compared as bytes.
const MAX_NOTES: u64 = 64 << 10;

/// The owner of a note, its type, and what it says.
type Note = (String, u32, String);

/// Whether notes differ, which are then facts of the file.
pub(super) fn compare(
    meter: &mut Meter<'_>,
    (a, before): (&mut dyn Bytes, &Elf),
    (b, after): (&mut dyn Bytes, &Elf),
    into: &mut Difference,
) -> Result<bool, Halt> {
    let (one, other) = (notes(a, before)?, notes(b, after)?);
    let told = one != other;
    let mut kinds: Vec<(&str, u32)> = one.iter().chain(&other).map(|it| (it.0.as_str(), it.1)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for (owner, kind) in kinds {
        let all = |notes: &[Note]| {
            let texts: Vec<&str> =
                notes.iter().filter(|it| it.0 == owner && it.1 == kind).map(|it| it.2.as_str()).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        };
        let (before, after) = (all(&one), all(&other));
        if before == after {
            continue;
        }
        let (what, guess) = match (owner, kind) {
            // A hash of the rest, by which it can differ alone only when the linker was told so.
            ("GNU", 3) => {
                ("build id".to_owned(), guess::known(Cause::Derived, "a hash of the file when it was linked"))
            }
            _ => {
                let pair = before.as_ref().zip(after.as_ref());
                (
                    format!("note {owner} {kind}"),
                    pair.and_then(|(before, after)| guess::of_texts(before, after)),
                )
            }
        };
        meter.fact(into, Fact { what, before, after, guess });
    }
    Ok(told)
}

fn notes(bytes: &mut dyn Bytes, elf: &Elf) -> Result<Vec<Note>, Halt> {
    let mut notes = Vec::new();
    for section in elf.sections.iter().filter(|section| section.kind == SHT_NOTE).take(100) {
        let Some((offset, length)) = section.range else { continue };
        let read = read_at(bytes, offset, length.min(MAX_NOTES))?;
        let align = if section.align == 8 { 8 } else { 4 };
        let mut rest = read.as_slice();
        while let Some((note, after)) = first(rest, align, elf.little_endian) {
            notes.push(note);
            rest = after;
        }
    }
    Ok(notes)
}

/// The first note, and what is behind it.
fn first(bytes: &[u8], align: usize, little_endian: bool) -> Option<(Note, &[u8])> {
    let word = |at: usize| -> Option<u32> {
        let four = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if little_endian { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    let (name, content, kind) = (word(0)?, word(4)?, word(8)?);
    let (name, content) = (usize::try_from(name).ok()?, usize::try_from(content).ok()?);
    let owner = bytes.get(12..12_usize.checked_add(name)?)?;
    let start = (12 + name).checked_next_multiple_of(align)?;
    let said = bytes.get(start..start.checked_add(content)?)?;
    let end = (start + content).checked_next_multiple_of(align)?.min(bytes.len());
    let owner = text(owner.split(|byte| *byte == 0).next().unwrap_or_default());
    let is_text = said.len() > 3 && said.iter().all(|byte| matches!(byte, 0 | b' '..=b'~'));
    let shown = &said[..said.len().min(64)];
    let said = if is_text { text(shown.split(|byte| *byte == 0).next()?) } else { hex(shown) };
    Some(((owner, kind, said), &bytes[end..]))
}
