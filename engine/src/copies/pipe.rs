//! A pipe whose other end may stop: reading and writing wait, and look whether the request is still wanted.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use stele_store::Progress;

/// How often a request that waits looks whether it is still wanted.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// The size of the pipe's buffer, where the kernel gives it.
const BUFFER: usize = 1 << 20;

/// A pipe, or a file.
pub(super) struct Pipe<'a> {
    file: File,
    progress: &'a Progress,
}

impl<'a> Pipe<'a> {
    /// Opens it for reading.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn read(path: &Path, progress: &'a Progress) -> io::Result<Self> {
        Self::open(path, OpenOptions::new().read(true), progress)
    }

    /// Opens it for writing.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn write(path: &Path, progress: &'a Progress) -> io::Result<Self> {
        Self::open(path, OpenOptions::new().write(true), progress)
    }

    /// One that this process made.
    ///
    /// # Errors
    /// When it cannot be changed.
    pub fn of_writer(writer: PipeWriter, progress: &'a Progress) -> io::Result<Self> {
        let file = File::from(OwnedFd::from(writer));
        rustix::fs::fcntl_setfl(&file, OFlags::NONBLOCK)?;
        Ok(Self { file, progress })
    }

    fn open(path: &Path, options: &mut OpenOptions, progress: &'a Progress) -> io::Result<Self> {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        let file = options.custom_flags(flags.cast_signed()).open(path)?;
        // An unprivileged user may have too many of them already.
        let _ = rustix::pipe::fcntl_setpipe_size(&file, BUFFER);
        Ok(Self { file, progress })
    }

    /// Waits until something can be done, or the other end is gone.
    fn wait(&self, flags: PollFlags) -> io::Result<()> {
        loop {
            self.progress.check().map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.file, flags)], Some(&TICK)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for Pipe<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(PollFlags::IN)?,
                read => return read,
            }
        }
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(from) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(PollFlags::OUT)?,
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
