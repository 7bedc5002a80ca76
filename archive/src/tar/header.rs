//! The 512 bytes before each entry of a tar.
//!
//! POSIX.1-2017, `pax`, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format".

use super::super::format::HEAD;
use super::super::{SparseError, TarError};
use super::sparse::Piece;

/// A header block.
pub(crate) struct Header<'a>(pub(crate) &'a [u8; HEAD]);

/// Who wrote a header: what lies behind the names of user and group depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    /// Before there was a magic.
    V7,
    /// POSIX: the name may have a prefix.
    Ustar,
    /// GNU tar's own, before it wrote pax headers.
    Gnu,
}

impl Header<'_> {
    /// Whether the sum of all bytes is as it says, its own field counted as spaces. Early tars added signed bytes.
    pub(crate) fn checksum_holds(&self) -> bool {
        let Ok(stated) = number(&self.0[148..156], "checksum") else { return false };
        let rest = || self.0[..148].iter().chain(&self.0[156..]);
        let unsigned: u64 = rest().map(|&byte| u64::from(byte)).sum();
        let signed: i64 = rest().map(|&byte| i64::from(byte.cast_signed())).sum();
        let spaces = 8 * u64::from(b' ');
        stated == unsigned + spaces || signed.checked_add_unsigned(spaces) == i64::try_from(stated).ok()
    }

    pub(super) fn dialect(&self) -> Result<Dialect, TarError> {
        match &self.0[257..265] {
            [b'u', b's', b't', b'a', b'r', 0, ..] => Ok(Dialect::Ustar),
            b"ustar  \0" => Ok(Dialect::Gnu),
            // Guessing here would guess whether the name has a prefix.
            [b'u', b's', b't', b'a', b'r', ..] => Err(TarError::Magic),
            _ => Ok(Dialect::V7),
        }
    }

    /// The name, with its prefix.
    pub(super) fn name(&self) -> Result<Vec<u8>, TarError> {
        let name = text(&self.0[..100]);
        let prefix = match self.dialect()? {
            Dialect::Ustar => text(&self.0[345..500]),
            Dialect::V7 | Dialect::Gnu => &[],
        };
        Ok(if prefix.is_empty() { name.to_vec() } else { [prefix, name].join(&b'/') })
    }

    pub(super) fn link_name(&self) -> Vec<u8> {
        text(&self.0[157..257]).to_vec()
    }

    pub(super) fn size(&self) -> Result<u64, TarError> {
        number(&self.0[124..136], "size")
    }

    /// Whether the owner may execute it.
    pub(super) fn executable(&self) -> Result<bool, TarError> {
        Ok(number(&self.0[100..108], "mode")? & 0o100 != 0)
    }

    pub(super) fn type_flag(&self) -> u8 {
        self.0[156]
    }

    /// The length of an old GNU sparse file with its holes.
    pub(super) fn real_size(&self) -> Result<u64, TarError> {
        number(&self.0[483..495], "real size")
    }

    /// The pieces that the header of an old GNU sparse file names, and whether a block of more follows.
    pub(super) fn pieces(&self) -> Result<(Vec<Piece>, bool), SparseError> {
        Ok((pieces(&self.0[386..482])?, self.0[482] != 0))
    }
}

/// The pieces that a block behind the header of an old GNU sparse file names, and whether another one follows.
pub(super) fn more_pieces(block: &[u8; HEAD]) -> Result<(Vec<Piece>, bool), SparseError> {
    Ok((pieces(&block[..504])?, block[504] != 0))
}

/// Pieces up to the first blank one.
fn pieces(bytes: &[u8]) -> Result<Vec<Piece>, SparseError> {
    let filled = bytes.chunks_exact(24).take_while(|piece| piece[12] != 0);
    let pieces = filled.map(|piece| {
        let field = |bytes| number(bytes, "piece").map_err(|_| SparseError::Number);
        Ok(Piece { offset: field(&piece[..12])?, length: field(&piece[12..])? })
    });
    pieces.collect()
}

/// What stands before the first NUL. Behind it early tars left what was in their buffer.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Octal digits between spaces, ended by a NUL or the field; or, as GNU tar writes what is too large for that, a
/// number in base 256 whose first bit is set.
fn number(field: &[u8], name: &'static str) -> Result<u64, TarError> {
    if field[0] & 0x80 != 0 {
        return base_256(field, name);
    }
    let text = text(field).trim_ascii();
    let valid = !text.is_empty() && text.iter().all(|byte| (b'0'..=b'7').contains(byte));
    // At most 12 digits of 3 bits.
    let value = text.iter().fold(0, |value: u64, byte| value << 3 | u64::from(byte & 7));
    valid.then_some(value).ok_or(TarError::Number { field: name })
}

/// Two's complement, most significant byte first, without the bit that says so.
fn base_256(field: &[u8], name: &'static str) -> Result<u64, TarError> {
    if field[0] & 0x40 != 0 {
        return Err(TarError::Negative { field: name });
    }
    let mut value = u64::from(field[0] & 0x3f);
    for &byte in &field[1..] {
        value = match value >> 55 {
            0 => value << 8 | u64::from(byte),
            _ => return Err(TarError::Overflow { field: name }),
        };
    }
    Ok(value)
}
