//! Blobs whose bytes come from a reader, and whose length is known only at their end.

use std::io::{self, Read};

use super::{Session, Staged, WriteError};
use crate::model::{BlobId, Digest, Sha256};

/// Up to so many bytes are read before anything is written.
const MAX_BUFFERED: usize = 1 << 20;

/// Why a blob could not be stored from a reader.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The reader gave an error.
    #[error(transparent)]
    Read(io::Error),
    /// The store could not write it.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<crate::objects::FileError> for StreamError {
    fn from(error: crate::objects::FileError) -> Self {
        Self::Write(error.into())
    }
}

impl Session<'_> {
    /// Stores everything that `bytes` yields; returns its digest and its length in bytes. Chunks of zeros
    /// become holes.
    ///
    /// # Errors
    /// When `bytes` gives an error, or the disk or the database cannot write.
    pub fn add_stream(&self, bytes: &mut dyn Read, executable: bool) -> Result<(BlobId, u64), StreamError> {
        let mut step = vec![0; MAX_BUFFERED];
        let mut filled = fill(bytes, &mut step)?;
        if filled < MAX_BUFFERED {
            let blob = self.add_blob(&step[..filled], executable)?;
            self.commit_if_full()?;
            return Ok((blob, filled as u64));
        }
        self.store.require_room()?;
        let mut temp = self.store.objects.temp()?;
        let mut blake3 = blake3::Hasher::new();
        let mut sha256 = <sha2::Sha256 as sha2::Digest>::new();
        let mut size = 0;
        while filled > 0 {
            let bytes_read = &step[..filled];
            blake3.update(bytes_read);
            sha2::Digest::update(&mut sha256, bytes_read);
            match bytes_read.iter().all(|&byte| byte == 0) {
                true => temp.skip(filled as u64)?,
                false => temp.write(bytes_read)?,
            }
            size += filled as u64;
            filled = fill(bytes, &mut step)?;
        }
        temp.set_length(size)?;
        temp.close(size);
        let blob = BlobId(Digest::from_bytes(*blake3.finalize().as_bytes()));
        let sha256 = Sha256::from_bytes(sha2::Digest::finalize(sha256).into());
        self.add_staged(blob, Staged { temp, size, sha256 })?;
        self.commit_if_full()?;
        Ok((blob, size))
    }
}

/// Reads until `step` is full or the reader ends; returns the number of bytes.
fn fill(bytes: &mut dyn Read, step: &mut [u8]) -> Result<usize, StreamError> {
    let mut filled = 0;
    while filled < step.len() {
        match bytes.read(&mut step[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StreamError::Read(error)),
        }
    }
    Ok(filled)
}
