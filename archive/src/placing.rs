//! A tree while an archive is read: every entry is put in its place, or refused.

use stele_store::model::{Name, Node, TreeId};

use super::builder::{ROOT, Slot, TreeBuilder};
use super::limits::Gauge;
use super::path::{self, At, Path, check_target};
use super::{EntryError, EntryName, UnpackError, links};
use crate::content::Content;

/// What an entry is, apart from its name.
pub(super) enum Entry {
    Directory,
    /// A file.
    Leaf(Node),
    /// A symbolic link; nothing of its target was looked at.
    Symlink {
        target: Vec<u8>,
    },
    /// The other name of an entry that came before.
    HardLink {
        target: Vec<u8>,
    },
}

/// Puts entries into a tree by the rules for sources: nothing is replaced, and nothing leads outside.
pub(super) struct Placing<'a> {
    strip: usize,
    belongs: At,
    gauge: &'a Gauge,
    tree: TreeBuilder,
    leaves: usize,
}

impl<'a> Placing<'a> {
    pub(super) fn new(strip: usize, belongs: At, gauge: &'a Gauge) -> Self {
        Self { strip, belongs, gauge, tree: TreeBuilder::new(), leaves: 0 }
    }

    /// Puts an entry in its place. `offset` is where its header begins.
    pub(super) fn put(&mut self, name: &[u8], offset: u64, entry: Entry) -> Result<(), UnpackError> {
        let refused = |why| UnpackError::Entry { entry: EntryName(name.to_vec()), offset, why };
        let full = path::parse(name, &self.gauge.limits).map_err(refused)?;
        if full.is_empty() && !matches!(entry, Entry::Directory) {
            return Err(refused(EntryError::RootNoDirectory));
        }
        let Some(leaf) = self.leaf(&full, entry).map_err(refused)? else {
            return Ok(());
        };
        let Some((last, above)) = full[self.strip.min(full.len())..].split_last() else {
            return Ok(());
        };
        let mut at = ROOT;
        for depth in 0..above.len() {
            at = match self.tree.get(at, &above[depth]) {
                Some(Slot::Directory(next)) => *next,
                Some(Slot::Leaf(Node::Symlink { .. })) => {
                    return Err(refused(EntryError::ThroughLink { link: path::text(&above[..=depth]) }));
                }
                Some(Slot::Leaf(_)) => {
                    return Err(refused(EntryError::ThroughFile { file: path::text(&above[..=depth]) }));
                }
                None => self.add_directory(at, &above[depth])?,
            };
        }
        match (self.tree.get(at, last), leaf) {
            (None, None) => {
                self.add_directory(at, last)?;
            }
            (None, Some(node)) => self.add_leaf(at, last, node)?,
            (Some(Slot::Directory(_)), None) => {}
            (Some(Slot::Leaf(before)), Some(node)) if *before == node => {}
            (Some(Slot::Leaf(_)), Some(_)) => return Err(refused(EntryError::Twice)),
            (Some(_), _) => return Err(refused(EntryError::KindChanged)),
        }
        Ok(())
    }

    /// What `entry` at `full` is: nothing when it is dropped, else a directory, `None`, or a leaf that will do there.
    fn leaf(&self, full: &Path, entry: Entry) -> Result<Option<Option<Node>>, EntryError> {
        let left = full.len().checked_sub(self.strip).filter(|left| *left > 0);
        let node = match entry {
            Entry::Directory => return Ok(left.map(|_| None)),
            Entry::Leaf(node) => node,
            Entry::Symlink { target } => {
                Node::Symlink { target: check_target(&target, full.len() - 1, self.belongs)? }
            }
            Entry::HardLink { target } => {
                let found = path::parse(&target, &self.gauge.limits).map_err(|why| {
                    EntryError::HardLinkName { target: EntryName(target.clone()), why: Box::new(why) }
                })?;
                // An entry that is dropped may name one that was dropped.
                if left.is_none() {
                    return Ok(None);
                }
                self.linked(&found, target)?
            }
        };
        let Some(left) = left else { return Ok(None) };
        // A hard link to a symbolic link may stand elsewhere, and what is left by the strip is another tree.
        if let Node::Symlink { target } = &node {
            check_target(target.as_bytes(), full.len() - 1, self.belongs)?;
            check_target(target.as_bytes(), left - 1, self.belongs)?;
        }
        Ok(Some(Some(node)))
    }

    fn add_leaf(&mut self, within: usize, name: &Name, node: Node) -> Result<(), UnpackError> {
        let target = if let Node::Symlink { target } = &node { target.as_bytes().len() } else { 0 };
        self.gauge.count_text(name.as_bytes().len() + target)?;
        self.leaves += 1;
        self.check_entries()?;
        self.tree.insert_leaf(within, name, node);
        Ok(())
    }

    fn add_directory(&mut self, within: usize, name: &Name) -> Result<usize, UnpackError> {
        self.gauge.count_text(name.as_bytes().len())?;
        let next = self.tree.insert_directory(within, name);
        self.check_entries()?;
        Ok(next)
    }

    /// Implied directories count: one long name makes two thousand of them.
    fn check_entries(&self) -> Result<(), UnpackError> {
        let max = self.gauge.limits.entries;
        match self.tree.directories().len() - 1 + self.leaves > max {
            true => Err(UnpackError::Entries { max }),
            false => Ok(()),
        }
    }

    /// What a hard link to `target` is another name of.
    fn linked(&self, path: &Path, target: Vec<u8>) -> Result<Node, EntryError> {
        let mut at = ROOT;
        let mut components = path.get(self.strip..).unwrap_or_default().iter().peekable();
        while let Some(name) = components.next() {
            match (self.tree.get(at, name), components.peek()) {
                (Some(Slot::Directory(next)), Some(_)) => at = *next,
                (Some(Slot::Leaf(node)), None) => return Ok(node.clone()),
                (Some(Slot::Directory(_)), None) => {
                    return Err(EntryError::HardLinkDirectory { target: EntryName(target) });
                }
                _ => break,
            }
        }
        Err(EntryError::HardLinkMissing { target: EntryName(target) })
    }

    /// Keeps all trees from the leaves up, and gives the one of `subdir`.
    pub(super) fn finish(
        self,
        subdir: Option<&[Name]>,
        content: &dyn Content,
    ) -> Result<TreeId, UnpackError> {
        let subdir = subdir.unwrap_or_default();
        let root = self.tree.find(subdir);
        let root = root.ok_or_else(|| UnpackError::NoSubdir { subdir: path::text(subdir) })?;
        if self.tree.directories()[root].is_empty() {
            return Err(UnpackError::Empty);
        }
        links::check(self.tree.directories(), root)?;
        let (tree, _) = self.tree.store_below(root, |tree| content.add_tree(tree))?;
        Ok(tree)
    }
}
