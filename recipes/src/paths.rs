//! Paths in a tree, the entries at them, and trees edited at a few of them.

mod edit;
#[cfg(test)]
mod tests;

use std::fmt;

use stele_store::model::{MAX_DEPTH, Name, NameError, Node, TreeId, UnescapeError, escape, unescape};

use crate::content::{Content, ContentError};

pub use edit::{EditEntry, TreeEdit};

/// A path below the root of a tree.
///
/// 1 to [`MAX_DEPTH`] names parted by one `/` each. It is never absolute, none of its components is empty, `.` or `..`,
/// and nothing of it need be UTF-8: two paths are the same place just when they are equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<Name>);

/// Why bytes are not a path in a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreePathError {
    /// There are no bytes at all.
    #[error("it is empty")]
    Empty,
    /// It is not spelled as paths are shown.
    #[error("it is not spelled as paths are: {0}")]
    Escape(UnescapeError),
    /// It begins with a slash.
    #[error("it is absolute")]
    Absolute,
    /// A component is empty, `.`, `..`, too long or holds a NUL.
    #[error("component {number} will not do: {source}")]
    Component {
        /// Counted from 1.
        number: usize,
        /// The problem.
        source: NameError,
    },
    /// It has more components than a tree has levels.
    #[error("it has {found} components; at most {MAX_DEPTH} are possible")]
    Deep {
        /// How many it has.
        found: usize,
    },
}

/// Why the entry at a path cannot be found out.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A component other than the last is not a directory. Symbolic links are never followed.
    #[error("{at} is {}, not a directory", if *symlink { "a symbolic link" } else { "a file" })]
    NoDirectory {
        /// The path as far as it goes.
        at: TreePath,
        /// Whether a symbolic link is there; else it is a file.
        symlink: bool,
    },
    /// A tree cannot be read or kept.
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl TreePath {
    /// Takes `bytes` for a path.
    ///
    /// # Errors
    /// When they break one of the invariants of [`TreePath`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TreePathError> {
        match bytes.first() {
            None => return Err(TreePathError::Empty),
            Some(b'/') => return Err(TreePathError::Absolute),
            Some(_) => {}
        }
        let found = bytes.split(|&byte| byte == b'/').count();
        if found > MAX_DEPTH {
            return Err(TreePathError::Deep { found });
        }
        let component = |(at, name)| {
            Name::new(name).map_err(|source| TreePathError::Component { number: at + 1, source })
        };
        bytes.split(|&byte| byte == b'/').enumerate().map(component).collect::<Result<_, _>>().map(Self)
    }

    /// Takes the text that a path shows.
    ///
    /// # Errors
    /// When it is not the canonical encoding of a path.
    pub fn unescape(text: &str) -> Result<Self, TreePathError> {
        let bytes = unescape(text.as_bytes()).map_err(TreePathError::Escape)?;
        Self::parse(&bytes)
    }

    /// The components, outermost first. There is at least one.
    pub fn components(&self) -> &[Name] {
        &self.0
    }

    /// The last component.
    pub fn name(&self) -> &Name {
        &self.0[self.0.len() - 1]
    }

    /// The directory that holds it; none when that is the root.
    pub fn parent(&self) -> Option<Self> {
        self.prefix(self.0.len() - 1)
    }

    /// `below`, seen from where this path leads.
    ///
    /// # Errors
    /// When the two together have more components than a tree has levels.
    pub fn join(&self, below: &Self) -> Result<Self, TreePathError> {
        let found = self.0.len() + below.0.len();
        if found > MAX_DEPTH {
            return Err(TreePathError::Deep { found });
        }
        Ok(Self(self.0.iter().chain(&below.0).cloned().collect()))
    }

    /// Whether this is `above`, or lies below it.
    pub fn is_within(&self, above: &Self) -> bool {
        self.0.starts_with(&above.0)
    }

    /// The bytes, with one slash between components.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().map(Name::as_bytes).collect::<Vec<_>>().join(&b'/')
    }

    fn prefix(&self, components: usize) -> Option<Self> {
        (components > 0).then(|| Self(self.0[..components].to_vec()))
    }
}

/// Shows the canonical encoding of each component, which no terminal can misread.
impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (at, name) in self.0.iter().enumerate() {
            if at > 0 {
                text.push('/');
            }
            escape(name.as_bytes(), &mut text);
        }
        f.pad(&text)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreePath({self})")
    }
}

/// The entry at `path` in `tree`; none when there is none, or no such directory.
///
/// # Errors
/// When a component other than the last is not a directory, or a tree cannot be read.
pub fn find(tree: &TreeId, path: &TreePath, content: &dyn Content) -> Result<Option<Node>, WalkError> {
    let (name, directories) = (path.name(), &path.0[..path.0.len() - 1]);
    let mut here = content.tree(tree)?;
    for (at, directory) in directories.iter().enumerate() {
        let Some(node) = here.get(directory.as_bytes()) else { return Ok(None) };
        here = content.tree(&directory_id(node, path, at + 1)?)?;
    }
    Ok(here.get(name.as_bytes()).cloned())
}

/// The tree that `node` is, which lies where the first `components` of `path` lead.
fn directory_id(node: &Node, path: &TreePath, components: usize) -> Result<TreeId, WalkError> {
    match node {
        Node::Directory { tree, .. } => Ok(*tree),
        Node::File { .. } | Node::Symlink { .. } => {
            let at = TreePath(path.0[..components].to_vec());
            Err(WalkError::NoDirectory { at, symlink: matches!(node, Node::Symlink { .. }) })
        }
    }
}
