//! The output and the errors of the tar reader.

use std::io;

use super::super::format::HEAD;
use super::super::{EntryError, EntryName, TarError};
use super::header::Header;
use super::pax::Extended;

/// How a reader treats what others disagree about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Refuses it.
    Strict,
    /// Reads it as Go's `archive/tar` does.
    Lenient,
}

/// Why a tar cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum TarReadError {
    /// Its bytes cannot be read.
    #[error("the archive cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Its framing is invalid.
    #[error("the tar, at byte {offset}: {why}")]
    Framing {
        /// The offset of the header or block.
        offset: u64,
        /// The reason.
        #[source]
        why: TarError,
    },
    /// An entry is refused.
    #[error("entry {entry} at byte {offset}: {why}")]
    Entry {
        /// Its name in the archive.
        entry: EntryName,
        /// The offset of its header.
        offset: u64,
        /// The reason.
        #[source]
        why: EntryError,
    },
}

/// The kind of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TarKind {
    /// A file, whose bytes the reader yields next.
    File,
    /// A directory.
    Directory,
    /// A symbolic link with its target.
    Symlink(Vec<u8>),
    /// Another name of the entry with this name.
    HardLink(Vec<u8>),
    /// A character or block device.
    Device {
        /// Whether it is a block device.
        block: bool,
    },
    /// A fifo.
    Fifo,
    /// Any other type flag.
    Other(u8),
}

/// An entry of a tar. Its name is not checked.
#[derive(Debug, Clone)]
pub struct TarEntry {
    /// The offset of its header.
    pub offset: u64,
    /// Its name in the archive.
    pub name: Vec<u8>,
    /// Its kind.
    pub kind: TarKind,
    /// The size of a file, with its holes; 0 for all else.
    pub size: u64,
    /// The twelve bits of its mode.
    pub mode: u32,
    /// Whether it has extended attributes.
    pub has_attributes: bool,
    /// The value of the extended attribute `security.capability`, which is not among those.
    pub capabilities: Option<Vec<u8>>,
    pub(super) pax: Extended,
    pub(super) header: [u8; HEAD],
    pub(super) policy: Policy,
}

impl TarEntry {
    /// The IDs of its user and group.
    ///
    /// # Errors
    /// When they are not valid for chown(2): the largest of 32 bits means "unchanged".
    pub fn owner(&self) -> Result<(u32, u32), TarError> {
        let header = Header { block: &self.header, policy: self.policy };
        let id = |holes: Option<u64>, field: &'static str, in_header: Result<u64, TarError>| {
            let id = holes.map_or(in_header, Ok)?;
            u32::try_from(id).ok().filter(|id| *id != u32::MAX).ok_or(TarError::Owner { field, id })
        };
        Ok((id(self.pax.user, "user", header.user())?, id(self.pax.group, "group", header.group())?))
    }

    /// Its time in whole seconds since 1970; `None` when it has a fraction, is before 1970, or is malformed.
    pub fn mtime(&self) -> Option<u64> {
        let header = Header { block: &self.header, policy: self.policy };
        self.pax.time.unwrap_or_else(|| header.mtime())
    }
}
