//! Passes an answer of another store on, in parts, to the thread that waits for it.

use std::io;
use std::sync::mpsc::SyncSender;

use stele::answers::{Answer, Entry, Progress};
use stele::builds::Event;
use stele::service::Sink;
use stele::{Failure, Kind, Observer};

use super::asking::shown;

/// Part of an answer.
pub(super) enum Part {
    Bytes(Vec<u8>),
    /// It works on it.
    Works,
    /// A step of a build begins.
    Step(usize),
    End(Result<Answer, Failure>),
}

/// Passes content on, as long as it is wanted.
pub(super) struct Forward {
    pub to: SyncSender<Part>,
    left: u64,
    /// Whether progress is passed on.
    works: bool,
}

impl Sink for Forward {
    fn entry(&mut self, _: Entry) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Step { step, .. } => {
                self.to.send(Part::Step(*step)).map_err(|_| io::ErrorKind::BrokenPipe.into())
            }
            _ => Ok(()),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            // The client would report an error of this sink as one of its own stdout.
            let failure = Failure::new(Kind::Failed, "it sends more than was requested");
            let _ = self.to.send(Part::End(Err(failure)));
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        self.left = left;
        self.to.send(Part::Bytes(bytes.to_vec())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Forward {
    /// At most `max` bytes of content.
    pub fn new(to: SyncSender<Part>, max: u64, works: bool) -> Self {
        Self { to, left: max, works }
    }

    fn works(&self) {
        if self.works {
            // A part that waits to be read says the same.
            let _ = self.to.try_send(Part::Works);
        }
    }
}

impl Observer for Forward {
    fn progress(&mut self, _: Progress) {
        self.works();
    }

    fn note(&mut self, text: &str) {
        tracing::info!("{}", shown(text));
    }
}
