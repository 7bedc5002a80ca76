//! What is compressed: how, and what is in it.

use std::io::Read;

use super::super::meter::{Halt, Meter};
use super::super::report::{Cause, Change, Difference, Fact, Format, Part};
use super::super::streams::{read_at, same, spool};
use super::super::{Bytes, contents, guess};
use super::decoders::decoder;

pub(super) fn bzip2(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let level =
        |bytes: &mut dyn Bytes| read_at(bytes, 3, 1).map(|it| String::from_utf8_lossy(&it).into_owned());
    value(meter, into, "level", level(a)?, level(b)?);
    inside(meter, Format::Bzip2, a, b, depth, into)
}

pub(super) fn xz(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    // The xz file format 1.2.1, "Stream Flags".
    let check = |bytes: &mut dyn Bytes| {
        read_at(bytes, 7, 1).map(|it| match it.first() {
            Some(0) => "none".to_owned(),
            Some(1) => "CRC32".to_owned(),
            Some(4) => "CRC64".to_owned(),
            Some(10) => "SHA-256".to_owned(),
            other => format!("{other:?}"),
        })
    };
    value(meter, into, "check", check(a)?, check(b)?);
    inside(meter, Format::Xz, a, b, depth, into)
}

pub(super) fn zstd(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    // RFC 8878, 3.1.1.1.1: what the header of a frame has, and after it the window.
    let header = |bytes: &mut dyn Bytes| {
        read_at(bytes, 4, 2)
            .map(|it| it.iter().map(|byte| format!("{byte:#04x}")).collect::<Vec<_>>().join(" "))
    };
    value(meter, into, "frame header", header(a)?, header(b)?);
    inside(meter, Format::Zstd, a, b, depth, into)
}

pub(super) fn deflated(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    // As zip itself, whose content it is: a member has one format, that of what is in it.
    decompressed(meter, Format::Zip, a, b, depth, into, false)
}

fn value(meter: &mut Meter<'_>, into: &mut Difference, what: &str, before: String, after: String) {
    if before != after {
        let guess = guess::known(Cause::Compression, what);
        meter.fact(into, Fact::both(what, before, after).guess(guess));
    }
}

/// Compares what is compressed, as a part of its own.
pub(super) fn inside(
    meter: &mut Meter<'_>,
    format: Format,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    decompressed(meter, format, a, b, depth, into, true)
}

fn decompressed(
    meter: &mut Meter<'_>,
    format: Format,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
    own_part: bool,
) -> Result<(), Halt> {
    let mut unpack = |meter: &mut Meter<'_>, bytes: &mut dyn Bytes, which: &str| {
        bytes.rewind()?;
        let mut from: Box<dyn Read + '_> = decoder(meter, format, bytes);
        let (spooled, error) = spool(meter, &mut *from)?;
        if let Some(error) = &error {
            // It may be our own limit.
            meter.tick(0)?;
            into.notes.push(format!("{which} cannot be decompressed to its end: {error}"));
        }
        Ok::<_, Halt>((spooled, error.is_none()))
    };
    let (mut before, first) = unpack(meter, a, "the first")?;
    let (mut after, second) = unpack(meter, b, "the second")?;
    if same(meter, &mut before, &mut after)? {
        // What its header says may be all that differs; the size is the whole file's.
        let is_told = into.facts.iter().any(|fact| fact.what != "size");
        if first && second && !is_told && !same(meter, a, b)? {
            let (one, other) = (read_length(a)?, read_length(b)?);
            let guess = guess::known(Cause::Compression, "the content is the same");
            meter.fact(into, Fact::both("compressed size", one, other).guess(guess));
        }
        return Ok(());
    }
    if !own_part {
        return contents::compare(meter, &mut before, &mut after, depth, into);
    }
    let mut child = Difference::new(Part::Content, String::new(), Change::Changed);
    let outcome = contents::compare(meter, &mut before, &mut after, depth, &mut child);
    if meter.has_room(into) {
        into.inside.push(child);
    }
    outcome
}

fn read_length(bytes: &mut dyn Bytes) -> Result<String, Halt> {
    Ok(format!("{} bytes", super::super::streams::length(bytes)?))
}
