//! Sends the output of a request that precedes its final answer, to a client that may not read it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use super::handed::Handed;
use crate::protocol::{Reply, send, send_bytes, send_file};
use stele::answers::Entry;
use stele::builds::Event;
use stele::service::Sink;

/// The number of entries in one frame.
const ENTRIES: usize = 500;

/// Sends the output of a request that precedes its final answer.
pub(super) struct Answering<'a> {
    to: &'a Mutex<&'a UnixStream>,
    handed: &'a Handed,
    entries: Vec<Entry>,
}

impl<'a> Answering<'a> {
    pub(super) fn new(to: &'a Mutex<&'a UnixStream>, handed: &'a Handed) -> Self {
        Self { to, handed, entries: Vec::new() }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let entries = Reply::Entries(std::mem::take(&mut self.entries));
        send(&mut *self.to.lock().unwrap_or_else(PoisonError::into_inner), &entries)
    }
}

/// Sends a reply with the client's own paths restored.
pub(super) fn send_restored(to: &mut impl Write, reply: &Reply, handed: &Handed) -> io::Result<()> {
    if handed.is_empty() {
        return send(to, reply);
    }
    let mut value = serde_json::to_value(reply)?;
    handed.restore(&mut value);
    send(to, &value)
}

impl Sink for Answering<'_> {
    fn entry(&mut self, entry: Entry) -> io::Result<()> {
        self.entries.push(entry);
        if self.entries.len() >= ENTRIES { self.flush() } else { Ok(()) }
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        send_restored(&mut *to, &Reply::Event(event.clone()), self.handed)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        send_bytes(&mut *self.to.lock().unwrap_or_else(PoisonError::into_inner), bytes)
    }

    fn file(&mut self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        let to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        send_file(*to, file.as_fd(), offset, length)
    }
}
