//! Putting the entries of a tar into a tree, by the rules for sources.

use std::io::Read;

use stele_store::model::Node;

use super::content::Content;
use super::limits::{Gauge, Metered};
use super::placing::{Entry, Placing};
use super::tar::{Policy, TarEntry, TarKind, TarReadError, TarReader};
use super::{EntryError, EntryName, UnpackError};

/// Reads a whole tar and puts its entries into `placing`.
pub(super) fn read(
    bytes: Box<dyn Read + '_>,
    gauge: &Gauge,
    content: &dyn Content,
    placing: &mut Placing<'_>,
) -> Result<(), UnpackError> {
    let failed = |error| match error {
        // The source of the bytes may know a more precise reason.
        TarReadError::Read(error) => gauge.reason(error),
        TarReadError::Framing { offset, why } => UnpackError::Tar { offset, why },
        TarReadError::Entry { entry, offset, why } => UnpackError::Entry { entry, offset, why },
    };
    let mut tar = TarReader::new(bytes, Policy::Strict);
    while let Some(entry) = tar.next_entry().map_err(failed)? {
        let refused =
            |why| UnpackError::Entry { entry: EntryName(entry.name.clone()), offset: entry.offset, why };
        let found = match &entry.kind {
            TarKind::Directory => Entry::Directory,
            TarKind::File => {
                let file = file(&mut tar, &entry, gauge, content, &refused)?;
                tar.end_entry().map_err(failed)?;
                Entry::Leaf(file)
            }
            TarKind::HardLink(target) => Entry::HardLink { target: target.clone() },
            TarKind::Symlink(target) => Entry::Symlink { target: target.clone() },
            TarKind::Device { .. } => return Err(refused(EntryError::Device)),
            TarKind::Fifo => return Err(refused(EntryError::Fifo)),
            TarKind::Other(flag) => return Err(refused(refusal(*flag))),
        };
        placing.put(&entry.name, entry.offset, found)?;
    }
    Ok(())
}

/// Stores the bytes of a file.
fn file(
    tar: &mut TarReader<Box<dyn Read + '_>>,
    entry: &TarEntry,
    gauge: &Gauge,
    content: &dyn Content,
    refused: &dyn Fn(EntryError) -> UnpackError,
) -> Result<Node, UnpackError> {
    gauge.expect_content(entry.size)?;
    let executable = entry.mode & 0o100 != 0;
    let kept = content.add_blob(&mut Metered { bytes: &mut *tar, gauge }, executable);
    if tar.is_truncated() {
        return Err(gauge.passed().err().unwrap_or_else(|| refused(EntryError::Truncated)));
    }
    let (blob, size) = kept.map_err(|error| gauge.reason(error))?;
    gauge.passed()?;
    Ok(Node::File { blob, size, executable })
}

fn refusal(flag: u8) -> EntryError {
    match flag {
        b'V' => EntryError::OfGnu { what: "the label of a volume" },
        b'M' => EntryError::OfGnu { what: "the rest of a file that began in another volume" },
        b'D' => EntryError::OfGnu { what: "the list of a directory in an incremental archive" },
        b'N' => EntryError::OfGnu { what: "an old list of long names" },
        _ => EntryError::Kind { kind: flag.into() },
    }
}
