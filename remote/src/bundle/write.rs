//! Writing a bundle.

use std::io::{self, Write};

use stele_store::model::Digest;

use super::{FIRST_LINE, Line};
use crate::end::Rooted;

/// Writes a bundle. Its caller sends content before the directories that name it.
pub struct Writer<W> {
    to: W,
    hasher: blake3::Hasher,
    records: u64,
    /// The bytes of the present content that are still to come.
    left: u64,
}

impl<W: Write> Writer<W> {
    /// Writes the first line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(to: W) -> io::Result<Self> {
        let mut writer = Self { to, hasher: blake3::Hasher::new(), records: 0, left: 0 };
        writer.put(FIRST_LINE.as_bytes())?;
        Ok(writer)
    }

    /// Begins a directory or a file; its bytes come by [`Writer::bytes`].
    ///
    /// # Errors
    /// When it cannot be written, or the content before is not whole.
    pub fn begin(&mut self, line: &Line) -> io::Result<()> {
        let size = match line {
            Line::Tree { size, .. } | Line::File { size, .. } => *size,
            Line::Root(_) | Line::End { .. } => 0,
        };
        self.line(line)?;
        self.left = size;
        Ok(())
    }

    /// Some bytes of the present content.
    ///
    /// # Errors
    /// When they cannot be written, or are more than was stated.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| unequal("longer"))?;
        self.put(bytes)
    }

    /// A root.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn root(&mut self, root: &Rooted) -> io::Result<()> {
        self.line(&Line::Root(root.clone()))
    }

    /// Writes the last line; returns what was written to.
    ///
    /// # Errors
    /// When it cannot be written, or the last content is not whole.
    pub fn finish(mut self) -> io::Result<W> {
        if self.left > 0 {
            return Err(unequal("shorter"));
        }
        let digest = Digest::from_bytes(*self.hasher.finalize().as_bytes());
        let end = Line::End { records: self.records, digest };
        self.to.write_all(format!("{end}\n").as_bytes())?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        if self.left > 0 {
            return Err(unequal("shorter"));
        }
        self.records += 1;
        self.put(format!("{line}\n").as_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.to.write_all(bytes)
    }
}

fn unequal(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("a content is {how} than was stated"))
}
