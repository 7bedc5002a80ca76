//! The 512 bytes before each entry of a tar.
//!
//! POSIX.1-2017, `pax`, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format".

use std::ops::Range;

use super::super::format::HEAD;
use super::super::{SparseError, TarError};
use super::Policy;
use super::numbers::{number, text};
use super::sparse::Piece;

/// A header block.
pub(crate) struct Header<'a> {
    pub(crate) block: &'a [u8; HEAD],
    pub(crate) policy: Policy,
}

/// The dialect of a header: it determines what follows the names of user and group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    /// Before there was a magic.
    V7,
    /// POSIX: the name may have a prefix.
    Ustar,
    /// Schily's `star`: ustar whose prefix is shorter, because times follow it.
    Star,
    /// GNU tar's own, before it wrote pax headers.
    Gnu,
}

impl Header<'_> {
    /// Whether the checksum is correct, its own field counted as spaces. Early tars added signed bytes.
    pub(crate) fn checksum_holds(&self) -> bool {
        // No program writes this one in base 256, and readers disagree about it.
        let stated = if self.block[148] & 0x80 == 0 { self.number(148..156, "checksum").ok() } else { None };
        let Some(stated) = stated else { return false };
        let rest = || self.block[..148].iter().chain(&self.block[156..]);
        let unsigned: u64 = rest().map(|&byte| u64::from(byte)).sum();
        let signed: i64 = rest().map(|&byte| i64::from(byte.cast_signed())).sum();
        let spaces = 8 * u64::from(b' ');
        stated == unsigned + spaces || signed.checked_add_unsigned(spaces) == i64::try_from(stated).ok()
    }

    pub(super) fn dialect(&self) -> Result<Dialect, TarError> {
        match &self.block[257..265] {
            [b'u', b's', b't', b'a', b'r', 0, ..] => match &self.block[508..] {
                b"tar\0" if self.policy == Policy::Lenient => Ok(Dialect::Star),
                _ => Ok(Dialect::Ustar),
            },
            b"ustar  \0" => Ok(Dialect::Gnu),
            // Guessing would decide whether the name has a prefix.
            [b'u', b's', b't', b'a', b'r', ..] if self.policy == Policy::Strict => Err(TarError::Magic),
            _ => Ok(Dialect::V7),
        }
    }

    /// The name, with its prefix.
    pub(super) fn name(&self) -> Result<Vec<u8>, TarError> {
        let name = text(&self.block[..100]);
        let prefix = match self.dialect()? {
            Dialect::Ustar => text(&self.block[345..500]),
            Dialect::Star => text(&self.block[345..476]),
            Dialect::Gnu => {
                self.gnu_times()?;
                &[]
            }
            Dialect::V7 => &[],
        };
        Ok(if prefix.is_empty() { name.to_vec() } else { [prefix, name].join(&b'/') })
    }

    pub(super) fn link_name(&self) -> Vec<u8> {
        text(&self.block[157..257]).to_vec()
    }

    pub(super) fn size(&self) -> Result<u64, TarError> {
        self.number(124..136, "size")
    }

    /// The twelve bits of the mode.
    pub(super) fn mode(&self) -> Result<u32, TarError> {
        Ok(u32::try_from(self.number(100..108, "mode")? & 0o7777).unwrap_or_default())
    }

    pub(super) fn user(&self) -> Result<u64, TarError> {
        self.number(108..116, "user")
    }

    pub(super) fn group(&self) -> Result<u64, TarError> {
        self.number(116..124, "group")
    }

    /// Seconds since 1970, unless it is before that or unreadable.
    pub(super) fn mtime(&self) -> Option<u64> {
        self.number(136..148, "time").ok()
    }

    fn number(&self, field: Range<usize>, name: &'static str) -> Result<u64, TarError> {
        number(&self.block[field], name, self.policy)
    }

    /// Before 2016 Go wrote a prefix where GNU tar has times. Its reader then guesses, and others do not: so the field
    /// must hold times, or nothing.
    fn gnu_times(&self) -> Result<(), TarError> {
        for field in [345..357, 357..369].into_iter().filter(|field| self.block[field.start] != 0) {
            if self.policy == Policy::Lenient {
                self.number(field, "time of access or change")?;
            }
        }
        Ok(())
    }

    pub(super) fn type_flag(&self) -> u8 {
        self.block[156]
    }

    /// The length of an old GNU sparse file with its holes.
    pub(super) fn real_size(&self) -> Result<u64, TarError> {
        self.number(483..495, "real size")
    }

    /// The pieces in the header of an old GNU sparse file, and whether an extension block follows.
    pub(super) fn pieces(&self) -> Result<(Vec<Piece>, bool), SparseError> {
        Ok((pieces(&self.block[386..482])?, self.block[482] != 0))
    }
}

/// The pieces in an extension block of an old GNU sparse file, and whether another one follows.
pub(super) fn more_pieces(block: &[u8; HEAD]) -> Result<(Vec<Piece>, bool), SparseError> {
    Ok((pieces(&block[..504])?, block[504] != 0))
}

/// Pieces up to the first blank one.
fn pieces(bytes: &[u8]) -> Result<Vec<Piece>, SparseError> {
    let filled = bytes.chunks_exact(24).take_while(|piece| piece[12] != 0);
    let pieces = filled.map(|piece| {
        let field = |bytes| number(bytes, "piece", Policy::Strict).map_err(|_| SparseError::Number);
        Ok(Piece { offset: field(&piece[..12])?, length: field(&piece[12..])? })
    });
    pieces.collect()
}
