//! zip, read strictly: every byte belongs to one entry, to the directory or to the end.
//!
//! APPNOTE.TXT 6.3.10. What the directory says of an entry counts, and what stands at the entry has to agree with it:
//! there are readers of the one and of the other. The whole is spooled to a temporary file, because the directory is
//! at the end.

mod central;
mod data;
mod end;
mod fields;
mod spool;

use std::io::Read;

use stele_store::model::{NameError, Node};

use super::limits::{Gauge, Metered};
use super::placing::{Entry, Placing};
use super::{EntryError, EntryName, UnpackError, ZipError};
use crate::content::Content;
use central::{CENTRAL, Central, LOCAL};
use data::Data;
use spool::Spool;

/// The system "unix" in the field that says who made an entry: then the upper half of the attributes is a mode.
const UNIX: u8 = 3;

/// The most bytes of a symbolic link's target (`PATH_MAX` less the NUL).
const MAX_TARGET: u64 = 4095;

/// Reads a whole zip and puts its entries into `placing`.
pub(super) fn read(
    bytes: Box<dyn Read + '_>,
    gauge: &Gauge,
    content: &dyn Content,
    placing: &mut Placing<'_>,
) -> Result<(), UnpackError> {
    let mut spool = Spool::new(bytes, content.scratch()?, gauge)?;
    let directory = end::find(&mut spool)?;
    let mut entries = entries(&mut spool, &directory)?;
    entries.sort_by_key(|entry| entry.offset);
    // What one entry leaves, the next one takes up; the directory after the last.
    let ends: Vec<u64> = entries[entries.len().min(1)..].iter().map(|entry| entry.offset).collect();
    let first = entries.first().map_or(directory.offset, |entry| entry.offset);
    if first != 0 {
        return Err(UnpackError::Zip { offset: 0, why: ZipError::Gap });
    }
    for (entry, end) in entries.into_iter().zip(ends.into_iter().chain([directory.offset])) {
        let refused =
            |why| UnpackError::Entry { entry: EntryName(entry.name.clone()), offset: entry.offset, why };
        let found = read_entry(&mut spool, &entry, end, content, &refused)?;
        placing.put(&entry.name, entry.offset, found)?;
    }
    Ok(())
}

/// All entries of the directory.
fn entries(spool: &mut Spool<'_>, directory: &end::Directory) -> Result<Vec<Central>, UnpackError> {
    let max = spool.gauge.limits.entries;
    if directory.entries > max as u64 {
        return Err(UnpackError::Entries { max });
    }
    let (mut entries, mut at) = (Vec::new(), directory.offset);
    let end = directory.offset + directory.size;
    spool.seek(at)?;
    while at < end {
        let begin = at;
        let fail = |why| UnpackError::Zip { offset: begin, why };
        let fixed = spool.read(at, CENTRAL)?;
        let (name, extras, comment) = central::lengths(&fixed).map_err(fail)?;
        at += CENTRAL + name + extras + comment;
        if at > end || entries.len() as u64 == directory.entries {
            return Err(fail(ZipError::Contradiction));
        }
        let name = spool.read(begin, name)?;
        let extras = spool.read(begin, extras)?;
        spool.read(begin, comment)?;
        spool.gauge.count_text(name.len())?;
        let entry = Central::parse(&fixed, name, &extras).map_err(fail)?;
        entry.check(&extras).map_err(|why| UnpackError::Entry {
            entry: EntryName(entry.name.clone()),
            offset: entry.offset,
            why,
        })?;
        entries.push(entry);
    }
    match entries.len() as u64 == directory.entries {
        true => Ok(entries),
        false => Err(UnpackError::Zip { offset: directory.offset, why: ZipError::Contradiction }),
    }
}

