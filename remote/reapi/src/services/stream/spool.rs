//! What has come of an upload: in memory while it is small, then in a file without a name, so that nothing of it is
//! left when the server ends.

use std::fs::File;
use std::io::{Seek, Write};

use crate::cache::{Cache, Trouble};
use crate::services::contents::in_memory;

/// Up to so many bytes stay in memory.
const MAX_IN_MEMORY: usize = 256 << 10;

/// The disk's room is looked at each time that so many bytes came.
const ROOM_EVERY: u64 = 1 << 20;

/// The bytes of an upload so far.
#[derive(Default)]
pub struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    written: u64,
}

impl Spool {
    /// How many bytes have come.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When there is no room for them; then none of what came is of use.
    pub fn add(&mut self, cache: &dyn Cache, bytes: &[u8]) -> Result<(), Trouble> {
        let failed = |error: std::io::Error| Trouble::of_file(&error);
        if self.file.is_none() && self.memory.len() + bytes.len() > MAX_IN_MEMORY {
            let mut file = cache.scratch().map_err(failed)?;
            file.write_all(&self.memory).map_err(failed)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        let checked = self.written / ROOM_EVERY;
        if self.file.is_some() && (self.written + bytes.len() as u64) / ROOM_EVERY > checked {
            cache.admit(0)?;
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(failed)?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// All that has come, in a file that is read from its beginning.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn file(&self) -> Result<File, Trouble> {
        let failed = |error: std::io::Error| Trouble::of_file(&error);
        match &self.file {
            None => in_memory(&[&self.memory]),
            Some(file) => file.try_clone().map_err(failed),
        }
    }

    /// The same, to be read here.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn rewound(&self) -> Result<File, Trouble> {
        let mut file = self.file()?;
        file.rewind().map_err(|error| Trouble::of_file(&error))?;
        Ok(file)
    }
}
