//! zip, by its central directory (APPNOTE.TXT 6.3), with the sizes of zip64 and the times and owners of Info-ZIP.

use super::super::dates::{dos, moment};
use super::super::meter::{Halt, Meter, malformed};
use super::super::report::{Cause, Difference, Fact};
use super::super::streams::{length, read_at};
use super::super::{Bytes, escape};
use super::members::{self, Location, Member, Value, check_count};
use super::{le16, le32, le64};

const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: u64 = 22;
/// Where the end record may begin: a comment of 65,535 bytes follows it.
const MAX_END: u64 = END_LENGTH + 0xffff;
const LOCATOR: u64 = 20;
const CENTRAL: usize = 46;
const LOCAL: u64 = 30;
/// The directory is read as a whole.
const MAX_DIRECTORY: u64 = 64 << 20;

/// Ids of extra fields.
const ZIP64: u16 = 1;
const TIMES: u16 = 0x5455;
const OWNERS: u16 = 0x7875;

struct Directory {
    members: Vec<Member>,
    comment: Vec<u8>,
}

pub(super) fn compare(
    meter: &mut Meter<'_>,
    a: &mut dyn Bytes,
    b: &mut dyn Bytes,
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let (before, after) = (directory(meter, a)?, directory(meter, b)?);
    if before.comment != after.comment {
        let fact = Fact::both("comment", escape::text(&before.comment), escape::text(&after.comment));
        meter.fact(into, fact);
    }
    members::compare(meter, (a, &before.members), (b, &after.members), depth, into)
}

fn directory(meter: &mut Meter<'_>, bytes: &mut dyn Bytes) -> Result<Directory, Halt> {
    let total = length(bytes)?;
    let tail_at = total.saturating_sub(MAX_END);
    let tail = read_at(bytes, tail_at, MAX_END)?;
    let Some(at) = tail.windows(END.len()).rposition(|window| window == END) else {
        return malformed("it has no end record");
    };
    let end = &tail[at..];
    let mut end_at = tail_at + at as u64;
    let (mut size, mut offset) = (u64::from(le32(end, 12)), u64::from(le32(end, 16)));
    let comment = end.get(22..).unwrap_or_default().to_vec();
    if size == 0xffff_ffff || offset == 0xffff_ffff {
        let locator = read_at(bytes, end_at.saturating_sub(LOCATOR), LOCATOR)?;
        let record = read_at(bytes, le64(&locator, 8), 56)?;
        if locator.starts_with(b"PK\x06\x07") && record.starts_with(b"PK\x06\x06") {
            (size, offset, end_at) = (le64(&record, 40), le64(&record, 48), le64(&locator, 8));
        }
    }
    if size > MAX_DIRECTORY {
        return malformed("its directory is too large");
    }
    // Something may stand before the first member: a program that unpacks it, say.
    let begin = end_at.checked_sub(size).ok_or(Halt::Malformed("its directory is not there".to_owned()))?;
    let shift = begin.checked_sub(offset).ok_or(Halt::Malformed("its directory is not there".to_owned()))?;
    meter.tick(size)?;
    let directory = read_at(bytes, begin, size)?;
    let (mut rest, mut members) = (directory.as_slice(), Vec::new());
    while rest.starts_with(b"PK\x01\x02") && rest.len() >= CENTRAL {
        check_count(meter, members.len())?;
        let lengths = [28, 30, 32].map(|at| usize::from(le16(rest, at)));
        let Some(entry) = rest.get(..CENTRAL + lengths.iter().sum::<usize>()) else {
            return malformed("an entry of its directory is cut off");
        };
        members.push(member(bytes, entry, lengths, shift)?);
        rest = &rest[entry.len()..];
    }
    Ok(Directory { members, comment })
}

fn member(
    bytes: &mut dyn Bytes,
    entry: &[u8],
    [name, extra, _]: [usize; 3],
    shift: u64,
) -> Result<Member, Halt> {
    let (name, rest) = entry[CENTRAL..].split_at(name);
    let (extra, comment) = rest.split_at(extra);
    let (mut packed, mut size) = (u64::from(le32(entry, 20)), u64::from(le32(entry, 24)));
    let mut offset = u64::from(le32(entry, 42));
    if let Some(field) = fields(extra).find(|(id, _)| *id == ZIP64).map(|it| it.1) {
        let mut eights = field.chunks_exact(8).map(|eight| le64(eight, 0));
        for value in [&mut size, &mut packed, &mut offset] {
            if *value == 0xffff_ffff {
                *value = eights.next().unwrap_or(*value);
            }
        }
    }
    let at = offset.saturating_add(shift);
    let local = read_at(bytes, at, LOCAL)?;
    let (local_name, local_extra) = (u64::from(le16(&local, 26)), u64::from(le16(&local, 28)));
    let extra_at = at.saturating_add(LOCAL + local_name);
    let inner = read_at(bytes, extra_at, local_extra)?;
    let start = extra_at.saturating_add(local_extra);
    let method = le16(entry, 10);
    let location = match method {
        8 => Location::Deflated { start, length: packed },
        _ => Location::Plain { start, length: packed },
    };
    let made_by = le16(entry, 4);
    let attributes = le32(entry, 38);
    let mut values = vec![
        Value::of(Cause::Timestamp, "mtime", dos(le16(entry, 14), le16(entry, 12))),
        Value::new("method", method.to_string()),
        Value::new("flags", format!("{:#06x}", le16(entry, 8))),
        Value::new("version made by", format!("{}.{}", made_by >> 8, made_by & 0xff)),
        Value::new("version needed", le16(entry, 6).to_string()),
        Value::new("internal attributes", format!("{:#06x}", le16(entry, 36))),
        Value::new("comment", escape::text(comment)),
    ];
    match made_by >> 8 {
        3 => values.push(Value::of(Cause::Mode, "mode", format!("{:06o}", attributes >> 16))),
        _ => values.push(Value::new("attributes", format!("{attributes:#010x}"))),
    }
    for (id, field) in fields(extra) {
        extra_values("extra field", id, field, &mut values);
    }
    for (id, field) in fields(&inner) {
        extra_values("local extra field", id, field, &mut values);
    }
    Ok(Member { name: name.to_vec(), values, location })
}

/// The extra fields of an entry.
fn fields(mut extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (id, length) = (le16(extra, 0), usize::from(le16(extra, 2)));
        let field = extra.get(4..4 + length)?;
        extra = &extra[4 + length..];
        Some((id, field))
    })
}

fn extra_values(place: &str, id: u16, field: &[u8], values: &mut Vec<Value>) {
    let is_local = place.starts_with("local");
    match id {
        // Sizes and offsets.
        ZIP64 => {}
        TIMES => {
            let names = ["mtime", "atime", "ctime"];
            let flags = field.first().copied().unwrap_or(0);
            let stated = (0..3).zip(names).filter(|(bit, _)| flags & 1 << bit != 0);
            for ((_, name), four) in stated.zip(field.get(1..).unwrap_or_default().chunks_exact(4)) {
                let time = i64::from(le32(four, 0).cast_signed());
                let what = if is_local { format!("local {name} (UTC)") } else { format!("{name} (UTC)") };
                values.push(Value::of(Cause::Timestamp, what, moment(time)));
            }
        }
        OWNERS if is_local => values.push(Value::of(Cause::Owner, "owner", escape::hex(field))),
        OWNERS => {}
        _ => values.push(Value::new(format!("{place} {id:#06x}"), escape::cut(&escape::hex(field), 80))),
    }
}
