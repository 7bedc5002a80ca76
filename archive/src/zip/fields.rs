//! Numbers in a zip: little-endian and consecutive.

use super::super::ZipError;

/// The rest of a record.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], ZipError> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(ZipError::Record)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ZipError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(ZipError::Record)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ZipError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, ZipError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, ZipError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, ZipError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A record begins with a signature of its kind.
    pub(super) fn expect(&mut self, signature: &[u8; 4]) -> Result<(), ZipError> {
        if self.array()? == *signature { Ok(()) } else { Err(ZipError::Record) }
    }
}

/// The field with this number among the extra fields `extra`; they have to fill it, with this number at most once.
pub(super) fn extra(extra: &[u8], wanted: u16) -> Result<Option<&[u8]>, ZipError> {
    let (mut fields, mut found) = (Fields(extra), None);
    while !fields.0.is_empty() {
        let (number, length) = (fields.u16()?, fields.u16()?);
        let value = fields.bytes(length.into())?;
        if number == wanted && found.replace(value).is_some() {
            return Err(ZipError::Contradiction);
        }
    }
    Ok(found)
}
