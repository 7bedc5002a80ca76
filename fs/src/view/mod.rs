//! The mount's answers: pure queries of a store, in terms of a filesystem and independent of FUSE.
//!
//! Content cannot change, so nearly every answer is valid for ever. Only the names in the two directories at the top
//! can change, so those answers are not cached.

mod invalidate;
mod list;
mod look;
mod memory;
mod observer;
mod probe;
mod read;
mod top;
mod turns;

use std::collections::{HashMap, HashSet};
use std::os::fd::BorrowedFd;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, warn};

use stele_store::model::{RootName, Tree, TreeId};
use stele_store::{Hold, ReadError, Show, Store, Target};

use crate::clock::now;
use crate::state::{Opens, State};

pub use invalidate::Invalidating;
pub use list::Listed;
pub use look::{Attributes, Kind, Lifetime, Lookup};
pub use memory::Memory;
pub use observer::Observer;
use probe::Probe;
pub use read::{Backing, Opened, Room};
use turns::Turns;

/// How long a garbage collection waits for the kernel to forget unused names.
const SETTLE: Duration = Duration::from_millis(250);

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// There is no such name (ENOENT).
    NoEntry,
    /// The name is too long (ENAMETOOLONG).
    NameTooLong,
    /// It no longer exists (ESTALE).
    Stale,
    /// It is not a directory (ENOTDIR).
    NotDirectory,
    /// It is a directory (EISDIR).
    IsDirectory,
    /// It is of another kind than requested (EINVAL).
    Invalid,
    /// The content is corrupt, or cannot be read (EIO).
    Io,
}

/// Invalidates the kernel's cache.
pub trait Forgetting: Send + Sync {
    /// Unused names of the mount need not be cached. Returns whether the request was accepted: the kernel forgets in
    /// its own time.
    fn forget_unused(&self) -> bool;
}

/// A directory's number, and its content at the open.
type Listing = (u64, Arc<Vec<Listed>>);

/// What a mount needs to show a store.
pub struct Showing {
    /// The store.
    pub store: Arc<Store>,
    /// The cache of the store, shared by all of its mounts.
    pub memory: Arc<Memory>,
    /// Invalidates the kernel's cache of this mount.
    pub forgetting: Arc<dyn Forgetting>,
    /// Receives each lookup in this mount.
    pub observer: Option<Arc<dyn Observer>>,
}

/// A store, as one mount shows it.
pub struct View {
    store: Arc<Store>,
    hold: Hold,
    state: Mutex<State>,
    born: u64,
    opens: Opens,
    /// Whether this is the mount of builds: its answers are the same on every machine, whatever else is in the store.
    is_for_builds: bool,
    memory: Arc<Memory>,
    /// The content of the directories at the top as of their open, by handle.
    listings: Mutex<HashMap<u64, Listing>>,
    next_listing: AtomicU64,
    forgetting: Arc<dyn Forgetting>,
    invalidating: OnceLock<Weak<dyn Invalidating>>,
    observer: Option<Arc<dyn Observer>>,
    probe: Probe,
    /// For files that are being opened for the first time: the disk may be slow, and lookups must not wait.
    opening: Turns,
    /// What is being quarantined: a process that reads corrupt content often retries.
    aside: Arc<Mutex<HashSet<Target>>>,
    /// Held for reading during each answer.
    answering: RwLock<()>,
}

