//! Directories and symbolic links that the kernel knows by a number.

use std::collections::HashMap;

use stele_store::Target;
use stele_store::model::{SymlinkTarget, TreeId};

use super::record::Record;
use crate::inode::FIRST;

/// Where something is met.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// In the mount's own directory, by the name that was asked for.
    Top(Vec<u8>),
    /// In `by-name`.
    ByName(Vec<u8>),
    /// In a directory of that number, the entry at that index of its tree.
    In {
        /// The directory's number.
        parent: u64,
        /// Counted from 0.
        index: u32,
    },
}

/// What a counted number stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A directory.
    Tree(TreeId),
    /// A symbolic link.
    Link(SymlinkTarget),
}

impl What {
    /// What a collector has to spare for it.
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::Tree(tree) => Some(Target::Tree(*tree)),
            Self::Link(_) => None,
        }
    }
}

/// Something that the kernel knows by a number.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it was met.
    pub place: Place,
    /// What it is.
    pub what: What,
    /// How often this process told the kernel of it, less what the kernel forgot.
    lookups: u64,
    /// Whether an earlier process told the kernel of it, nobody knows how often.
    inherited: bool,
}

pub(super) struct Nodes {
    next: u64,
    nodes: HashMap<u64, Node>,
    places: HashMap<Place, u64>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { next: FIRST, nodes: HashMap::new(), places: HashMap::new() }
    }
}

impl Nodes {
    pub(super) fn get(&self, ino: u64) -> Option<&Node> {
        self.nodes.get(&ino)
    }

    pub(super) fn at(&self, place: &Place) -> Option<u64> {
        self.places.get(place).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The number, and whether it is a new one.
    pub(super) fn look_up(&mut self, place: &Place, what: &What) -> (u64, bool) {
        if let Some(ino) = self.places.get(place)
            && let Some(node) = self.nodes.get_mut(ino)
            // What a root's name links to may have changed: another number then, for the kernel remembers links.
            && node.what == *what
        {
            node.lookups += 1;
            return (*ino, false);
        }
        let ino = self.next;
        self.next += 1;
        self.insert(ino, place.clone(), what.clone(), 1, false);
        (ino, true)
    }

    fn insert(&mut self, ino: u64, place: Place, what: What, lookups: u64, inherited: bool) {
        self.places.insert(place.clone(), ino);
        self.nodes.insert(ino, Node { place, what, lookups, inherited });
    }

    pub(super) fn inherit(&mut self, ino: u64, place: Place, what: What) {
        self.next = self.next.max(ino + 1);
        self.insert(ino, place, what, 0, true);
    }

    /// An earlier process had done with that number.
    pub(super) fn pass(&mut self, ino: u64) {
        self.next = self.next.max(ino + 1);
        self.remove(ino);
    }

    /// The kernel forgets all that it was told of a number at once, when it drops the inode: so a count above
    /// this process's own includes what an earlier one told, and then nothing is left of that.
    pub(super) fn forget(&mut self, ino: u64, times: u64) -> Option<Node> {
        let node = self.nodes.get_mut(&ino)?;
        if times > node.lookups {
            node.inherited = false;
        }
        node.lookups = node.lookups.saturating_sub(times);
        if node.lookups > 0 || node.inherited {
            return None;
        }
        self.remove(ino)
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
            Place::Top(name) => Some((name.clone(), node.what.clone())),
            _ => None,
        };
        self.nodes.values().filter_map(top).collect()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let record = |(ino, node): (&u64, &Node)| Record::Node {
            ino: *ino,
            place: node.place.clone(),
            what: node.what.clone(),
        };
        // The largest number first, even when it is gone: none may come twice.
        [Record::Gone { ino: self.next - 1 }].into_iter().chain(self.nodes.iter().map(record))
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
    fn a_number_is_not_forgotten_before_the_kernel_forgot_all_that_it_was_told() {
        let mut nodes = Nodes::default();
        let place = Place::In { parent: 1, index: 0 };
        let (ino, new) = nodes.look_up(&place, &tree(1));
        assert!(new);
        assert_eq!(nodes.look_up(&place, &tree(1)), (ino, false));
        assert!(nodes.forget(ino, 1).is_none());
        assert!(nodes.forget(ino, 1).is_some());
        assert_eq!(nodes.len(), 0);
        assert_ne!(nodes.look_up(&place, &tree(1)).0, ino, "a number came twice");
    }

    #[test]
    fn what_an_earlier_process_told_is_forgotten_as_a_whole() {
        let mut nodes = Nodes::default();
        let place = Place::Top(b"x".to_vec());
        nodes.inherit(77, place.clone(), tree(1));
        assert_eq!(nodes.look_up(&place, &tree(1)), (77, false));
        // Only what this process told: the kernel still has what the other one did.
        assert!(nodes.forget(77, 1).is_none());
        assert!(nodes.forget(77, 3).is_some());
        assert!(nodes.look_up(&place, &tree(1)).0 > 77);
    }

    #[test]
    fn a_place_that_shows_something_else_gets_another_number() {
        let mut nodes = Nodes::default();
        let place = Place::ByName(b"gcc".to_vec());
        let (old, _) = nodes.look_up(&place, &tree(1));
        let (new, _) = nodes.look_up(&place, &tree(2));
        assert_ne!(old, new);
        assert_eq!(nodes.get(old).unwrap().what, tree(1));
        nodes.forget(old, 1).unwrap();
        assert_eq!(nodes.at(&place), Some(new));
    }
}
