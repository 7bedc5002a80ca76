//! The progress of bytes to or from a registry: a bar on a terminal, and elsewhere a line every half a minute.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::board::SILENCE;
use super::manner::{self, Volume};
use stele_registry::client::BlobFile;

/// Bytes that are being sent or received, until it is dropped.
pub struct Transfer {
    verb: &'static str,
    bar: ProgressBar,
    done: AtomicU64,
    total: AtomicU64,
    said: Mutex<Instant>,
}

impl Transfer {
    /// A transfer of nothing yet; `verb` says what is done with the bytes, such as `sent`.
    pub fn new(verb: &'static str) -> Arc<Self> {
        let bar = match manner::volume() {
            Volume::Quiet => ProgressBar::hidden(),
            // It draws nothing when stderr is not a terminal.
            Volume::Normal | Volume::Verbose => ProgressBar::new(0),
        };
        let style = "{spinner} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        let (done, total) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { verb, bar, done, total, said: Mutex::new(Instant::now()) })
    }

    /// So many bytes are expected.
    pub fn expect(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.bar.set_length(total);
        if !self.bar.is_hidden() {
            self.bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// So many are done, of all that are expected.
    pub fn at(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.look();
    }

    /// So many more are done.
    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        self.look();
    }

    /// So many of them have to be done again.
    fn take_back(&self, bytes: u64) {
        self.done.fetch_sub(bytes, Ordering::Relaxed);
        self.look();
    }

    fn look(&self) {
        let done = self.done.load(Ordering::Relaxed);
        self.bar.set_position(done);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if self.bar.is_hidden() && manner::volume() != Volume::Quiet && said.elapsed() >= SILENCE {
            *said = Instant::now();
            super::tell(&line(self.verb, done, self.total.load(Ordering::Relaxed)));
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn line(verb: &str, done: u64, total: u64) -> String {
    match total {
        0 => format!("{verb} {} so far", HumanBytes(done)),
        total => format!("{verb} {} of {}", HumanBytes(done), HumanBytes(total)),
    }
}

/// A reader or a file whose bytes count.
pub struct Counted<T> {
    /// What is counted.
    pub within: T,
    /// What it counts for.
    pub transfer: Arc<Transfer>,
    /// The bytes that passed.
    pub passed: u64,
}

impl<T> Counted<T> {
    fn pass(&mut self, count: usize) {
        self.passed += count as u64;
        self.transfer.add(count as u64);
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.within.read(into)?;
        self.pass(count);
        Ok(count)
    }
}

impl Write for Counted<Box<dyn BlobFile>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.within.write(bytes)?;
        self.pass(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.within.flush()
    }
}

impl BlobFile for Counted<Box<dyn BlobFile>> {
    fn restart(&mut self) -> io::Result<()> {
        self.transfer.take_back(self.passed);
        self.passed = 0;
        self.within.restart()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_received_again_counts_once() {
        let transfer = Transfer::new("received");
        let file: Box<dyn BlobFile> = Box::new(tempfile::tempfile().unwrap());
        let mut counted = Counted { within: file, transfer: Arc::clone(&transfer), passed: 0 };
        counted.write_all(b"half of it").unwrap();
        counted.restart().unwrap();
        counted.write_all(b"all").unwrap();
        assert_eq!(transfer.done.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_line_says_how_much_of_how_much() {
        assert_eq!(line("sent", 5 << 20, 0), "sent 5.00 MiB so far");
        assert_eq!(line("sent", 5 << 20, 20 << 20), "sent 5.00 MiB of 20.00 MiB");
    }
}
