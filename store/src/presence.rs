//! The one answer to "does the store have it?".
//!
//! A row alone does not mean that the bytes can be read: they may be in quarantine, or their file may be
//! missing. Code that relies on content asks here, for a tree usually about its whole closure. No payload is
//! read for it: readers check the bytes against their digest.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::db::{BlobRow, DbError, Placement, Target};
use crate::model::{BlobId, Node, TreeId};
use crate::objects::FileError;
use crate::session::WriteError;
use crate::store::{ReadError, Store};

/// At most so many trees with a sound closure are remembered: some 64 MiB.
const MAX_REMEMBERED: usize = 1 << 20;

/// Whether content is in the store and readable, as far as can be determined without reading its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// The store has no row of it.
    Absent,
    /// It can be read.
    Sound,
    /// Its bytes were found corrupt. Storing it again repairs it.
    Quarantined,
    /// The row exists, and its bytes do not, or not all of them. Storing it again repairs it.
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

/// Trees whose closures were found sound since the last removal from the store, with their heights.
#[derive(Default)]
pub(crate) struct Whole(Mutex<SoundClosures>);

#[derive(Default)]
struct SoundClosures {
    heights: HashMap<TreeId, u32>,
    /// Grows with each removal, which invalidates earlier findings.
    removals: u64,
}

impl Whole {
    fn found(&self) -> MutexGuard<'_, SoundClosures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn height(&self, tree: &TreeId) -> Option<u32> {
        self.found().heights.get(tree).copied()
    }

    /// Content was removed or became unreadable. Call this once its row records it.
    pub(crate) fn forget(&self) {
        let mut found = self.found();
        found.removals += 1;
        found.heights.clear();
    }

    /// Records heights that were found while the count of removals was `removals`.
    fn remember(&self, heights: HashMap<TreeId, u32>, removals: u64) {
        let mut found = self.found();
        if found.removals != removals {
            return;
        }
        if found.heights.len() + heights.len() > MAX_REMEMBERED {
            found.heights.clear();
        }
        found.heights.extend(heights);
    }
}

/// The state of a closure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Looked {
    /// All of it can be read. `height` counts the directory levels below the root; 0 for a blob.
    Sound {
        /// The number of levels.
        height: u32,
    },
    /// This target cannot be read.
    Lacks(Target, Presence),
}

/// A tree whose children are being examined.
struct Open {
    id: TreeId,
    /// The trees that it names and that were not examined yet.
    children: Vec<TreeId>,
    height: u32,
}

impl Store {
    /// Whether a blob or the text of a tree can be read. For a tree this ignores what it names: see
    /// [`Store::has_closure`].
    ///
    /// # Errors
    /// On an error of the database or the filesystem.
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
    /// On an error of the database or the filesystem.
    pub fn blob_presences(&self, blobs: &[BlobId]) -> Result<Vec<Presence>, ReadError> {
        let rows = self.db.blobs(blobs)?;
        let presence = |(id, row): (&BlobId, Option<BlobRow>)| match row {
            Some(row) => Ok(self.presence_of_row(id, &row)?),
            None => Ok(Presence::Absent),
        };
        blobs.iter().zip(rows).map(presence).collect()
    }

