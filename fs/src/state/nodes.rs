//! Directories and symbolic links that the kernel knows by a number.

use std::collections::HashMap;

use stele_store::Target;
use stele_store::model::{BlobId, SymlinkTarget, TreeId};

use super::record::Record;
use crate::inode::{self, FIRST};

/// The place of a node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Location {
    /// In the mount's top directory, by the looked-up name.
    Top(Vec<u8>),
    /// In `by-name`.
    ByName(Vec<u8>),
    /// In a directory, the entry at that index of its tree.
    In {
        /// The directory's number.
        parent: u64,
        /// Counted from 0.
        index: u32,
    },
}

/// What an assigned number stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A directory.
    Tree(TreeId),
    /// A symbolic link.
    Link(SymlinkTarget),
    /// A file at the top of a mount whose kernel sends no requests to open files.
    File(BlobId),
}

impl What {
    /// What garbage collection has to spare for it.
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::Tree(tree) => Some(Target::Tree(*tree)),
            Self::File(blob) => Some(Target::Blob(*blob)),
            Self::Link(_) => None,
        }
    }
}

impl From<Target> for What {
    fn from(target: Target) -> Self {
        match target {
            Target::Tree(tree) => Self::Tree(tree),
            Target::Blob(blob) => Self::File(blob),
        }
    }
}

/// Something that the kernel knows by a number.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its place.
    pub place: Location,
    /// What it stands for.
    pub what: What,
    /// The kernel's lookup count.
    lookups: u64,
}

pub(super) struct Nodes {
    next: u64,
    /// Whether a number is derived from its place where possible, and not counted up.
    by_place: bool,
    nodes: HashMap<u64, Node>,
    places: HashMap<Location, u64>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { next: FIRST, by_place: false, nodes: HashMap::new(), places: HashMap::new() }
    }
}

impl Location {
    /// A number that only encodes the place.
    fn number(&self) -> u64 {
        let (kind, parent, rest) = match self {
            Self::Top(name) => (0, inode::ROOT, name.clone()),
            Self::ByName(name) => (1, inode::BY_NAME, name.clone()),
            Self::In { parent, index } => (2, *parent, index.to_be_bytes().to_vec()),
        };
        inode::of_place(&[&[kind][..], &parent.to_be_bytes(), &rest].concat())
    }
}

impl Nodes {
    /// So that a number does not reveal earlier lookups.
    pub(super) fn by_place() -> Self {
        Self { by_place: true, ..Self::default() }
    }

    /// The number of the node at `place`, or the one that it would get, if that is known.
    pub(super) fn number_at(&self, place: &Location) -> Option<u64> {
        self.at(place).or_else(|| self.by_place.then(|| place.number()))
    }

    pub(super) fn get(&self, ino: u64) -> Option<&Node> {
        self.nodes.get(&ino)
    }

    pub(super) fn at(&self, place: &Location) -> Option<u64> {
        self.places.get(place).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The number, and whether it is a new one.
    pub(super) fn look_up(&mut self, place: &Location, what: &What) -> (u64, bool) {
        if let Some(ino) = self.places.get(place)
            && let Some(node) = self.nodes.get_mut(ino)
            // The target of a root may have changed: then the number changes too, for the kernel caches links.
            && node.what == *what
        {
            node.lookups += 1;
            return (*ino, false);
        }
        let ino = match self.by_place.then(|| place.number()) {
            Some(number) if !self.nodes.contains_key(&number) => number,
            // Two places can be constructed, with effort, that have one number; or another node was at this place.
            _ => {
                self.next += 1;
                self.next - 1
            }
        };
        self.insert(ino, place.clone(), what.clone(), 1);
        (ino, true)
    }

    fn insert(&mut self, ino: u64, place: Location, what: What, lookups: u64) {
        self.places.insert(place.clone(), ino);
        self.nodes.insert(ino, Node { place, what, lookups });
    }

    /// Adds a node from an earlier process.
    pub(super) fn inherit(&mut self, ino: u64, place: Location, what: What, lookups: u64) {
        self.next = self.next.max(ino.saturating_add(1));
        self.insert(ino, place, what, lookups);
    }

    pub(super) fn lookups(&self, ino: u64) -> u64 {
        self.nodes.get(&ino).map_or(0, |node| node.lookups)
    }

    pub(super) fn set_lookups(&mut self, ino: u64, lookups: u64) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.lookups = lookups;
        }
    }

    /// Skips a number that an earlier process no longer used.
    pub(super) fn pass(&mut self, ino: u64) {
        self.next = self.next.max(ino.saturating_add(1));
        self.remove(ino);
    }

    /// The remaining lookup count; `None` when the kernel did not know the number at all.
    pub(super) fn forget(&mut self, ino: u64, times: u64) -> Option<u64> {
        let node = self.nodes.get_mut(&ino)?;
        node.lookups = node.lookups.saturating_sub(times);
        Some(node.lookups)
    }

    pub(super) fn remove(&mut self, ino: u64) -> Option<Node> {
        let node = self.nodes.remove(&ino)?;
        if self.places.get(&node.place) == Some(&ino) {
            self.places.remove(&node.place);
        }
        Some(node)
    }

    pub(super) fn tops(&self) -> Vec<(Vec<u8>, What)> {
        let top = |node: &Node| match &node.place {
            Location::Top(name) => Some((name.clone(), node.what.clone())),
            _ => None,
        };
        self.nodes.values().filter_map(top).collect()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let record = |(ino, node): (&u64, &Node)| Record::Node {
            ino: *ino,
            place: node.place.clone(),
            what: node.what.clone(),
            lookups: node.lookups,
            question: 0,
        };
        // The largest number that was assigned, even when it is gone: none may be reused. It comes first, and is never
        // one in use: a reader of a truncated journal must not lose it.
        let last = self.next - 1;
        let gone = (!self.nodes.contains_key(&last)).then_some(Record::Gone { ino: last });
        gone.into_iter().chain(self.nodes.iter().map(record))
    }
}

