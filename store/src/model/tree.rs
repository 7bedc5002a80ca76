//! A directory as a value, and its canonical text.
//!
//! ```text
//! stele-tree 1
//! x 5f0e…c1 18264 cc
//! d a97b…03 301 include
//! l libc.so.6 9 libc.so
//! ```
//!
//! A version line, then a line an entry, sorted bytewise by name: kind, digest (for a link its target), size in
//! bytes, name. `d` is a directory (its size is that of its own canonical text), `f` a file, `x` an executable
//! file, `l` a symbolic link (its size is its target's length). Names and targets are escaped by
//! [`escape`](super::escape()). Every line ends with one LF. Owner, mode, times and extended attributes are not
//! part of a tree. `docs/formats.md` has a worked example.

use std::fmt::Write as _;

use super::digest::{BlobId, Digest, ParseDigestError, TreeId};
use super::escape::{UnescapeError, escape, unescape};
use super::name::{Name, NameError, SymlinkTarget};

const VERSION_LINE: &[u8] = b"stele-tree 1\n";

/// The kind and content of an entry. It has no name: the tree that holds it names it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Node {
    /// A directory.
    Directory {
        /// The tree.
        tree: TreeId,
        /// The length of that tree's canonical text in bytes.
        size: u64,
    },
    /// A regular file.
    File {
        /// The blob.
        blob: BlobId,
        /// The blob's length in bytes.
        size: u64,
        /// Whether it is executable: the only mode bit that is part of its identity.
        executable: bool,
    },
    /// A symbolic link.
    Symlink {
        /// The target.
        target: SymlinkTarget,
    },
}

/// A directory: names to nodes, each name once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tree {
    /// Sorted bytewise by name, without duplicates.
    entries: Vec<(Name, Node)>,
}

/// Why entries do not form a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Two entries have one name.
    #[error("two entries are named {name}")]
    Duplicate {
        /// The name.
        name: Name,
    },
}

/// Why bytes are not the canonical text of a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeTreeError {
    /// The first line is not `stele-tree 1`.
    #[error("it does not begin with the line `stele-tree 1`")]
    Version,
    /// The last line has no LF.
    #[error("line {line}: the line feed at its end is missing")]
    Unterminated {
        /// Counted from 1.
        line: usize,
    },
    /// A line does not have four columns separated by single spaces.
    #[error("line {line}: an entry has four columns: kind, digest or target, size, name")]
    Columns {
        /// Counted from 1.
        line: usize,
    },
    /// The first column is none of `d f x l`.
    #[error("line {line}: no entry is of that kind")]
    Kind {
        /// Counted from 1.
        line: usize,
    },
    /// The second column is not a digest.
    #[error("line {line}: {source}")]
    Digest {
        /// Counted from 1.
        line: usize,
        /// The cause.
        source: ParseDigestError,
    },
    /// A name or target is not canonically encoded.
    #[error("line {line}: {source}")]
    Escape {
        /// Counted from 1.
        line: usize,
        /// The cause.
        source: UnescapeError,
    },
    /// A name or target violates its invariants.
    #[error("line {line}: invalid name or target: {source}")]
    Name {
        /// Counted from 1.
        line: usize,
        /// The cause.
        source: NameError,
    },
    /// A size is not a canonical decimal number of at most 64 bits, or not the length of the link's target.
    #[error("line {line}: the size is not canonical, or not that of the target")]
    Size {
        /// Counted from 1.
        line: usize,
    },
    /// The entries are not sorted bytewise by name, or a name is duplicated.
    #[error("line {line}: its name does not sort after the previous one")]
    Order {
        /// Counted from 1.
        line: usize,
    },
}

impl Node {
    /// The value of the size column, in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Directory { size, .. } | Self::File { size, .. } => *size,
            Self::Symlink { target } => target.as_bytes().len() as u64,
        }
    }

    /// The value of the kind column.
    pub fn kind(&self) -> char {
        match self {
            Self::Directory { .. } => 'd',
            Self::File { executable: false, .. } => 'f',
            Self::File { executable: true, .. } => 'x',
            Self::Symlink { .. } => 'l',
        }
    }

    /// The digest that the node names; a link has none.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Directory { tree, .. } => Some(tree.0),
            Self::File { blob, .. } => Some(blob.0),
            Self::Symlink { .. } => None,
        }
    }
}

