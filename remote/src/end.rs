//! A store as another one sees it.

use std::io::{PipeReader, PipeWriter};

use serde::{Deserialize, Serialize};

use stele_store::Target;
use stele_store::model::{BlobId, Digest, TreeId};

/// A tree or a blob, by its digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Item {
    /// A directory.
    Tree(Digest),
    /// Bytes.
    Blob(Digest),
}

impl Item {
    /// The digest, of either kind.
    pub fn digest(self) -> Digest {
        let (Self::Tree(digest) | Self::Blob(digest)) = self;
        digest
    }
}

impl From<Target> for Item {
    fn from(target: Target) -> Self {
        match target {
            Target::Tree(TreeId(digest)) => Self::Tree(digest),
            Target::Blob(BlobId(digest)) => Self::Blob(digest),
        }
    }
}

impl From<Item> for Target {
    fn from(item: Item) -> Self {
        match item {
            Item::Tree(digest) => Self::Tree(TreeId(digest)),
            Item::Blob(digest) => Self::Blob(BlobId(digest)),
        }
    }
}

/// What a REF names in a store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Found {
    /// The tree or blob.
    pub item: Item,
    /// The root's name, if the REF is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
}

/// What a bundle is to have in it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Wanted {
    /// These, with all that they reach.
    pub items: Vec<Item>,
    /// But not these, nor what is below them.
    #[serde(default)]
    pub but: Vec<Item>,
    /// The directories among the items by themselves, in their order, without what they reach.
    #[serde(default)]
    pub flat: bool,
    /// Roots to name.
    #[serde(default)]
    pub roots: Vec<Rooted>,
}

/// A root that is to keep what was copied.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rooted {
    /// Its name.
    pub name: String,
    /// What it keeps.
    pub item: Item,
}

/// What is to keep copied content from the collector of the store that receives it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Keeping {
    /// Roots. With none, a lease keeps all that came.
    #[serde(default)]
    pub roots: Vec<Rooted>,
    /// What is to be in the store at the end, with or without a root.
    #[serde(default)]
    pub items: Vec<Item>,
    /// Whether the roots that come in the bundle are set, too.
    #[serde(default)]
    pub bundled: bool,
    /// Whether a root may be moved away from something else.
    #[serde(default)]
    pub replace: bool,
    /// The most bytes of content that are accepted; unlimited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

/// What a store received.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Received {
    /// Trees and blobs that came.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether the bundle was cut off. Then no root is set, and a lease keeps what came.
    #[serde(default)]
    pub cut: bool,
    /// The roots that were set.
    pub roots: Vec<Rooted>,
    /// Until when a lease keeps what has no root, in seconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leased_until: Option<u64>,
}

/// One of the two stores of a copy. `E` is a failure of either.
pub trait End<E>: Send {
    /// What a REF names here.
    ///
    /// # Errors
    /// When it names nothing.
    fn find(&mut self, reference: &str) -> Result<Found, E>;

    /// Which of these this store lacks, or has only in part: in their order.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn lacking(&mut self, items: &[Item]) -> Result<Vec<Item>, E>;

    /// Writes a bundle.
    ///
    /// # Errors
    /// When something is absent, or is not what its digest says.
    fn send(&mut self, wanted: &Wanted, to: PipeWriter) -> Result<(), E>;

    /// Stores a bundle. What it returns is acknowledged: on the disk, and kept.
    ///
    /// # Errors
    /// When the bundle is malformed or damaged, or the store cannot take it. Then nothing is kept, and no root is set.
    fn receive(&mut self, from: PipeReader, keeping: &Keeping) -> Result<Received, E>;
}
