//! Merging trees into one: the root of a build's sandbox, or the content of an image.
//!
//! A pure function: directories merge, equal entries merge, and anything else is a conflict that names both
//! origins and the path, unless the caller set which origin wins there. No file is copied; the result costs one
//! new tree for each directory that differs from every input.

use std::collections::{BTreeMap, HashMap, HashSet, btree_map};

use super::MAX_DEPTH;
use super::digest::{Digest, TreeId};
use super::escape::escape;
use super::name::Name;
use super::tree::{Node, Tree};

/// A source of trees for merges and walks.
pub trait TreeSource {
    /// Why a tree could not be loaded.
    type Error;

    /// Loads a tree.
    ///
    /// # Errors
    /// When it is absent or cannot be read.
    fn tree(&self, id: &TreeId) -> Result<Tree, Self::Error>;
}

/// An input of a merge.
#[derive(Clone, Debug)]
pub struct MergeInput {
    /// Its name in a conflict: a recipe's name, a path, a digest.
    pub origin: String,
    /// The tree.
    pub tree: TreeId,
}

/// The inputs of a merge, and which origin wins where.
#[derive(Clone, Debug, Default)]
pub struct Merge {
    /// The trees. Their order affects only the order in which a conflict names its sides.
    pub inputs: Vec<MergeInput>,
    /// Escaped path below the root (`usr/bin/cc`) to the origin that wins there. The whole entry is taken from
    /// that origin, a directory with its whole content.
    pub winners: BTreeMap<String, String>,
}

/// Two origins that disagree, and the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first} and {second} both provide {path} with different content")]
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
    /// An input, or a directory in it, could not be loaded.
    #[error("the tree {tree} of {origin} could not be read")]
    Source {
        /// The tree.
        tree: TreeId,
        /// Its origin.
        origin: String,
        /// The cause.
        source: E,
    },
    /// The trees are nested deeper than [`MAX_DEPTH`].
    #[error("{path} is nested deeper than {MAX_DEPTH} directories")]
    Deep {
        /// The escaped path.
        path: String,
    },
}

/// The result of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The merged tree.
    pub root: TreeId,
    /// The length of its canonical text in bytes.
    pub size: u64,
    /// The trees to store: every tree that is not an input's, once each, children before parents.
    pub new: Vec<Tree>,
}

impl Merge {
    /// Merges the inputs. Without inputs, the result is the empty tree.
    ///
    /// The time is proportional to the distinct directories that differ, however often each occurs; deep trees
    /// need no more stack than shallow ones.
    ///
    /// # Errors
    /// A [`Conflict`], a tree that `source` lacks, or nesting beyond [`MAX_DEPTH`].
    pub fn run<S: TreeSource>(&self, source: &S) -> Result<Merged, MergeError<S::Error>> {
        let sides: Vec<_> = self.inputs.iter().map(|i| Side { origin: &i.origin, tree: i.tree }).collect();
        let mut run = Run {
            merge: self,
            source,
            path: Vec::new(),
            known: HashMap::new(),
            new: Vec::new(),
            made: HashSet::new(),
        };
        let MergedLevel { tree: root, size, .. } = run.merge(&sides)?;
        Ok(Merged { root, size, new: run.new })
    }
}

#[derive(Clone, Copy)]
struct Side<'a> {
    origin: &'a str,
    tree: TreeId,
}

/// A directory that is partly merged.
struct Level<'a> {
    /// The trees that are merged here, each once.
    trees: Vec<TreeId>,
    left: btree_map::IntoIter<Name, Vec<(&'a str, Node)>>,
    entries: Vec<(Name, Node)>,
    /// How many levels below this one were merged.
    below: usize,
}

/// A merged directory.
#[derive(Clone, Copy)]
struct MergedLevel {
    tree: TreeId,
    size: u64,
    /// How many levels below it were merged.
    below: usize,
}

/// The outcome for the entries of one name.
enum Choice<'a> {
    Node(Node),
    /// Directories that differ.
    Descend(Vec<Side<'a>>),
}

struct Run<'a, S> {
    merge: &'a Merge,
    source: &'a S,
    /// The present path.
    path: Vec<Name>,
    /// Sets of trees that were merged before, with no winner below. The same set gives the same tree
    /// everywhere; without this, trees that contain a tree twice on every level would take exponential time.
    known: HashMap<Vec<TreeId>, MergedLevel>,
    new: Vec<Tree>,
    /// Identities of `new`.
    made: HashSet<TreeId>,
}

