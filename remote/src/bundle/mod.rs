//! Content as a stream, for a pipe or a file.
//!
//! ```text
//! stele-bundle 1
//! f 5f0e…c1 18264          18,264 bytes follow
//! d a97b…03 301            the directory's text: all that it names came before
//! r gcc d a97b…03          a root
//! z 3 77c1…5e              three records, and the BLAKE3 of all bytes before this line
//! ```
//!
//! Kinds, digests and sizes are those of a directory's text: `f` a file, `x` an executable file, `d` a directory.
//! After a content's bytes comes no line feed: the next line begins at once.

mod line;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use line::{Line, LineError};
pub use read::{Content, ReadError, Reader, Record};
pub use write::Writer;

/// The first line, with its line feed.
pub const FIRST_LINE: &str = "stele-bundle 1\n";
/// The maximum length of a line in bytes, with its line feed. The longest holds a root's name.
pub const MAX_LINE: usize = 1024;
