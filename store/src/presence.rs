//! One answer to "is it there?".
//!
//! A row alone does not say that the bytes can be read: they may be in quarantine, or their file may be gone. Whoever
//! wants to rely on content asks here, and for a tree usually about its whole closure. No payload is read for it: that
//! the bytes are what their name says is checked when they are read.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::db::{BlobRow, DbError, Placement, Target};
use crate::model::{BlobId, TreeId};
use crate::objects::FileError;
use crate::session::WriteError;
use crate::store::{ReadError, Store};

/// So many trees with a sound closure are remembered at most: 64 MiB.
const MAX_REMEMBERED: usize = 1 << 20;

/// Whether something is in the store and can be read, as far as that can be told without reading its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// The store has no row of it.
    Absent,
    /// It can be read.
    Sound,
    /// Its bytes were found corrupt. Storing it again repairs it.
    Quarantined,
    /// The row is there, and its bytes are not, or not all of them. Storing it again repairs it.
    Missing,
}

impl Presence {
    /// Whether it can be read.
    pub fn is_sound(self) -> bool {
        self == Self::Sound
    }
}

impl std::fmt::Display for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Absent => "not in the store",
            Self::Sound => "in the store",
            Self::Quarantined => "in quarantine",
            Self::Missing => "without its payload",
        })
    }
}

/// Trees whose closures were found sound since something was last taken from the store.
#[derive(Default)]
pub(crate) struct Whole(Mutex<Found>);

#[derive(Default)]
struct Found {
    trees: HashSet<TreeId>,
    /// Grows with each removal: what was found before one says nothing after it.
    removals: u64,
}

impl Whole {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that was there is there no more, or cannot be read. To be called when its row says so.
    pub(crate) fn forget(&self) {
        let mut found = self.found();
        found.removals += 1;
        found.trees.clear();
    }
}

impl Store {
    /// Whether a blob or the text of a tree can be read. Of a tree this says nothing about what it names: see
    /// [`Store::has_closure`].
    ///
    /// # Errors
    /// When the database or the file system gives an error.
    pub fn presence(&self, target: Target) -> Result<Presence, ReadError> {
        match target {
            Target::Tree(tree) => {
                Ok(if self.db.has_tree(&tree)? { Presence::Sound } else { Presence::Absent })
            }
            Target::Blob(blob) => match self.db.blob(&blob)? {
                Some(row) => Ok(self.presence_of_row(&blob, &row)?),
                None => Ok(Presence::Absent),
            },
        }
    }

    /// [`Store::presence`] of each of `blobs`, in their order; all rows are read at once.
    ///
    /// # Errors
    /// When the database or the file system gives an error.
    pub fn blob_presences(&self, blobs: &[BlobId]) -> Result<Vec<Presence>, ReadError> {
        let rows = self.db.blobs(blobs)?;
        let presence = |(id, row): (&BlobId, Option<BlobRow>)| match row {
            Some(row) => Ok(self.presence_of_row(id, &row)?),
            None => Ok(Presence::Absent),
        };
        blobs.iter().zip(rows).map(presence).collect()
    }

    /// Whether the text of a tree is there; what it names may be damaged: see [`Store::has_closure`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_tree(&self, id: &TreeId) -> Result<bool, ReadError> {
        Ok(self.presence(Target::Tree(*id))?.is_sound())
    }

    /// Whether `target` and all that it reaches can be read.
    ///
    /// # Errors
    /// When the database or the file system gives an error.
    pub fn has_closure(&self, target: Target) -> Result<bool, ReadError> {
        Ok(self.first_lack(target)?.is_none())
    }

    /// The first thing found of `target` and all that it reaches that cannot be read, and why. A tree whose text is
    /// corrupt counts as quarantined.
    ///
    /// Trees that were found sound are remembered until something is removed from the store or found damaged, so asking
    /// again costs one look-up.
    ///
    /// # Errors
    /// When the database or the file system gives an error.
    pub fn first_lack(&self, target: Target) -> Result<Option<(Target, Presence)>, ReadError> {
        let Target::Tree(root) = target else {
            let presence = self.presence(target)?;
            return Ok((!presence.is_sound()).then_some((target, presence)));
        };
        let removals = {
            let found = self.whole.found();
            if found.trees.contains(&root) {
                return Ok(None);
            }
            found.removals
        };
        let mut seen = HashSet::from([target]);
        let mut stack = vec![root];
        while let Some(id) = stack.pop() {
            let tree = match self.tree(&id) {
                Ok(tree) => tree,
                Err(ReadError::NoTree { id }) => return Ok(Some((Target::Tree(id), Presence::Absent))),
                Err(ReadError::CorruptTree { id, .. } | ReadError::BadTree { id, .. }) => {
                    return Ok(Some((Target::Tree(id), Presence::Quarantined)));
                }
                Err(error) => return Err(error),
            };
            let mut blobs = Vec::new();
            for target in tree.entries().iter().filter_map(|(_, node)| Target::of(node)) {
                match target {
                    _ if !seen.insert(target) => {}
                    Target::Tree(tree) if self.whole.found().trees.contains(&tree) => {}
                    Target::Tree(tree) => stack.push(tree),
                    Target::Blob(blob) => blobs.push(blob),
                }
            }
            let presences = self.blob_presences(&blobs)?;
            if let Some((blob, presence)) = blobs.into_iter().zip(presences).find(|it| !it.1.is_sound()) {
                return Ok(Some((Target::Blob(blob), presence)));
            }
        }
        let mut found = self.whole.found();
        // What was removed meanwhile may have been looked at before.
        if found.removals == removals {
            if found.trees.len() + seen.len() > MAX_REMEMBERED {
                found.trees.clear();
            }
            found.trees.extend(seen.into_iter().filter_map(|target| match target {
                Target::Tree(tree) => Some(tree),
                Target::Blob(_) => None,
            }));
        }
        Ok(None)
    }

    /// Whether there is a row of `target`, whatever became of its bytes.
    pub(crate) fn has_row(&self, target: Target) -> Result<bool, DbError> {
        match target {
            Target::Tree(tree) => self.db.has_tree(&tree),
            Target::Blob(blob) => Ok(self.db.blob(&blob)?.is_some()),
        }
    }

    /// Whether the bytes of a blob with that row can be read.
    pub(crate) fn presence_of_row(&self, id: &BlobId, row: &BlobRow) -> Result<Presence, RowError> {
        let there = match row.placement {
            Placement::Quarantined => return Ok(Presence::Quarantined),
            // A filter answers this without a read: it may say "yes" of a row that a repair of the database dropped,
            // which whoever reads the blob finds out.
            Placement::Inline => self.db.may_have_inline(id)?,
            // A missing or truncated file is repaired by storing the blob again.
            Placement::File => self.objects.length(id)? == Some(row.size),
        };
        Ok(if there { Presence::Sound } else { Presence::Missing })
    }
}

/// Why it could not be told whether something is there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    /// The file system gave an error.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<RowError> for ReadError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::File(e) => e.into(),
            RowError::Db(e) => e.into(),
        }
    }
}

impl From<RowError> for WriteError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::File(e) => e.into(),
            RowError::Db(e) => e.into(),
        }
    }
}
