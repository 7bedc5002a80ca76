//! What a supervisor does beside keeping the time: work whose length the build chooses. A listing of a million names
//! is sorted for one call of the build, and each mapping of each of its processes is read to count its memory. The
//! clock, the log, and orders to stop wait for none of it: threads do it, and leave what they find in a mailbox.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use rustix::event::{EventfdFlags, eventfd};

use super::job::Limit;

/// What a thread found.
#[derive(Debug)]
pub(super) enum Found {
    /// The build reached a limit.
    Limit(Limit),
    /// The thread cannot go on, and without it the build must not.
    Failure(io::Error),
}

/// Where a thread leaves what it found.
#[derive(Clone)]
pub(super) struct Mailbox {
    letters: Sender<Found>,
    bell: Arc<OwnedFd>,
}

/// The supervisor's side.
pub(super) struct Letters {
    letters: Receiver<Found>,
    bell: Arc<OwnedFd>,
}

/// A mailbox, and its letters.
///
/// # Errors
/// When no descriptors are left.
pub(super) fn mailbox() -> io::Result<(Mailbox, Letters)> {
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let (sender, receiver) = channel();
    Ok((Mailbox { letters: sender, bell: bell.clone() }, Letters { letters: receiver, bell }))
}

impl Mailbox {
    /// Leaves a letter.
    pub fn leave(&self, found: Found) {
        let _ = self.letters.send(found);
        let _ = rustix::io::write(&*self.bell, &1_u64.to_ne_bytes());
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.leave(Found::Failure(io::Error::other("a thread of the supervisor failed")));
        }
    }
}

impl Letters {
    /// Readable when there is a letter.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The letters so far.
    pub fn take(&self) -> Vec<Found> {
        let _ = rustix::io::read(&*self.bell, &mut [0; 8]);
        self.letters.try_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_leaves_a_letter() {
        let (mailbox, letters) = mailbox().unwrap();
        assert!(letters.take().is_empty());
        let thread = std::thread::spawn(move || {
            let _mailbox = mailbox;
            panic!("as a test wants it");
        });
        assert!(thread.join().is_err());
        assert!(matches!(letters.take()[..], [Found::Failure(_)]));
    }
}
