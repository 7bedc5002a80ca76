//! Bytes that no reader explains.

use super::Bytes;
use super::escape::hex;
use super::guess;
use super::meter::{Halt, Meter};
use super::report::{Difference, Guess, Hex, Region};
use super::streams::{CHUNK, fill, length, read_at};

/// So many places are looked at for a cause, and the first of them are shown.
const MAX_PLACES: usize = 16;
const MAX_REGIONS: usize = 3;
/// Bytes of a place that are shown, and those before the first difference.
const SHOWN: u64 = 32;
const LEAD: u64 = 8;
/// For a cause, so many bytes before and behind a place are looked at.
const AROUND: u64 = 96;
/// Differing bytes that are not farther apart are one place.
const GAP: u64 = 8;
const MAX_PLACE: u64 = 64;

/// Where bytes differ.
struct Found {
    differing: u64,
    /// Offsets of the first places, and how long they are.
    places: Vec<(u64, u64)>,
    /// The offset up to which both are equal, when one is the beginning of the other.
    end: u64,
}

/// Compares two contents byte by byte; says nothing when they are equal.
pub(crate) fn compare(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    into: &mut Difference,
) -> Result<(), Halt> {
    let (before_size, after_size) = (length(a).map_err(Halt::Source)?, length(b).map_err(Halt::Source)?);
    let found = find(meter, a, b)?;
    if found.differing == 0 && before_size == after_size {
        return Ok(());
    }
    let places = match found.places.is_empty() {
        true => vec![(found.end, 0)],
        false => found.places,
    };
    let first = places.first().map_or(0, |place| place.0);
    let mut regions = Vec::new();
    for &(offset, _) in places.iter().take(MAX_REGIONS) {
        let offset = offset.saturating_sub(LEAD) & !7;
        let before = hex(&read_at(a, offset, SHOWN).map_err(Halt::Source)?);
        let after = hex(&read_at(b, offset, SHOWN).map_err(Halt::Source)?);
        regions.push(Region { offset, before, after });
    }
    for place in &places {
        if into.guess.is_none() {
            into.guess = cause(a, b, *place)?;
        }
    }
    let differing = found.differing;
    into.bytes = Some(Hex { before_size, after_size, first, differing, regions });
    Ok(())
}

fn cause(a: &mut dyn Bytes, b: &mut dyn Bytes, (offset, length): (u64, u64)) -> Result<Option<Guess>, Halt> {
    let from = offset.saturating_sub(AROUND);
    let max = 2 * AROUND + length;
    let before = read_at(a, from, max).map_err(Halt::Source)?;
    let after = read_at(b, from, max).map_err(Halt::Source)?;
    let (Ok(at), Ok(length)) = (usize::try_from(offset - from), usize::try_from(length)) else {
        return Ok(None);
    };
    Ok(guess::of_bytes(&before, &after, at, length))
}

fn find(meter: &mut Meter<'_>, a: &mut dyn Bytes, b: &mut dyn Bytes) -> Result<Found, Halt> {
    a.rewind().map_err(Halt::Source)?;
    b.rewind().map_err(Halt::Source)?;
    let (mut before, mut after) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut found = Found { differing: 0, places: Vec::new(), end: 0 };
    loop {
        meter.tick(2 * CHUNK as u64)?;
        let m = fill(a, &mut before).map_err(Halt::Source)?;
        let n = fill(b, &mut after).map_err(Halt::Source)?;
        let both = m.min(n);
        if before[..both] != after[..both] {
            let pairs = (found.end..).zip(before[..both].iter().zip(&after[..both]));
            for (offset, _) in pairs.filter(|(_, (a, b))| a != b) {
                found.differing += 1;
                note(&mut found.places, offset);
            }
        }
        found.end += both as u64;
        if m != n || m == 0 {
            return Ok(found);
        }
    }
}

fn note(places: &mut Vec<(u64, u64)>, offset: u64) {
    if let Some((start, length)) = places.last_mut()
        && offset <= *start + *length + GAP
        && offset < *start + MAX_PLACE
    {
        *length = offset - *start + 1;
    } else if places.len() < MAX_PLACES {
        places.push((offset, 1));
    }
}
