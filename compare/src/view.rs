//! What a comparison asks of a tree.

use std::io::{self, Read, Seek};

/// The content of a file, to be read from any place.
pub trait Bytes: Read + Seek {}

impl<T: Read + Seek + ?Sized> Bytes for T {}

/// What names the content of a directory or file within its [`View`]. Two of them, also of two views, are equal if and
/// only if the contents are equal: a digest, say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Id(pub Vec<u8>);

/// A tree of some kind.
pub trait View {
    /// The entries of a directory, each name once, sorted bytewise by name.
    ///
    /// # Errors
    /// When it cannot be read.
    fn entries(&self, directory: &Id) -> io::Result<Vec<Entry>>;

    /// The content of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    fn open(&self, file: &Id) -> io::Result<Box<dyn Bytes + '_>>;
}

/// An entry of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name, without a slash.
    pub name: Vec<u8>,
    /// Its permissions, where the tree has any.
    pub mode: Option<u32>,
    /// Its owner and group, where the tree has them.
    pub owner: Option<(u32, u32)>,
    /// What it is.
    pub node: Node,
}

/// What an entry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// A directory.
    Directory {
        /// Its content.
        id: Id,
    },
    /// A file.
    File {
        /// Its content.
        id: Id,
        /// How long that is.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Its target.
        target: Vec<u8>,
    },
}
