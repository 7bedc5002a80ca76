//! gzip (RFC 1952): its header, and what is in it.

use super::super::dates::moment;
use super::super::meter::{Halt, Meter};
use super::super::report::{Cause, Difference, Fact, Format};
use super::super::streams::read_at;
use super::super::{Bytes, escape, guess};
use super::members::Value;
use super::{compressed, le16, le32};

/// Names and comments are read up to here.
const MAX_HEADER: u64 = 64 << 10;

const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

pub(super) fn compare(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let (before, after) = (header(&read_at(a, 0, MAX_HEADER)?), header(&read_at(b, 0, MAX_HEADER)?));
    for (one, other) in before.iter().zip(&after) {
        if one.text != other.text {
            let guess = one.cause.and_then(|cause| guess::known(cause, &one.what));
            let guess = guess.or_else(|| guess::of_texts(&one.text, &other.text));
            meter.fact(into, Fact::both(&*one.what, &*one.text, &*other.text).guess(guess));
        }
    }
    compressed::inside(meter, Format::Gzip, a, b, depth, into)
}

/// The fields of a header, always the same ones.
fn header(bytes: &[u8]) -> [Value; 6] {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let flags = byte(3);
    let mut at = 10;
    let mut extra = String::new();
    if flags & EXTRA != 0 {
        let length = usize::from(le16(bytes, at));
        extra = escape::cut(&escape::hex(bytes.get(at + 2..at + 2 + length).unwrap_or_default()), 80);
        at += 2 + length;
    }
    let mut string = |flag: u8| {
        if flags & flag == 0 {
            return "none".to_owned();
        }
        let text = bytes.get(at..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
        at += text.len() + 1;
        escape::text(text)
    };
    let (name, comment) = (string(NAME), string(COMMENT));
    let level = match byte(8) {
        2 => "slowest".to_owned(),
        4 => "fastest".to_owned(),
        other => other.to_string(),
    };
    [
        Value::of(Cause::Timestamp, "mtime", moment(le32(bytes, 4).into())),
        Value::new("name", name),
        Value::new("operating system", byte(9).to_string()),
        Value::of(Cause::Compression, "level", level),
        Value::new("comment", comment),
        Value::new("extra field", extra),
    ]
}