    /// Whether the store has the text of a tree; what it names may be damaged: see [`Store::has_closure`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_tree(&self, id: &TreeId) -> Result<bool, ReadError> {
        Ok(self.presence(Target::Tree(*id))?.is_sound())
    }

    /// Whether `target` and all that it reaches can be read.
    ///
    /// # Errors
    /// On an error of the database or the filesystem.
    pub fn has_closure(&self, target: Target) -> Result<bool, ReadError> {
        Ok(self.first_lack(target)?.is_none())
    }

    /// The first unreadable content found in the closure of `target`, and why. A tree whose text is corrupt
    /// counts as quarantined.
    ///
    /// Trees that were found sound are remembered until something is removed from the store or found damaged,
    /// so asking again costs one look-up.
    ///
    /// # Errors
    /// On an error of the database or the filesystem.
    pub fn first_lack(&self, target: Target) -> Result<Option<(Target, Presence)>, ReadError> {
        Ok(match self.look_through(target)? {
            Looked::Sound { .. } => None,
            Looked::Lacks(lacking, presence) => Some((lacking, presence)),
        })
    }

    /// Examines the closure of `target`. No recursion: a store may hold trees of any depth from before the
    /// depth was bounded.
    pub(crate) fn look_through(&self, target: Target) -> Result<Looked, ReadError> {
        let Target::Tree(root) = target else {
            let presence = self.presence(target)?;
            return Ok(match presence {
                Presence::Sound => Looked::Sound { height: 0 },
                _ => Looked::Lacks(target, presence),
            });
        };
        let removals = self.whole.found().removals;
        if let Some(height) = self.whole.height(&root) {
            return Ok(Looked::Sound { height });
        }
        let mut heights = HashMap::new();
        let mut blobs = HashSet::new();
        let mut stack = Vec::new();
        match self.open_tree(root, &mut blobs)? {
            Ok(open) => stack.push(open),
            Err((lacking, presence)) => return Ok(Looked::Lacks(lacking, presence)),
        }
        while let Some(top) = stack.last_mut() {
            if let Some(child) = top.children.pop() {
                if let Some(height) = heights.get(&child).copied().or_else(|| self.whole.height(&child)) {
                    top.height = top.height.max(height.saturating_add(1));
                    continue;
                }
                match self.open_tree(child, &mut blobs)? {
                    Ok(open) => stack.push(open),
                    Err((lacking, presence)) => return Ok(Looked::Lacks(lacking, presence)),
                }
                continue;
            }
            let Open { id, height, .. } = *top;
            heights.insert(id, height);
            stack.pop();
            if let Some(parent) = stack.last_mut() {
                parent.height = parent.height.max(height.saturating_add(1));
            }
        }
        let height = heights.get(&root).copied().unwrap_or(0);
        self.whole.remember(heights, removals);
        Ok(Looked::Sound { height })
    }

    /// A tree whose text and blobs can be read, or the first unreadable target; `blobs` were examined already.
    fn open_tree(
        &self,
        id: TreeId,
        blobs: &mut HashSet<BlobId>,
    ) -> Result<Result<Open, (Target, Presence)>, ReadError> {
        let tree = match self.tree(&id) {
            Ok(tree) => tree,
            Err(ReadError::NoTree { .. }) => return Ok(Err((Target::Tree(id), Presence::Absent))),
            Err(ReadError::CorruptTree { .. } | ReadError::BadTree { .. }) => {
                return Ok(Err((Target::Tree(id), Presence::Quarantined)));
            }
            Err(error) => return Err(error),
        };
        let (mut children, mut named) = (Vec::new(), Vec::new());
        for (_, node) in tree.entries() {
            match node {
                Node::Directory { tree, .. } => children.push(*tree),
                Node::File { blob, .. } if blobs.insert(*blob) => named.push(*blob),
                _ => {}
            }
        }
        let presences = self.blob_presences(&named)?;
        match named.into_iter().zip(presences).find(|(_, presence)| !presence.is_sound()) {
            Some((blob, presence)) => Ok(Err((Target::Blob(blob), presence))),
            None => Ok(Ok(Open { id, children, height: 0 })),
        }
    }

    /// Whether `target` has a row, whatever the state of its bytes.
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
            // A Bloom filter answers this without a read: it may say "yes" for a row that a repair of the
            // database dropped; reading the blob then fails.
            Placement::Inline => self.db.may_have_inline(id)?,
            // A missing or truncated file is repaired by storing the blob again.
            Placement::File => self.objects.length(id)? == Some(row.size),
        };
        Ok(if there { Presence::Sound } else { Presence::Missing })
    }
}

/// Why presence could not be determined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    /// A filesystem error.
    #[error(transparent)]
    File(#[from] FileError),
    /// A database error.
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