impl<'a, S: TreeSource> Run<'a, S> {
    fn merge(&mut self, sides: &[Side<'a>]) -> Result<MergedLevel, MergeError<S::Error>> {
        let mut level = self.open(sides)?;
        // Not recursive: a thread's stack may be too small for the deepest tree.
        let mut above: Vec<Level<'a>> = Vec::new();
        loop {
            let node = if let Some((name, nodes)) = level.left.next() {
                self.path.push(name);
                match self.choose(nodes)? {
                    Choice::Node(node) => node,
                    Choice::Descend(sides) => match self.known_before(&sides)? {
                        Some(merged) => level.take_directory(merged),
                        None => {
                            above.push(std::mem::replace(&mut level, self.open(&sides)?));
                            continue;
                        }
                    },
                }
            } else {
                let merged = self.close(level);
                let Some(parent) = above.pop() else { return Ok(merged) };
                level = parent;
                level.take_directory(merged)
            };
            // The loop continues below the name that was pushed, or returns to it from below.
            if let Some(name) = self.path.pop() {
                level.entries.push((name, node));
            }
        }
    }

    /// Begins to merge the directories at the present path.
    fn open(&self, sides: &[Side<'a>]) -> Result<Level<'a>, MergeError<S::Error>> {
        self.check_depth(0)?;
        let mut by_name: BTreeMap<Name, Vec<(&'a str, Node)>> = BTreeMap::new();
        let mut trees: Vec<TreeId> = Vec::new();
        for side in sides {
            if trees.contains(&side.tree) {
                continue;
            }
            trees.push(side.tree);
            let tree = self.source.tree(&side.tree).map_err(|source| MergeError::Source {
                tree: side.tree,
                origin: side.origin.to_owned(),
                source,
            })?;
            for (name, node) in tree.entries() {
                by_name.entry(name.clone()).or_default().push((side.origin, node.clone()));
            }
        }
        Ok(Level { trees, left: by_name.into_iter(), entries: Vec::new(), below: 0 })
    }

    /// Makes a tree of a level whose entries are all merged.
    fn close(&mut self, level: Level<'a>) -> MergedLevel {
        // The map has every name once, so this cannot fail.
        let tree = Tree::new(level.entries).unwrap_or_default();
        let text = tree.encode();
        let id = TreeId(Digest::of(text.as_bytes()));
        if !level.trees.contains(&id) && self.made.insert(id) {
            self.new.push(tree);
        }
        let merged = MergedLevel { tree: id, size: text.len() as u64, below: level.below };
        if !self.has_winner_below() {
            self.known.insert(in_one_order(level.trees), merged);
        }
        merged
    }

    /// The earlier result of merging those trees, if it is valid here too.
    fn known_before(&self, sides: &[Side<'a>]) -> Result<Option<MergedLevel>, MergeError<S::Error>> {
        let trees = in_one_order(sides.iter().map(|side| side.tree).collect());
        let Some(merged) = self.known.get(&trees).filter(|_| !self.has_winner_below()) else {
            return Ok(None);
        };
        self.check_depth(merged.below)?;
        Ok(Some(*merged))
    }

    fn choose(&self, nodes: Vec<(&'a str, Node)>) -> Result<Choice<'a>, MergeError<S::Error>> {
        let nodes = self.keep_winner(nodes);
        let (first_origin, first) = nodes[0].clone();
        let Some((second, _)) = nodes.iter().find(|(_, node)| *node != first) else {
            return Ok(Choice::Node(first));
        };
        let mut sides = Vec::with_capacity(nodes.len());
        for (origin, node) in &nodes {
            match node {
                Node::Directory { tree, .. } => sides.push(Side { origin, tree: *tree }),
                _ => {
                    let conflict = Conflict {
                        path: spell(&self.path),
                        first: first_origin.to_owned(),
                        second: (*second).to_owned(),
                    };
                    return Err(conflict.into());
                }
            }
        }
        Ok(Choice::Descend(sides))
    }

    fn keep_winner(&self, nodes: Vec<(&'a str, Node)>) -> Vec<(&'a str, Node)> {
        if self.merge.winners.is_empty() {
            return nodes;
        }
        let Some(winner) = self.merge.winners.get(&spell(&self.path)) else { return nodes };
        match nodes.iter().find(|(origin, _)| origin == winner) {
            Some(node) => vec![node.clone()],
            None => nodes,
        }
    }

    /// Whether the caller set a winner somewhere below the present path.
    fn has_winner_below(&self) -> bool {
        let winners = &self.merge.winners;
        if winners.is_empty() || self.path.is_empty() {
            return !winners.is_empty();
        }
        let folder = spell(&self.path) + "/";
        winners.range(folder.clone()..).next().is_some_and(|(path, _)| path.starts_with(&folder))
    }

    fn check_depth(&self, below: usize) -> Result<(), MergeError<S::Error>> {
        if self.path.len() + below > MAX_DEPTH {
            return Err(MergeError::Deep { path: spell(&self.path) });
        }
        Ok(())
    }
}

impl Level<'_> {
    fn take_directory(&mut self, merged: MergedLevel) -> Node {
        self.below = self.below.max(merged.below + 1);
        Node::Directory { tree: merged.tree, size: merged.size }
    }
}

/// Each tree once, in an order independent of the inputs' order.
fn in_one_order(mut trees: Vec<TreeId>) -> Vec<TreeId> {
    trees.sort_unstable();
    trees.dedup();
    trees
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
