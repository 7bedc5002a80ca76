//! Reading the bytes of a layer.

use std::io::{self, Read};

use stele_store::ReadError;
use stele_store::model::{BlobId, Digest, Node};

use super::{Entry, Layer, LayerError, Walk};
use crate::content::{Content, ReadAt};
use crate::path::ImagePath;
use crate::tar::{self, Header, Kind};

/// Reads the uncompressed tar of a layer, or a range of it. Bounded memory: a header, and one tree per level.
pub struct LayerReader<'a, C: ?Sized> {
    content: &'a C,
    walk: Walk<'a, C>,
    epoch: u64,
    /// Whether each file's bytes are verified against its digest.
    check: bool,
    /// Headers, padding and the end: pending bytes that are not read from a blob.
    head: Vec<u8>,
    head_at: usize,
    body: Option<Body>,
    ended: bool,
}

/// What comes next of a layer, as a part of a file of the store.
pub struct FilePart {
    open: Box<dyn ReadAt>,
    /// The offset of its first byte in the file.
    pub offset: u64,
    /// The number of bytes.
    pub length: u64,
}

impl FilePart {
    /// The file.
    pub fn file(&self) -> Option<&std::fs::File> {
        self.open.file()
    }
}

struct Body {
    path: ImagePath,
    blob: BlobId,
    size: u64,
    at: u64,
    open: Option<Box<dyn ReadAt>>,
    /// The hash of all that was read of the file so far; `None` when something was skipped.
    hasher: Option<Box<blake3::Hasher>>,
}

impl<'a, C: Content + ?Sized> LayerReader<'a, C> {
    /// Starts at the beginning. Files are verified against their digests: required of callers that compute a new digest
    /// of the bytes.
    pub fn new(content: &'a C, layer: &'a Layer) -> Self {
        let walk = Walk::new(content, layer);
        let epoch = layer.epoch;
        Self { content, walk, epoch, check: true, head: Vec::new(), head_at: 0, body: None, ended: false }
    }

    /// The same without verifying: for callers that compare the digest of the whole.
    pub fn unchecked(content: &'a C, layer: &'a Layer) -> Self {
        Self { check: false, ..Self::new(content, layer) }
    }

    /// Skips `count` bytes, without reading files. Returns how many there were, if the end came first.
    ///
    /// # Errors
    /// See [`LayerError`].
    pub fn skip(&mut self, count: u64) -> Result<u64, LayerError> {
        let mut left = count;
        while left > 0 {
            if self.head_at < self.head.len() {
                let ready = self.head.len() - self.head_at;
                let step = usize::try_from(left).map_or(ready, |left| left.min(ready));
                self.head_at += step;
                left -= step as u64;
            } else if let Some(body) = &mut self.body {
                let step = left.min(body.size - body.at);
                body.at += step;
                body.hasher = None;
                left -= step;
                self.end_body()?;
            } else if !self.advance()? {
                break;
            }
        }
        Ok(count - left)
    }

    /// Reads more bytes; 0 at the end.
    ///
    /// # Errors
    /// See [`LayerError`].
    pub fn next(&mut self, into: &mut [u8]) -> Result<usize, LayerError> {
        loop {
            if into.is_empty() {
                return Ok(0);
            }
            let ready = &self.head[self.head_at..];
            if !ready.is_empty() {
                let count = ready.len().min(into.len());
                into[..count].copy_from_slice(&ready[..count]);
                self.head_at += count;
                return Ok(count);
            }
            if self.body.is_some() {
                return self.read_body(into);
            }
            if !self.advance()? {
                return Ok(0);
            }
        }
    }

    /// If at least `least` bytes of a file come next, and the store has it as a file, passes it instead of its bytes:
    /// up to `max` of them. They are not verified.
    ///
    /// # Errors
    /// See [`LayerError`].
    pub fn next_file(&mut self, least: u64, max: u64) -> Result<Option<FilePart>, LayerError> {
        while self.head_at == self.head.len() && self.body.is_none() {
            if !self.advance()? {
                return Ok(None);
            }
        }
        let Some(body) = self.body.as_mut().filter(|_| self.head_at == self.head.len()) else {
            return Ok(None);
        };
        let (offset, length) = (body.at, max.min(body.size - body.at));
        if length < least {
            return Ok(None);
        }
        let open = match body.open.take() {
            Some(open) => open,
            None => self.content.blob(&body.blob)?,
        };
        if open.file().is_none() {
            body.open = Some(open);
            return Ok(None);
        }
        body.at += length;
        body.hasher = None;
        self.end_body()?;
        Ok(Some(FilePart { open, offset, length }))
    }

    /// Generates the next header, or the end. Returns whether there was any.
    fn advance(&mut self) -> Result<bool, LayerError> {
        if self.ended {
            return Ok(false);
        }
        self.head.clear();
        self.head_at = 0;
        match self.walk.step()? {
            Some(entry) => self.begin(entry),
            None => {
                self.ended = true;
                self.head.extend_from_slice(&tar::END);
            }
        }
        Ok(true)
    }

    fn begin(&mut self, entry: Entry) {
        let Entry { path, node, owner, mode, capabilities } = entry;
        let kind = match &node {
            Node::Directory { .. } => Kind::Directory,
            Node::File { size, .. } => Kind::File(*size),
            Node::Symlink { target } => Kind::Link(target.as_bytes()),
        };
        let name = if path == ImagePath::root() { b"." } else { path.as_bytes() };
        let (user, group) = (owner.user, owner.group);
        let (mode, mtime) = (mode.bits(), self.epoch);
        let header = Header { name, kind, mode, user, group, mtime, capabilities };
        tar::write_header(&header, &mut self.head);
        if let Node::File { blob, size, .. } = node
            && size > 0
        {
            let hasher = self.check.then(Box::default);
            self.body = Some(Body { path, blob, size, at: 0, open: None, hasher });
        }
    }

    fn read_body(&mut self, into: &mut [u8]) -> Result<usize, LayerError> {
        let Some(body) = &mut self.body else { return Ok(0) };
        let open = match body.open.take() {
            Some(open) => open,
            None => self.content.blob(&body.blob)?,
        };
        let left = body.size - body.at;
        let max = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
        let read = loop {
            match open.read_at(body.at, &mut into[..max]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Whatever the disk reports, the bytes are unavailable.
                Err(_) => return Err(ReadError::Missing { id: body.blob }.into()),
                Ok(count) => break count,
            }
        };
        if read == 0 {
            return Err(LayerError::Size { path: body.path.clone(), size: body.size });
        }
        if let Some(hasher) = &mut body.hasher {
            hasher.update(&into[..read]);
        }
        body.at += read as u64;
        body.open = Some(open);
        self.end_body()?;
        Ok(read)
    }

    /// Ends a file that is read completely: verifies it, and pads its last block.
    fn end_body(&mut self) -> Result<(), LayerError> {
        let Some(body) = self.body.take_if(|body| body.at == body.size) else { return Ok(()) };
        if let Some(hasher) = body.hasher {
            let actual = Digest::from_bytes(*hasher.finalize().as_bytes());
            if actual != body.blob.0 {
                return Err(ReadError::CorruptBlob { id: body.blob, actual }.into());
            }
        }
        self.head.clear();
        self.head_at = 0;
        self.head.resize(tar::padding(body.size), 0);
        Ok(())
    }
}

impl<C: Content + ?Sized> Read for LayerReader<'_, C> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.next(into).map_err(io::Error::other)
    }
}
