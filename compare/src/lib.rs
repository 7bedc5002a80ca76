//! What differs between two trees: which paths, and inside them which members of archives, which sections and symbols
//! of ELF files, which lines, which bytes.
//!
//! [`compare()`] walks two trees behind [`View`]s and gives a [`Report`], which serialises to the JSON that
//! `docs/formats.md` describes and is [rendered](Report::text) as text. Equal trees have no finding, and trees that
//! differ have at least one: a reader of a format only explains, and where it finds nothing the bytes are compared.
//!
//! What is compared was built by strangers. Readers are lenient, since two archives that break a rule in different
//! places have to be told apart, too; nothing is unpacked, no name in an archive is used as a path, and depth, bytes,
//! time, memory and the number of findings are bounded by [`Limits`]. A report counts what was left out.
//!
//! A [`Guess`] names a likely cause of a difference, with the evidence. It is no more than that: who built the trees
//! could have written anything.

mod bytes;
mod contents;
mod dates;
mod escape;
mod formats;
mod guess;
mod limits;
mod lines;
mod meter;
mod render;
mod report;
mod streams;
#[cfg(test)]
mod tests;
mod view;
mod walk;

pub use limits::{Limits, Options, Scratch, ScratchFile};
pub use report::{
    Bound, Cause, Change, Counts, Difference, Fact, Format, Guess, Hex, Hunk, LeftOut, Line, Part, Region,
    Report, Sign, VERSION,
};
pub use view::{Bytes, Entry, Id, Node, View};
pub use walk::{CompareError, compare, compare_contents};
