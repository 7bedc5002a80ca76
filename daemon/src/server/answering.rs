//! What a request answers before its end, on its way to a client that may not take it.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use crate::protocol::{Reply, send, send_bytes};
use stele::answers::Entry;
use stele::builds::Event;
use stele::service::Sink;

/// Entries that go into one frame.
const ENTRIES: usize = 500;

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
