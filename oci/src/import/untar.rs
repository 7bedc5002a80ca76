//! The entries of a layer: third-party tars, read as container engines read them, with names as images have them.

use std::io::{self, Read};

use stele_archive::tar::{Policy, TarKind, TarReadError, TarReader};
use stele_store::model::{MAX_DEPTH, NameError};

use crate::capabilities::Capabilities;
use crate::path::ImagePath;
use crate::rules::{Mode, Owner};

/// Why a tar is refused.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// It is malformed, ends early, or cannot be decompressed.
    #[error(transparent)]
    Read(#[from] TarReadError),
    /// A name leads out of the image, or is invalid.
    #[error("the name {name:?} is invalid: {why}")]
    Name {
        /// The name, as far as it can be shown.
        name: String,
        /// Why.
        why: String,
    },
    /// Readers disagree about this kind of entry.
    #[error("{name:?} is of an unsupported kind: {what}")]
    Kind {
        /// The name.
        name: String,
        /// Its kind.
        what: String,
    },
    /// A hard link to a missing entry.
    #[error("{path} is a hard link to {to}, which is missing or a directory")]
    HardLink {
        /// The link.
        path: ImagePath,
        /// Its target.
        to: ImagePath,
    },
    /// Symbolic links that form a loop.
    #[error("the directory of {path} is behind more than 40 links")]
    Links {
        /// The entry to be placed.
        path: ImagePath,
    },
    /// A link with an invalid target.
    #[error("{path} is an invalid link: {why}")]
    Target {
        /// The link.
        path: ImagePath,
        /// Why.
        why: NameError,
    },
    /// A whiteout without a name to remove.
    #[error("{path} is a whiteout without a name")]
    Whiteout {
        /// The name.
        path: ImagePath,
    },
    /// A directory name that no image can have.
    #[error("{path} is in a directory whose name begins with the reserved `.wh.`")]
    InWhiteout {
        /// The name.
        path: ImagePath,
    },
    /// It exceeds a limit.
    #[error("it has more than {max} {what}")]
    Limit {
        /// The limit.
        max: u64,
        /// What is limited.
        what: &'static str,
    },
}

/// The kind of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file, whose bytes follow.
    File,
    /// A symbolic link.
    Link(Vec<u8>),
    /// A hard link to another name.
    Hard(ImagePath),
    /// A device or fifo: no tree can represent it.
    Special(&'static str),
}

/// An entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its path.
    pub path: ImagePath,
    /// Its kind.
    pub kind: Kind,
    /// Its owner.
    pub owner: Owner,
    /// Its mode.
    pub mode: Mode,
    /// Its time in whole seconds; `None` when it has a fraction, or is before 1970.
    pub time: Option<u64>,
    /// The size of the body in bytes.
    pub size: u64,
    /// Its capabilities, if it is a file.
    pub capabilities: Option<Capabilities>,
    /// Whether it has extended attributes that no image here can have.
    pub attributed: bool,
}

/// A layer's tar, read entry by entry; between entries it reads as the bytes of the last file.
pub struct Untar<R> {
    tar: TarReader<R>,
}

impl<R: Read> Untar<R> {
    /// Starts at the beginning.
    pub fn new(from: R) -> Self {
        Self { tar: TarReader::new(from, Policy::Lenient) }
    }

    /// The next entry; `None` at the end. The unread rest of the last one is skipped.
    ///
    /// # Errors
    /// See [`TarError`].
    pub fn step(&mut self) -> Result<Option<Entry>, TarError> {
        let Some(entry) = self.tar.next_entry()? else { return Ok(None) };
        let shown = || String::from_utf8_lossy(&entry.name[..entry.name.len().min(200)]).into_owned();
        let path = path(&entry.name)?;
        let (user, group) =
            entry.owner().map_err(|why| TarReadError::Framing { offset: entry.offset, why })?;
        let time = entry.mtime();
        let kind = match entry.kind {
            TarKind::File => Kind::File,
            TarKind::Directory => Kind::Directory,
            TarKind::Symlink(target) => Kind::Link(target),
            TarKind::HardLink(to) => Kind::Hard(self::path(&to)?),
            TarKind::Device { block: false } => Kind::Special("a character device"),
            TarKind::Device { block: true } => Kind::Special("a block device"),
            TarKind::Fifo => Kind::Special("a fifo"),
            TarKind::Other(flag) => {
                return Err(TarError::Kind { name: shown(), what: format!("type {:?}", char::from(flag)) });
            }
        };
        let (owner, mode) = (Owner { user, group }, Mode::from_bits(entry.mode));
        let size = entry.size;
        let is_file = kind == Kind::File;
        let set =
            entry.capabilities.as_deref().map(|value| Capabilities::of_attribute(value).filter(|_| is_file));
        let attributed = entry.has_attributes || set == Some(None);
        let capabilities = set.flatten();
        Ok(Some(Entry { path, kind, owner, mode, time, size, capabilities, attributed }))
    }

    /// The offset of the next byte.
    pub fn position(&self) -> u64 {
        self.tar.position()
    }
}

/// The bytes of the last entry.
impl<R: Read> Read for Untar<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.tar.read(into)
    }
}

/// The path of a name: leading, trailing and double slashes and `.` are ignored; `..` is refused.
fn path(name: &[u8]) -> Result<ImagePath, TarError> {
    let refused = |why: String| {
        let name = String::from_utf8_lossy(&name[..name.len().min(200)]).into_owned();
        TarError::Name { name, why }
    };
    let parts: Vec<&[u8]> =
        name.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&&b".."[..]) {
        return Err(refused("it has `..`".to_owned()));
    }
    if parts.len() > MAX_DEPTH {
        return Err(refused(format!("it has more than {MAX_DEPTH} names")));
    }
    if name.is_empty() {
        return Err(refused("it is empty".to_owned()));
    }
    ImagePath::new(&parts.join(&b'/')).map_err(|why| refused(why.to_string()))
}
