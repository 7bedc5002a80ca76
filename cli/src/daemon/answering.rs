//! What a request answers before its end, on its way to a client that may not take it.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};

use super::wire::{Reply, send, send_bytes};
use crate::answers::Entry;
use crate::builds::Event;
use crate::service::Sink;

/// Entries that go into one frame.
const ENTRIES: usize = 500;

/// Whether the client closed its end.
pub(super) fn hung_up(stream: &UnixStream) -> bool {
    is_now(stream, PollFlags::RDHUP)
}

/// Whether the client's socket has room for a small message.
pub(super) fn takes_more(stream: &UnixStream) -> bool {
    is_now(stream, PollFlags::OUT)
}

fn is_now(stream: &UnixStream, what: PollFlags) -> bool {
    let mut fds = [PollFd::new(stream, what)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok_and(|n| n > 0)
}

/// Sends what a request answers before its end.
pub(super) struct Answering<'a> {
    to: &'a Mutex<&'a UnixStream>,
    entries: Vec<Entry>,
}

impl<'a> Answering<'a> {
    pub(super) fn new(to: &'a Mutex<&'a UnixStream>) -> Self {
        Self { to, entries: Vec::new() }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let entries = Reply::Entries(std::mem::take(&mut self.entries));
        send(&mut *self.to.lock().unwrap_or_else(PoisonError::into_inner), &entries)
    }
}

impl Sink for Answering<'_> {
    fn entry(&mut self, entry: Entry) -> io::Result<()> {
        self.entries.push(entry);
        if self.entries.len() >= ENTRIES { self.flush() } else { Ok(()) }
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        send(&mut *self.to.lock().unwrap_or_else(PoisonError::into_inner), &Reply::Event(event.clone()))
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        send_bytes(&mut *self.to.lock().unwrap_or_else(PoisonError::into_inner), bytes)
    }
}
