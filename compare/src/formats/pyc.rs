//! Compiled Python modules (PEP 552): their header, and the code behind it.

use super::super::dates::moment;
use super::super::meter::{Halt, Meter};
use super::super::report::{Cause, Change, Difference, Fact, Part};
use super::super::streams::{Window, length, read_at, same};
use super::super::{Bytes, contents, escape, guess};
use super::{le16, le32};

const HEADER: u64 = 16;

/// Magic numbers since Python 3.7 end in CR LF, and grow slowly.
pub(super) fn begins(head: &[u8]) -> bool {
    let flags = le32(head, 4);
    head.len() >= 17 && (3390..4200).contains(&le16(head, 0)) && &head[2..4] == b"\r\n" && flags < 4
}

pub(super) fn compare(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let (before, after) = (read_at(a, 0, HEADER)?, read_at(b, 0, HEADER)?);
    let mut number = |what: &str, one: u32, other: u32| {
        if one != other {
            meter.fact(into, Fact::both(what, one.to_string(), other.to_string()));
        }
    };
    number("magic number", le16(&before, 0).into(), le16(&after, 0).into());
    number("flags", le32(&before, 4), le32(&after, 4));
    if le32(&before, 4) & 1 == 1 && le32(&after, 4) & 1 == 1 {
        if before[8..] != after[8..] {
            let guess = guess::known(Cause::Derived, "the hash of the source");
            let fact = Fact::both("source hash", escape::hex(&before[8..]), escape::hex(&after[8..]));
            meter.fact(into, fact.guess(guess));
        }
    } else {
        number("source size", le32(&before, 12), le32(&after, 12));
        let (one, other) = (le32(&before, 8), le32(&after, 8));
        if one != other {
            let guess = guess::known(Cause::Timestamp, "the time of the source");
            meter.fact(into, Fact::both("mtime", moment(one.into()), moment(other.into())).guess(guess));
        }
    }
    let (one, other) = (length(a)?, length(b)?);
    let mut a = Window::new(a, HEADER, one.saturating_sub(HEADER))?;
    let mut b = Window::new(b, HEADER, other.saturating_sub(HEADER))?;
    if same(meter, &mut a, &mut b)? {
        return Ok(());
    }
    let mut child = Difference::new(Part::Code, String::new(), Change::Changed);
    let outcome = contents::compare(meter, &mut a, &mut b, depth, &mut child);
    if meter.has_room(into) {
        into.inside.push(child);
    }
    outcome
}
