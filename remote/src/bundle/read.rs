//! Reading a bundle, from a stranger.

use std::io::{self, BufRead, Read};

use stele_store::model::{DecodeTreeError, Digest, MAX_TREE_TEXT, Tree};

use super::{FIRST_LINE, Line, LineError, MAX_LINE};
use crate::end::Rooted;

/// Why a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It ends too early: the rest may come another time.
    #[error("the bundle was cut off")]
    Cut,
    /// The bytes cannot be read.
    #[error("the bundle cannot be read: {0}")]
    Io(#[source] io::Error),
    /// The first line is another.
    #[error("that is not a bundle: it does not begin with `stele-bundle 1`")]
    NoBundle,
    /// A line is none.
    #[error("the bundle is malformed: {0}")]
    Line(#[from] LineError),
    /// A line is longer than any is.
    #[error("the bundle is malformed: a line is longer than {MAX_LINE} bytes")]
    Long,
    /// The bytes of a content have another digest than its line says.
    #[error("the bundle is damaged: the bytes sent for {asked} have the digest {given}")]
    Other {
        /// The digest in the line.
        asked: Digest,
        /// That of the bytes.
        given: Digest,
    },
    /// A directory's text is none.
    #[error("the bundle is damaged: what it has for {digest} is not a directory: {why}")]
    Tree {
        /// The digest.
        digest: Digest,
        /// The cause.
        why: DecodeTreeError,
    },
    /// A directory's text is longer than any may be.
    #[error("the bundle is malformed: a directory of {size} bytes")]
    Large {
        /// Its length.
        size: u64,
    },
    /// The last line counts other records, or has another digest than the bytes before it.
    #[error("the bundle is damaged: its last line does not match the rest")]
    Sum,
    /// Something follows the last line.
    #[error("the bundle is malformed: bytes follow its last line")]
    Trailing,
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Cut,
            _ => Self::Io(error),
        }
    }
}

impl ReadError {
    /// Whether what came before may be good, and the rest only be missing.
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Cut | Self::Io(_))
    }
}

/// A record of a bundle.
#[derive(Debug)]
pub enum Record {
    /// A directory, whose digest was checked.
    Tree(Digest, Tree),
    /// A file, whose bytes are to be read from [`Reader::content`].
    File {
        /// The digest that they are to have.
        digest: Digest,
        /// Their number.
        size: u64,
        /// Whether some directory names it as executable.
        executable: bool,
    },
    /// A root.
    Root(Rooted),
}

/// Reads a bundle.
pub struct Reader<R> {
    from: R,
    hasher: blake3::Hasher,
    records: u64,
    /// The bytes of the present file that were not read yet.
    left: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// When it is another.
    pub fn new(mut from: R) -> Result<Self, ReadError> {
        let mut first = Vec::new();
        (&mut from).take(FIRST_LINE.len() as u64).read_to_end(&mut first)?;
        match first.as_slice() {
            line if line == FIRST_LINE.as_bytes() => {}
            line if FIRST_LINE.as_bytes().starts_with(line) => return Err(ReadError::Cut),
            _ => return Err(ReadError::NoBundle),
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&first);
        Ok(Self { from, hasher, records: 0, left: 0 })
    }

    /// The next record, or `None` after the last one, when all was as its last line says. What was not read of a
    /// file's bytes is skipped, unchecked.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn record(&mut self) -> Result<Option<Record>, ReadError> {
        if self.left > 0 {
            let left = self.left;
            let skipped = io::copy(&mut self.content(), &mut io::sink())?;
            if skipped < left {
                return Err(ReadError::Cut);
            }
        }
        let line = self.line()?;
        let parsed = Line::parse(&line[..line.len() - 1])?;
        if let Line::End { records, digest } = parsed {
            let found = Digest::from_bytes(*self.hasher.finalize().as_bytes());
            if (records, digest) != (self.records, found) {
                return Err(ReadError::Sum);
            }
            return if self.from.fill_buf()?.is_empty() { Ok(None) } else { Err(ReadError::Trailing) };
        }
        self.hasher.update(&line);
        self.records += 1;
        match parsed {
            Line::Root(root) => Ok(Some(Record::Root(root))),
            Line::File { digest, size, executable } => {
                self.left = size;
                Ok(Some(Record::File { digest, size, executable }))
            }
            Line::Tree { digest, size } => Ok(Some(self.tree(digest, size)?)),
            Line::End { .. } => Err(ReadError::Sum),
        }
    }

    /// The bytes of the file whose record came last: at most as many as it states. Their digest is the caller's to
    /// check.
    pub fn content(&mut self) -> Content<'_, R> {
        Content { reader: self }
    }

    fn tree(&mut self, digest: Digest, size: u64) -> Result<Record, ReadError> {
        if size > MAX_TREE_TEXT {
            return Err(ReadError::Large { size });
        }
        let mut text = Vec::new();
        (&mut self.from).take(size).read_to_end(&mut text)?;
        if (text.len() as u64) < size {
            return Err(ReadError::Cut);
        }
        self.hasher.update(&text);
        let given = Digest::of(&text);
        if given != digest {
            return Err(ReadError::Other { asked: digest, given });
        }
        let tree = Tree::decode(&text).map_err(|why| ReadError::Tree { digest, why })?;
        Ok(Record::Tree(digest, tree))
    }

    /// A line with its line feed.
    fn line(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut line = Vec::new();
        (&mut self.from).take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
        match line.last() {
            Some(b'\n') => Ok(line),
            _ if line.len() == MAX_LINE => Err(ReadError::Long),
            _ => Err(ReadError::Cut),
        }
    }
}

/// The bytes of a file in a bundle. Reading gives an error when the bundle ends before the file does.
pub struct Content<'a, R> {
    reader: &'a mut Reader<R>,
}

impl<R: BufRead> Read for Content<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let reader = &mut *self.reader;
        let room = usize::try_from(reader.left).unwrap_or(usize::MAX).min(to.len());
        if room == 0 {
            return Ok(0);
        }
        let count = reader.from.read(&mut to[..room])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reader.hasher.update(&to[..count]);
        reader.left -= count as u64;
        Ok(count)
    }
}
