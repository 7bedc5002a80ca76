//! What a build sees as `/`: its inputs, each at its place, merged.

use std::collections::{BTreeMap, HashMap};

use stele_store::model::{
    Conflict, Merge, MergeError, MergeInput, Name, Node, Tree, TreeId, TreeSource, escape,
};

use super::requests::Part;
use crate::action::SandboxPath;
use crate::recipe::Origin;

/// Directories that every root has, so that something can be mounted on them. Nothing below them is seen.
pub const MOUNTED_ON: &[&str] = &["build", "dev", "out", "proc", "tmp"];
/// What a conflict calls them.
const SANDBOX: &str = "the sandbox";

/// A merged root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Root {
    /// The tree.
    pub tree: TreeId,
    /// Trees that are in it and in none of the inputs, children before parents: what has to be stored.
    pub new: Vec<Tree>,
}

/// Why inputs conflict.
#[derive(Debug, thiserror::Error)]
pub enum RootError<E> {
    /// Two of them disagree.
    #[error("{} and {} both provide /{} with different content", .0.first, .0.second, .0.path)]
    Conflict(Conflict),
    /// Something would not be seen.
    #[error("{origin} has /{path}, which would be hidden: every build has its own")]
    Hidden {
        /// Whose it is.
        origin: String,
        /// The path.
        path: String,
    },
    /// A tree is too deep.
    #[error("{path} is nested too deeply")]
    Deep {
        /// The path.
        path: String,
    },
    /// A tree could not be had.
    #[error("the tree {tree} of {origin} could not be read")]
    Source {
        /// Which.
        tree: TreeId,
        /// Whose it is.
        origin: String,
        /// Why.
        source: E,
    },
}

/// Trees that are not stored yet, before those that are.
struct With<'a, S> {
    new: HashMap<TreeId, Tree>,
    source: &'a S,
}

impl<S: TreeSource> TreeSource for With<'_, S> {
    type Error = S::Error;

    fn tree(&self, id: &TreeId) -> Result<Tree, S::Error> {
        self.new.get(id).map_or_else(|| self.source.tree(id), |tree| Ok(tree.clone()))
    }
}

/// Unites `parts`, and the empty directories that something is mounted on.
///
/// # Errors
/// See [`RootError`].
pub fn merge<S: TreeSource>(
    parts: &[Part],
    prefer: &BTreeMap<SandboxPath, Origin>,
    source: &S,
) -> Result<Root, RootError<S::Error>> {
    let mut with = With { new: HashMap::new(), source };
    let mut inputs = Vec::with_capacity(parts.len() + 1);
    let mut made = Vec::new();
    let mut keep = |with: &mut With<'_, S>, tree: Tree| {
        let (id, size) = (tree.id(), tree.encode().len() as u64);
        with.new.insert(id, tree.clone());
        made.push(tree);
        Node::Directory { tree: id, size }
    };
    let empty = keep(&mut with, Tree::default());
    let names = MOUNTED_ON.iter().filter_map(|name| Some((Name::new(name.as_bytes()).ok()?, empty.clone())));
    if let Node::Directory { tree, .. } = keep(&mut with, Tree::new(names.collect()).unwrap_or_default()) {
        inputs.push(MergeInput { origin: SANDBOX.to_owned(), tree });
    }
    for part in parts {
        let origin = part.origin.to_string();
        let mut node = part.node.clone();
        let names: Vec<&str> = part.place.names().collect();
        // Whoever knows a tree by its digest alone does not know the size that its directory's entry says.
        if let (Node::Directory { tree, size }, false) = (&mut node, names.is_empty()) {
            let read = with.tree(tree).map_err(|error| RootError::Source {
                tree: *tree,
                origin: origin.clone(),
                source: error,
            })?;
            *size = read.encode().len() as u64;
        }
        for name in names.iter().rev() {
            // A place's names can all be names of entries: that was checked when it was made.
            let entry = Name::new(name.as_bytes()).map(|name| (name, node)).into_iter().collect();
            node = keep(&mut with, Tree::new(entry).unwrap_or_default());
        }
        // A file at `/` cannot be: places were checked.
        let Node::Directory { tree, .. } = node else { continue };
        hidden(&origin, &tree, &with)?;
        inputs.push(MergeInput { origin, tree });
    }
    let winner = |(place, origin): (&SandboxPath, &Origin)| {
        let mut path = String::new();
        for name in place.names() {
            path.push_str(if path.is_empty() { "" } else { "/" });
            escape(name.as_bytes(), &mut path);
        }
        (path, origin.to_string())
    };
    let merge = Merge { inputs, winners: prefer.iter().map(winner).collect() };
    let merged = merge.run(&with).map_err(|error| match error {
        MergeError::Conflict(conflict) => RootError::Conflict(conflict),
        MergeError::Deep { path } => RootError::Deep { path },
        MergeError::Source { tree, origin, source } => RootError::Source { tree, origin, source },
    })?;
    // Children first: what was made for the places holds nothing that the merge made.
    made.extend(merged.new);
    Ok(Root { tree: merged.root, new: made })
}

/// Refuses a tree with something below a directory on which the sandbox mounts its own.
fn hidden<S: TreeSource>(
    origin: &str,
    tree: &TreeId,
    source: &With<'_, S>,
) -> Result<(), RootError<S::Error>> {
    let read = |id: &TreeId| {
        let failed = |error| RootError::Source { tree: *id, origin: origin.to_owned(), source: error };
        source.tree(id).map_err(failed)
    };
    let top = read(tree)?;
    for name in MOUNTED_ON {
        let below = match top.get(name.as_bytes()) {
            Some(Node::Directory { tree, .. }) => read(tree)?.entries().first().map(|(entry, _)| {
                let mut path = format!("{name}/");
                escape(entry.as_bytes(), &mut path);
                path
            }),
            Some(_) => Some((*name).to_owned()),
            None => None,
        };
        if let Some(path) = below {
            return Err(RootError::Hidden { origin: origin.to_owned(), path });
        }
    }
    Ok(())
}
