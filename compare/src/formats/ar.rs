//! ar(5), with the long names of GNU and of BSD.

use super::super::dates::moment;
use super::super::meter::{Halt, Meter, malformed};
use super::super::report::{Cause, Difference};
use super::super::streams::{exactly, length, read_at};
use super::super::{Bytes, escape};
use super::members::{self, Location, Member, Value, check_count};

pub(super) const MAGIC: &[u8] = b"!<arch>\n";

const HEADER: u64 = 60;
/// The table of long names is read as a whole.
const MAX_NAMES: u64 = 16 << 20;
const MAX_NAME: u64 = 4096;

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

fn members(meter: &mut Meter<'_>, bytes: &mut dyn Bytes) -> Result<Vec<Member>, Halt> {
    let end = length(bytes)?;
    let (mut at, mut members, mut names) = (MAGIC.len() as u64, Vec::new(), Vec::new());
    while at < end {
        check_count(meter, members.len())?;
        let header: [u8; 60] = exactly(bytes, at)?;
        if &header[58..] != b"`\n" {
            return malformed("a header of a member does not end as it must");
        }
        let size = number(&header[48..58], 10).ok_or(Halt::Malformed("a size is no number".to_owned()))?;
        let raw = header[..16].trim_ascii_end();
        let (mut start, mut content) = (at + HEADER, size);
        let name = if raw == b"//" {
            names = read_at(bytes, start, size.min(MAX_NAMES))?;
            raw.to_vec()
        } else if let Some(length) = raw.strip_prefix(b"#1/") {
            let length = number(length, 10).unwrap_or(0).min(size).min(MAX_NAME);
            let name = read_at(bytes, start, length)?;
            (start, content) = (start + length, size - length);
            name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
        } else if let Some(offset) = raw.strip_prefix(b"/").and_then(|digits| number(digits, 10)) {
            let rest = usize::try_from(offset).ok().and_then(|offset| names.get(offset..));
            let name = rest.and_then(|rest| rest.split(|byte| *byte == b'\n').next()).unwrap_or(raw);
            name.strip_suffix(b"/").unwrap_or(name).to_vec()
        } else if raw == b"/" || raw == b"/SYM64/" {
            raw.to_vec()
        } else {
            raw.strip_suffix(b"/").unwrap_or(raw).to_vec()
        };
        let location = Location::Plain { start, length: content };
        members.push(Member { name, values: values(&header), location });
        // Members begin at even offsets.
        at = (at + HEADER).saturating_add(size.next_multiple_of(2));
    }
    Ok(members)
}

fn values(header: &[u8; 60]) -> Vec<Value> {
    let text = |from: usize, to: usize| escape::text(header[from..to].trim_ascii());
    let mtime = number(&header[16..28], 10).and_then(|it| i64::try_from(it).ok());
    vec![
        Value::of(Cause::Timestamp, "mtime", mtime.map_or_else(|| text(16, 28), moment)),
        Value::of(Cause::Owner, "uid", text(28, 34)),
        Value::of(Cause::Owner, "gid", text(34, 40)),
        Value::of(Cause::Mode, "mode", text(40, 48)),
    ]
}

/// A number with spaces around it.
pub(super) fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?.trim_matches(|c| c == ' ' || c == '\0');
    u64::from_str_radix(digits, radix).ok()
}
