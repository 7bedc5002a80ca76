//! The tar reader.
//!
//! It reads v7, ustar, pax (`x` and `g`) and GNU (`L`, `K`, numbers in base 256). A [`Policy`] decides where other
//! readers disagree with each other:
//!
//! * [`Policy::Strict`], for sources: every byte belongs to a header, to an entry, or to the zeros at the end, and
//!   anything ambiguous is refused. Sparse files are read in all four encodings; GNU tar's incremental and multi-volume
//!   archives are refused.
//! * [`Policy::Lenient`], for layers of images: it reads what Go's `archive/tar` reads, in the same way, because the
//!   engines that run an image read its layers with that. It may accept what Go refuses, but nothing with another
//!   meaning.

mod blocks;
mod entry;
pub(crate) mod header;
mod numbers;
mod pax;
mod sparse;

use std::io::{self, Read};

use super::format::HEAD;
use super::{EntryError, EntryName, SparseError, TarError};
pub use entry::{Policy, TarEntry, TarKind, TarReadError};

use blocks::{Blocks, Next, padding_of};
use header::Header;
use pax::Extended;
use sparse::{Filled, Holes, Map, MapLines};

/// Maximum size of an extended header in bytes. It is held in memory; the longest known ones have a few KiB.
const MAX_EXTENDED: u64 = 8 << 20;

/// The content of extended headers, for the entry that follows them.
#[derive(Default)]
struct Ahead {
    pax: Option<Extended>,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Ahead {
    fn is_empty(&self) -> bool {
        self.pax.is_none() && self.name.is_none() && self.link.is_none()
    }
}

/// A tar, read entry by entry. Between two calls of [`TarReader::next_entry`] it reads as the bytes of the file.
pub struct TarReader<R> {
    blocks: Blocks<R>,
    policy: Policy,
    /// The number of bytes of the entry left in the archive, and of the padding of their last block.
    left: u64,
    padding: usize,
    holes: Option<Filled>,
    /// The entry whose bytes are read.
    current: Option<(EntryName, u64)>,
    is_truncated: bool,
    has_ended: bool,
}

impl<R: Read> TarReader<R> {
    /// Reads `bytes` from the beginning.
    pub fn new(bytes: R, policy: Policy) -> Self {
        let blocks = Blocks::new(bytes);
        let (left, padding, holes, current) = (0, 0, None, None);
        Self { blocks, policy, left, padding, holes, current, is_truncated: false, has_ended: false }
    }

    /// The number of bytes read: after an entry's header, the offset of its data.
    pub fn position(&self) -> u64 {
        self.blocks.offset
    }

    /// Whether the bytes of a file ended early while they were read.
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// The next entry; `None` at the end. The unread rest of the last one is skipped.
    ///
    /// # Errors
    /// See [`TarReadError`].
    pub fn next_entry(&mut self) -> Result<Option<TarEntry>, TarReadError> {
        self.end_entry()?;
        let mut ahead = Ahead::default();
        while !self.has_ended {
            let offset = self.blocks.offset;
            let fail = |why| TarReadError::Framing { offset, why };
            let block = match self.blocks.next()? {
                Next::Block(block) => block,
                Next::Partial => return Err(fail(TarError::Truncated)),
                Next::End if self.policy == Policy::Strict => return Err(fail(TarError::NoEnd)),
                // Some writers omit the end, and all readers accept that.
                Next::End => [0; HEAD],
            };
            if block == [0; HEAD] {
                if !ahead.is_empty() {
                    return Err(fail(TarError::Dangling));
                }
                self.has_ended = true;
                self.expect_end()?;
                break;
            }
            let header = Header { block: &block, policy: self.policy };
            if !header.checksum_holds() {
                return Err(fail(TarError::Checksum));
            }
            match header.type_flag() {
                b'x' => {
                    let holes = self.extended(&header, offset)?;
                    let holes = pax::parse(&holes, self.policy).map_err(fail)?;
                    self.once(&mut ahead.pax, holes).map_err(fail)?;
                }
                b'g' => {
                    pax::check_global(&self.extended(&header, offset)?, self.policy).map_err(fail)?;
                    if self.policy == Policy::Lenient {
                        // Go returns it as an entry, which uses up the headers before it.
                        ahead = Ahead::default();
                    }
                }
                b'L' => {
                    let name = self.long_name(&header, offset)?;
                    self.once(&mut ahead.name, name).map_err(fail)?;
                }
                b'K' => {
                    let link = self.long_name(&header, offset)?;
                    self.once(&mut ahead.link, link).map_err(fail)?;
                }
                _ => return self.entry(&block, ahead, offset).map(Some),
            }
        }
        Ok(None)
    }

    /// Skips the rest of the entry, and the padding of its last block.
    ///
    /// # Errors
    /// When they are missing, or cannot be read.
    pub fn end_entry(&mut self) -> Result<(), TarReadError> {
        let (left, padding) = (std::mem::take(&mut self.left), std::mem::take(&mut self.padding) as u64);
        self.holes = None;
        let current = self.current.take();
        let passed = self.blocks.skip(left + padding)?;
        if passed == left + padding {
            return Ok(());
        }
        // The padding of the very last block may be missing.
        if self.policy == Policy::Lenient && passed >= left {
            self.has_ended = true;
            return Ok(());
        }
        self.is_truncated = true;
        match current {
            Some((entry, offset)) => Err(TarReadError::Entry { entry, offset, why: EntryError::Truncated }),
            None => Ok(()),
        }
    }

