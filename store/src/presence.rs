//! One answer to "is it there?".
//!
//! A row alone does not say that the bytes can be read: they may be in quarantine, or their file may be gone. Whoever
//! wants to rely on content asks here, and for a tree usually about its whole closure. No payload is read for it: that
//! the bytes are what their name says is checked when they are read.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::db::{BlobRow, DbError, Placement, Target};
use crate::model::{BlobId, Node, TreeId};
use crate::objects::FileError;
use crate::session::WriteError;
use crate::store::{ReadError, Store};

/// So many trees with a sound closure are remembered at most: some 64 MiB.
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

/// Trees whose closures were found sound since something was last taken from the store, with their heights.
#[derive(Default)]
pub(crate) struct Whole(Mutex<SoundClosures>);

#[derive(Default)]
struct SoundClosures {
    heights: HashMap<TreeId, u32>,
    /// Grows with each removal: what was found before one says nothing after it.
    removals: u64,
}

impl Whole {
    fn found(&self) -> MutexGuard<'_, SoundClosures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn height(&self, tree: &TreeId) -> Option<u32> {
        self.found().heights.get(tree).copied()
    }

    /// Something that was there is there no more, or cannot be read. To be called when its row says so.
    pub(crate) fn forget(&self) {
        let mut found = self.found();
        found.removals += 1;
        found.heights.clear();
    }

    /// Remembers heights that were found while there were so many `removals`.
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

/// What was found of a closure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Looked {
    /// All of it can be read; so many directories lie below each other, the first of them below the root. 0 for a blob.
    Sound {
        /// How many.
        height: u32,
    },
    /// That cannot be read.
    Lacks(Target, Presence),
}

/// A tree of which what it names is being looked at.
struct Open {
    id: TreeId,
    /// The trees that it names and that were not looked at yet.
    children: Vec<TreeId>,
    height: u32,
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
        Ok(match self.look_through(target)? {
            Looked::Sound { .. } => None,
            Looked::Lacks(lacking, presence) => Some((lacking, presence)),
        })
    }

    /// Looks at all that `target` reaches. No recursion: a store may hold trees of any depth from before it was
    /// bounded.
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

    /// A tree whose text and blobs can be read; `blobs` are those that were looked at. What cannot, and why.
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
