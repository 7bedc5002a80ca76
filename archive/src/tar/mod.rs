//! tar, read strictly: every byte belongs to a header, to an entry, or to the zeros at the end.
//!
//! Read are v7, ustar, pax (`x` and `g`), GNU (`L`, `K`, numbers in base 256) and sparse files in all four spellings.
//! What GNU tar writes into incremental and multi-volume archives is refused.

mod blocks;
pub(super) mod header;
mod pax;
mod sparse;

use std::io::Read;

use stele_store::model::Node;

use super::format::HEAD;
use super::growing::{Entry, Growing};
use super::limits::{Gauge, Metered};
use super::{EntryError, EntryName, SparseError, TarError, UnpackError};
use crate::content::Content;
use blocks::Blocks;
use header::Header;
use pax::Extended;
use sparse::{Filled, Map, MapLines, Said, SparseHeader};

/// The most bytes of an extended header. It is held in memory; the longest known ones have a few KiB.
const MOST_EXTENDED: u64 = 8 << 20;

/// Reads a whole tar and puts its entries into `growing`.
pub(super) fn read(
    bytes: Box<dyn Read + '_>,
    gauge: &Gauge,
    content: &dyn Content,
    growing: &mut Growing<'_>,
) -> Result<(), UnpackError> {
    let mut tar = Tar { blocks: Blocks::new(bytes, gauge), gauge, content };
    let mut ahead = Ahead::default();
    loop {
        let offset = tar.blocks.offset;
        let fail = |why| UnpackError::Tar { offset, why };
        let Some(block) = tar.blocks.next()? else {
            return Err(fail(TarError::NoEnd));
        };
        if block == [0; HEAD] {
            return match ahead.is_empty() {
                true => tar.blocks.expect_zeros(),
                false => Err(fail(TarError::Dangling)),
            };
        }
        let header = Header(&block);
        if !header.checksum_holds() {
            return Err(fail(TarError::Checksum));
        }
        match header.type_flag() {
            b'x' => once(&mut ahead.pax, pax::parse(&tar.extended(&header, offset)?)).map_err(fail)?,
            b'g' => pax::check_global(&tar.extended(&header, offset)?).map_err(fail)?,
            b'L' => once(&mut ahead.name, Ok(without_nuls(tar.extended(&header, offset)?))).map_err(fail)?,
            b'K' => once(&mut ahead.link, Ok(without_nuls(tar.extended(&header, offset)?))).map_err(fail)?,
            _ => tar.entry(&header, std::mem::take(&mut ahead), offset, growing)?,
        }
    }
}

/// What extended headers said of the entry that follows them.
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

fn once<T>(place: &mut Option<T>, value: Result<T, TarError>) -> Result<(), TarError> {
    match place.replace(value?) {
        None => Ok(()),
        Some(_) => Err(TarError::TwoHeaders),
    }
}

fn without_nuls(mut name: Vec<u8>) -> Vec<u8> {
    let length = name.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    name.truncate(length);
    name
}

/// The one of two spellings that is there.
fn either(one: Option<Vec<u8>>, other: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, TarError> {
    match (one, other) {
        (Some(_), Some(_)) => Err(TarError::TwoHeaders),
        (one, other) => Ok(one.or(other)),
    }
}

struct Tar<'a> {
    blocks: Blocks<'a>,
    gauge: &'a Gauge,
    content: &'a dyn Content,
}

/// An entry's header, and what was said ahead of it.
struct Fields {
    name: Vec<u8>,
    link: Vec<u8>,
    /// How many bytes of it are in the archive.
    size: u64,
    executable: bool,
    sparse: SparseHeader,
}

