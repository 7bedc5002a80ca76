//! How much an archive may hold, and the gauge that every reader of it reports to.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use stele_store::model::MAX_DEPTH;

use super::{Compression, UnpackError};

/// How much an archive may hold. The defaults let large sources pass (Linux and GCC hold around 1.5 GB in 120,000
/// files, a tenth of it packed) and stop what only pretends to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that one compression may unpack to, the archive's own headers included, and the most that all
    /// files together may have, holes included. By default 16 GiB.
    pub bytes: u64,
    /// The most files, links and directories, including directories that names only imply. By default 1,000,000.
    pub entries: usize,
    /// The most bytes of all names and link targets together: they are held in memory. By default 256 MiB.
    pub text: u64,
    /// The most unpacked bytes for each packed one, once `ratio_from` bytes are unpacked. By default 200.
    pub ratio: u64,
    /// How many unpacked bytes are let pass before `ratio` counts. By default 64 MiB.
    pub ratio_from: u64,
    /// The most compressions inside each other. By default 4.
    pub nesting: usize,
    /// The most bytes of a decoder's window. By default 128 MiB, which is what `zstd -d` takes, and twice that
    /// of `xz -9`.
    pub window: u64,
    /// The most bytes of an entry's name. By default 4,095 (`PATH_MAX` less the NUL).
    pub name: usize,
    /// The most components of an entry's name. By default [`MAX_DEPTH`].
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 16 << 30,
            entries: 1_000_000,
            text: 256 << 20,
            ratio: 200,
            ratio_from: 64 << 20,
            nesting: 4,
            window: 128 << 20,
            name: 4095,
            depth: MAX_DEPTH,
        }
    }
}

/// What was read and unpacked so far, and the first thing that went wrong.
///
/// A decoder wraps or drops the errors of what it reads from. So the reader that fails leaves its reason here, and
/// whoever sees an error asks here first.
pub(super) struct Gauge {
    pub(super) limits: Limits,
    packed: Cell<u64>,
    unpacked: Cell<u64>,
    text: Cell<u64>,
    failed: Cell<bool>,
    reason: RefCell<Option<UnpackError>>,
}

impl Gauge {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            packed: Cell::new(0),
            unpacked: Cell::new(0),
            text: Cell::new(0),
            failed: Cell::new(false),
            reason: RefCell::new(None),
        }
    }

    /// Keeps the reason, if it is the first, and makes an error of it for the reader to return.
    pub(super) fn fail(&self, reason: UnpackError) -> io::Error {
        if !self.failed.replace(true) {
            *self.reason.borrow_mut() = Some(reason);
        }
        io::Error::other("the archive was refused")
    }

    /// The reason that was kept, else `otherwise`.
    pub(super) fn reason(&self, otherwise: impl Into<UnpackError>) -> UnpackError {
        self.reason.borrow_mut().take().unwrap_or_else(|| otherwise.into())
    }

    /// Whether something failed. Decoders are not read again afterwards: not all of them can be.
    pub(super) fn check_not_failed(&self) -> io::Result<()> {
        match self.failed.get() {
            true => Err(io::Error::other("the archive was refused before")),
            false => Ok(()),
        }
    }

    /// The first reason as a result, for where no reader's error leads here.
    pub(super) fn passed(&self) -> Result<(), UnpackError> {
        match self.reason.borrow_mut().take() {
            Some(reason) => Err(reason),
            None => Ok(()),
        }
    }

    /// Whether `unpacked` bytes that came of one compression, or of all files, are not too many.
    fn allows(&self, unpacked: u64) -> Result<(), UnpackError> {
        let (limits, packed) = (&self.limits, self.packed.get());
        if unpacked > limits.bytes {
            return Err(UnpackError::Bytes { max: limits.bytes });
        }
        if unpacked > limits.ratio_from && unpacked > packed.saturating_mul(limits.ratio) {
            return Err(UnpackError::Ratio { max: limits.ratio, packed, unpacked });
        }
        Ok(())
    }

    /// Whether a file of `size` bytes may come, holes included: what is too large need not be read first.
    pub(super) fn expect_content(&self, size: u64) -> Result<(), UnpackError> {
        match self.unpacked.get().saturating_add(size) > self.limits.bytes {
            true => Err(UnpackError::Bytes { max: self.limits.bytes }),
            false => Ok(()),
        }
    }

    /// Counts the bytes of a name or target that is held from now on.
    pub(super) fn count_text(&self, bytes: usize) -> Result<(), UnpackError> {
        self.text.set(self.text.get().saturating_add(bytes as u64));
        match self.text.get() > self.limits.text {
            true => Err(UnpackError::Text { max: self.limits.text }),
            false => Ok(()),
        }
    }
}

/// The bytes of a file, counted as they come, holes included.
pub(super) struct Metered<'a, R> {
    pub(super) bytes: R,
    pub(super) gauge: &'a Gauge,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        let unpacked = self.gauge.unpacked.get().saturating_add(count as u64);
        self.gauge.unpacked.set(unpacked);
        self.gauge.allows(unpacked).map_err(|reason| self.gauge.fail(reason))?;
        Ok(count)
    }
}

impl From<io::Error> for UnpackError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// The archive's bytes as they come.
pub(super) struct Source<'a> {
    pub(super) bytes: &'a mut dyn Read,
    pub(super) gauge: &'a Gauge,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.bytes.read(buffer) {
                Ok(count) => {
                    self.gauge.packed.set(self.gauge.packed.get() + count as u64);
                    return Ok(count);
                }
                // Not all decoders can be asked again after an error.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.gauge.fail(UnpackError::Read(error))),
            }
        }
    }
}

/// What a decoder gives, counted.
pub(super) struct Decompressed<'a> {
    pub(super) decoder: Box<dyn Read + 'a>,
    pub(super) compression: Compression,
    pub(super) gauge: &'a Gauge,
    pub(super) offset: u64,
}

impl Read for Decompressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.gauge.check_not_failed()?;
        match self.decoder.read(buffer) {
            Ok(count) => {
                self.offset += count as u64;
                self.gauge.allows(self.offset).map_err(|reason| self.gauge.fail(reason))?;
                Ok(count)
            }
            Err(source) => {
                let (compression, offset) = (self.compression, self.offset);
                Err(self.gauge.fail(UnpackError::Damaged { compression, offset, source }))
            }
        }
    }
}
