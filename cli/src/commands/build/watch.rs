//! Waits until a recipe tree changes.

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;

use stele_recipes::language::MODULES;

/// How long nothing has to change until a change is taken as over: an editor writes several files.
const QUIET: Duration = Duration::from_millis(150);

/// A recipe tree that is watched. What changes between two waits ends the next one at once.
pub struct Watch {
    tree: PathBuf,
    events: OwnedFd,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the kernel gives no watches, or a folder cannot be read.
    pub fn new(tree: &Path) -> io::Result<Self> {
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let watch = Self { tree: tree.to_owned(), events };
        watch.add_all()?;
        Ok(watch)
    }

    /// Waits until something has changed, and then nothing for a moment.
    ///
    /// # Errors
    /// When the events cannot be read, or a signal came.
    pub fn wait(&self) -> io::Result<()> {
        self.ready(None)?;
        while self.ready(Some(QUIET))? {
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

    fn drain(&self) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 1 << 14];
        let mut reader = Reader::new(self.events.as_fd(), &mut buffer);
        loop {
            match reader.next() {
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(()),
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
            for entry in fs::read_dir(&folder)?.flatten() {
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
