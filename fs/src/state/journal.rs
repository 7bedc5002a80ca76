//! The journal of a mount: a file in memory (memfd_create(2)) that outlives the process which writes it, because
//! another one holds it as well. `docs/formats.md` has the bytes.
//!
//! Nothing is synced: it is only useful until the kernel restarts. A kill can leave a partial record at the end, about
//! which the kernel was not informed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::FallocateFlags;

use super::known_files::Opens;
use super::record::Record;

/// The magic of a journal.
const MAGIC: &[u8; 16] = b"stele-mount 3\n\0\0";
/// That of the version before, whose mounts were all asked for opens.
const MAGIC_2: &[u8; 16] = b"stele-mount 2\n\0\0";
/// The offset at which records may begin.
const HEAD: u64 = HEAD_SIZE as u64;
const HEAD_SIZE: usize = 64;
/// Shorter journals are not compacted.
const SMALL: u64 = 1 << 20;
/// A journal is compacted when it has grown by this factor since the last compaction.
const TIMES: u64 = 4;

/// The kernel's capabilities from FUSE_INIT, which it sends only once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Init {
    /// Minor version of its protocol.
    pub minor: u32,
    /// Its maximum read-ahead, in bytes.
    pub max_readahead: u32,
    /// Its capabilities: `flags`, and `flags2` in the upper half.
    pub flags: u64,
}

/// The header of a journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// When the mount began, in nanoseconds since 1970-01-01 UTC.
    pub born: u64,
    /// The kernel's capabilities.
    pub init: Init,
    /// Whether it sends requests to open files.
    pub opens: Opens,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It was written by another version, or is not a journal.
    #[error("the journal of the mount is of another version of stele")]
    Version,
    /// It cannot be read or written.
    #[error("the journal of the mount cannot be used: {0}")]
    File(#[from] io::Error),
}

/// An open journal.
pub struct Journal {
    file: File,
    /// Where the valid records begin, and where the next one goes.
    start: u64,
    end: u64,
    /// Its size after the last compaction.
    fresh: u64,
    buffer: Vec<u8>,
}

impl Journal {
    /// Begins an empty journal.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(file: File, Head { born, init, opens }: Head) -> Result<Self, JournalError> {
        let mut head = [0; HEAD_SIZE];
        head[..16].copy_from_slice(MAGIC);
        head[16..24].copy_from_slice(&HEAD.to_le_bytes());
        head[40..48].copy_from_slice(&born.to_le_bytes());
        head[48] = u8::from(opens == Opens::Unsent);
        file.set_len(0)?;
        file.write_all_at(&head, 0)?;
        let mut journal = Self { file, start: HEAD, end: HEAD, fresh: 0, buffer: Vec::new() };
        journal.set_init(init)?;
        Ok(journal)
    }

    /// Records the kernel's capabilities.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_init(&mut self, init: Init) -> io::Result<()> {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&init.minor.to_le_bytes());
        bytes[4..8].copy_from_slice(&init.max_readahead.to_le_bytes());
        bytes[8..].copy_from_slice(&init.flags.to_le_bytes());
        self.file.write_all_at(&bytes, 24)
    }

    /// Opens another process's journal, and returns its content.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn open(file: File) -> Result<(Self, Head, Vec<Record>), JournalError> {
        let mut head = [0; HEAD_SIZE];
        file.read_exact_at(&mut head, 0).map_err(|_| JournalError::Version)?;
        let length = file.metadata()?.len();
        let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap_or_default());
        let half = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap_or_default());
        let start = word(16);
        if (&head[..16] != MAGIC && &head[..16] != MAGIC_2) || !(HEAD..=length).contains(&start) {
            return Err(JournalError::Version);
        }
        let opens = match head[48] {
            0 => Opens::Sent,
            1 => Opens::Unsent,
            _ => return Err(JournalError::Version),
        };
        let init = Init { minor: half(24), max_readahead: half(28), flags: word(32) };
        let left = usize::try_from(length - start).map_err(|_| JournalError::Version)?;
        let mut bytes = vec![0; left];
        file.read_exact_at(&mut bytes, start)?;
        let (mut records, mut at) = (Vec::new(), 0);
        while let Some((record, took)) = Record::decode(&bytes[at..]) {
            records.push(record);
            at += took;
        }
        // A partial record, about which the kernel was not informed: the next one must not follow it.
        let end = start + at as u64;
        file.set_len(end)?;
        let head = Head { born: word(40), init, opens };
        Ok((Self { file, start, end, fresh: 0, buffer: Vec::new() }, head, records))
    }

    /// Appends a record.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        self.buffer.clear();
        record.encode(&mut self.buffer);
        self.append_or_nothing()?;
        self.end += self.buffer.len() as u64;
        Ok(())
    }

    /// Whether it has grown so much since the last compaction that most of it is likely to be history.
    pub(super) fn is_mostly_history(&self) -> bool {
        self.end - self.start > SMALL.max(TIMES * self.fresh)
    }

    /// Writes the buffer at the end. A partial record must not stay there: the next one would follow it.
    fn append_or_nothing(&self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.end).inspect_err(|_| drop(self.file.set_len(self.end)))
    }

    /// Replaces the content with these records.
    ///
    /// # Errors
    /// When the file cannot be written; its content is unchanged then.
    pub(super) fn rewrite(&mut self, records: impl Iterator<Item = Record>) -> io::Result<()> {
        self.buffer.clear();
        records.for_each(|record| record.encode(&mut self.buffer));
        let length = self.buffer.len() as u64;
        // A reader from the old start finds the old records, and then the same again, which is harmless.
        self.append_or_nothing()?;
        // A buffer as long as a mount's whole state is not kept.
        self.buffer = Vec::new();
        self.file.write_all_at(&self.end.to_le_bytes(), 16)?;
        let (old, new) = (self.start, self.end);
        (self.start, self.end, self.fresh) = (new, new + length, length);
        // Frees the memory of old records. A kernel that cannot do that keeps it until the mount ends.
        let _ = rustix::fs::fallocate(
            &self.file,
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            old.max(HEAD),
            new - old,
        );
        Ok(())
    }
}
