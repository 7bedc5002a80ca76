//! What can be asked of a store.

use serde::{Deserialize, Serialize};

use crate::builds::Order;
use crate::images;

/// A request. Paths and REFs are escaped (`docs/formats.md`, "Names"), so that any byte survives JSON; a recipe tree is
/// named by its absolute path. Unknown variants are refused by a daemon of another build, not ignored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Import a file or directory.
    Add {
        /// Its absolute path.
        path: String,
        /// The root that keeps it.
        root: Option<String>,
        /// Seconds that a lease keeps it when no root does; 0 for none.
        keep_seconds: u64,
    },
    /// List the entries of a directory.
    List {
        /// The directory.
        reference: String,
        /// Whether to list what is below it, too.
        recursive: bool,
        /// How many directories deep, when recursive; without limit when absent.
        depth: Option<usize>,
    },
    /// Read a blob, or the canonical text of a tree.
    Cat {
        /// The blob or tree.
        reference: String,
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
        /// The permission bits that the copy does not get.
        umask: u32,
    },
    /// Make or move a root.
    RootAdd {
        /// Its name.
        name: String,
        /// What it keeps.
        reference: String,
    },
    /// Remove a root.
    RootRemove {
        /// Its name.
        name: String,
    },
    /// List all roots.
    RootList {},
    /// Collect garbage.
    Collect {
        /// Whether only to count.
        dry_run: bool,
        /// Whether leases of recent imports end first.
        end_leases: bool,
    },
    /// Hash everything again.
    Verify {},
    /// Count what is in the store.
    Stats {},
    /// Unpack and patch the sources of a recipe.
    Unpack {
        /// The recipe tree.
        tree: String,
        /// The recipe.
        recipe: String,
        /// Seconds that a lease keeps each.
        keep_seconds: u64,
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
        /// Whether to go on until the running build ends.
        follow: bool,
        /// Whether to describe the log instead of reading it.
        about: bool,
    },
    /// Build a recipe once more, and report which inputs it opens.
    Trace {
        /// The recipe tree.
        tree: String,
        /// The recipe.
        recipe: String,
        /// How to build.
        order: Order,
    },
    /// The outputs of an action.
    Realisation {
        /// The action's digest.
        of: String,
    },
    /// A request about images.
    Image {
        /// The request.
        ask: images::Ask,
    },
    /// Plan the build of recipes.
    Plan {
        /// The recipe tree.
        tree: String,
        /// The recipes; all of the tree when empty.
        goals: Vec<String>,
    },
}
