//! Why an archive is refused.

mod framing;

use std::fmt;
use std::io;

use stele_store::model::{NameError, escape};

use super::Compression;
use crate::content::ContentError;

pub use framing::{PackageError, SparseError, TarError, ZipError};

/// A name as the archive spells it: any bytes. It is shown escaped.
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

/// Why an archive became no tree.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive's bytes could not be read.
    #[error("the archive cannot be read")]
    Read(#[source] io::Error),
    /// A zip is read from its end, so it is put into a temporary file first; that failed.
    #[error("a temporary file cannot be written or read")]
    Spool(#[source] io::Error),
    /// A file or a tree could not be kept.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The bytes, without their compression, are neither tar nor zip.
    #[error("this is no archive: {}it seems to be {seems}", inside(compressions))]
    NotAnArchive {
        /// What it is compressed with, from the outside in.
        compressions: Vec<Compression>,
        /// What its first bytes look like.
        seems: &'static str,
    },
    /// A compressed stream is cut short, damaged, or followed by other bytes.
    #[error("the {compression} data is damaged or cut short, {offset} bytes into what it holds: {source}")]
    Damaged {
        /// Which compression.
        compression: Compression,
        /// How many bytes it had given before.
        offset: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// There are more compressions inside each other than [`Limits`](super::Limits) allow.
    #[error("more than {max} compressions stand inside each other")]
    Nesting {
        /// The bound.
        max: usize,
    },
    /// It holds more bytes than the limits allow.
    #[error("it unpacks to more than {max} bytes")]
    Bytes {
        /// The bound in bytes.
        max: u64,
    },
    /// It holds more bytes for each packed one than the limits allow.
    #[error("{packed} bytes unpack to {unpacked} and more; at most {max} for each is allowed")]
    Ratio {
        /// The bound: unpacked bytes for each packed one.
        max: u64,
        /// Bytes read so far.
        packed: u64,
        /// Bytes that came of them.
        unpacked: u64,
    },
    /// Its names and targets are longer than the limits allow.
    #[error("the names and link targets in it have more than {max} bytes together")]
    Text {
        /// The bound in bytes.
        max: u64,
    },
    /// It holds more files and directories than the limits allow.
    #[error("it holds more than {max} entries")]
    Entries {
        /// The bound.
        max: usize,
    },
    /// Nothing is left to make a tree of.
    #[error("nothing is left of it: the tree would be empty")]
    Empty,
    /// The directory that was asked for is not there, or is no directory.
    #[error("no directory {subdir} is in it")]
    NoSubdir {
        /// What was asked for.
        subdir: EntryName,
    },
    /// An entry is refused.
    #[error("entry {entry} at byte {offset}: {why}")]
    Entry {
        /// Its name as the archive has it.
        entry: EntryName,
        /// Where its header begins, counted from 0 in the archive without its compression.
        offset: u64,
        /// What is wrong with it.
        #[source]
        why: EntryError,
    },
    /// A symbolic link leads above the root, though its text does not say so.
    #[error("the symbolic link {link} to {target} leads outside of the tree")]
    LeadsOutside {
        /// The link's name in what was asked for.
        link: EntryName,
        /// What it says.
        target: EntryName,
    },
    /// To say where the symbolic links lead takes too long.
    #[error("its symbolic links lead through each other more than {max} times")]
    Links {
        /// The bound: how many components were looked at.
        max: usize,
    },
    /// The tar's framing is broken.
    #[error("the tar, at byte {offset}: {why}")]
    Tar {
        /// Where the header or block begins, counted from 0 in the tar without its compression.
        offset: u64,
        /// What is wrong there.
        #[source]
        why: TarError,
    },
    /// It is no Debian package, or one whose framing is broken.
    #[error("the Debian package, at byte {offset}: {why}")]
    Package {
        /// Where, counted from 0.
        offset: u64,
        /// What is wrong there.
        #[source]
        why: PackageError,
    },
    /// The zip's framing is broken.
    #[error("the zip, at byte {offset}: {why}")]
    Zip {
        /// Where, counted from 0.
        offset: u64,
        /// What is wrong there.
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
        /// Bytes it has.
        found: usize,
        /// Bytes that it may have.
        max: usize,
    },
    /// A component of its name cannot name an entry.
    #[error("a component of its name will not do: {0}")]
    Component(NameError),
    /// Its name has too many components.
    #[error("its name has {found} components; at most {max} are allowed")]
    Depth {
        /// Components it has.
        found: usize,
        /// Components that it may have.
        max: usize,
    },
    /// It names the root, and is no directory.
    #[error("it names the root, and is no directory")]
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
    /// It is something that GNU tar alone has, and that is no file.
    #[error(
        "it is {what}, and belongs to GNU tar's incremental or multi-volume archives, which are not read"
    )]
    OfGnu {
        /// What it is.
        what: &'static str,
    },
    /// It is of a kind that no tree has, or that nobody knows.
    #[error("nothing of kind {kind:#x} can be unpacked")]
    Kind {
        /// The tar header's type flag, or the type bits of the zip entry's mode.
        kind: u32,
    },
    /// It is a hard link to something that cannot be a name.
    #[error("it is a hard link to {target}, which will not do: {why}")]
    HardLinkName {
        /// What it names.
        target: EntryName,
        /// What is wrong with that.
        why: Box<EntryError>,
    },
    /// It is a hard link to nothing that came before it.
    #[error("it is a hard link to {target}, and no such file came before it")]
    HardLinkMissing {
        /// What it names.
        target: EntryName,
    },
    /// It is a hard link to a directory.
    #[error("it is a hard link to {target}, which is a directory")]
    HardLinkDirectory {
        /// What it names.
        target: EntryName,
    },
    /// It is a symbolic link to an absolute path.
    #[error("it is a symbolic link to {target}, which is absolute")]
    TargetAbsolute {
        /// What it says.
        target: EntryName,
    },
    /// It is a symbolic link that leads above the root.
    #[error("it is a symbolic link to {target}, which is outside of the tree")]
    TargetOutside {
        /// What it says.
        target: EntryName,
    },
    /// It is a symbolic link whose target no link can have.
    #[error("the target of its symbolic link will not do: {0}")]
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
    /// It came before with other content, another mode or another target.
    #[error("it comes twice, and differs")]
    Twice,
    /// It came before, and one of the two is a directory.
    #[error("it comes twice, and only once as a directory")]
    KindChanged,
    /// It is no file, and its header has a size.
    #[error("it is no file, and its size is {size}")]
    SizeOfNoFile {
        /// The size in bytes.
        size: u64,
    },
    /// It is cut short.
    #[error("it is cut short")]
    Truncated,
    /// The map of a sparse file is wrong.
    #[error("the map of this sparse file is wrong: {0}")]
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
    /// A zip entry's name ends like that of a directory, and its mode says that it is none; or the other way round.
    #[error("its name and its mode disagree whether it is a directory")]
    DirectoryOrNot,
    /// A zip entry is encrypted.
    #[error("it is encrypted")]
    Encrypted,
    /// A zip entry is compressed otherwise than by deflate.
    #[error("it is compressed with method {method}; only 0 (stored) and 8 (deflate) are read")]
    Method {
        /// The method's number.
        method: u16,
    },
    /// A zip entry's data is no deflate stream, or one of another length.
    #[error("its compressed data is damaged")]
    Deflate,
    /// A zip entry's checksum is not that of its data.
    #[error("its data has the checksum {found:08x}, not {expected:08x}")]
    Crc {
        /// What the data has.
        found: u32,
        /// What the directory says.
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
