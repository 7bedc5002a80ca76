//! How much a comparison may take and give.

use std::path::PathBuf;
use std::time::Duration;

/// The bounds of a comparison. What is beyond them is counted, never silently dropped.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many containers may be inside each other.
    pub depth: usize,
    /// How many bytes are read or decompressed, of both sides together.
    pub bytes: u64,
    /// How long it may take.
    pub time: Duration,
    /// How many differences are listed in all.
    pub findings: usize,
    /// How many differences are listed of one directory or container.
    pub listed: usize,
    /// How many members of one archive, and symbols of one ELF file, are looked at.
    pub members: usize,
    /// The longest file that is compared line by line. Two of them are in memory.
    pub text: u64,
    /// How many lines of one file are shown.
    pub lines: usize,
    /// What is decompressed stays in memory up to so many bytes, and is in a file without a name beyond.
    pub memory: usize,
    /// How far a decompressor may look back.
    pub window: u64,
    /// The folder of those files; the system's when there is none.
    pub scratch: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 8,
            bytes: 16 << 30,
            time: Duration::from_secs(60),
            findings: 1000,
            listed: 50,
            members: 200_000,
            text: 8 << 20,
            lines: 40,
            memory: 4 << 20,
            window: 128 << 20,
            scratch: None,
        }
    }
}
