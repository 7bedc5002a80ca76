//! What the kernel knows and will refer to again: directories, symbolic links, open files.
//!
//! All of it is journalled before the kernel is informed, so that another process can take over the device when this
//! one is killed; a mount that ends with its process has no journal.

mod files;
mod journal;
mod known_files;
mod nodes;
mod questions;
mod record;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs::File;
use std::io;

pub use files::{Mode, OpenFile};
pub use journal::{Head, Init, Journal, JournalError};
pub use known_files::{Opens, Telling};
pub use nodes::{Location, Node, What};
pub use questions::Question;
pub use record::{Change, Record};

use files::Files;
use known_files::KnownFiles;
use nodes::Nodes;
use questions::Counted;
use stele_store::model::BlobId;

use crate::clock::now;

/// The maximum number of payload files that a process may have registered but not recorded when it is killed, with room
/// for more threads than there are.
const MAX_UNSENT: u32 = 64;

/// The state of one mount.
pub struct State {
    nodes: Nodes,
    files: Files,
    counted: Counted,
    /// Files that an earlier process released, perhaps without informing the kernel of each.
    released: Vec<u32>,
    /// Files, when the kernel sends no requests to open them.
    known_files: Option<KnownFiles>,
    born: u64,
    init: Init,
    /// `None` for a mount that ends with its process.
    journal: Option<Journal>,
}

