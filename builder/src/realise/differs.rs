//! Where two outputs differ that should be equal: the first paths, from the trees alone.

use std::fmt;

use stele_recipes::recipe::RecipeName;
use stele_store::model::{Name, Node, Tree, TreeId, TreeSource, escape};
use stele_store::{Origin, Outputs, ReadError, Realisation, Store};

/// The maximum number of paths named.
const MAX_PATHS: usize = 10;

/// An output that differs from its record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Differs {
    /// The recipe.
    pub recipe: RecipeName,
    /// The output.
    pub output: String,
    /// Its recorded tree.
    pub before: TreeId,
    /// Its new tree.
    pub now: TreeId,
    /// The other store that recorded it.
    pub from: Option<String>,
    /// The first differing paths, in the order of names; empty when the recorded tree is gone.
    pub paths: Vec<Difference>,
    /// Whether there are more.
    pub more: bool,
}

/// A path at which two trees differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The path, escaped.
    pub path: String,
    /// The kind of difference.
    pub kind: DifferenceKind,
}

/// How two trees differ at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DifferenceKind {
    /// It is in both, with different content.
    Changed,
    /// It is only in the old tree.
    Removed,
    /// It is only in the new tree.
    Added,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        f.write_str(match self.kind {
            DifferenceKind::Changed => "",
            DifferenceKind::Removed => " (only before)",
            DifferenceKind::Added => " (only now)",
        })
    }
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recipe, output, before, now, from, paths, more } = self;
        let said = from.as_ref().map(|from| format!(" according to {from}")).unwrap_or_default();
        write!(f, "recipe `{recipe}`: output {output} was {before}{said}, and this build made {now}")?;
        if !paths.is_empty() {
            f.write_str("; they differ in")?;
        }
        for (at, path) in paths.iter().enumerate() {
            write!(f, "{} {path}", if at == 0 { "" } else { "," })?;
        }
        if *more { f.write_str(", and more") } else { Ok(()) }
    }
}

/// The first output that differs from its record.
pub(super) fn first(
    store: &Store,
    recipe: &RecipeName,
    before: &Realisation,
    now: &Outputs,
) -> Result<Option<Differs>, ReadError> {
    let differing = before.outputs.0.iter().find_map(|(output, before)| {
        let now = now.0.get(output)?;
        (now != before).then_some((output, *before, *now))
    });
    let Some((output, old, new)) = differing else { return Ok(None) };
    let mut paths = match store.has_tree(&old)? {
        true => differences(store, &old, &new, MAX_PATHS + 1)?,
        false => Vec::new(),
    };
    let more = paths.len() > MAX_PATHS;
    paths.truncate(MAX_PATHS);
    let from = match &before.origin {
        Origin::Substituted { from } => Some(from.clone()),
        _ => None,
    };
    let (recipe, output) = (recipe.clone(), output.clone());
    Ok(Some(Differs { recipe, output, before: old, now: new, from, paths, more }))
}

/// Two directories that differ, and their path.
struct Pair {
    path: String,
    before: TreeId,
    now: TreeId,
}

/// At most `max` paths at which two trees differ, grouped by directory and sorted by name.
fn differences<S: TreeSource>(
    source: &S,
    before: &TreeId,
    now: &TreeId,
    max: usize,
) -> Result<Vec<Difference>, S::Error> {
    let mut found = Vec::new();
    let mut pairs = vec![Pair { path: String::new(), before: *before, now: *now }];
    while let Some(Pair { path, before, now }) = pairs.pop() {
        let (before, now) = (source.tree(&before)?, source.tree(&now)?);
        let mut below = Vec::new();
        for (name, old, new) in merged(&before, &now) {
            let mut path = path.clone();
            if !path.is_empty() {
                path.push('/');
            }
            escape(name.as_bytes(), &mut path);
            let kind = match (old, new) {
                (Some(old), Some(new)) if old == new => continue,
                (Some(Node::Directory { tree: before, .. }), Some(Node::Directory { tree: now, .. })) => {
                    below.push(Pair { path, before: *before, now: *now });
                    continue;
                }
                (Some(_), Some(_)) => DifferenceKind::Changed,
                (Some(_), None) => DifferenceKind::Removed,
                (None, _) => DifferenceKind::Added,
            };
            found.push(Difference { path, kind });
            if found.len() == max {
                return Ok(found);
            }
        }
        pairs.extend(below.into_iter().rev());
    }
    Ok(found)
}

/// The entries of two trees, by their names.
fn merged<'a>(before: &'a Tree, now: &'a Tree) -> Vec<(&'a Name, Option<&'a Node>, Option<&'a Node>)> {
    let (before, now) = (before.entries(), now.entries());
    let mut merged = Vec::with_capacity(now.len());
    let (mut old, mut new) = (before.iter().peekable(), now.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((a, _)), Some((b, _))) => a.as_bytes().cmp(b.as_bytes()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return merged,
        };
        let a = if order.is_le() { old.next() } else { None };
        let b = if order.is_ge() { new.next() } else { None };
        if let Some((name, _)) = a.or(b) {
            merged.push((name, a.map(|it| &it.1), b.map(|it| &it.1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use stele_store::model::{BlobId, Digest};

    use super::*;

    #[derive(Default)]
    struct Memory(HashMap<TreeId, Tree>);

    impl TreeSource for Memory {
        type Error = Infallible;

        fn tree(&self, id: &TreeId) -> Result<Tree, Infallible> {
            Ok(self.0[id].clone())
        }
    }

    impl Memory {
        fn put(&mut self, entries: &[(&str, Node)]) -> Node {
            let entries =
                entries.iter().map(|(name, node)| (Name::new(name.as_bytes()).unwrap(), node.clone()));
            let tree = Tree::new(entries.collect()).unwrap();
            let node = Node::Directory { tree: tree.id(), size: tree.encode().len() as u64 };
            self.0.insert(tree.id(), tree);
            node
        }

        fn differences(&self, before: &Node, now: &Node, max: usize) -> Vec<String> {
            let (Node::Directory { tree: before, .. }, Node::Directory { tree: now, .. }) = (before, now)
            else {
                panic!("these are directories")
            };
            let found = differences(self, before, now, max).unwrap();
            found.iter().map(ToString::to_string).collect()
        }
    }

    fn file(text: &str) -> Node {
        Node::File { blob: BlobId(Digest::of(text.as_bytes())), size: text.len() as u64, executable: false }
    }

    #[test]
    fn every_kind_of_difference_is_named_and_nothing_equal() {
        let mut memory = Memory::default();
        let same = memory.put(&[("x", file("x"))]);
        let old = memory.put(&[("a", file("1")), ("b", file("2")), ("d e", file("3"))]);
        let new = memory.put(&[("a", file("1")), ("c", file("2")), ("d e", file("4"))]);
        let before = memory.put(&[("kind", file("5")), ("same", same.clone()), ("usr", old)]);
        let now = memory.put(&[("kind", same.clone()), ("same", same), ("usr", new)]);
        let all = ["kind", "usr/b (only before)", "usr/c (only now)", "usr/d\\x20e"];
        assert_eq!(memory.differences(&before, &now, 100), all);
        assert_eq!(memory.differences(&before, &now, 2), all[..2]);
        assert_eq!(memory.differences(&now, &now, 100), [""; 0]);
    }
}
