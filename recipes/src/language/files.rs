//! The files of a recipe tree: all that evaluation can see.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stele_store::model::{BlobId, Digest, Name, Node, Tree};

use crate::paths::TreePath;

/// The maximum size in bytes of one file of Starlark.
pub const MAX_STARLARK: usize = 1 << 20;

/// Who is told where an evaluation is: a file, and a line.
pub type Follower = dyn Fn(&str, usize);

/// A recipe tree. Evaluation sees what this gives, and nothing else.
pub trait Files: Sync {
    /// The bytes of a file; `None` when there is no such file.
    ///
    /// # Errors
    /// When there is something else at that path, it is larger than `max` bytes, or it cannot be read.
    fn read(&self, path: &TreePath, max: usize) -> io::Result<Option<Vec<u8>>>;

    /// The node at a path, as it would be stored; `None` when there is nothing.
    ///
    /// # Errors
    /// When it cannot be read, or holds what no tree can hold.
    fn node(&self, path: &TreePath) -> io::Result<Option<Node>>;

    /// The names of the folders below `pkgs` that have a `recipe.star`, in any order.
    ///
    /// # Errors
    /// When `pkgs` cannot be read.
    fn packages(&self) -> io::Result<Vec<String>>;

    /// Whom to tell, before each statement, its file and its line (counted from 1). That takes time, so only who looks
    /// for the statement that ends the process asks for it.
    fn follower(&self) -> Option<&Follower> {
        None
    }
}

/// A recipe tree in memory.
#[derive(Default)]
pub struct InMemoryFiles {
    files: BTreeMap<String, Vec<u8>>,
    asked: Mutex<BTreeSet<String>>,
}

impl InMemoryFiles {
    /// Puts a file at `path`, which is a valid [`TreePath`].
    pub fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path.to_owned(), bytes.into());
    }

    /// The paths that were requested so far.
    pub fn asked(&self) -> BTreeSet<String> {
        self.note().clone()
    }

    fn note(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node of the directory at `prefix`, which ends with a slash, when there is anything below it.
    fn directory(&self, prefix: &str) -> Option<Node> {
        let mut entries = BTreeMap::new();
        for (path, bytes) in
            self.files.range(prefix.to_owned()..).take_while(|(path, _)| path.starts_with(prefix))
        {
            let rest = &path[prefix.len()..];
            let (name, node) = match rest.split_once('/') {
                None => (rest, Some(file(bytes))),
                Some((name, _)) if entries.contains_key(name) => continue,
                Some((name, _)) => (name, self.directory(&format!("{prefix}{name}/"))),
            };
            entries.insert(name, node?);
        }
        if entries.is_empty() {
            return None;
        }
        let entries = entries.into_iter().map(|(name, node)| Some((Name::new(name.as_bytes()).ok()?, node)));
        let tree = Tree::new(entries.collect::<Option<_>>()?).ok()?;
        Some(Node::Directory { tree: tree.id(), size: tree.encode().len() as u64 })
    }
}

fn file(bytes: &[u8]) -> Node {
    Node::File { blob: BlobId(Digest::of(bytes)), size: bytes.len() as u64, executable: false }
}

impl Files for InMemoryFiles {
    fn read(&self, path: &TreePath, max: usize) -> io::Result<Option<Vec<u8>>> {
        let path = path.to_string();
        let found = self.files.get(&path).cloned();
        self.note().insert(path);
        match found {
            Some(bytes) if bytes.len() > max => Err(too_large(max)),
            found => Ok(found),
        }
    }

    fn node(&self, path: &TreePath) -> io::Result<Option<Node>> {
        let path = path.to_string();
        self.note().insert(path.clone());
        Ok(self.files.get(&path).map(|bytes| file(bytes)).or_else(|| self.directory(&format!("{path}/"))))
    }

    fn packages(&self) -> io::Result<Vec<String>> {
        let name = |path: &String| Some(path.strip_prefix("pkgs/")?.strip_suffix("/recipe.star")?.to_owned());
        Ok(self.files.keys().filter_map(name).filter(|name| !name.contains('/')).collect())
    }
}

pub(super) fn too_large(max: usize) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {max} bytes"))
}