impl View {
    /// Continues with `state`.
    pub fn new(showing: Showing, state: State) -> Arc<Self> {
        let Showing { store, memory, forgetting, observer } = showing;
        let hold = Hold::new(&store);
        // What an earlier process held, as often as it will be released. Missing content gives an error on access.
        for target in state.tops().into_iter().filter_map(|(_, what)| what.target()) {
            let _ = hold.keep(target);
        }
        for (_, open) in state.open_files() {
            (0..open.times).for_each(|_| drop(hold.keep(Target::Blob(open.blob))));
        }
        let view = Arc::new(Self {
            store: Arc::clone(&store),
            hold,
            born: state.born(),
            opens: state.opens(),
            is_for_builds: state.is_fleeting(),
            state: Mutex::new(state),
            memory,
            listings: Mutex::default(),
            // No earlier process of this mount has used that handle.
            next_listing: AtomicU64::new(now()),
            forgetting,
            invalidating: OnceLock::new(),
            observer,
            probe: Probe::default(),
            opening: Turns::default(),
            aside: Arc::default(),
            answering: RwLock::default(),
        });
        let show: Arc<dyn Show> = Arc::<Self>::clone(&view);
        store.ask_before_collecting(Arc::downgrade(&show));
        view
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be held while a request is answered.
    pub fn answer(&self) -> RwLockReadGuard<'_, ()> {
        self.answering.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for pending answers, and answers nothing any more: further requests wait for the process that takes over
    /// this mount.
    pub fn pause(&self) {
        let paused = self.answering.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::forget(paused);
    }

    /// The state of the mount, to begin serving it or to count.
    pub fn with_state<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.state())
    }

    /// Whether the kernel sends requests to open files.
    pub fn opens(&self) -> Opens {
        self.opens
    }

    fn tree(&self, id: &TreeId) -> Result<Arc<Tree>, Fault> {
        if let Some(tree) = self.memory.tree(id) {
            return Ok(tree);
        }
        let tree = Arc::new(self.store.tree(id).map_err(|e| self.fault(&e))?);
        self.memory.keep_tree(*id, &tree);
        Ok(tree)
    }

    /// Logs the error, and quarantines what is corrupt.
    fn fault(&self, error: &ReadError) -> Fault {
        let corrupt = match error {
            ReadError::NoBlob { .. } | ReadError::NoTree { .. } => return Fault::Stale,
            ReadError::CorruptBlob { id, .. } | ReadError::Missing { id } => Some(Target::Blob(*id)),
            ReadError::CorruptTree { id, .. } => Some(Target::Tree(*id)),
            _ => None,
        };
        error!("a reader of the mount gets an I/O error: {error}");
        if let Some(target) = corrupt {
            self.set_aside(target);
        }
        Fault::Io
    }

    /// The kernel must not learn what the next process would not know.
    fn untold(error: &std::io::Error) -> Fault {
        error!("a reader of the mount gets an I/O error: its journal cannot be written: {error}");
        Fault::Io
    }

    /// In its own thread, for it hashes the whole payload, with writers held off; once, however many read it.
    fn set_aside(&self, target: Target) {
        let (store, aside) = (Arc::clone(&self.store), Arc::clone(&self.aside));
        let is_new = |aside: &Mutex<HashSet<Target>>| {
            aside.lock().unwrap_or_else(PoisonError::into_inner).insert(target)
        };
        let end = move |aside: &Mutex<HashSet<Target>>| {
            aside.lock().unwrap_or_else(PoisonError::into_inner).remove(&target)
        };
        if !is_new(&aside) {
            return;
        }
        let spawned = thread::Builder::new().name("set-aside".to_owned()).spawn(move || {
            if let Err(e) = store.set_aside(target) {
                warn!("{} could not be quarantined: {e}", target.digest());
            }
            end(&aside);
        });
        if let Err(e) = spawned {
            warn!("{} could not be quarantined: {e}", target.digest());
            end(&self.aside);
        }
    }
}

impl Show for View {
    fn shows(&self, folder: BorrowedFd<'_>) -> bool {
        self.probe.is_met(folder)
    }

    fn root_changed(&self, name: &RootName) {
        self.invalidate_root(name);
    }

    fn release_unpinned(&self, kept: &dyn Fn(Target) -> bool) {
        self.wait_for_forgets(kept);
        // What is removed must not stay on the disk because it was read once.
        self.close_payloads();
    }
}

impl View {
    fn wait_for_forgets(&self, kept: &dyn Fn(Target) -> bool) {
        let held = || {
            let tops = self.state().tops();
            tops.into_iter().filter_map(|(_, what)| what.target()).filter(|it| !kept(*it)).count()
        };
        let mut left = held();
        if left == 0 || !self.forgetting.forget_unused() {
            return;
        }
        // The kernel reports what it forgot in its own time. What it does not forget is in use: a working directory, an
        // open file, a bind mount.
        let begun = Instant::now();
        while left > 0 && begun.elapsed() < SETTLE {
            thread::sleep(Duration::from_millis(5));
            let now = held();
            if now == left && begun.elapsed() > SETTLE / 5 {
                break;
            }
            left = now;
        }
    }
}