#[cfg(test)]
mod tests {
    use stele_store::model::Digest;

    use super::*;

    fn tree(n: u8) -> What {
        What::Tree(TreeId(Digest::of(&[n])))
    }

    #[test]
    fn a_number_is_not_forgotten_before_the_kernel_forgot_all_lookups() {
        let mut nodes = Nodes::default();
        let place = Location::In { parent: 1, index: 0 };
        let (ino, new) = nodes.look_up(&place, &tree(1));
        assert!(new);
        assert_eq!(nodes.look_up(&place, &tree(1)), (ino, false));
        assert_eq!(nodes.forget(ino, 1), Some(1));
        assert_eq!(nodes.forget(ino, 1), Some(0));
        assert!(nodes.remove(ino).is_some());
        assert_eq!(nodes.len(), 0);
        assert_ne!(nodes.look_up(&place, &tree(1)).0, ino, "a number came twice");
    }

    #[test]
    fn a_number_by_place_does_not_reveal_earlier_lookups() {
        let place = |index| Location::In { parent: 1, index };
        let mut alone = Nodes::by_place();
        let expected = alone.number_at(&place(7));
        let (number, new) = alone.look_up(&place(7), &tree(7));
        assert!(new && Some(number) == expected && inode::file(number).is_none());
        let mut after_others = Nodes::by_place();
        for index in 0..7 {
            after_others.look_up(&place(index), &tree(1));
        }
        assert_eq!(after_others.look_up(&place(7), &tree(7)), (number, true));
        // The control: with counted numbers it does.
        let mut counted = Nodes::default();
        counted.look_up(&place(0), &tree(1));
        assert_ne!(counted.look_up(&place(7), &tree(7)).0, Nodes::default().look_up(&place(7), &tree(7)).0);
        assert_eq!(counted.number_at(&place(8)), None);
    }

    #[test]
    fn two_nodes_never_have_one_number() {
        let mut nodes = Nodes::by_place();
        let place = Location::ByName(b"gcc".to_vec());
        let (old, _) = nodes.look_up(&place, &tree(1));
        let (new, _) = nodes.look_up(&place, &tree(2));
        assert_ne!(old, new);
        assert_eq!(nodes.get(old).unwrap().what, tree(1));
    }

    #[test]
    fn lookups_of_an_earlier_process_count_too() {
        let mut nodes = Nodes::default();
        let place = Location::Top(b"x".to_vec());
        nodes.inherit(77, place.clone(), tree(1), 2);
        assert_eq!(nodes.look_up(&place, &tree(1)), (77, false));
        // Looked up afterwards: the kernel's earlier forgets may still arrive.
        assert_eq!(nodes.forget(77, 2), Some(1));
    }

    #[test]
    fn a_place_with_another_node_gets_another_number() {
        let mut nodes = Nodes::default();
        let place = Location::ByName(b"gcc".to_vec());
        let (old, _) = nodes.look_up(&place, &tree(1));
        let (new, _) = nodes.look_up(&place, &tree(2));
        assert_ne!(old, new);
        assert_eq!(nodes.get(old).unwrap().what, tree(1));
        nodes.remove(old).unwrap();
        assert_eq!(nodes.at(&place), Some(new));
    }
}
