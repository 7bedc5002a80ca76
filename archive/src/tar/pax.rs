//! The records of an extended header, for what does not fit an entry's header.
//!
//! POSIX.1-2017, `pax`, "pax Extended Header"; for sparse files GNU tar's manual, "Storing Sparse Files".

use super::super::{EntryName, TarError};
use super::Policy;
use super::sparse::{Piece, SparseHeader};

/// The significant records of an entry. Other keys hold what trees and images do not, and are ignored.
#[derive(Debug, Clone, Default)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link_path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) user: Option<u64>,
    pub(super) group: Option<u64>,
    /// `Some(None)` when it is not in whole seconds since 1970.
    pub(super) time: Option<Option<u64>>,
    pub(super) has_attributes: bool,
    pub(super) capabilities: Option<Vec<u8>>,
    pub(super) sparse: SparseHeader,
}

/// Reads the records of a header for one entry. When lenient, it replaces any earlier header of the same entry.
pub(super) fn parse(bytes: &[u8], policy: Policy) -> Result<Option<Extended>, TarError> {
    let mut extended = Extended::default();
    let mut records = Records(bytes);
    while let Some((key, value)) = records.next()? {
        match policy {
            Policy::Strict => extended.set(key, value)?,
            Policy::Lenient => extended.set_last(key, value)?,
        }
    }
    Ok(Some(extended))
}

/// Checks a header for all following entries: none of its records may be significant. A lenient reader ignores it.
pub(super) fn check_global(bytes: &[u8], policy: Policy) -> Result<(), TarError> {
    let mut records = Records(bytes);
    while let Some((key, _)) = records.next()? {
        if policy == Policy::Lenient {
            continue;
        }
        if matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.") {
            return Err(TarError::PaxGlobal { key: EntryName(key.to_vec()) });
        }
    }
    Ok(())
}

/// A key and its value.
type Record<'a> = (&'a [u8], &'a [u8]);

struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    /// The next `LENGTH KEY=VALUE` and line feed; the length counts all of it.
    fn next(&mut self) -> Result<Option<Record<'a>>, TarError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let record = || {
            let space = self.0.iter().position(|&byte| byte == b' ')?;
            let length = usize::try_from(decimal(&self.0[..space])?).ok()?;
            let record = self.0.get(space + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|&byte| byte == b'=')?;
            Some((length, &record[..equals], &record[equals + 1..])).filter(|_| equals > 0)
        };
        let (length, key, value) = record().ok_or(TarError::PaxRecord)?;
        self.0 = &self.0[length..];
        Ok(Some((key, value)))
    }
}

impl Extended {
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), TarError> {
        let named = || EntryName(key.to_vec());
        let wrong = || TarError::PaxValue { key: named() };
        let number = || decimal(value).ok_or_else(wrong);
        let sparse = &mut self.sparse;
        let twice = match key {
            // In POSIX an empty value cancels an earlier one. No program writes that; readers disagree.
            b"path" | b"linkpath" | b"GNU.sparse.name" if value.is_empty() => return Err(wrong()),
            b"path" => self.path.replace(value.to_vec()).is_some(),
            b"linkpath" => self.link_path.replace(value.to_vec()).is_some(),
            b"size" => self.size.replace(number()?).is_some(),
            b"GNU.sparse.major" => sparse.major.replace(number()?).is_some(),
            b"GNU.sparse.minor" => sparse.minor.replace(number()?).is_some(),
            b"GNU.sparse.name" => sparse.name.replace(value.to_vec()).is_some(),
            b"GNU.sparse.size" => sparse.size.replace(number()?).is_some(),
            b"GNU.sparse.realsize" => sparse.real_size.replace(number()?).is_some(),
            b"GNU.sparse.numblocks" => sparse.count.replace(number()?).is_some(),
            b"GNU.sparse.map" => sparse.map.replace(map(value).ok_or_else(wrong)?).is_some(),
            // Version 0.0 repeats these two, one after the other.
            b"GNU.sparse.offset" if sparse.offset.is_none() => {
                sparse.offset = Some(number()?);
                false
            }
            b"GNU.sparse.numbytes" => {
                let offset = sparse.offset.take().ok_or_else(wrong)?;
                sparse.push(Piece { offset, length: number()? });
                false
            }
            _ if key.starts_with(b"GNU.sparse.") => return Err(wrong()),
            _ => false,
        };
        if twice { Err(TarError::PaxTwice { key: named() }) } else { Ok(()) }
    }

    /// Applies a record as Go's archive/tar does: of a duplicate key the last value counts, and an empty one is
    /// ignored.
    fn set_last(&mut self, key: &[u8], value: &[u8]) -> Result<(), TarError> {
        let wrong = || TarError::PaxValue { key: EntryName(key.to_vec()) };
        let has_nul = |bytes: &[u8]| bytes.contains(&0);
        let is_text = matches!(key, b"path" | b"linkpath" | b"uname" | b"gname");
        if has_nul(key) || (is_text && has_nul(value)) {
            return Err(wrong());
        }
        let given = !value.is_empty();
        let number = || if given { decimal(value).map(Some).ok_or_else(wrong) } else { Ok(None) };
        match key {
            b"path" => self.path = given.then(|| value.to_vec()),
            b"linkpath" => self.link_path = given.then(|| value.to_vec()),
            b"size" => self.size = number()?,
            b"uid" => self.user = number()?,
            b"gid" => self.group = number()?,
            b"mtime" => self.time = given.then(|| decimal(value)),
            _ if key.starts_with(b"GNU.sparse.") => self.sparse.is_there = true,
            b"SCHILY.xattr.security.capability" => self.capabilities = given.then(|| value.to_vec()),
            _ if key.starts_with(b"SCHILY.xattr.") || key.starts_with(b"LIBARCHIVE.xattr.") => {
                self.has_attributes = true;
            }
            _ => {}
        }
        Ok(())
    }
}

/// `OFFSET,LENGTH,OFFSET,LENGTH…`.
fn map(value: &[u8]) -> Option<Vec<Piece>> {
    if value.is_empty() {
        return Some(Vec::new());
    }
    let mut pieces = Vec::new();
    let mut numbers = value.split(|&byte| byte == b',');
    while let Some(offset) = numbers.next() {
        pieces.push(Piece { offset: decimal(offset)?, length: decimal(numbers.next()?)? });
    }
    Some(pieces)
}

/// Only decimal digits, of at most 63 bits.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = str::from_utf8(text).ok()?.parse().ok()?;
    (value <= u64::MAX / 2).then_some(value)
}