impl State {
    /// The state of a new mount, with its journal in `file`, which has no record of files unless they are opened by
    /// requests.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin(file: File, opens: Opens) -> Result<Self, JournalError> {
        let state = Self { nodes: Nodes::default(), ..Self::fleeting(opens) };
        let journal = Journal::create(file, Head { born: state.born, init: state.init, opens })?;
        Ok(Self { journal: Some(journal), ..state })
    }

    /// The state of a new mount that is never handed over. A number depends only on the place: it does not reveal
    /// earlier lookups.
    pub fn fleeting(opens: Opens) -> Self {
        Self {
            nodes: Nodes::by_place(),
            files: Files::default(),
            counted: Counted::default(),
            released: Vec::new(),
            known_files: (opens == Opens::Unsent).then(KnownFiles::default),
            born: now(),
            init: Init::default(),
            journal: None,
        }
    }

    /// The state that another process left in `file`.
    ///
    /// # Errors
    /// When the file is not a journal of this version, or cannot be read.
    pub fn resume(file: File) -> Result<Self, JournalError> {
        let (journal, Head { born, init, opens }, records) = Journal::open(file)?;
        let (mut nodes, mut files, mut counted) = (Nodes::default(), Files::default(), Counted::default());
        let mut released = Vec::new();
        for record in records {
            match record {
                Record::Node { ino, place, what, lookups, question } => {
                    nodes.inherit(ino, place, what, lookups);
                    counted.add(question, ino);
                }
                Record::Count { ino, lookups, change } => {
                    nodes.set_lookups(ino, lookups);
                    match change {
                        Change::KnownFiles(question) => counted.add(question, ino),
                        Change::TakenBack(question) => counted.remove(question, ino),
                        Change::Other => {}
                    }
                }
                Record::Counted { question, ino } => counted.add(question, ino),
                Record::Gone { ino } => nodes.pass(ino),
                Record::File { ino, open, question } => {
                    files.inherit(ino, open);
                    if open.times == 0 {
                        released.extend(open.mode.backing());
                    }
                    counted.add(question, ino);
                }
            }
        }
        let known_files = (opens == Opens::Unsent).then(KnownFiles::inherited);
        Ok(Self { nodes, files, counted, released, known_files, born, init, journal: Some(journal) })
    }

    /// When the mount began, in nanoseconds since 1970-01-01 UTC: the generation of its inode numbers.
    pub fn born(&self) -> u64 {
        self.born
    }

    /// Whether the mount ends with this process.
    pub fn is_fleeting(&self) -> bool {
        self.journal.is_none()
    }

    /// The kernel's capabilities, from the beginning of the mount.
    pub fn init(&self) -> Init {
        self.init
    }

    /// Records the kernel's capabilities.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn set_init(&mut self, init: Init) -> io::Result<()> {
        self.init = init;
        self.journal.as_mut().map_or(Ok(()), |journal| journal.set_init(init))
    }

    /// Whether the kernel sends requests to open files.
    pub fn opens(&self) -> Opens {
        if self.known_files.is_some() { Opens::Unsent } else { Opens::Sent }
    }

    /// Records that a file is returned to the kernel, if that is allowed: never for two files with one number.
    /// `is_only`: the store has no other file for it. With requests to open files, that is checked at the open.
    pub fn tell_file(&mut self, ino: u64, blob: BlobId, is_only: bool) -> Telling {
        self.known_files.as_mut().map_or(Telling::Allowed, |known_files| known_files.tell(ino, blob, is_only))
    }

    /// The file that the kernel knows by that number, when it sends no requests to open files.
    pub fn known_file(&self, ino: u64) -> Option<BlobId> {
        self.known_files.as_ref()?.get(ino)
    }

    /// The number of the node at `place`; the kernel's lookup count grows by one.
    ///
    /// # Errors
    /// When the journal cannot be written: the kernel must not be informed then.
    pub fn look_up(&mut self, place: Location, what: What, question: Question) -> io::Result<u64> {
        if question.again
            && let Some(ino) = self.nodes.at(&place)
            && self.counted.has(question, ino)
        {
            return Ok(ino);
        }
        let (ino, new) = self.nodes.look_up(&place, &what);
        let lookups = self.nodes.lookups(ino);
        let number = question.number;
        let record = if new {
            Record::Node { ino, place, what, lookups, question: number }
        } else {
            Record::Count { ino, lookups, change: Change::KnownFiles(number) }
        };
        self.known_files(ino, number, &record).map(|()| ino)
    }

    /// One more lookup of a number that a caller already has. Returns its node.
    ///
    /// # Errors
    /// When the journal cannot be written: the kernel must not be informed then.
    pub fn tell_again(&mut self, ino: u64, question: Question) -> io::Result<Option<What>> {
        let Some(node) = self.nodes.get(ino) else { return Ok(None) };
        let what = node.what.clone();
        if !self.counted.has(question, ino) {
            let lookups = self.nodes.lookups(ino) + 1;
            self.nodes.set_lookups(ino, lookups);
            let change = Change::KnownFiles(question.number);
            self.known_files(ino, question.number, &Record::Count { ino, lookups, change })?;
        }
        Ok(Some(what))
    }

    fn known_files(&mut self, ino: u64, question: u64, record: &Record) -> io::Result<()> {
        if let Err(e) = self.write(record) {
            if self.nodes.forget(ino, 1) == Some(0) {
                self.nodes.remove(ino);
            }
            return Err(e);
        }
        self.counted.add(question, ino);
        self.tidy();
        Ok(())
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.write(record))
    }

    /// The node of an assigned number.
    pub fn node(&self, ino: u64) -> Option<&Node> {
        self.nodes.get(ino)
    }

    /// The number of the node at `place`, when the kernel knows it.
    pub fn at(&self, place: &Location) -> Option<u64> {
        self.nodes.at(place)
    }

    /// The number that the node at `place` has or would get, if that is known.
    pub fn number_at(&self, place: &Location) -> Option<u64> {
        self.nodes.number_at(place)
    }

    /// The kernel forgot `times` lookups of a number. Returns its node, when the kernel no longer knows it.
    pub fn forget(&mut self, ino: u64, times: u64) -> Option<Node> {
        self.count_down(ino, times, Change::Other)
    }

    /// The request was not answered with that number after all.
    pub fn take_back(&mut self, ino: u64, question: Question) -> Option<Node> {
        self.counted.remove(question.number, ino);
        self.count_down(ino, 1, Change::TakenBack(question.number))
    }

    fn count_down(&mut self, ino: u64, times: u64, change: Change) -> Option<Node> {
        if let Some(known_files) = &mut self.known_files {
            known_files.forget(ino, times);
        }
        let lookups = self.nodes.forget(ino, times)?;
        // Without this record the number is known for longer after a restart than necessary.
        let gone = if lookups > 0 {
            let _ = self.write(&Record::Count { ino, lookups, change });
            None
        } else {
            let _ = self.write(&Record::Gone { ino });
            self.nodes.remove(ino)
        };
        self.tidy();
        gone
    }

    /// The names in the mount's top directory that the kernel knows.
    pub fn tops(&self) -> Vec<(Vec<u8>, What)> {
        self.nodes.tops()
    }

    /// The number of assigned numbers that the kernel knows.
    pub fn known(&self) -> usize {
        self.nodes.len()
    }

    /// The file, when it is open.
    pub fn open_file(&self, ino: u64) -> Option<&OpenFile> {
        self.files.get(ino)
    }

    /// All files that are open.
    pub fn open_files(&self) -> impl Iterator<Item = (u64, &OpenFile)> {
        self.files.iter()
    }

    /// The numbers of unused backing files that the kernel may still hold: those that an earlier process released, and
    /// those that it registered last, before `next`, without recording them.
    pub fn leftover(&mut self, next: u32) -> Vec<u32> {
        let mut left = std::mem::take(&mut self.released);
        left.extend(next.saturating_sub(MAX_UNSENT).max(1)..next);
        let open: HashSet<u32> = self.files.iter().filter_map(|(_, open)| open.mode.backing()).collect();
        left.retain(|id| !open.contains(id));
        left
    }

    /// Whether that request, to open or to close that file, was counted before.
    pub fn is_counted(&self, ino: u64, question: Question) -> bool {
        self.counted.has(question, ino)
    }

    /// Counts an open; the first decides how the file is read until the last release.
    ///
    /// # Errors
    /// When the journal cannot be written: the kernel must not be informed then.
    pub fn opened(&mut self, ino: u64, blob: BlobId, mode: Mode, question: Question) -> io::Result<()> {
        let open = self.files.opened(ino, blob, mode);
        if let Err(e) = self.write(&Record::File { ino, open, question: question.number }) {
            self.files.released(ino);
            return Err(e);
        }
        self.counted.add(question.number, ino);
        self.tidy();
        Ok(())
    }

    /// Counts a release. Returns the file, when it was the last.
    pub fn released(&mut self, ino: u64, question: Question) -> Option<OpenFile> {
        let open = self.files.released(ino)?;
        let _ = self.write(&Record::File { ino, open, question: question.number });
        self.counted.add(question.number, ino);
        self.tidy();
        (open.times == 0).then_some(open)
    }

    /// Compacts the journal when most of it is history.
    fn tidy(&mut self) {
        if let Some(journal) = self.journal.as_mut().filter(|it| it.is_mostly_history()) {
            let nodes = self.nodes.records();
            let files = self.files.iter().map(|(ino, open)| Record::File { ino, open: *open, question: 0 });
            let counted = self.counted.iter().map(|(question, ino)| Record::Counted { question, ino });
            // If that fails, it is retried after the next record.
            let _ = journal.rewrite(nodes.chain(files).chain(counted));
        }
    }
}
