//! The entries of a layer: tars of others, read as container engines read them, with names as images have them.

use std::io::{self, Read};

use stele_archive::tar::{Policy, TarKind, TarReadError, TarReader};
use stele_store::model::{MAX_DEPTH, NameError};

use crate::path::ImagePath;
use crate::rules::{Mode, Owner};

/// Why bytes are no tar that can be taken.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// It is no tar, or the bytes end too soon or cannot be unpacked.
    #[error(transparent)]
    Read(#[from] TarReadError),
    /// A name leads out of the image, or is none.
    #[error("the name {name:?} will not do: {why}")]
    Name {
        /// The name, as far as it can be shown.
        name: String,
        /// Why.
        why: String,
    },
    /// Something that no reader agrees about.
    #[error("{name:?} is of a kind that is not taken: {what}")]
    Kind {
        /// The name.
        name: String,
        /// What it is.
        what: String,
    },
    /// A hard link to nothing.
    #[error("{path} is a hard link to {to}, which is not there, or is a directory")]
    HardLink {
        /// The link.
        path: ImagePath,
        /// What it says.
        to: ImagePath,
    },
    /// Links that lead in a circle.
    #[error("the directory of {path} is behind more than 40 links")]
    Links {
        /// What was to be put there.
        path: ImagePath,
    },
    /// A link that says nothing.
    #[error("{path} is a link that will not do: {why}")]
    Target {
        /// The link.
        path: ImagePath,
        /// Why.
        why: NameError,
    },
    /// A name that takes something away, and names nothing.
    #[error("{path} takes nothing away")]
    Whiteout {
        /// The name.
        path: ImagePath,
    },
    /// A name in a directory that no image can have.
    #[error("{path} is in a directory whose name begins with `.wh.`, as that of no directory can")]
    InWhiteout {
        /// The name.
        path: ImagePath,
    },
    /// There are too many.
    #[error("it has more than {max} {what}")]
    Limit {
        /// How much there may be.
        max: u64,
        /// Of what.
        what: &'static str,
    },
}

/// What an entry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file, whose bytes follow.
    File,
    /// A symbolic link.
    Link(Vec<u8>),
    /// A file that is there under another name.
    Hard(ImagePath),
    /// A device, a fifo: what no tree holds.
    Special(&'static str),
}

/// An entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Where it belongs.
    pub path: ImagePath,
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub owner: Owner,
    /// Its mode.
    pub mode: Mode,
    /// Its time in whole seconds; none when it has parts of one, or is before 1970.
    pub time: Option<u64>,
    /// The bytes that follow.
    pub size: u64,
    /// Whether it has extended attributes.
    pub attributed: bool,
}

/// A layer's tar that is read entry by entry; between them it gives the bytes of files.
pub struct Untar<R> {
    tar: TarReader<R>,
}

impl<R: Read> Untar<R> {
    /// From the beginning.
    pub fn new(from: R) -> Self {
        Self { tar: TarReader::new(from, Policy::Lenient) }
    }

    /// The next entry; none at the end. What was not read of the last one is passed over.
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
        let (size, attributed) = (entry.size, entry.has_attributes);
        Ok(Some(Entry { path, kind, owner, mode, time, size, attributed }))
    }

    /// Where the next byte is, from the beginning.
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

/// The path that a name means: slashes in front, behind and doubled, and `.`, mean nothing; `..` is refused.
fn path(name: &[u8]) -> Result<ImagePath, TarError> {
    let refused = |why: String| {
        let name = String::from_utf8_lossy(&name[..name.len().min(200)]).into_owned();
        TarError::Name { name, why }
    };
    let parts: Vec<&[u8]> =
        name.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&&b".."[..]) {
        return Err(refused("it goes up by `..`".to_owned()));
    }
    if parts.len() > MAX_DEPTH {
        return Err(refused(format!("it has more than {MAX_DEPTH} names")));
    }
    if name.is_empty() {
        return Err(refused("it is empty".to_owned()));
    }
    ImagePath::new(&parts.join(&b'/')).map_err(|why| refused(why.to_string()))
}
