//! Why an archive is refused.

mod framing;

use std::fmt;
use std::io;

use stele_store::model::{NameError, escape};

use super::Compression;
use crate::content::ContentError;

pub use framing::{PackageError, SparseError, TarError, ZipError};

/// A name as in the archive: any bytes. It is displayed escaped.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryName(pub Vec<u8>);

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(self.0.len());
        escape(&self.0, &mut text);
        f.pad(&text)
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryName({self})")
    }
}

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive's bytes could not be read.
    #[error("the archive cannot be read")]
    Read(#[source] io::Error),
    /// A zip is read from its end, so it is copied to a temporary file first; that failed.
    #[error("a temporary file cannot be written or read")]
    Spool(#[source] io::Error),
    /// A file or a tree could not be stored.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The decompressed bytes are neither a tar nor a zip.
    #[error("this is not an archive: {}it seems to be {seems}", inside(compressions))]
    NotAnArchive {
        /// Its compressions, from the outside in.
        compressions: Vec<Compression>,
        /// A guess from its first bytes.
        seems: &'static str,
    },
    /// A compressed stream is cut short, damaged, or followed by other bytes.
    #[error("the {compression} data is damaged or cut short, {offset} bytes into its output: {source}")]
    Damaged {
        /// The compression.
        compression: Compression,
        /// The number of bytes that it had yielded before.
        offset: u64,
        /// The decoder's error.
        source: io::Error,
    },
    /// There are more nested compressions than [`Limits`](super::Limits) allow.
    #[error("more than {max} nested compressions")]
    Nesting {
        /// The limit.
        max: usize,
    },
    /// It unpacks to more bytes than the limits allow.
    #[error("it unpacks to more than {max} bytes")]
    Bytes {
        /// The limit in bytes.
        max: u64,
    },
    /// Its compression ratio exceeds the limits.
    #[error("{packed} bytes unpack to {unpacked} and more; at most {max} for each are allowed")]
    Ratio {
        /// The limit: unpacked bytes for each compressed one.
        max: u64,
        /// Bytes read so far.
        packed: u64,
        /// Bytes unpacked from them.
        unpacked: u64,
    },
    /// Its names and targets are longer than the limits allow.
    #[error("the names and link targets in it have more than {max} bytes together")]
    Text {
        /// The limit in bytes.
        max: u64,
    },
    /// It holds more files and directories than the limits allow.
    #[error("it holds more than {max} entries")]
    Entries {
        /// The limit.
        max: usize,
    },
    /// The resulting tree would be empty.
    #[error("nothing is left of it: the tree would be empty")]
    Empty,
    /// The requested directory is missing, or is not a directory.
    #[error("it has no directory {subdir}")]
    NoSubdir {
        /// The requested directory.
        subdir: EntryName,
    },
    /// An entry is refused.
    #[error("entry {entry} at byte {offset}: {why}")]
    Entry {
        /// Its name in the archive.
        entry: EntryName,
        /// The offset of its header in the decompressed archive.
        offset: u64,
        /// The reason.
        #[source]
        why: EntryError,
    },
    /// A symbolic link leads above the root through another link.
    #[error("the symbolic link {link} to {target} leads outside of the tree")]
    LeadsOutside {
        /// The link's name below `subdir`.
        link: EntryName,
        /// Its target.
        target: EntryName,
    },
    /// Resolving the symbolic links takes too long.
    #[error("its symbolic links lead through each other more than {max} times")]
    Links {
        /// The limit: components visited.
        max: usize,
    },
    /// The tar's framing is invalid.
    #[error("the tar, at byte {offset}: {why}")]
    Tar {
        /// The offset of the header or block in the decompressed tar.
        offset: u64,
        /// The reason.
        #[source]
        why: TarError,
    },
    /// It is not a Debian package, or its framing is invalid.
    #[error("the Debian package, at byte {offset}: {why}")]
    Package {
        /// The offset.
        offset: u64,
        /// The reason.
        #[source]
        why: PackageError,
    },
    /// The zip's framing is invalid.
    #[error("the zip, at byte {offset}: {why}")]
    Zip {
        /// The offset.
        offset: u64,
        /// The reason.
        #[source]
        why: ZipError,
    },
}

/// Why an entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It has no name.
    #[error("its name is empty")]
    EmptyName,
    /// Its name begins with a slash.
    #[error("its name is absolute")]
    AbsoluteName,
    /// Its name has a component `..`.
    #[error("its name has a component `..`")]
    ParentInName,
    /// Its name or its target holds a NUL.
    #[error("its name or target holds a NUL")]
    Nul,
    /// Its name is longer than a path can be.
    #[error("its name has {found} bytes; at most {max} are allowed")]
    LongName {
        /// Its length in bytes.
        found: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A component of its name is invalid.
    #[error("a component of its name is invalid: {0}")]
    Component(NameError),
    /// Its name has too many components.
    #[error("its name has {found} components; at most {max} are allowed")]
    Depth {
        /// Its number of components.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// It names the root, and is not a directory.
    #[error("it names the root, and is not a directory")]
    RootNoDirectory,
    /// It is a character or block device.
    #[error("it is a device")]
    Device,
    /// It is a fifo.
    #[error("it is a fifo")]
    Fifo,
    /// It is a socket.
    #[error("it is a socket")]
    Socket,
    /// It is specific to GNU tar, and not a file.
    #[error(
        "it is {what}, and belongs to GNU tar's incremental or multi-volume archives, which are not read"
    )]
    OfGnu {
        /// Its kind.
        what: &'static str,
    },
    /// It is of a kind that trees do not support, or an unknown one.
    #[error("entries of kind {kind:#x} cannot be unpacked")]
    Kind {
        /// The tar header's type flag, or the type bits of the zip entry's mode.
        kind: u32,
    },
    /// It is a hard link with an invalid target.
    #[error("it is a hard link to {target}, which is invalid: {why}")]
    HardLinkName {
        /// Its target.
        target: EntryName,
        /// The reason.
        why: Box<EntryError>,
    },
    /// It is a hard link to a file that does not precede it.
    #[error("it is a hard link to {target}, and no such file precedes it")]
    HardLinkMissing {
        /// Its target.
        target: EntryName,
    },
    /// It is a hard link to a directory.
    #[error("it is a hard link to {target}, which is a directory")]
    HardLinkDirectory {
        /// Its target.
        target: EntryName,
    },
    /// It is a symbolic link to an absolute path.
    #[error("it is a symbolic link to {target}, which is absolute")]
    TargetAbsolute {
        /// Its target.
        target: EntryName,
    },
    /// It is a symbolic link that leads above the root.
    #[error("it is a symbolic link to {target}, which is outside of the tree")]
    TargetOutside {
        /// Its target.
        target: EntryName,
    },
    /// It is a symbolic link with an invalid target.
    #[error("the target of its symbolic link is invalid: {0}")]
    Target(NameError),
    /// A component of its name is a symbolic link.
    #[error("its name passes through {link}, which is a symbolic link")]
    ThroughLink {
        /// The link.
        link: EntryName,
    },
    /// A component of its name is a file.
    #[error("its name passes through {file}, which is a file")]
    ThroughFile {
        /// The file.
        file: EntryName,
    },
    /// It occurs twice, with different content, mode or target.
    #[error("it occurs twice, and differs")]
    Twice,
    /// It occurs twice, once as a directory.
    #[error("it occurs twice, and only once as a directory")]
    KindChanged,
    /// It is not a file, and its header has a size.
    #[error("it is not a file, and its size is {size}")]
    SizeOfNoFile {
        /// The size in bytes.
        size: u64,
    },
    /// It is cut short.
    #[error("it is cut short")]
    Truncated,
    /// The map of a sparse file is invalid.
    #[error("the map of this sparse file is invalid: {0}")]
    Sparse(#[from] SparseError),
    /// It is a sparse file in a layer of an image.
    #[error("it is a sparse file, which layers of images do not have")]
    SparseLayer,
    /// A zip entry has two names that differ.
    #[error("it has a second name, {name}, in its Unicode path field")]
    OtherName {
        /// The second name.
        name: EntryName,
    },
    /// A zip entry's name and mode disagree whether it is a directory.
    #[error("its name and its mode disagree whether it is a directory")]
    DirectoryOrNot,
    /// A zip entry is encrypted.
    #[error("it is encrypted")]
    Encrypted,
    /// A zip entry uses a compression other than deflate.
    #[error("it is compressed with method {method}; only 0 (stored) and 8 (deflate) are read")]
    Method {
        /// The method's number.
        method: u16,
    },
    /// A zip entry's data is not a deflate stream, or one of another length.
    #[error("its compressed data is damaged")]
    Deflate,
    /// A zip entry's checksum does not match its data.
    #[error("its data has the checksum {found:08x}, not {expected:08x}")]
    Crc {
        /// The checksum of the data.
        found: u32,
        /// The checksum in the directory.
        expected: u32,
    },
}

fn inside(compressions: &[Compression]) -> String {
    let mut text = String::new();
    for compression in compressions {
        text.push_str(&format!("inside {compression} "));
    }
    text
}
