//! Notes of the daemon, for commands that show nothing else of what comes before an answer.

use std::fs::File;
use std::io;

use stele::Observer;
use stele::answers::{Entry, Progress};
use stele::builds::Event;
use stele::service::Sink;

/// Prints the notes to stderr, and passes everything else to the observer within.
pub struct Noted<O>(pub O);

impl<O: Observer> Sink for Noted<O> {
    fn entry(&mut self, entry: Entry) -> io::Result<()> {
        self.0.entry(entry)
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.0.event(event)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.bytes(bytes)
    }

    fn file(&mut self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        self.0.file(file, offset, length)
    }
}

impl<O: Observer> Observer for Noted<O> {
    fn progress(&mut self, progress: Progress) {
        self.0.progress(progress);
    }

    fn note(&mut self, text: &str) {
        super::note(text);
    }
}
