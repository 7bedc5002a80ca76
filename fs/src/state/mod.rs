//! What the kernel was told and will ask about again: directories, symbolic links, open files.
//!
//! All of it is written to a journal before the kernel is told, so that another process can go on with the same
//! device when this one was killed.

mod files;
mod journal;
mod nodes;
mod record;

use std::fs::File;
use std::io;

pub use files::{Mode, OpenFile};
pub use journal::{Init, Journal, JournalError};
pub use nodes::{Node, Place, What};
pub use record::Record;

use files::Files;
use nodes::Nodes;
use stele_store::model::BlobId;

/// The state of one mount.
pub struct State {
    nodes: Nodes,
    files: Files,
    journal: Journal,
}

impl State {
    /// That of a new mount, with its journal in `file`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin(file: File) -> Result<Self, JournalError> {
        let journal = Journal::create(file, Init::default())?;
        Ok(Self { nodes: Nodes::default(), files: Files::default(), journal })
    }

    /// That which another process left in `file`.
    ///
    /// # Errors
    /// When the file is no journal of this version, or cannot be read.
    pub fn resume(file: File) -> Result<Self, JournalError> {
        let (journal, records) = Journal::open(file)?;
        let (mut nodes, mut files) = (Nodes::default(), Files::default());
        for record in records {
            match record {
                Record::Node { ino, place, what } => nodes.inherit(ino, place, what),
                Record::Gone { ino } => nodes.pass(ino),
                Record::File { ino, open } => files.inherit(ino, open),
            }
        }
        Ok(Self { nodes, files, journal })
    }

    /// What the kernel said of itself when the mount began.
    pub fn init(&self) -> Init {
        self.journal.init()
    }

    /// Remembers what the kernel said of itself.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn set_init(&mut self, init: Init) -> io::Result<()> {
        self.journal.set_init(init)
    }

    /// The number of what is at `place`; the kernel is going to remember it once more.
    ///
    /// # Errors
    /// When the journal cannot be written: the kernel must not be told then.
    pub fn look_up(&mut self, place: Place, what: What) -> io::Result<u64> {
        let (ino, new) = self.nodes.look_up(&place, &what);
        if new {
            let record = Record::Node { ino, place, what };
            if let Err(e) = self.journal.write(&record) {
                self.nodes.remove(ino);
                return Err(e);
            }
        }
        Ok(ino)
    }

    /// What a number is, when it was counted.
    pub fn node(&self, ino: u64) -> Option<&Node> {
        self.nodes.get(ino)
    }

    /// The number of what is at `place`, when the kernel knows it.
    pub fn at(&self, place: &Place) -> Option<u64> {
        self.nodes.at(place)
    }

    /// The kernel forgot a number `times` over. What it was, when it is not known to the kernel any more.
    pub fn forget(&mut self, ino: u64, times: u64) -> Option<Node> {
        let gone = self.nodes.forget(ino, times)?;
        // Without this record the number comes back after a restart, and is never asked for.
        let _ = self.journal.write(&Record::Gone { ino });
        self.tidy();
        Some(gone)
    }

    /// What the mount's own directory was asked for and the kernel knows.
    pub fn tops(&self) -> Vec<(Vec<u8>, What)> {
        self.nodes.tops()
    }

    /// How many numbers are counted and known to the kernel.
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

    /// Counts an opening; the first decides how the file is read until the last is released.
    ///
    /// # Errors
    /// When the journal cannot be written: the kernel must not be told then.
    pub fn opened(&mut self, ino: u64, blob: BlobId, mode: Mode) -> io::Result<()> {
        let open = self.files.opened(ino, blob, mode);
        if let Err(e) = self.journal.write(&Record::File { ino, open }) {
            self.files.released(ino);
            return Err(e);
        }
        self.tidy();
        Ok(())
    }

    /// Counts a release. What the file was, when it was the last.
    pub fn released(&mut self, ino: u64) -> Option<OpenFile> {
        let open = self.files.released(ino)?;
        let _ = self.journal.write(&Record::File { ino, open });
        self.tidy();
        (open.times == 0).then_some(open)
    }

    /// Writes the journal anew when most of it is history.
    fn tidy(&mut self) {
        let live = self.nodes.len() + self.files.len();
        if self.journal.is_mostly_history(live) {
            let nodes = self.nodes.records();
            let files = self.files.iter().map(|(ino, open)| Record::File { ino, open: *open });
            // If it cannot be done now, it is tried again after the next record.
            let _ = self.journal.rewrite(nodes.chain(files));
        }
    }
}
