//! Requests to a store.

use serde::{Deserialize, Serialize};

use stele_store::model::{Digest, Sha256};

use crate::agreement::AgreementRequest;
use crate::builds::{ActionOfOther, Order};
use crate::caches::CacheRequest;
use crate::copies::CopyRequest;
use crate::images;
use crate::keep::Release;

/// A file to be imported with a root.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RootedFile {
    /// Its absolute path.
    pub path: String,
    /// The name of the root.
    pub root: String,
    /// Its SHA-256, without which it is not what is meant.
    pub sha256: Sha256,
}

/// A request. Paths and REFs are escaped (`docs/formats.md`, "Names"), so that any byte survives JSON; a recipe tree is
/// named by its absolute path. A daemon of another build rejects unknown variants; it does not ignore them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Import a file or directory.
    Add {
        /// Its absolute path.
        path: String,
        /// The root that keeps it.
        root: Option<String>,
        /// Seconds for which a lease keeps it when no root does; 0 for no lease.
        keep_seconds: u64,
    },
    /// Import files, each with a root of its own: all of them, or none.
    AddFiles {
        /// The files.
        files: Vec<RootedFile>,
    },
    /// List the entries of a directory.
    List {
        /// The directory.
        reference: String,
        /// Whether to list recursively.
        recursive: bool,
        /// The maximum depth when recursive; unlimited when absent.
        depth: Option<usize>,
    },
    /// Read a blob, or the canonical text of a tree.
    Cat {
        /// The blob or tree.
        reference: String,
    },
    /// Compare two blobs or trees, down to members of archives and sections of ELF files.
    Diff {
        /// The first: a REF, or the name of a recipe or an image.
        before: String,
        /// The second.
        after: String,
    },
    /// Describe a blob or tree.
    Info {
        /// The blob or tree.
        reference: String,
    },
    /// Copy a blob or tree out of the store.
    Export {
        /// The blob or tree.
        reference: String,
        /// The absolute path of the copy, which must not exist.
        to: String,
        /// The umask of the copy.
        umask: u32,
    },
    /// Make or move a root.
    RootAdd {
        /// Its name.
        name: String,
        /// Its target.
        reference: String,
    },
    /// Remove a root.
    RootRemove {
        /// Its name.
        name: String,
    },
    /// List all roots.
    RootList {},
    /// List what roots were before they were moved or removed.
    RootsPast {},
    /// Measure how much roots or other content uses.
    Usage {
        /// What; all roots when there is nothing.
        references: Vec<String>,
    },
    /// Collect garbage.
    Collect {
        /// Whether this is a dry run.
        dry_run: bool,
        /// Whether to end temporary leases first.
        end_leases: bool,
        /// Which roots of builds are removed first.
        #[serde(default)]
        release: Release,
        /// Whether unfinished downloads and the folders of failed builds are removed, too.
        #[serde(default)]
        unfinished: bool,
    },
    /// Rehash everything.
    Verify {},
    /// Count the content of the store.
    Stats {},
    /// Unpack and patch the sources of a recipe.
    Unpack {
        /// The recipe tree.
        tree: String,
        /// The recipe.
        recipe: String,
        /// Seconds for which a lease keeps each.
        keep_seconds: u64,
    },
    /// Unpack a module of a recipe tree.
    Module {
        /// The recipe tree.
        tree: String,
        /// The module's name there.
        module: String,
        /// Seconds for which a lease keeps it.
        keep_seconds: u64,
    },
    /// Find what was generated in the sources of a recipe before they were packed.
    Generated {
        /// The recipe tree.
        tree: String,
        /// The recipe.
        recipe: String,
    },
    /// Build recipes.
    Build {
        /// The recipe tree.
        tree: String,
        /// The recipes; all of the tree when empty.
        goals: Vec<String>,
        /// How to build.
        order: Order,
    },
    /// Read the log of a recipe's running build, or of its last one.
    Log {
        /// The recipe.
        recipe: String,
        /// Whether to follow the log until the running build ends.
        follow: bool,
        /// Whether to describe the log instead of reading it.
        about: bool,
    },
    /// Rebuild a recipe, and report which inputs it opens.
    Trace {
        /// The recipe tree.
        tree: String,
        /// The recipe.
        recipe: String,
        /// How to build.
        order: Order,
    },
    /// Build a recipe again in several rounds, under varied conditions, and compare.
    Check {
        /// The recipe tree.
        tree: String,
        /// The recipe.
        recipe: String,
        /// How to build.
        order: Order,
        /// How many rounds.
        rounds: u32,
    },
    /// Find out what changes a recipe's output.
    Explain {
        /// The recipe tree.
        tree: String,
        /// The recipe.
        recipe: String,
        /// How to build.
        order: Order,
    },
    /// The record of a recipe's last check.
    LastCheck {
        /// The recipe.
        recipe: String,
    },
    /// What is known of the reproducibility of recipes.
    Report {
        /// The recipes.
        recipes: Vec<String>,
    },
    /// Run an action for another store, which has sent all that it needs.
    Perform {
        /// The action.
        ask: ActionOfOther,
    },
    /// The outputs of an action.
    Realisation {
        /// The action's digest.
        of: Digest,
    },
    /// A request about images.
    Image {
        /// The request.
        ask: images::ImageRequest,
    },
    /// A request of another store, or for one.
    Copy {
        /// The request.
        ask: CopyRequest,
    },
    /// A request of an endpoint that makes the store a cache for other programs.
    Cache {
        /// The request.
        ask: CacheRequest,
    },
    /// A request about agreement.
    Agreement {
        /// The request.
        ask: AgreementRequest,
    },
    /// Plan the build of recipes.
    Plan {
        /// The recipe tree.
        tree: String,
        /// The recipes; all of the tree when empty.
        goals: Vec<String>,
    },
}

