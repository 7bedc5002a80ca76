//! One header block, preceded by a pax header where needed.

use super::pax::Records;
use crate::capabilities::Capabilities;

/// The size of a block.
pub const BLOCK: usize = 512;
/// The latest time in eleven octal digits: the year 2242.
pub const MAX_MTIME: u64 = 0o777_7777_7777;
/// The largest size in eleven octal digits: a byte less than 8 GiB.
const MAX_SIZE: u64 = 0o777_7777_7777;
/// The largest user or group ID in seven octal digits.
const MAX_ID: u32 = 0o777_7777;
/// The name of the pax headers themselves. Readers ignore it.
const PAX_NAME: &[u8] = b"PaxHeaders/entry";

/// The record of a file's capabilities: an extended attribute, as star and GNU tar write it, and engines read it.
const CAPABILITIES: &str = "SCHILY.xattr.security.capability";

/// The kind of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind<'a> {
    /// A directory.
    Directory,
    /// A file of so many bytes, which follow.
    File(u64),
    /// A symbolic link with this target.
    Link(&'a [u8]),
}

/// The metadata of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a> {
    /// Its name: a path without a leading slash; `.` for the root.
    pub name: &'a [u8],
    /// Its kind.
    pub kind: Kind<'a>,
    /// The twelve bits of its mode.
    pub mode: u32,
    /// The ID of its user.
    pub user: u32,
    /// The ID of its group.
    pub group: u32,
    /// Seconds since 1970-01-01 UTC, at most [`MAX_MTIME`].
    pub mtime: u64,
    /// The capabilities of a file.
    pub capabilities: Option<Capabilities>,
}

/// The fields of a USTAR header (POSIX.1-2017, `pax`, "ustar Interchange Format").
mod field {
    use std::ops::Range;

    pub const NAME: Range<usize> = 0..100;
    pub const MODE: Range<usize> = 100..108;
    pub const USER: Range<usize> = 108..116;
    pub const GROUP: Range<usize> = 116..124;
    pub const SIZE: Range<usize> = 124..136;
    pub const MTIME: Range<usize> = 136..148;
    pub const CHECKSUM: Range<usize> = 148..156;
    pub const TYPE: usize = 156;
    pub const LINK: Range<usize> = 157..257;
    pub const MAGIC: Range<usize> = 257..265;
    pub const MAJOR: Range<usize> = 329..337;
    pub const MINOR: Range<usize> = 337..345;
    pub const PREFIX: Range<usize> = 345..500;
}

