//! The end of a zip, which locates its directory.
//!
//! APPNOTE.TXT 6.3.10, 4.3.14 to 4.3.16.

use super::super::{UnpackError, ZipError};
use super::fields::Fields;
use super::spool::Spool;

/// The length of an end record without its comment.
const END: usize = 22;
const LOCATOR: u64 = 20;
const END_64: u64 = 56;

/// The location of the directory.
pub(super) struct Directory {
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) entries: u64,
}

/// Finds the record that ends the zip, and parses it. The directory ends where the end records begin.
pub(super) fn find(spool: &mut Spool<'_>) -> Result<Directory, UnpackError> {
    let begin = spool.length.saturating_sub((END + usize::from(u16::MAX)) as u64);
    let tail = spool.read_at(begin, spool.length - begin)?;
    let fits = |at: &usize| {
        let comment = Fields(&tail[*at + END - 2..]).u16();
        tail[*at..].starts_with(b"PK\x05\x06")
            && comment == Ok(u16::try_from(tail.len() - *at - END).unwrap_or(0))
    };
    let mut ends = (0..(tail.len() + 1).saturating_sub(END)).filter(fits);
    let fail = |at, why| UnpackError::Zip { offset: at, why };
    let end = ends.next().ok_or_else(|| fail(spool.length, ZipError::NoEnd))?;
    if let Some(second) = ends.next() {
        return Err(fail(begin + second as u64, ZipError::TwoEnds));
    }
    let (at, record) = (begin + end as u64, &tail[end..end + END]);
    let said = short(record).map_err(|why| fail(at, why))?;
    let (directory, begins) = match at.checked_sub(LOCATOR) {
        Some(locator) => match spool.read_at(locator, LOCATOR)? {
            bytes if bytes.starts_with(b"PK\x06\x07") => long(spool, locator, &bytes, &said)?,
            _ => (said, at),
        },
        None => (said, at),
    };
    match directory.offset.checked_add(directory.size) {
        Some(end) if end == begins => Ok(directory),
        _ => Err(fail(at, ZipError::Contradiction)),
    }
}

fn short(record: &[u8]) -> Result<Directory, ZipError> {
    let mut fields = Fields(record);
    fields.expect(b"PK\x05\x06")?;
    let (disk, first_disk) = (fields.u16()?, fields.u16()?);
    let (entries_here, entries) = (fields.u16()?, fields.u16()?);
    if disk != 0 || first_disk != 0 || entries_here != entries {
        return Err(ZipError::Volumes);
    }
    Ok(Directory { entries: entries.into(), size: fields.u32()?.into(), offset: fields.u32()?.into() })
}

/// Parses the zip64 record whose locator is at `locator`; returns also its offset. What fits the short record has to be
/// equal.
fn long(
    spool: &mut Spool<'_>,
    locator: u64,
    bytes: &[u8],
    short: &Directory,
) -> Result<(Directory, u64), UnpackError> {
    let fail = |why| UnpackError::Zip { offset: locator, why };
    let mut fields = Fields(&bytes[4..]);
    let mut locate = || Ok((fields.u32()?, fields.u64()?, fields.u32()?));
    let (disk, at, disks) = locate().map_err(fail)?;
    if disk != 0 || disks > 1 {
        return Err(fail(ZipError::Volumes));
    }
    // Any bytes after the known ones would be meaningless, so there must be none.
    if at.checked_add(END_64) != Some(locator) {
        return Err(fail(ZipError::Contradiction));
    }
    let record = spool.read_at(at, END_64)?;
    let read = || {
        let mut fields = Fields(&record);
        fields.expect(b"PK\x06\x06")?;
        let (size, _versions) = (fields.u64()?, fields.u32()?);
        let (disk, first_disk) = (fields.u32()?, fields.u32()?);
        let (entries_here, entries) = (fields.u64()?, fields.u64()?);
        if disk != 0 || first_disk != 0 || entries_here != entries {
            return Err(ZipError::Volumes);
        }
        let long = Directory { entries, size: fields.u64()?, offset: fields.u64()? };
        let same = |short: u64, full: u64, long: u64| short == full || short == long;
        let agree = size == END_64 - 12
            && same(short.entries, u16::MAX.into(), long.entries)
            && same(short.size, u32::MAX.into(), long.size)
            && same(short.offset, u32::MAX.into(), long.offset);
        if agree { Ok(long) } else { Err(ZipError::Contradiction) }
    };
    Ok((read().map_err(|why| UnpackError::Zip { offset: at, why })?, at))
}
