//! A file, the stderr of a process that evaluates, in which each statement is noted before it runs: the only way to
//! know where a process was that died.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use rustix::fs::MemfdFlags;

/// Longer than any place; and where what the process writes by itself begins.
const MAX_PLACE: usize = 8192;
const WORDS: u64 = 8192;
/// The most that is looked at of what the process wrote as it died.
const MAX_WORDS: usize = 8192;

/// A new one.
pub(super) fn new() -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("trail", MemfdFlags::CLOEXEC)?);
    file.seek(SeekFrom::Start(WORDS))?;
    Ok(file)
}

/// Notes a place, in the process that evaluates.
pub(super) fn note(file: &str, line: usize) {
    let place = format!("{file}:{line}\n");
    if place.len() <= MAX_PLACE {
        let _ = rustix::io::pwrite(rustix::stdio::stderr(), place.as_bytes(), 0);
    }
}

/// The last place, and what the process wrote after that.
pub(super) fn read(file: &File) -> (Option<String>, String) {
    let read = |at: u64, max: usize| {
        let mut bytes = vec![0; max];
        let count = file.read_at(&mut bytes, at).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let place = read(0, MAX_PLACE);
    let place = place.lines().next().filter(|line| !line.starts_with('\0') && !line.is_empty());
    (place.map(str::to_owned), read(WORDS, MAX_WORDS))
}
