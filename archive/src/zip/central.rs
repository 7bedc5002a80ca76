//! The records of a zip for an entry: in its directory, before the entry's data, and after them.
//!
//! APPNOTE.TXT 6.3.10, 4.3.7 to 4.3.12 and 4.5.3.

use super::super::{EntryError, EntryName, ZipError};
use super::fields::{Fields, extra};

/// The length of an entry of the directory without its variable parts.
pub(super) const CENTRAL: u64 = 46;
/// The same of a local header.
pub(super) const LOCAL: u64 = 30;

/// The numbers of the extra fields that are read.
const ZIP64: u16 = 0x0001;
const UNICODE_PATH: u16 = 0x7075;

/// The flags that determine what follows.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const DESCRIPTOR: u16 = 1 << 3;
const PATCH: u16 = 1 << 5;
const UTF_8: u16 = 1 << 11;

/// An entry of the directory.
pub(super) struct Central {
    pub(super) name: Vec<u8>,
    /// The system that made it.
    pub(super) host: u8,
    flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) attributes: u32,
    /// The offset of its local header.
    pub(super) offset: u64,
}

/// The lengths of name, extra fields and comment of the directory entry whose first bytes are `fixed`.
pub(super) fn lengths(fixed: &[u8]) -> Result<(u64, u64, u64), ZipError> {
    let mut fields = Fields(fixed);
    fields.expect(b"PK\x01\x02")?;
    fields.bytes(24)?;
    Ok((fields.u16()?.into(), fields.u16()?.into(), fields.u16()?.into()))
}

impl Central {
    /// An entry of the directory, whose parts [`lengths`] has measured.
    pub(super) fn parse(fixed: &[u8], name: Vec<u8>, extras: &[u8]) -> Result<Self, ZipError> {
        let mut fields = Fields(fixed);
        fields.bytes(4)?;
        let (_version, host, _needed) = (fields.u8()?, fields.u8()?, fields.u16()?);
        let (flags, method, _time) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let (crc, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        fields.bytes(6)?;
        let (disk, _internal, attributes) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let offset = fields.u32()?;
        let mut long = Fields(extra(extras, ZIP64)?.unwrap_or_default());
        let size = wide(size, &mut long)?;
        let packed = wide(packed, &mut long)?;
        let offset = wide(offset, &mut long)?;
        let disk = if disk == u16::MAX { long.u32()? } else { disk.into() };
        if disk != 0 {
            return Err(ZipError::Volumes);
        }
        if !long.0.is_empty() || flags & PATCH != 0 {
            return Err(ZipError::Contradiction);
        }
        Ok(Self { name, host, flags, method, crc, packed, size, attributes, offset })
    }

    /// Refuses entries that cannot be read, whatever their kind.
    pub(super) fn check(&self, extras: &[u8]) -> Result<(), EntryError> {
        if self.flags & ENCRYPTED != 0 {
            return Err(EntryError::Encrypted);
        }
        if !matches!(self.method, 0 | 8) {
            return Err(EntryError::Method { method: self.method });
        }
        check_second_name(&self.name, extras)
    }

    /// Compares the local header with this entry; `rest` holds its name and extra fields.
    pub(super) fn check_local(&self, fixed: &[u8], rest: &[u8]) -> Result<(), ZipError> {
        let mut fields = Fields(fixed);
        fields.expect(b"PK\x03\x04")?;
        let (_needed, flags, method, _time) = (fields.u16()?, fields.u16()?, fields.u16()?, fields.u32()?);
        let (crc, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let name = usize::from(fields.u16()?);
        let mut rest = Fields(rest);
        let name = rest.bytes(name)?;
        let long = extra(rest.0, ZIP64)?;
        let decisive = ENCRYPTED | DESCRIPTOR | PATCH | UTF_8;
        let mut agree = name == self.name && method == self.method && (flags ^ self.flags) & decisive == 0;
        let mut long = Fields(long.unwrap_or_default());
        let size = wide_local(size, &mut long)?;
        let packed = wide_local(packed, &mut long)?;
        agree &= match self.has_descriptor() {
            // Unknown when the header was written: zeros, or the final values.
            true => {
                (crc == 0 || crc == self.crc)
                    && (size == 0 || size == self.size)
                    && (packed == 0 || packed == self.packed)
            }
            false => (crc, size, packed) == (self.crc, self.size, self.packed),
        };
        agree &= check_second_name(name, rest.0).is_ok();
        if agree { Ok(()) } else { Err(ZipError::Contradiction) }
    }

    pub(super) fn has_descriptor(&self) -> bool {
        self.flags & DESCRIPTOR != 0
    }

    /// Compares the data descriptor: it may have a signature or not, and sizes of 32 or 64 bits.
    pub(super) fn check_descriptor(&self, bytes: &[u8]) -> Result<(), ZipError> {
        let mut fields = Fields(bytes);
        if matches!(bytes.len(), 16 | 24) {
            fields.expect(b"PK\x07\x08")?;
        }
        let crc = fields.u32()?;
        let sizes = match bytes.len() {
            12 | 16 => (fields.u32()?.into(), fields.u32()?.into()),
            20 | 24 => (fields.u64()?, fields.u64()?),
            _ => return Err(ZipError::Gap),
        };
        match (crc, sizes) == (self.crc, (self.packed, self.size)) {
            true => Ok(()),
            false => Err(ZipError::Contradiction),
        }
    }
}

/// A number of 32 bits, or the next one of the zip64 field when it does not fit.
fn wide(short: u32, long: &mut Fields<'_>) -> Result<u64, ZipError> {
    if short == u32::MAX { long.u64() } else { Ok(short.into()) }
}

/// The same in a local header, where both sizes are in the zip64 field if it exists.
fn wide_local(short: u32, long: &mut Fields<'_>) -> Result<u64, ZipError> {
    match (short, long.0.is_empty()) {
        (u32::MAX, _) => long.u64(),
        (_, true) => Ok(short.into()),
        // Some write the size in both places, some 0 in the short one.
        (_, false) => match long.u64()? {
            long if short == 0 || u64::from(short) == long => Ok(long),
            _ => Err(ZipError::Contradiction),
        },
    }
}

/// Info-ZIP's Unicode path: a name for readers that support it. It must equal the name.
fn check_second_name(name: &[u8], extras: &[u8]) -> Result<(), EntryError> {
    // The extra fields are well-formed: they were checked before.
    match extra(extras, UNICODE_PATH).ok().flatten() {
        Some(field) if field.get(5..) != Some(name) => {
            let second = field.get(5..).unwrap_or_default().to_vec();
            Err(EntryError::OtherName { name: EntryName(second) })
        }
        _ => Ok(()),
    }
}
