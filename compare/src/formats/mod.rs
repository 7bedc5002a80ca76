//! The formats that are looked into, each told by its first bytes.

mod ar;
mod compressed;
mod decoders;
mod elf;
mod gzip;
mod members;
mod pyc;
mod tar;
mod zip;

use super::Bytes;
use super::meter::{Halt, Meter};
use super::report::{Difference, Format};

/// Says how two contents of its format differ. It need not find all that differs, as bytes are compared when it finds
/// nothing.
pub(crate) type Reader =
    fn(&mut Meter<'_>, &mut dyn Bytes, &mut dyn Bytes, usize, &mut Difference) -> Result<(), Halt>;

/// The format that begins so.
pub(crate) fn of(head: &[u8]) -> Option<Format> {
    match head {
        [0x7f, b'E', b'L', b'F', ..] => Some(Format::Elf),
        [0x1f, 0x8b, 8, ..] => Some(Format::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Format::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Format::Zstd),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Format::Bzip2),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Format::Zip),
        _ if head.starts_with(ar::MAGIC) => Some(Format::Ar),
        _ if pyc::begins(head) => Some(Format::Pyc),
        _ if tar::begins(head) => Some(Format::Tar),
        _ => None,
    }
}

/// The reader of a format; of text, bytes are compared.
pub(crate) fn reader(format: Format) -> Reader {
    match format {
        Format::Ar => ar::compare,
        Format::Bzip2 => compressed::bzip2,
        Format::Elf => elf::compare,
        Format::Gzip => gzip::compare,
        Format::Pyc => pyc::compare,
        Format::Tar => tar::compare,
        Format::Text => |_, _, _, _, _| Ok(()),
        Format::Xz => compressed::xz,
        Format::Zip => zip::compare,
        Format::Zstd => compressed::zstd,
    }
}

/// A little-endian number.
fn le16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|it| it.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|it| it.try_into().ok()).map_or(0, u64::from_le_bytes)
}