impl Tree {
    /// A tree of `entries`, which may come in any order.
    ///
    /// # Errors
    /// When two entries have one name.
    pub fn new(mut entries: Vec<(Name, Node)>) -> Result<Self, TreeError> {
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        match entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(TreeError::Duplicate { name: pair[0].0.clone() }),
            None => Ok(Self { entries }),
        }
    }

    /// The entries, sorted bytewise by name.
    pub fn entries(&self) -> &[(Name, Node)] {
        &self.entries
    }

    /// The node of that name.
    pub fn get(&self, name: &[u8]) -> Option<&Node> {
        let at = self.entries.binary_search_by(|(n, _)| n.as_bytes().cmp(name)).ok()?;
        Some(&self.entries[at].1)
    }

    /// The canonical text.
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(VERSION_LINE.len() + self.entries.len() * 100);
        text.push_str("stele-tree 1\n");
        for (name, node) in &self.entries {
            text.push(node.kind());
            text.push(' ');
            match node {
                Node::Directory { tree, .. } => write_digest(&mut text, &tree.0),
                Node::File { blob, .. } => write_digest(&mut text, &blob.0),
                Node::Symlink { target } => escape(target.as_bytes(), &mut text),
            }
            // Writing to a String cannot fail.
            let _ = write!(text, " {} ", node.size());
            escape(name.as_bytes(), &mut text);
            text.push('\n');
        }
        text
    }

    /// Decodes a tree's canonical text.
    ///
    /// # Errors
    /// When `bytes` is anything else: [`Tree::encode`] of the result is always `bytes` again.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeTreeError> {
        let mut rest = bytes.strip_prefix(VERSION_LINE).ok_or(DecodeTreeError::Version)?;
        let mut entries: Vec<(Name, Node)> = Vec::new();
        let mut line = 1;
        while !rest.is_empty() {
            line += 1;
            let end = rest.iter().position(|&b| b == b'\n').ok_or(DecodeTreeError::Unterminated { line })?;
            let (name, node) = decode_line(&rest[..end], line)?;
            if entries.last().is_some_and(|(before, _)| *before >= name) {
                return Err(DecodeTreeError::Order { line });
            }
            entries.push((name, node));
            rest = &rest[end + 1..];
        }
        Ok(Self { entries })
    }

    /// The tree's identity: the digest of its canonical text.
    pub fn id(&self) -> TreeId {
        TreeId(Digest::of(self.encode().as_bytes()))
    }
}

fn write_digest(text: &mut String, digest: &Digest) {
    let _ = write!(text, "{digest}");
}

fn decode_line(text: &[u8], line: usize) -> Result<(Name, Node), DecodeTreeError> {
    let mut columns = text.split(|&b| b == b' ');
    let (Some(kind), Some(what), Some(size), Some(name), None) =
        (columns.next(), columns.next(), columns.next(), columns.next(), columns.next())
    else {
        return Err(DecodeTreeError::Columns { line });
    };
    let digest = || {
        let text = String::from_utf8_lossy(what);
        text.parse::<Digest>().map_err(|source| DecodeTreeError::Digest { line, source })
    };
    let bytes = |text| unescape(text).map_err(|source| DecodeTreeError::Escape { line, source });
    let size = decimal(size).ok_or(DecodeTreeError::Size { line })?;
    let node = match kind {
        b"d" => Node::Directory { tree: TreeId(digest()?), size },
        b"f" => Node::File { blob: BlobId(digest()?), size, executable: false },
        b"x" => Node::File { blob: BlobId(digest()?), size, executable: true },
        b"l" => {
            let target =
                SymlinkTarget::new(&bytes(what)?).map_err(|source| DecodeTreeError::Name { line, source })?;
            Node::Symlink { target }
        }
        _ => return Err(DecodeTreeError::Kind { line }),
    };
    if node.size() != size {
        return Err(DecodeTreeError::Size { line });
    }
    let name = Name::new(&bytes(name)?).map_err(|source| DecodeTreeError::Name { line, source })?;
    Ok((name, node))
}

/// A decimal number in canonical encoding: no sign, no leading zero, at most 64 bits.
fn decimal(text: &[u8]) -> Option<u64> {
    let one_spelling = text == b"0" || (text.first() != Some(&b'0') && text.iter().all(u8::is_ascii_digit));
    std::str::from_utf8(text).ok().filter(|_| one_spelling)?.parse().ok()
}
