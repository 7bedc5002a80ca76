//! What bytes are, told by how they begin.

use std::fmt;

use super::tar::Policy;
use super::tar::header::Header;

/// A compression that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, of one or more members.
    Gzip,
    /// bzip2, of one or more streams.
    Bzip2,
    /// The .xz file format 1.2, of one or more streams.
    Xz,
    /// RFC 8878, of one or more frames.
    Zstd,
    /// The lzip format, version 1, of one or more members.
    Lzip,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Lzip => "lzip",
        })
    }
}

/// An archive format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Tar,
    Zip,
}

/// What a beginning is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Detected {
    Compressed(Compression),
    Archive(Format),
    Neither(&'static str),
}

/// How many bytes [`recognise`] wants to see: a tar header.
pub(super) const HEAD: usize = 512;

/// Names what begins with `head`: [`HEAD`] bytes, or all when there are fewer.
pub(super) fn recognise(head: &[u8]) -> Detected {
    if let Some(compression) = compression_of(head) {
        return Detected::Compressed(compression);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Detected::Archive(Format::Zip);
    }
    // A v7 header has no magic: only its checksum tells it. Zeros are a tar without entries. One whose magic is
    // right and checksum wrong is taken for a tar too, so that the error says what is wrong.
    let block: Option<&[u8; HEAD]> = head.try_into().ok();
    if let Some(block) = block
        && (Header { block, policy: Policy::Strict }.checksum_holds()
            || block[257..262] == *b"ustar"
            || *block == [0; HEAD])
    {
        return Detected::Archive(Format::Tar);
    }
    Detected::Neither(seems(head))
}

/// The compression that begins with `head`.
pub fn compression_of(head: &[u8]) -> Option<Compression> {
    match head {
        [0x1f, 0x8b, 8, ..] => Some(Compression::Gzip),
        // The first block, or the end of a stream of none.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Some(Compression::Bzip2),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
        // A frame, or one to be skipped.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        [b'L', b'Z', b'I', b'P', 1, ..] => Some(Compression::Lzip),
        _ => None,
    }
}

/// What [`UnpackError::NotAnArchive`](super::UnpackError::NotAnArchive) calls an `ar`.
pub const AN_AR: &str = "an ar archive, such as a Debian package or a static library";

/// A guess for the person who reads the error.
fn seems(head: &[u8]) -> &'static str {
    const KNOWN: &[(&[u8], &str)] = &[
        (b"!<arch>\n", AN_AR),
        (b"070701", "a cpio archive"),
        (b"070702", "a cpio archive"),
        (b"070707", "a cpio archive"),
        (b"\xed\xab\xee\xdb", "an RPM package"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"\x1f\x9d", "a file compressed by `compress` (.Z)"),
        (b"\x5d\x00\x00", "an LZMA file of the kind before xz"),
        (b"\x7fELF", "an ELF program or library"),
        (b"%PDF", "a PDF"),
        (b"#!", "a script"),
        (b"-----BEGIN PGP", "a PGP signature or key"),
    ];
    if head.is_empty() {
        return "empty";
    }
    if let Some((_, what)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return what;
    }
    let start = head.trim_ascii_start();
    let begins = |with: &[u8]| start.len() >= with.len() && start[..with.len()].eq_ignore_ascii_case(with);
    if begins(b"<!doctype html") || begins(b"<html") {
        return "a web page";
    }
    match head.iter().all(|&byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..)) {
        true => "text",
        false => "one plain file of unknown kind",
    }
}
