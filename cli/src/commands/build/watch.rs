//! Waits until a recipe tree changes.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;

use stele_recipes::language::MODULES;

/// How long nothing has to change until a change is taken as over: an editor writes several files.
const QUIET: Duration = Duration::from_millis(150);
/// How long that is waited for.
const MAX_QUIET: Duration = Duration::from_secs(2);

/// A recipe tree that is watched. What changes between two waits ends the next one at once.
pub struct Watch {
    tree: PathBuf,
    events: OwnedFd,
    /// The beginnings of names of what the build itself writes.
    written: Vec<OsString>,
}

impl Watch {
    /// Begins to watch. What a build itself writes, `written`, is no change.
    ///
    /// # Errors
    /// When the kernel gives no watches, or a folder cannot be read.
    pub fn new<'a>(tree: &Path, written: impl Iterator<Item = &'a PathBuf>) -> io::Result<Self> {
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let written = written.filter_map(|it| it.file_name().map(OsString::from)).collect();
        let watch = Self { tree: tree.to_owned(), events, written };
        watch.add_all()?;
        Ok(watch)
    }

    /// Waits until something has changed, and then nothing for a moment.
    ///
    /// # Errors
    /// When the events cannot be read, or a signal came.
    pub fn wait(&self) -> io::Result<()> {
        loop {
            self.ready(None)?;
            if self.drain()? {
                break;
            }
        }
        // Not for ever: something may change all the time.
        let begun = Instant::now();
        while begun.elapsed() < MAX_QUIET && self.ready(Some(QUIET))? {
            self.drain()?;
        }
        // There may be new folders.
        self.add_all()
    }

    fn ready(&self, within: Option<Duration>) -> io::Result<bool> {
        let within = within.map(|it| Timespec { tv_sec: 0, tv_nsec: i64::from(it.subsec_nanos()) });
        loop {
            match poll(&mut [PollFd::new(&self.events, PollFlags::IN)], within.as_ref()) {
                Ok(count) => return Ok(count > 0),
                Err(Errno::INTR) if within.is_some() => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Takes what has happened. Whether anything was by others.
    fn drain(&self) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); 1 << 14];
        let mut reader = Reader::new(self.events.as_fd(), &mut buffer);
        let mut changed = false;
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|it| it.to_bytes().to_vec()).unwrap_or_default();
                    changed |= !self.written.iter().any(|own| name.starts_with(own.as_encoded_bytes()));
                }
                Err(Errno::AGAIN) => return Ok(changed),
                Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Watches every folder of the tree but those that no person edits.
    fn add_all(&self) -> io::Result<()> {
        let mut left = vec![self.tree.clone()];
        while let Some(folder) = left.pop() {
            let flags = WatchFlags::MODIFY
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVE
                | WatchFlags::ATTRIB
                | WatchFlags::ONLYDIR;
            match inotify::add_watch(&self.events, &folder, flags) {
                Ok(_) => {}
                Err(Errno::NOENT | Errno::NOTDIR) if folder != self.tree => continue,
                Err(e) => return Err(e.into()),
            }
            let entries = match fs::read_dir(&folder) {
                Err(e) if e.kind() == io::ErrorKind::NotFound && folder != self.tree => continue,
                entries => entries?,
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let is_ours = folder == self.tree && name == MODULES;
                if entry.file_type().is_ok_and(|it| it.is_dir()) && !is_ours && name != ".git" {
                    left.push(entry.path());
                }
            }
        }
        Ok(())
    }
}