    /// Called after the first block of zeros.
    fn expect_end(&mut self) -> Result<(), TarReadError> {
        if self.policy == Policy::Strict {
            return self.blocks.expect_zeros();
        }
        let offset = self.blocks.offset;
        match self.blocks.next()? {
            Next::End => Ok(()),
            // Anything after the second one is ignored.
            Next::Block(block) if block == [0; HEAD] => Ok(()),
            Next::Block(_) => Err(TarReadError::Framing { offset, why: TarError::Trailing }),
            Next::Partial => Err(TarReadError::Framing { offset, why: TarError::Truncated }),
        }
    }

    fn once<T>(&self, place: &mut Option<T>, value: Option<T>) -> Result<(), TarError> {
        match self.policy {
            // The last one counts, and all of the previous one is discarded.
            Policy::Lenient => *place = value,
            Policy::Strict if place.is_some() => return Err(TarError::TwoHeaders),
            Policy::Strict => *place = value,
        }
        Ok(())
    }

    fn extended(&mut self, header: &Header<'_>, offset: u64) -> Result<Vec<u8>, TarReadError> {
        let fail = |why| TarReadError::Framing { offset, why };
        let size = header.size().map_err(fail)?;
        match usize::try_from(size) {
            Ok(length) if size <= MAX_EXTENDED => self.blocks.bytes(length),
            _ => Err(fail(TarError::LongHeader { found: size, max: MAX_EXTENDED })),
        }
    }

    /// The name in one of GNU's headers.
    fn long_name(&mut self, header: &Header<'_>, offset: u64) -> Result<Option<Vec<u8>>, TarReadError> {
        let mut name = self.extended(header, offset)?;
        let length = match self.policy {
            Policy::Strict => name.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1),
            Policy::Lenient => name.iter().position(|&byte| byte == 0).unwrap_or(name.len()),
        };
        name.truncate(length);
        // Go ignores an empty one.
        Ok(Some(name).filter(|name| self.policy == Policy::Strict || !name.is_empty()))
    }

    fn entry(&mut self, block: &[u8; HEAD], ahead: Ahead, offset: u64) -> Result<TarEntry, TarReadError> {
        let header = Header { block, policy: self.policy };
        let framing = |why| TarReadError::Framing { offset, why };
        let Fields { name, link, stored, mode, mut pax } =
            Fields::new(&header, ahead, self.policy).map_err(framing)?;
        let refused = |why| TarReadError::Entry { entry: EntryName(name.clone()), offset, why };
        let flag = header.type_flag();
        let is_file = matches!(flag, b'0' | 0 | b'7' | b'S');
        let is_directory = flag == b'5' || (name.ends_with(b"/") && self.slash_is_directory(flag));
        let has_data = is_file && !is_directory;
        let is_sparse = pax.sparse.is_some() || flag == b'S';
        let holes = match self.policy {
            Policy::Lenient if is_sparse => return Err(refused(EntryError::SparseLayer)),
            _ => std::mem::take(&mut pax.sparse).holes().map_err(|why| refused(why.into()))?,
        };
        if is_sparse && !has_data {
            return Err(refused(SparseError::Version.into()));
        }
        let is_link = matches!(flag, b'1' | b'2');
        if self.policy == Policy::Strict && (is_directory || is_link) && stored > 0 {
            return Err(refused(EntryError::SizeOfNoFile { size: stored }));
        }
        let kind = match flag {
            _ if is_directory => TarKind::Directory,
            b'0' | b'7' | 0 | b'S' => TarKind::File,
            b'1' => TarKind::HardLink(link),
            b'2' => TarKind::Symlink(link),
            b'3' | b'4' => TarKind::Device { block: flag == b'4' },
            b'6' => TarKind::Fifo,
            flag => TarKind::Other(flag),
        };
        let size = match has_data {
            true => self.begin_data(&header, stored, holes, &refused)?,
            false => 0,
        };
        self.current = Some((EntryName(name.clone()), offset));
        let (has_attributes, capabilities) = (pax.has_attributes, pax.capabilities.clone());
        let (policy, header) = (self.policy, *block);
        Ok(TarEntry { offset, name, kind, size, mode, has_attributes, capabilities, pax, header, policy })
    }

    /// Before tars had directories, a trailing slash marked one.
    fn slash_is_directory(&self, flag: u8) -> bool {
        match self.policy {
            Policy::Strict => matches!(flag, b'0' | 0 | b'7' | b'S'),
            Policy::Lenient => flag == 0,
        }
    }