impl Tar<'_> {
    fn extended(&mut self, header: &Header<'_>, offset: u64) -> Result<Vec<u8>, UnpackError> {
        let fail = |why| UnpackError::Tar { offset, why };
        let size = header.size().map_err(fail)?;
        match usize::try_from(size) {
            Ok(length) if size <= MOST_EXTENDED => self.blocks.bytes(length),
            _ => Err(fail(TarError::LongHeader { found: size, most: MOST_EXTENDED })),
        }
    }

    fn entry(
        &mut self,
        header: &Header<'_>,
        ahead: Ahead,
        offset: u64,
        growing: &mut Growing<'_>,
    ) -> Result<(), UnpackError> {
        let fields = Fields::new(header, ahead).map_err(|why| UnpackError::Tar { offset, why })?;
        let refused = |why| UnpackError::Entry { entry: EntryName(fields.name.clone()), offset, why };
        let holes = fields.sparse.said().map_err(|why| refused(why.into()))?;
        let kind = header.type_flag();
        let is_file = matches!(kind, b'0' | 0 | b'7' | b'S');
        // Before there were directories in tars, a slash at the end meant one.
        let is_directory = kind == b'5' || (is_file && fields.name.ends_with(b"/"));
        let has_data = is_file && !is_directory;
        if !has_data && (holes.is_some() || kind == b'S') {
            return Err(refused(SparseError::Version.into()));
        }
        let is_link = matches!(kind, b'1' | b'2');
        if (is_directory || is_link) && fields.size > 0 {
            return Err(refused(EntryError::SizeOfNoFile { size: fields.size }));
        }
        let entry = match kind {
            _ if is_directory => Entry::Directory,
            b'0' | b'7' | 0 => Entry::Leaf(self.file(fields.size, holes, fields.executable, &refused)?),
            b'S' if holes.is_none() => {
                let map = self.old_map(header, &refused)?;
                Entry::Leaf(self.file(fields.size, Some(Said::Map(map)), fields.executable, &refused)?)
            }
            b'S' => return Err(refused(SparseError::Version.into())),
            b'1' => Entry::HardLink { target: fields.link },
            b'2' => Entry::Symlink { target: fields.link },
            kind => return Err(refused(refusal(kind))),
        };
        growing.put(&fields.name, offset, entry)
    }

    /// The map of an old GNU sparse file, from its header and the blocks behind it.
    fn old_map(
        &mut self,
        header: &Header<'_>,
        refused: &dyn Fn(EntryError) -> UnpackError,
    ) -> Result<Map, UnpackError> {
        let sparse = |why: SparseError| refused(why.into());
        // Other dialects have other things in the places of the map.
        if header.dialect() != Ok(header::Dialect::Gnu) {
            return Err(sparse(SparseError::Version));
        }
        let size = header.real_size().map_err(|_| sparse(SparseError::Number))?;
        let (mut pieces, mut more) = header.pieces().map_err(sparse)?;
        while more {
            let block = self.blocks.next()?.ok_or_else(|| refused(EntryError::Truncated))?;
            let (next, after) = header::more_pieces(&block).map_err(sparse)?;
            pieces.extend(next);
            more = after;
            if pieces.len() > sparse::MOST_PIECES {
                return Err(sparse(SparseError::Pieces { most: sparse::MOST_PIECES }));
            }
        }
        Map::new(pieces, size).map_err(sparse)
    }

    /// Keeps the bytes of a file, of which `stored` are in the archive.
    fn file(
        &mut self,
        mut stored: u64,
        holes: Option<Said>,
        executable: bool,
        refused: &dyn Fn(EntryError) -> UnpackError,
    ) -> Result<Node, UnpackError> {
        let (gauge, content) = (self.gauge, self.content);
        let map = match holes {
            None => None,
            Some(Said::Map(map)) => Some(map),
            Some(Said::MapInData { size }) => Some(self.map_in_data(size, &mut stored, refused)?),
        };
        if let Some(map) = &map
            && map.stored != stored
        {
            return Err(refused(SparseError::Length.into()));
        }
        let size = map.as_ref().map_or(stored, |map| map.size);
        gauge.expect_content(size)?;
        let mut data = self.blocks.data(stored);
        let kept = match &map {
            None => content.add_blob(&mut Metered { bytes: &mut data, gauge }, executable),
            Some(map) => {
                let filled = Filled::new(&mut data, map);
                content.add_blob(&mut Metered { bytes: filled, gauge }, executable)
            }
        };
        let (blob, length) = kept.map_err(|error| gauge.reason(error))?;
        gauge.passed()?;
        if length != size || !self.blocks.skip_padding(stored)? {
            return Err(refused(EntryError::Truncated));
        }
        Ok(Node::File { blob, size, executable })
    }

    /// The map of version 1.0. It belongs to the `stored` bytes of the entry; the file has `size`.
    fn map_in_data(
        &mut self,
        size: u64,
        stored: &mut u64,
        refused: &dyn Fn(EntryError) -> UnpackError,
    ) -> Result<Map, UnpackError> {
        let mut lines = MapLines::new();
        loop {
            *stored = stored.checked_sub(HEAD as u64).ok_or_else(|| refused(SparseError::Length.into()))?;
            let block = self.blocks.next()?.ok_or_else(|| refused(EntryError::Truncated))?;
            if lines.block(&block).map_err(|why| refused(why.into()))? {
                return Map::new(lines.pieces(), size).map_err(|why| refused(why.into()));
            }
        }
    }
}

impl Fields {
    fn new(header: &Header<'_>, ahead: Ahead) -> Result<Self, TarError> {
        let Extended { path, link_path, size, sparse } = ahead.pax.unwrap_or_default();
        let name = either(path, ahead.name)?;
        // With holes, the other name is one that GNU tar made up for readers that do not know of them.
        let name = match sparse.name.clone().or(name) {
            Some(name) => name,
            None => header.name()?,
        };
        // The field in the header may have no room for the size that is said ahead; it holds anything then.
        let size = match size {
            Some(size) => size,
            None => header.size()?,
        };
        let link = either(link_path, ahead.link)?.unwrap_or_else(|| header.link_name());
        Ok(Self { name, link, size, executable: header.executable()?, sparse })
    }
}

fn refusal(kind: u8) -> EntryError {
    match kind {
        b'3' | b'4' => EntryError::Device,
        b'6' => EntryError::Fifo,
        b'V' => EntryError::OfGnu { what: "the label of a volume" },
        b'M' => EntryError::OfGnu { what: "the rest of a file that began in another volume" },
        b'D' => EntryError::OfGnu { what: "the list of a directory in an incremental archive" },
        b'N' => EntryError::OfGnu { what: "an old list of long names" },
        _ => EntryError::Kind { kind: kind.into() },
    }
}