/// Reads the entry whose bytes end at `end`.
fn read_entry(
    spool: &mut Spool<'_>,
    entry: &Central,
    end: u64,
    content: &dyn Content,
    refused: &dyn Fn(EntryError) -> UnpackError,
) -> Result<Entry, UnpackError> {
    let fail = |offset, why| UnpackError::Zip { offset, why };
    // Nothing of it may reach into what is the next one's.
    let mut at = entry.offset;
    let mut take = |length: u64| match at.checked_add(length) {
        Some(next) if next <= end => {
            at = next;
            Ok(())
        }
        _ => Err(fail(entry.offset, ZipError::Gap)),
    };
    take(LOCAL)?;
    let fixed = spool.read_at(entry.offset, LOCAL)?;
    let length = |at: usize| u64::from(u16::from_le_bytes([fixed[at], fixed[at + 1]]));
    let rest = length(26) + length(28);
    take(rest)?;
    let rest = spool.read(entry.offset, rest)?;
    entry.check_local(&fixed, &rest).map_err(|why| fail(entry.offset, why))?;
    take(entry.packed)?;
    let behind = end - at;
    let found = contents(spool, entry, content, refused)?;
    match (entry.has_descriptor(), behind) {
        (false, 0) => {}
        (true, 12 | 16 | 20 | 24) => {
            let descriptor = spool.read(at, behind)?;
            entry.check_descriptor(&descriptor).map_err(|why| fail(at, why))?;
        }
        _ => return Err(fail(at, ZipError::Gap)),
    }
    Ok(found)
}

/// What an entry is by its name and by what made it.
enum Kind {
    Directory,
    Symlink,
    File { executable: bool },
}

fn kind(entry: &Central) -> Result<Kind, EntryError> {
    let slash = entry.name.ends_with(b"/");
    let mode = if entry.host == UNIX { entry.attributes >> 16 } else { 0 };
    match mode & 0o170_000 {
        // Nothing of unix is said; the slash says all.
        0 if slash => Ok(Kind::Directory),
        0o040_000 if slash => Ok(Kind::Directory),
        0o040_000 => Err(EntryError::DirectoryOrNot),
        0 | 0o100_000 | 0o120_000 if slash => Err(EntryError::DirectoryOrNot),
        0 | 0o100_000 => Ok(Kind::File { executable: mode & 0o100 != 0 }),
        0o120_000 => Ok(Kind::Symlink),
        0o020_000 | 0o060_000 => Err(EntryError::Device),
        0o010_000 => Err(EntryError::Fifo),
        0o140_000 => Err(EntryError::Socket),
        kind => Err(EntryError::Kind { kind }),
    }
}

/// Reads an entry's data, which come next.
fn contents(
    spool: &mut Spool<'_>,
    entry: &Central,
    content: &dyn Content,
    refused: &dyn Fn(EntryError) -> UnpackError,
) -> Result<Entry, UnpackError> {
    let gauge = spool.gauge;
    let kind = kind(entry).map_err(refused)?;
    match kind {
        Kind::Directory if entry.size > 0 => {
            return Err(refused(EntryError::SizeOfNoFile { size: entry.size }));
        }
        Kind::Symlink if entry.size > MAX_TARGET => {
            let found = usize::try_from(entry.size).unwrap_or(usize::MAX);
            let max = usize::try_from(MAX_TARGET).unwrap_or(usize::MAX);
            return Err(refused(EntryError::Target(NameError::Long { found, max })));
        }
        _ => gauge.expect_content(entry.size)?,
    }
    let mut packed = spool.data(entry.packed);
    let data = Data::new(&mut packed, entry.method == 8, entry.size, entry.crc);
    let mut data = Metered { bytes: data, gauge };
    let found = match kind {
        Kind::File { executable } => content
            .add_blob(&mut data, executable)
            .map(|(blob, size)| Entry::Leaf(Node::File { blob, size, executable }))
            .map_err(UnpackError::from),
        Kind::Directory | Kind::Symlink => {
            let mut target = Vec::new();
            let read = data.read_to_end(&mut target).map_err(UnpackError::Spool);
            let is_link = matches!(kind, Kind::Symlink);
            read.map(|_| if is_link { Entry::Symlink { target } } else { Entry::Directory })
        }
    };
    match data.bytes.fault {
        Some(fault) => Err(refused(fault)),
        None => {
            let found = found.map_err(|error| gauge.reason(error))?;
            gauge.passed()?;
            Ok(found)
        }
    }
}