    /// Prepares to read the data of a file, of which `stored` bytes are in the archive; returns its length with holes.
    fn begin_data(
        &mut self,
        header: &Header<'_>,
        mut stored: u64,
        holes: Option<Holes>,
        refused: &dyn Fn(EntryError) -> TarReadError,
    ) -> Result<u64, TarReadError> {
        let map = match holes {
            None if header.type_flag() == b'S' => Some(self.old_map(header, refused)?),
            Some(_) if header.type_flag() == b'S' => return Err(refused(SparseError::Version.into())),
            None => None,
            Some(Holes::Map(map)) => Some(map),
            Some(Holes::MapInData { size }) => Some(self.map_in_data(size, &mut stored, refused)?),
        };
        if map.as_ref().is_some_and(|map| map.stored != stored) {
            return Err(refused(SparseError::Length.into()));
        }
        let size = map.as_ref().map_or(stored, |map| map.size);
        (self.left, self.padding, self.holes) = (stored, padding_of(stored), map.map(Filled::new));
        Ok(size)
    }

    /// A block of an entry.
    fn block(&mut self, refused: &dyn Fn(EntryError) -> TarReadError) -> Result<[u8; HEAD], TarReadError> {
        let offset = self.blocks.offset;
        match self.blocks.next()? {
            Next::Block(block) => Ok(block),
            Next::Partial => Err(TarReadError::Framing { offset, why: TarError::Truncated }),
            Next::End => Err(refused(EntryError::Truncated)),
        }
    }

    /// The map of an old GNU sparse file, from its header and extension blocks.
    fn old_map(
        &mut self,
        header: &Header<'_>,
        refused: &dyn Fn(EntryError) -> TarReadError,
    ) -> Result<Map, TarReadError> {
        let sparse = |why: SparseError| refused(why.into());
        // Other dialects use the place of the map for other fields.
        if header.dialect() != Ok(header::Dialect::Gnu) {
            return Err(sparse(SparseError::Version));
        }
        let size = header.real_size().map_err(|_| sparse(SparseError::Number))?;
        let (mut pieces, mut more) = header.pieces().map_err(sparse)?;
        while more {
            let (next, after) = header::more_pieces(&self.block(refused)?).map_err(sparse)?;
            pieces.extend(next);
            more = after;
            if pieces.len() > sparse::MAX_PIECES {
                return Err(sparse(SparseError::Pieces { max: sparse::MAX_PIECES }));
            }
        }
        Map::new(pieces, size).map_err(sparse)
    }

    /// The map of version 1.0. It is part of the `stored` bytes of the entry; the file has `size`.
    fn map_in_data(
        &mut self,
        size: u64,
        stored: &mut u64,
        refused: &dyn Fn(EntryError) -> TarReadError,
    ) -> Result<Map, TarReadError> {
        let mut lines = MapLines::new();
        loop {
            *stored = stored.checked_sub(HEAD as u64).ok_or_else(|| refused(SparseError::Length.into()))?;
            let block = self.block(refused)?;
            if lines.block(&block).map_err(|why| refused(why.into()))? {
                return Map::new(lines.pieces(), size).map_err(|why| refused(why.into()));
            }
        }
    }
}

/// The bytes of the last entry, with its holes filled.
impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { blocks, left, holes, is_truncated, .. } = self;
        let mut stored = |buffer: &mut [u8]| {
            let room = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
            let count = blocks.bytes.read(&mut buffer[..room])?;
            blocks.offset += count as u64;
            *left -= count as u64;
            if count == 0 && room > 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(count)
        };
        let read = match holes {
            None => stored(buffer),
            Some(holes) => holes.read(&mut stored, buffer),
        };
        read.inspect_err(|error| *is_truncated |= error.kind() == io::ErrorKind::UnexpectedEof)
    }
}

/// An entry's header, and its extended headers.
struct Fields {
    name: Vec<u8>,
    link: Vec<u8>,
    /// The number of its bytes in the archive.
    stored: u64,
    mode: u32,
    pax: Extended,
}

impl Fields {
    fn new(header: &Header<'_>, ahead: Ahead, policy: Policy) -> Result<Self, TarError> {
        let mut pax = ahead.pax.unwrap_or_default();
        let name = one_of(pax.path.take(), ahead.name, policy)?;
        // For sparse files, the other name is one that GNU tar invented for readers without sparse support.
        let name = match pax.sparse.name().or(name) {
            Some(name) => name,
            None => header.name()?,
        };
        // The size in the extended header may not fit the field; the field is then arbitrary.
        let stored = match pax.size {
            Some(size) => size,
            None => header.size()?,
        };
        let link = one_of(pax.link_path.take(), ahead.link, policy)?.unwrap_or_else(|| header.link_name());
        Ok(Self { name, link, stored, mode: header.mode()?, pax })
    }
}

/// Whichever of pax's and GNU's value exists.
fn one_of(pax: Option<Vec<u8>>, gnu: Option<Vec<u8>>, policy: Policy) -> Result<Option<Vec<u8>>, TarError> {
    match (pax, gnu) {
        (Some(_), Some(_)) if policy == Policy::Strict => Err(TarError::TwoHeaders),
        // GNU's has precedence, in any order.
        (pax, gnu) => Ok(gnu.or(pax)),
    }
}