/// Appends the blocks that precede the bytes of an entry.
pub fn write_header(header: &Header<'_>, out: &mut Vec<u8>) {
    let mut records = Records::default();
    let mut block = [0; BLOCK];
    let mut name = header.name.to_vec();
    if header.kind == Kind::Directory {
        name.push(b'/');
    }
    if !put_name(&mut block, &name) {
        records.text("path", &name);
    }
    let (kind, size) = match header.kind {
        Kind::Directory => (b'5', 0),
        Kind::File(size) => (b'0', size),
        Kind::Link(target) => {
            match target.is_ascii() && target.len() <= field::LINK.len() {
                true => put(&mut block, field::LINK.start, target),
                false => records.text("linkpath", target),
            }
            (b'2', 0)
        }
    };
    let mut fits = |key: &str, value: u64, max: u64| {
        if value <= max {
            return value;
        }
        // A reader without pax support fails in any case, so the field stays zero.
        records.number(key, value);
        0
    };
    let size = fits("size", size, MAX_SIZE);
    let user = fits("uid", header.user.into(), MAX_ID.into());
    let group = fits("gid", header.group.into(), MAX_ID.into());
    if let Some(set) = header.capabilities {
        records.bytes(CAPABILITIES, &set.to_attribute());
    }
    octal(&mut block[field::MODE], header.mode.into());
    octal(&mut block[field::USER], user);
    octal(&mut block[field::GROUP], group);
    octal(&mut block[field::SIZE], size);
    octal(&mut block[field::MTIME], header.mtime);
    let records = records.into_bytes();
    if !records.is_empty() {
        let mut before = [0; BLOCK];
        put(&mut before, field::NAME.start, PAX_NAME);
        octal(&mut before[field::MODE], 0o644);
        octal(&mut before[field::USER], 0);
        octal(&mut before[field::GROUP], 0);
        octal(&mut before[field::SIZE], records.len() as u64);
        octal(&mut before[field::MTIME], header.mtime);
        seal(&mut before, b'x');
        out.extend_from_slice(&before);
        out.extend_from_slice(&records);
        out.resize(out.len() + super::padding(records.len() as u64), 0);
    }
    seal(&mut block, kind);
    out.extend_from_slice(&block);
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Writes the name, when USTAR can hold it: ASCII, of at most 100 bytes, or split at a slash into at most 155 and 100.
/// If not, writes what fits, for readers, and returns false: it needs a pax record.
fn put_name(block: &mut [u8; BLOCK], name: &[u8]) -> bool {
    let max = field::NAME.len();
    if name.is_ascii() {
        if name.len() <= max {
            put(block, field::NAME.start, name);
            return true;
        }
        // The first slash that leaves no more than fits behind it, and not nothing.
        let cuts = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let mut cuts = cuts.filter(|at| (1..=max).contains(&(name.len() - at - 1)));
        if let Some(at) = cuts.next().filter(|at| (1..=field::PREFIX.len()).contains(at)) {
            put(block, field::PREFIX.start, &name[..at]);
            put(block, field::NAME.start, &name[at + 1..]);
            return true;
        }
    }
    let shown: Vec<u8> =
        name.iter().take(max).map(|byte| if byte.is_ascii() { *byte } else { b'_' }).collect();
    put(block, field::NAME.start, &shown);
    false
}

/// A number in octal digits that fill the field up to a NUL at its end.
fn octal(field: &mut [u8], mut number: u64) {
    let digits = field.len() - 1;
    for digit in field[..digits].iter_mut().rev() {
        *digit = b'0' + (number & 7) as u8;
        number >>= 3;
    }
}

/// Fills in the constant fields and the checksum: the sum of all bytes, with its own field as spaces.
fn seal(block: &mut [u8; BLOCK], kind: u8) {
    block[field::TYPE] = kind;
    put(block, field::MAGIC.start, b"ustar\x0000");
    octal(&mut block[field::MAJOR], 0);
    octal(&mut block[field::MINOR], 0);
    block[field::CHECKSUM].fill(b' ');
    let sum = block.iter().map(|&byte| u64::from(byte)).sum();
    // Six digits, a NUL and a space.
    let six = field::CHECKSUM.start..field::CHECKSUM.end - 1;
    octal(&mut block[six.clone()], sum);
    block[six.end - 1] = 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &[u8], kind: Kind<'_>, user: u32) -> Vec<u8> {
        let mut out = Vec::new();
        write_header(
            &Header { name, kind, mode: 0o644, user, group: 0, mtime: 1, capabilities: None },
            &mut out,
        );
        out
    }

    #[test]
    fn entries_within_ustar_take_one_block() {
        let long = [&[b'd'; 155][..], b"/", &[b'n'; 100]].concat();
        for name in [&b"a"[..], &[b'n'; 100], &long] {
            assert_eq!(header(name, Kind::File(0), 0).len(), BLOCK, "{}", String::from_utf8_lossy(name));
        }
        assert_eq!(header(b"a", Kind::File(MAX_SIZE), MAX_ID).len(), BLOCK);
        assert_eq!(header(b"a", Kind::Link(&[b't'; 100]), 0).len(), BLOCK);
    }

    #[test]
    fn only_entries_beyond_ustar_get_a_pax_header() {
        let split = [&[b'd'; 156][..], b"/", &[b'n'; 100]].concat();
        for (name, record) in [
            (&[b'n'; 101][..], [&b"path="[..], &[b'n'; 101]].concat()),
            (&split, [&b"path="[..], &split].concat()),
            ("é".as_bytes(), "11 path=é\n".into()),
            (b"\xff", b"21 hdrcharset=BINARY\n9 path=\xff\n".to_vec()),
        ] {
            let blocks = header(name, Kind::File(0), 0);
            assert!(blocks.len() >= 3 * BLOCK && blocks[156] == b'x');
            assert!(blocks.windows(record.len()).any(|it| it == record), "{}", String::from_utf8_lossy(name));
        }
        let large = header(b"a", Kind::File(MAX_SIZE + 1), MAX_ID + 1);
        assert!(large[BLOCK..].starts_with(b"19 size=8589934592\n15 uid=2097152\n"));
        // A directory's name ends with a slash, and the prefix before a slash is never empty.
        let directory = header(&[b'd'; 100], Kind::Directory, 0);
        assert_eq!((directory.len(), directory[156]), (3 * BLOCK, b'x'));
    }

    #[test]
    fn the_checksum_is_the_sum_of_the_bytes() {
        let block = header(b"a", Kind::Link(b"b"), 5);
        let digits = std::str::from_utf8(&block[148..154]).unwrap();
        let spaces = 8 * u64::from(b' ');
        let sum: u64 = block.iter().map(|&b| u64::from(b)).sum::<u64>()
            - block[148..156].iter().map(|&b| u64::from(b)).sum::<u64>();
        assert_eq!(u64::from_str_radix(digits, 8).unwrap(), sum + spaces);
        assert_eq!(&block[154..156], b"\0 ");
    }
}
