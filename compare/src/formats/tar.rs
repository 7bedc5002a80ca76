//! tar: v7, ustar, pax and GNU. Read as leniently as it goes, and without giving names a meaning.

use std::collections::BTreeMap;

use super::super::dates::moment;
use super::super::meter::{Halt, Meter, malformed};
use super::super::report::{Cause, Difference};
use super::super::streams::{exactly, length, read_at};
use super::super::{Bytes, escape};
use super::ar::number;
use super::members::{self, Location, Member, Value, check_count};

const BLOCK: u64 = 512;
/// An extended header or long name is read as a whole.
const MAX_EXTENDED: u64 = 1 << 20;

type Block = [u8; 512];

/// Whether a tar begins so: by the checksum of its first header, as the old ones have no magic number.
pub(super) fn begins(head: &[u8]) -> bool {
    head.first_chunk::<512>().is_some_and(|block| block[0] != 0 && is_sealed(block))
}

fn is_sealed(block: &Block) -> bool {
    let signed_zero = block[148..156].iter().all(|byte| matches!(byte, b'0' | b' ' | 0));
    let sum: u64 = (0..)
        .zip(block)
        .map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte }))
        .sum();
    !signed_zero
        && number(block[148..156].split(|byte| *byte == 0).next().unwrap_or_default(), 8) == Some(sum)
}

pub(super) fn compare(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let (before, after) = (members(meter, a)?, members(meter, b)?);
    members::compare(meter, (a, &before), (b, &after), depth, into)
}

/// What headers say of the member behind them.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    /// Records of pax.
    pax: BTreeMap<Vec<u8>, Vec<u8>>,
}

fn members(meter: &mut Meter<'_>, bytes: &mut dyn Bytes) -> Result<Vec<Member>, Halt> {
    let end = length(bytes)?;
    let (mut at, mut members, mut extended) = (0, Vec::new(), Extended::default());
    while at <= end.saturating_sub(BLOCK) && end >= BLOCK {
        check_count(meter, members.len())?;
        let block: Block = exactly(bytes, at)?;
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        if !is_sealed(&block) {
            return malformed("a header's checksum is wrong");
        }
        let said = extended.pax.get(b"size".as_slice()).and_then(|digits| number(digits, 10));
        let kind = block[156];
        let size = match kind {
            // Links, devices, directories and fifos have no content, whatever size is stated.
            b'1'..=b'6' => 0,
            _ => said.or_else(|| numeric(&block[124..136])).unwrap_or(0),
        };
        at += BLOCK;
        if kind == b'S' && block[482] != 0 {
            at = skip_sparse(meter, bytes, at)?;
        }
        let short = size.min(MAX_EXTENDED);
        match kind {
            b'L' => extended.name = Some(until_zero(&read_at(bytes, at, short)?).to_vec()),
            b'K' => extended.link = Some(until_zero(&read_at(bytes, at, short)?).to_vec()),
            b'x' => records(&read_at(bytes, at, short)?, &mut extended.pax),
            _ => {
                let location = Location::Plain { start: at, length: size };
                members.push(member(&block, std::mem::take(&mut extended), location));
            }
        }
        at = at.saturating_add(size.checked_next_multiple_of(BLOCK).unwrap_or(end));
    }
    Ok(members)
}

/// Further blocks of the map of a sparse file.
fn skip_sparse(meter: &mut Meter<'_>, bytes: &mut dyn Bytes, mut at: u64) -> Result<u64, Halt> {
    loop {
        meter.tick(BLOCK)?;
        let block: Block = exactly(bytes, at)?;
        at += BLOCK;
        if block[504] == 0 {
            return Ok(at);
        }
    }
}

fn member(block: &Block, mut extended: Extended, location: Location) -> Member {
    let mut pax = |key: &str| extended.pax.remove(key.as_bytes());
    let is_ustar = &block[257..263] == b"ustar\0";
    let plain = match (is_ustar, until_zero(&block[345..500])) {
        (false, _) | (true, b"") => until_zero(&block[..100]).to_vec(),
        (true, prefix) => [prefix, b"/", until_zero(&block[..100])].concat(),
    };
    let name = pax("path").or(extended.name).unwrap_or(plain);
    let link = pax("linkpath").or(extended.link).unwrap_or_else(|| until_zero(&block[157..257]).to_vec());
    let whole = |from: usize, to: usize| match numeric(&block[from..to]) {
        Some(number) => number.to_string(),
        None => escape::text(until_zero(&block[from..to])),
    };
    let said = |value: Option<Vec<u8>>, from: usize, to: usize| {
        value.map_or_else(|| whole(from, to), |value| escape::text(&value))
    };
    let text = |value: Option<Vec<u8>>, from: usize, to: usize| {
        escape::text(&value.unwrap_or_else(|| until_zero(&block[from..to]).to_vec()))
    };
    let (mtime, uid, gid) = (pax("mtime"), pax("uid"), pax("gid"));
    let (uname, gname) = (pax("uname"), pax("gname"));
    let mtime = mtime.map(|it| escape::text(&it)).unwrap_or_else(|| {
        numeric(&block[136..148])
            .and_then(|it| i64::try_from(it).ok())
            .map_or_else(|| whole(136, 148), moment)
    });
    let mode = numeric(&block[100..108]).map_or_else(|| whole(100, 108), |mode| format!("{mode:04o}"));
    let mut values = vec![
        Value::of(Cause::Timestamp, "mtime", mtime),
        Value::of(Cause::Owner, "uid", said(uid, 108, 116)),
        Value::of(Cause::Owner, "gid", said(gid, 116, 124)),
        Value::of(Cause::Owner, "user", text(uname, 265, 297)),
        Value::of(Cause::Owner, "group", text(gname, 297, 329)),
        Value::of(Cause::Mode, "mode", mode),
        Value::new("type", char::from(block[156]).escape_default().to_string()),
        Value::new("link target", escape::name(&link)),
        Value::new("device", format!("{}, {}", whole(329, 337), whole(337, 345))),
        Value::new("magic", escape::name(&block[257..265])),
    ];
    for (key, value) in extended.pax {
        let is_time = matches!(key.as_slice(), b"atime" | b"ctime" | b"LIBARCHIVE.creationtime");
        let cause = is_time.then_some(Cause::Timestamp);
        let what = format!("pax {}", escape::name(&key));
        values.push(Value { what, text: escape::text(&value), cause });
    }
    Member { name, values, location }
}

/// Octal digits, or GNU's numbers of bytes.
fn numeric(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 == 0 {
        return number(field.split(|byte| *byte == 0).next().unwrap_or_default(), 8);
    }
    let (high, low) = field.split_at(field.len() - 8);
    let fits = high[1..].iter().all(|byte| *byte == 0) && high[0] == 0x80;
    fits.then(|| low.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Records of an extended header: a length, a space, a key, `=`, a value and a newline. What breaks the rule ends it.
fn records(mut rest: &[u8], into: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length = number(&rest[..space], 10).and_then(|length| usize::try_from(length).ok());
        let record = length.and_then(|length| rest.get(space + 1..length));
        let Some(record) = record else { return };
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(equal) = record.iter().position(|byte| *byte == b'=') {
            into.insert(record[..equal].to_vec(), record[equal + 1..].to_vec());
        }
        rest = &rest[length.unwrap_or(rest.len())..];
    }
}
