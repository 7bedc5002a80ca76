//! Uniting trees into one: what a build sees as its root, and what an image holds.
//!
//! A pure function: directories unite, equal entries unite, and anything else is a conflict that names both
//! origins and the path, unless the caller said which origin wins there. No file is copied; the result costs one
//! new tree for each directory that differs from every input.

use std::collections::BTreeMap;

use super::MAX_DEPTH;
use super::digest::{Digest, TreeId};
use super::escape::escape;
use super::name::Name;
use super::tree::{Node, Tree};

/// Where trees come from while they are merged or walked.
pub trait TreeSource {
    /// Why a tree could not be had.
    type Error;

    /// The tree of that identity.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    fn tree(&self, id: &TreeId) -> Result<Tree, Self::Error>;
}

/// One of the trees that are merged.
#[derive(Clone, Debug)]
pub struct MergeInput {
    /// What a conflict calls it: a recipe's name, a path, a digest.
    pub origin: String,
    /// The tree.
    pub tree: TreeId,
}

/// What is to be merged, and who wins where.
#[derive(Clone, Debug, Default)]
pub struct Merge {
    /// The trees. Their order matters only to the order in which a conflict names its sides.
    pub inputs: Vec<MergeInput>,
    /// Escaped path below the root (`usr/bin/cc`) to the origin that wins there. The whole entry is taken from
    /// that origin, a directory with all that is in it.
    pub winners: BTreeMap<String, String>,
}

/// Two origins that disagree, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first} and {second} both have {path}, and it is not the same")]
pub struct Conflict {
    /// The escaped path below the root.
    pub path: String,
    /// The origin that came first.
    pub first: String,
    /// The origin that disagrees with it.
    pub second: String,
}

/// Why a merge failed.
#[derive(Debug, thiserror::Error)]
pub enum MergeError<E> {
    /// Two inputs disagree.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// An input, or a directory in it, could not be had.
    #[error("the tree {tree} of {origin} could not be read")]
    Source {
        /// Which tree.
        tree: TreeId,
        /// Whose it is.
        origin: String,
        /// Why.
        source: E,
    },
    /// The trees are nested deeper than [`MAX_DEPTH`].
    #[error("{path} is nested deeper than {MAX_DEPTH} directories")]
    Deep {
        /// The escaped path.
        path: String,
    },
}

/// What a merge made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The united tree.
    pub root: TreeId,
    /// The length of its canonical text in bytes.
    pub size: u64,
    /// The trees that no input had under that identity, children before parents: what has to be stored.
    pub new: Vec<Tree>,
}

impl Merge {
    /// Unites the inputs. Of no input at all, the empty tree.
    ///
    /// # Errors
    /// A [`Conflict`], a tree that `source` has not, or nesting beyond [`MAX_DEPTH`].
    pub fn run<S: TreeSource>(&self, source: &S) -> Result<Merged, MergeError<S::Error>> {
        let sides = self.inputs.iter().map(|i| Side { origin: &i.origin, tree: i.tree }).collect();
        let mut run = Run { merge: self, source, new: Vec::new() };
        let (root, size) = run.unite(sides, &mut Vec::new())?;
        Ok(Merged { root, size, new: run.new })
    }
}

#[derive(Clone, Copy)]
struct Side<'a> {
    origin: &'a str,
    tree: TreeId,
}

struct Run<'a, S> {
    merge: &'a Merge,
    source: &'a S,
    new: Vec<Tree>,
}

impl<'a, S: TreeSource> Run<'a, S> {
    fn unite(
        &mut self,
        sides: Vec<Side<'a>>,
        path: &mut Vec<Name>,
    ) -> Result<(TreeId, u64), MergeError<S::Error>> {
        if path.len() > MAX_DEPTH {
            return Err(MergeError::Deep { path: spell(path) });
        }
        let mut by_name: BTreeMap<Name, Vec<(&'a str, Node)>> = BTreeMap::new();
        let mut seen: Vec<TreeId> = Vec::new();
        for side in sides {
            if seen.contains(&side.tree) {
                continue;
            }
            seen.push(side.tree);
            let tree = self.source.tree(&side.tree).map_err(|source| MergeError::Source {
                tree: side.tree,
                origin: side.origin.to_owned(),
                source,
            })?;
            for (name, node) in tree.entries() {
                by_name.entry(name.clone()).or_default().push((side.origin, node.clone()));
            }
        }
        let mut entries = Vec::with_capacity(by_name.len());
        for (name, nodes) in by_name {
            path.push(name.clone());
            let node = self.unite_nodes(nodes, path)?;
            path.pop();
            entries.push((name, node));
        }
        // The map gave every name once, so this cannot fail.
        let tree = Tree::new(entries).unwrap_or_default();
        let text = tree.encode();
        let id = TreeId(Digest::of(text.as_bytes()));
        if !seen.contains(&id) {
            self.new.push(tree);
        }
        Ok((id, text.len() as u64))
    }

    fn unite_nodes(
        &mut self,
        nodes: Vec<(&'a str, Node)>,
        path: &mut Vec<Name>,
    ) -> Result<Node, MergeError<S::Error>> {
        let nodes = self.keep_winner(nodes, path);
        let (first_origin, first) = nodes[0].clone();
        let Some((second, _)) = nodes.iter().find(|(_, node)| *node != first) else {
            return Ok(first);
        };
        let mut sides = Vec::with_capacity(nodes.len());
        for (origin, node) in &nodes {
            match node {
                Node::Directory { tree, .. } => sides.push(Side { origin, tree: *tree }),
                _ => {
                    let conflict = Conflict {
                        path: spell(path),
                        first: first_origin.to_owned(),
                        second: (*second).to_owned(),
                    };
                    return Err(conflict.into());
                }
            }
        }
        let (tree, size) = self.unite(sides, path)?;
        Ok(Node::Directory { tree, size })
    }

    fn keep_winner(&self, nodes: Vec<(&'a str, Node)>, path: &[Name]) -> Vec<(&'a str, Node)> {
        if self.merge.winners.is_empty() {
            return nodes;
        }
        let Some(winner) = self.merge.winners.get(&spell(path)) else { return nodes };
        match nodes.iter().find(|(origin, _)| origin == winner) {
            Some(node) => vec![node.clone()],
            None => nodes,
        }
    }
}

fn spell(path: &[Name]) -> String {
    let mut text = String::new();
    for name in path {
        if !text.is_empty() {
            text.push('/');
        }
        escape(name.as_bytes(), &mut text);
    }
    text
}
