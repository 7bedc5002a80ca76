//! Requests about a store, answered by an [`Engine`] in this process or by the daemon that owns the store.

use std::fs::File;
use std::io;
use std::path::Path;

use stele_store::Progress;

use crate::answers::{Added, Answer, Entry, Progress as Snapshot};
use crate::builds::{Built, Order};
use crate::engine::Engine;
use crate::failure::{Failure, Kind};
use crate::reference::to_wire;
use crate::request::Request;
use crate::service::{self, Sink};

/// Receives what precedes an answer: entries, bytes and events (as a [`Sink`]), progress, and notes to the user.
pub trait Observer: Sink {
    /// Reports progress.
    fn progress(&mut self, _progress: Snapshot) {}
    /// Reports a note to the user.
    fn note(&mut self, _text: &str) {}
}

/// Observes nothing.
pub struct Quiet;

impl Sink for Quiet {
    fn entry(&mut self, _: Entry) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

impl Observer for Quiet {}

/// Collects the entries and bytes that precede an answer, in memory.
#[derive(Default)]
pub struct Gathered {
    /// The entries of a listing.
    pub entries: Vec<Entry>,
    /// The bytes that were read.
    pub bytes: Vec<u8>,
}

impl Sink for Gathered {
    fn entry(&mut self, entry: Entry) -> io::Result<()> {
        self.entries.push(entry);
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl Observer for Gathered {}

/// Answers requests about one store.
pub trait Api {
    /// Answers a request; what precedes the answer goes to `observer`.
    ///
    /// # Errors
    /// With the failure. Nothing that was acknowledged is lost.
    fn ask(&mut self, request: Request, observer: &mut dyn Observer) -> Result<Answer, Failure>;

    /// Imports the file or directory at `path`, an absolute path. The root `root` keeps it; without one a lease does,
    /// for an hour.
    ///
    /// # Errors
    /// When it cannot be read, or the store cannot take it.
    fn add(&mut self, path: &Path, root: Option<&str>) -> Result<Added, Failure> {
        let (path, root) = (to_wire(path.as_os_str()), root.map(str::to_owned));
        match self.ask(Request::Add { path, root, keep_seconds: 3600 }, &mut Quiet)? {
            Answer::Added(added) => Ok(added),
            _ => Err(unexpected()),
        }
    }

    /// Builds recipes of the recipe tree at `tree`, an absolute path; all recipes when `goals` is empty. Roots
    /// `build-NAME` keep the outputs, unless `order` says otherwise.
    ///
    /// A failed build is not an error: see [`Built::failed`]. When sources are missing, nothing is built and
    /// [`Built::fetch`] lists them: an engine has no network, and imports them with [`Api::add`].
    ///
    /// # Errors
    /// When a recipe is invalid, or nothing can be built here.
    fn build(
        &mut self,
        tree: &Path,
        goals: &[&str],
        order: &Order,
        observer: &mut dyn Observer,
    ) -> Result<Built, Failure> {
        let goals = goals.iter().map(|&goal| goal.to_owned()).collect();
        let request = Request::Build { tree: to_wire(tree.as_os_str()), goals, order: order.clone() };
        match self.ask(request, observer)? {
            Answer::Built(built) => Ok(built),
            _ => Err(unexpected()),
        }
    }

    /// The entries of a directory, given by a digest, a root, or a path below one.
    ///
    /// # Errors
    /// When there is no such directory.
    fn list(&mut self, reference: &str) -> Result<Vec<Entry>, Failure> {
        let mut gathered = Gathered::default();
        let reference = reference.to_owned();
        self.ask(Request::List { reference, recursive: false, depth: None }, &mut gathered)?;
        Ok(gathered.entries)
    }

    /// The bytes of a file, verified against its digest; or the canonical text of a directory.
    ///
    /// # Errors
    /// When there is no such file, or its bytes do not match its digest.
    fn read(&mut self, reference: &str) -> Result<Vec<u8>, Failure> {
        let mut gathered = Gathered::default();
        self.ask(Request::Cat { reference: reference.to_owned() }, &mut gathered)?;
        Ok(gathered.bytes)
    }
}

impl Api for Engine {
    fn ask(&mut self, request: Request, observer: &mut dyn Observer) -> Result<Answer, Failure> {
        service::run(self, request, &mut Through(observer), &Progress::default())
    }
}

/// An observer as the sink of a service.
struct Through<'a>(&'a mut dyn Observer);

impl Sink for Through<'_> {
    fn entry(&mut self, entry: Entry) -> io::Result<()> {
        self.0.entry(entry)
    }

    fn event(&mut self, event: &crate::builds::Event) -> io::Result<()> {
        self.0.event(event)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.bytes(bytes)
    }

    fn file(&mut self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        self.0.file(file, offset, length)
    }
}

/// The failure when an answer does not match the request: both sides use one protocol, so this should not happen.
pub fn unexpected() -> Failure {
    Failure::new(Kind::Failed, "the answer does not match the request")
}
