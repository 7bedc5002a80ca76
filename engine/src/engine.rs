//! A store and all operations on it.

use std::path::Path;
use std::sync::Arc;

use stele_builder::program::Program;
use stele_builder::realise::{Builder, Substituter};
use stele_fs::Memory;
use stele_store::{Progress, Store};

use crate::failure::{Failure, Kind};
use crate::images::KnownImages;
use crate::recipes::{Evaluator, Plans};

/// Connects to the stores that a build names as substituters. The program that embeds the engine decides which stores
/// can be reached, and how: the engine itself connects to nothing.
pub trait Peers: Send + Sync {
    /// Connects to the store at `path`: its folder, or the daemon's socket in it. Returns within a moment after
    /// `progress` is cancelled.
    ///
    /// # Errors
    /// When there is no store, or it cannot be reached.
    fn connect(&self, path: &Path, progress: &Progress) -> Result<Box<dyn Substituter>, Failure>;
}

/// Reaches no other store.
struct NoPeers;

impl Peers for NoPeers {
    fn connect(&self, path: &Path, _: &Progress) -> Result<Box<dyn Substituter>, Failure> {
        Err(Failure::new(
            Kind::Usage,
            format!("{}: this program has no access to other stores", path.display()),
        ))
    }
}

/// Settings of an engine.
pub struct Setup {
    /// The program that is run as helper processes, to evaluate recipes and supervise builds.
    pub program: Program,
    /// Whether helpers are started in advance: useful for a process that serves many requests.
    pub keep_spares: bool,
    /// The cache that the mounts of the store share.
    pub memory: Arc<Memory>,
    /// How to reach other stores.
    pub peers: Box<dyn Peers>,
}

impl Setup {
    /// Helpers are run by `program`; none is started in advance, and no other store is reached.
    pub fn new(program: Program) -> Self {
        Self { program, keep_spares: false, memory: Arc::default(), peers: Box::new(NoPeers) }
    }
}

/// A store, its recipes, builds and images. Only one engine owns a store at a time; threads may share it.
pub struct Engine {
    store: Arc<Store>,
    builder: Option<Arc<Builder>>,
    evaluator: Evaluator,
    plans: Plans,
    peers: Box<dyn Peers>,
    images: KnownImages,
}

impl Engine {
    /// Opens the store at `path`; creates one if the path does not exist or is an empty folder.
    ///
    /// # Errors
    /// When the store cannot be opened, for example because another process owns it.
    pub fn open(path: &Path, setup: Setup) -> Result<Self, Failure> {
        Ok(Self::of(Arc::new(Store::open(path)?), setup))
    }

    /// Opens the store at `path` on a read-only disk. It can be read; nothing can be built.
    ///
    /// # Errors
    /// When there is no store, or it cannot be read.
    pub fn open_read_only(path: &Path, setup: Setup) -> Result<Self, Failure> {
        let store = Arc::new(Store::open_read_only(path)?);
        let evaluator = Evaluator::new(setup.program, false);
        Ok(Self {
            store,
            builder: None,
            evaluator,
            plans: Plans::default(),
            peers: setup.peers,
            images: KnownImages::default(),
        })
    }

    /// An engine for an open store. Removes what killed builds of an earlier process left in it.
    pub fn of(store: Arc<Store>, setup: Setup) -> Self {
        let builder = Builder::new(&store, &setup.memory, setup.program.clone());
        let evaluator = Evaluator::new(setup.program, setup.keep_spares);
        Self {
            store,
            builder: Some(builder),
            evaluator,
            plans: Plans::default(),
            peers: setup.peers,
            images: KnownImages::default(),
        }
    }

    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The evaluator of recipes.
    pub fn evaluator(&self) -> &Evaluator {
        &self.evaluator
    }

    pub(crate) fn plans(&self) -> &Plans {
        &self.plans
    }

    pub(crate) fn peers(&self) -> &dyn Peers {
        &*self.peers
    }

    pub(crate) fn known_images(&self) -> &KnownImages {
        &self.images
    }

    pub(crate) fn optional_builder(&self) -> Option<&Arc<Builder>> {
        self.builder.as_ref()
    }

    /// The builder, unless the store is on a read-only disk.
    pub(crate) fn builder(&self) -> Result<&Arc<Builder>, Failure> {
        self.builder.as_ref().ok_or_else(read_only)
    }

    /// Drops caches for the next build. Call this before the store is closed.
    pub fn rest(&self) {
        self.builder.iter().for_each(|builder| builder.rest());
    }

    /// Closes the store cleanly. An engine that is dropped instead loses nothing that was acknowledged; the next
    /// opening cleans up unfinished work.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn close(self) -> Result<(), Failure> {
        self.rest();
        Ok(self.store.close()?)
    }
}

/// Nothing can be built on a read-only disk.
pub fn read_only() -> Failure {
    Failure::new(Kind::Failed, "the store is on a read-only disk, and nothing can be built there")
        .hint("name another store with --store or STELE_STORE")
}
