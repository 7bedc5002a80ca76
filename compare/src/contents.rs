//! Two contents that differ: by the format that both have, as lines, or as bytes.

use super::formats::{self, Reader};
use super::meter::{Halt, Meter};
use super::report::{Bound, Difference, Fact, Format};
use super::streams::{length, read_at};
use super::{Bytes, bytes, lines};

/// So many bytes tell a format.
pub(crate) const HEAD: u64 = 512;

/// Says in `into` how two contents differ, and nothing when they are equal. `depth` containers are around them.
pub(crate) fn compare(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let heads = (read_at(a, 0, HEAD).map_err(Halt::Source)?, read_at(b, 0, HEAD).map_err(Halt::Source)?);
    match (formats::of(&heads.0), formats::of(&heads.1)) {
        (Some(one), Some(other)) if one == other => {
            into.format = Some(one);
            if depth >= meter.limits.depth {
                meter.leave_out(Bound::Depth, 1);
                into.notes.push(format!("not looked into: {depth} containers are around it"));
            } else if read(meter, formats::reader(one), a, b, depth, into)? {
                return Ok(());
            }
        }
        (None, None) => {}
        (one, other) => {
            let word = |format: Option<Format>| format.map_or("other data".to_owned(), |it| it.to_string());
            meter.fact(into, Fact::both("format", word(one), word(other)));
        }
    }
    let max = meter.limits.text;
    if into.format.is_none()
        && length(a).map_err(Halt::Source)? <= max
        && length(b).map_err(Halt::Source)? <= max
        && lines::is_text(&heads.0[..floor(&heads.0)])
        && lines::is_text(&heads.1[..floor(&heads.1)])
    {
        meter.tick(2 * max.min(length(a)? + length(b)?))?;
        let before = read_at(a, 0, max).map_err(Halt::Source)?;
        let after = read_at(b, 0, max).map_err(Halt::Source)?;
        if lines::is_text(&before) && lines::is_text(&after) {
            into.format = Some(Format::Text);
            return lines::compare(meter, &before, &after, into);
        }
    }
    bytes::compare(meter, a, b, into)
}

/// The length without a character that the end cuts.
fn floor(head: &[u8]) -> usize {
    match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => head.len(),
    }
}

/// Reads by a format; whether that found anything.
fn read(
    meter: &mut Meter<'_>,
    reader: Reader,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<bool, Halt> {
    match reader(meter, a, b, depth + 1, into) {
        Ok(()) => {}
        Err(Halt::Malformed(why)) => into.notes.push(format!("cannot be read further: {why}")),
        Err(Halt::Exhausted(bound)) if into.says_something() => exhausted(meter, bound, into),
        Err(halt) => return Err(halt),
    }
    Ok(into.says_something())
}

/// Notes that a limit ended the comparison.
pub(crate) fn exhausted(meter: &mut Meter<'_>, bound: Bound, into: &mut Difference) {
    meter.leave_out(bound, 1);
    into.notes.push(match bound {
        Bound::Time => "not compared further: the time is over".to_owned(),
        Bound::Room => "not compared further: there is no room to decompress it".to_owned(),
        _ => "not compared further: enough bytes were read".to_owned(),
    });
}