/// How a request uses a path that it names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathUse {
    /// A file or directory that is read.
    Read,
    /// A pipe or file that is written.
    Write,
    /// A recipe tree.
    Tree,
    /// A path to create: its parent directory must exist.
    Create,
}

impl Request {
    /// The paths of the file system that the request names, escaped, in a fixed order. A client opens them itself and
    /// passes the descriptors: what a path means, and who may read it, depends on the process that opens it.
    pub fn paths_mut(&mut self) -> Vec<(PathUse, &mut String)> {
        match self {
            Self::Add { path, .. } => vec![(PathUse::Read, path)],
            Self::AddFiles { files } => files.iter_mut().map(|it| (PathUse::Read, &mut it.path)).collect(),
            Self::Export { to, .. } => vec![(PathUse::Create, to)],
            Self::Unpack { tree, .. }
            | Self::Module { tree, .. }
            | Self::Generated { tree, .. }
            | Self::Build { tree, .. }
            | Self::Trace { tree, .. }
            | Self::Check { tree, .. }
            | Self::Explain { tree, .. }
            | Self::Plan { tree, .. } => {
                vec![(PathUse::Tree, tree)]
            }
            Self::Image { ask } => ask.paths_mut(),
            Self::Copy { ask } => ask.paths_mut(),
            Self::Cache { ask } => ask.paths_mut(),
            Self::Agreement { ask } => ask.paths_mut(),
            Self::List { .. }
            | Self::Cat { .. }
            | Self::Info { .. }
            | Self::Diff { .. }
            | Self::RootAdd { .. }
            | Self::RootRemove { .. }
            | Self::RootList {}
            | Self::RootsPast {}
            | Self::Usage { .. }
            | Self::Collect { .. }
            | Self::Verify {}
            | Self::Stats {}
            | Self::Log { .. }
            | Self::LastCheck { .. }
            | Self::Report { .. }
            | Self::Perform { .. }
            | Self::Realisation { .. } => Vec::new(),
        }
    }
}
