//! The entries of a layer, in the order of the tar.

use stele_store::model::{MAX_DEPTH, Node, Tree};

use super::{Layer, LayerError, WHITEOUT};
use crate::capabilities::Capabilities;
use crate::content::Content;
use crate::path::ImagePath;
use crate::rules::{Mode, Owner};

/// An entry of a layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its path.
    pub path: ImagePath,
    /// Its node.
    pub node: Node,
    /// Its owner.
    pub owner: Owner,
    /// Its mode.
    pub mode: Mode,
    /// Its capabilities, if it has any.
    pub capabilities: Option<Capabilities>,
}

/// Walks a layer: the root first; each directory before its entries; entries sorted by the bytes of their names. Holds
/// one tree per level of depth, and nothing of what it has passed.
pub struct Walk<'a, C: ?Sized> {
    content: &'a C,
    layer: &'a Layer,
    begun: bool,
    levels: Vec<Level>,
}

struct Level {
    tree: Tree,
    path: ImagePath,
    owner: Owner,
    next: usize,
}

impl<'a, C: Content + ?Sized> Walk<'a, C> {
    /// Starts at the root.
    pub fn new(content: &'a C, layer: &'a Layer) -> Self {
        Self { content, layer, begun: false, levels: Vec::new() }
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// See [`LayerError`].
    pub fn step(&mut self) -> Result<Option<Entry>, LayerError> {
        if !self.begun {
            self.begun = true;
            let node = Node::Directory { tree: self.layer.tree, size: 0 };
            return self.enter(ImagePath::root(), node, Owner::default()).map(Some);
        }
        while let Some(level) = self.levels.last_mut() {
            let Some((name, node)) = level.tree.entries().get(level.next) else {
                self.levels.pop();
                continue;
            };
            level.next += 1;
            let path = level.path.join(name);
            if name.as_bytes().starts_with(WHITEOUT) {
                return Err(LayerError::Whiteout { path });
            }
            let (node, above) = (node.clone(), level.owner);
            return self.enter(path, node, above).map(Some);
        }
        Ok(None)
    }

    /// The entry of `node`, in a directory owned by `above`; its own entries come next.
    fn enter(&mut self, path: ImagePath, node: Node, above: Owner) -> Result<Entry, LayerError> {
        let rules = &self.layer.rules;
        let (owner, mode) = (rules.owner(&path, above), rules.mode(&path, &node));
        if let Node::Directory { tree, .. } = &node {
            if self.levels.len() > MAX_DEPTH {
                return Err(LayerError::Deep { path });
            }
            let tree = self.content.tree(tree)?;
            self.levels.push(Level { tree, path: path.clone(), owner, next: 0 });
        }
        let capabilities = rules.capabilities(&path, &node);
        Ok(Entry { path, node, owner, mode, capabilities })
    }
}
