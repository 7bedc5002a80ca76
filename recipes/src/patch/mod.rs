//! Patches: unified diffs, plain and git's, applied to a tree exactly or not at all.
//!
//! Patches are read as by POSIX (`diff -u`), GNU patch and git, without their guesses:
//!
//! - A hunk applies at the old line number in its header and nowhere else, and every byte of its context has to be
//!   there. A hunk with context after its last change but none before its first has to begin the file; one with
//!   context before but none after has to end it. The new line number is ignored.
//! - An empty range is after the line that it names (`-0,0` before the first). An empty line in a hunk is
//!   an empty line of context. A line without its line feed is the last of its side, in the hunk and in the file.
//! - A plain diff creates a file when its old name is `/dev/null`, or when its stamp is the epoch and its only hunk
//!   says `-0,0`; it deletes one in the mirrored cases. A `-0,0` without either applies to a missing file as to an
//!   empty one, since it states no more, and inserts before the first line of any other.
//! - A plain diff with two names that differ after the strip means the one that is there. Both there is refused.
//! - A name ends at the first tab, else with its line. `rename` and `copy` lines have no prefix, so that one level less
//!   is stripped of them. Names that are absolute, empty after the strip, or have an empty, `.` or `..` component left
//!   are refused; leading `./` counts as one stripped component.
//! - git diffs with no other text between them are one change: renames and copies take what was there before it, and
//!   deletions come first. So files can be swapped, and a file can become a directory. Plain diffs apply in order.
//! - Symbolic links are created, deleted and changed by git diffs that give their mode, 120000. Other modes than this,
//!   100644 and 100755 are refused. `old mode` and `deleted file mode` must be true; of an `index` line only whether it
//!   says link.
//! - A directory that a deletion leaves empty goes too, as with GNU patch and git; the root stays.
//! - Text around diffs is skipped, also what `diff -r` says about files that it does not show (`Only in …`). Binary
//!   patches, combined, context and normal diffs and ed scripts are refused wherever they stand.

mod apply;
mod excerpt;
mod faults;
mod git;
mod hunks;
mod lines;
mod names;
mod parse;
mod resolve;
mod rewrite;
#[cfg(test)]
mod tests;
mod unsaved;

pub use apply::{Work, apply};
pub use excerpt::Excerpt;
pub use faults::{ApplyError, FileFault, Foreign, HunkFault, ParseFault, ParsePatchError};
pub use names::NameFault;

/// The maximum size in bytes of a file before and after a patch: both versions are held in memory.
pub const MAX_FILE: u64 = 256 << 20;

/// A parsed patch. It changes at least one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patch {
    files: Vec<FilePatch>,
}

impl Patch {
    /// Parses `bytes`.
    ///
    /// # Errors
    /// When there is no diff in them, a malformed one, or one of an unsupported kind.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParsePatchError> {
        parse::parse(bytes).map(|files| Self { files })
    }

    /// The number of its diffs of one file each.
    pub fn diffs(&self) -> usize {
        self.files.len()
    }
}

/// The diff of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
struct FilePatch {
    /// Where it begins in the patch, counted from 1.
    line: usize,
    /// Whether it follows the previous diff directly.
    joined: bool,
    header: Header,
    hunks: Vec<Hunk>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Header {
    Plain { old: Mark, new: Mark },
    Git(GitHeader),
}

/// A `---` or `+++` line.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Mark {
    /// `None` for `/dev/null`.
    name: Option<Vec<u8>>,
    /// Whether its timestamp is the epoch: GNU diff's mark for a missing file.
    epoch: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct GitHeader {
    /// The names in the first line, when it is unambiguous.
    names: Option<names::Pair>,
    marks: Option<(Mark, Mark)>,
    change: GitChange,
    /// The file's old and new mode.
    old: Option<Mode>,
    new: Option<Mode>,
    /// The file's mode in the `index` line.
    kept: Option<Mode>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum GitChange {
    Modify,
    Create,
    Delete,
    Rename { from: Vec<u8>, to: Vec<u8> },
    Copy { from: Vec<u8>, to: Vec<u8> },
}

/// The kind of a file, as trees distinguish it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    File,
    Executable,
    Symlink,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Hunk {
    /// Where its header is in the patch, counted from 1.
    line: usize,
    old: Lines,
    new: Lines,
    body: Vec<HunkLine>,
}

/// A range in a hunk's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Lines {
    start: usize,
    count: usize,
}

impl Lines {
    /// The number of lines before the range.
    fn before(self) -> usize {
        if self.count == 0 { self.start } else { self.start - 1 }
    }

    fn is_nothing(self) -> bool {
        self.start == 0 && self.count == 0
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct HunkLine {
    kind: LineKind,
    /// With its line feed, when it has one.
    text: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LineKind {
    Context,
    Removed,
    Added,
}
