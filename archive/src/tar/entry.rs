//! What a reader of tars gives out, and why it ends.

use std::io;

use super::super::format::HEAD;
use super::super::{EntryError, EntryName, TarError};
use super::header::Header;
use super::pax::Extended;

/// What a reader does where others disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Refuses it.
    Strict,
    /// Reads it as Go's `archive/tar` does.
    Lenient,
}

/// Why a tar cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum TarReadError {
    /// Its bytes cannot be read.
    #[error("the archive cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Its framing is wrong.
    #[error("the tar, at byte {offset}: {why}")]
    Framing {
        /// Where the header or block begins, counted from 0.
        offset: u64,
        /// What is wrong there.
        #[source]
        why: TarError,
    },
    /// An entry is refused.
    #[error("entry {entry} at byte {offset}: {why}")]
    Entry {
        /// Its name as the archive has it.
        entry: EntryName,
        /// Where its header begins, counted from 0.
        offset: u64,
        /// What is wrong with it.
        #[source]
        why: EntryError,
    },
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TarKind {
    /// A file, whose bytes the reader gives next.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, with what it says.
    Symlink(Vec<u8>),
    /// Another name of the entry that is called so.
    HardLink(Vec<u8>),
    /// A character or block device.
    Device {
        /// Whether it is one of blocks.
        block: bool,
    },
    /// A fifo.
    Fifo,
    /// Of a type flag that is none of these.
    Other(u8),
}

/// An entry of a tar. Nothing of its name was looked at.
#[derive(Debug, Clone)]
pub struct TarEntry {
    /// Where its header begins, counted from 0.
    pub offset: u64,
    /// Its name as the archive has it.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: TarKind,
    /// How many bytes a file has, with its holes; 0 of all else.
    pub size: u64,
    /// The twelve bits of its mode.
    pub mode: u32,
    /// Whether it has extended attributes.
    pub has_attributes: bool,
    pub(super) pax: Extended,
    pub(super) header: [u8; HEAD],
    pub(super) policy: Policy,
}

impl TarEntry {
    /// The numbers of its user and group.
    ///
    /// # Errors
    /// When they are none that chown(2) takes: the largest of 32 bits stands for "leave it".
    pub fn owner(&self) -> Result<(u32, u32), TarError> {
        let header = Header { block: &self.header, policy: self.policy };
        let id = |holes: Option<u64>, field: &'static str, in_header: Result<u64, TarError>| {
            let id = holes.map_or(in_header, Ok)?;
            u32::try_from(id).ok().filter(|id| *id != u32::MAX).ok_or(TarError::Owner { field, id })
        };
        Ok((id(self.pax.user, "user", header.user())?, id(self.pax.group, "group", header.group())?))
    }

    /// Its time in whole seconds since 1970; none when it has parts of one, is before 1970, or cannot be read.
    pub fn mtime(&self) -> Option<u64> {
        let header = Header { block: &self.header, policy: self.policy };
        self.pax.time.unwrap_or_else(|| header.mtime())
    }
}
