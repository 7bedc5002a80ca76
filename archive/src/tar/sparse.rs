//! Files with holes: maps that say where the pieces in the archive belong, and the file that they make.
//!
//! GNU tar's manual, "Storing Sparse Files": versions 0.0, 0.1 and 1.0 in pax headers. In 1.0 the map stands before
//! the data; in the old GNU format in the header and in blocks behind it.

use std::io;

use super::super::SparseError;
use super::pax::decimal;

/// The most pieces of a file: their map is held in memory, 4 MiB then.
pub(super) const MAX_PIECES: usize = 1 << 18;

/// Bytes of the file that are in the archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// Which of the pax records about holes an entry has.
#[derive(Debug, Clone, Default)]
pub(super) struct SparseHeader {
    /// Whether there is any; only a lenient reader says so.
    pub(super) is_there: bool,
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) real_size: Option<u64>,
    pub(super) count: Option<u64>,
    pub(super) map: Option<Vec<Piece>>,
    /// The offset whose length has not come yet.
    pub(super) offset: Option<u64>,
    /// The pieces of version 0.0.
    pieces: Option<Vec<Piece>>,
}

/// What an entry's records say about holes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holes {
    /// The map, and the length with holes.
    Map(Map),
    /// The length with holes; the map stands before the data.
    MapInData { size: u64 },
}

impl SparseHeader {
    pub(super) fn push(&mut self, piece: Piece) {
        self.pieces.get_or_insert_default().push(piece);
    }

    /// The name of the file, when they say it.
    pub(super) fn name(&self) -> Option<Vec<u8>> {
        self.name.clone()
    }

    /// Whether there is any.
    pub(super) fn is_some(&self) -> bool {
        let numbers = [self.major, self.minor, self.size, self.real_size, self.count, self.offset];
        let lists = self.map.is_some() || self.pieces.is_some();
        self.is_there || self.name.is_some() || lists || numbers.iter().any(Option::is_some)
    }

    /// What they say; nothing when there are none. Only the records of one version may be there.
    pub(super) fn holes(self) -> Result<Option<Holes>, SparseError> {
        let Self { is_there: _, major, minor, name, size, real_size, count, map, offset, pieces } = self;
        match (major, minor, &name, size, real_size, count, map, offset, pieces) {
            (None, None, None, None, None, None, None, None, None) => Ok(None),
            (Some(1), Some(0), Some(_), None, Some(size), None, None, None, None) => {
                Ok(Some(Holes::MapInData { size }))
            }
            (
                None | Some(0),
                None | Some(1),
                Some(_),
                Some(size),
                None,
                Some(count),
                Some(map),
                None,
                None,
            )
            | (None | Some(0), None | Some(0), None, Some(size), None, Some(count), None, None, Some(map)) => {
                if count != map.len() as u64 {
                    return Err(SparseError::Number);
                }
                Ok(Some(Holes::Map(Map::new(map, size)?)))
            }
            _ => Err(SparseError::Version),
        }
    }
}

/// The pieces of a file, in order and inside of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Map {
    pieces: Vec<Piece>,
    /// The file's length with its holes.
    pub(super) size: u64,
    /// The length of all pieces.
    pub(super) stored: u64,
}

impl Map {
    pub(super) fn new(pieces: Vec<Piece>, size: u64) -> Result<Self, SparseError> {
        if pieces.len() > MAX_PIECES {
            return Err(SparseError::Pieces { max: MAX_PIECES });
        }
        let (mut end, mut stored) = (0, 0);
        for piece in &pieces {
            if piece.offset < end {
                return Err(SparseError::Order);
            }
            end =
                piece.offset.checked_add(piece.length).filter(|end| *end <= size).ok_or(SparseError::End)?;
            // No sum overflows: the pieces lie side by side in `size` bytes.
            stored += piece.length;
        }
        Ok(Self { pieces, size, stored })
    }
}

/// The map before the data of version 1.0: numbers on lines of their own, padded to whole blocks.
pub(super) struct MapLines {
    numbers: Vec<u64>,
    line: Vec<u8>,
}

impl MapLines {
    pub(super) fn new() -> Self {
        Self { numbers: Vec::new(), line: Vec::new() }
    }

    /// Takes in a block; whether the map is complete.
    pub(super) fn block(&mut self, block: &[u8]) -> Result<bool, SparseError> {
        for &byte in block {
            if byte == b'\n' {
                self.numbers.push(decimal(&self.line).ok_or(SparseError::Number)?);
                self.line.clear();
                let count = self.numbers[0];
                if count > MAX_PIECES as u64 {
                    return Err(SparseError::Pieces { max: MAX_PIECES });
                }
                if self.numbers.len() as u64 == 1 + 2 * count {
                    return Ok(true);
                }
            } else if self.line.len() < 20 {
                self.line.push(byte);
            } else {
                return Err(SparseError::Number);
            }
        }
        Ok(false)
    }

    pub(super) fn pieces(&self) -> Vec<Piece> {
        let pairs = self.numbers[1..].chunks_exact(2);
        pairs.map(|pair| Piece { offset: pair[0], length: pair[1] }).collect()
    }
}

/// Where a reader is in a file whose holes it fills by zeros.
pub(super) struct Filled {
    map: Map,
    /// How many pieces are read.
    piece: usize,
    at: u64,
}

impl Filled {
    pub(super) fn new(map: Map) -> Self {
        Self { map, piece: 0, at: 0 }
    }

    /// The next bytes: zeros, or what `stored` reads.
    pub(super) fn read(
        &mut self,
        stored: &mut dyn FnMut(&mut [u8]) -> io::Result<usize>,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let (begin, end) = loop {
            match self.map.pieces.get(self.piece) {
                Some(piece) if self.at >= piece.offset + piece.length => self.piece += 1,
                Some(piece) => break (piece.offset, piece.offset + piece.length),
                None => break (self.map.size, self.map.size),
            }
        };
        let in_hole = self.at < begin;
        let room = if in_hole { begin - self.at } else { end - self.at };
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(buffer.len());
        let count = match in_hole {
            true => {
                buffer[..room].fill(0);
                room
            }
            false => stored(&mut buffer[..room])?,
        };
        self.at += count as u64;
        Ok(count)
    }
}
