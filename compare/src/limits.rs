//! How much a comparison may take and give.

use std::io::{self, Read, Seek, Write};
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
    /// What is decompressed stays in memory up to so many bytes, and goes to a scratch file beyond.
    pub memory: usize,
    /// How far a decompressor may look back.
    pub window: u64,
}

/// A file for a while.
pub trait ScratchFile: Read + Write + Seek {}

impl<T: Read + Write + Seek> ScratchFile for T {}

/// Makes scratch files.
pub type Scratch<'a> = dyn Fn() -> io::Result<Box<dyn ScratchFile>> + 'a;

/// How a comparison is done.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// What bounds it.
    pub limits: &'a Limits,
    /// Asked all the time: whether to end.
    pub cancelled: &'a dyn Fn() -> bool,
    /// For what is decompressed and larger than memory allows; without, it is left out.
    pub scratch: Option<&'a Scratch<'a>>,
}

impl<'a> Options<'a> {
    /// Within `limits`, without scratch files.
    pub fn new(limits: &'a Limits) -> Self {
        Self { limits, cancelled: &|| false, scratch: None }
    }
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
        }
    }
}
