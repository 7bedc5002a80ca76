//! Directories: what is in them, in the order of their bytes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use stele_store::model::Node;

use super::look::own_directory;
use super::{Fault, Kind, Lookup, View, top};
use crate::inode;
use crate::state::{Location, Question};

/// An entry of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its name.
    pub name: Vec<u8>,
    /// What kind of thing it is, when that is known without a look.
    pub kind: Kind,
    /// Its number, when the kernel knows it; [`inode::UNTOLD`] otherwise.
    pub ino: u64,
}

/// Receives a listing: position after the entry, the entry, and its attributes if requested. Returns whether
/// there was room for it.
pub type Taker<'a> = dyn FnMut(u64, &Listed, Option<&Lookup>) -> bool + 'a;

impl View {
    /// Opens a directory. A handle for [`View::list`]; those at the top are as they were when they were opened.
    ///
    /// # Errors
    /// When it is not a directory, or the store cannot be read.
    pub fn open_directory(&self, ino: u64) -> Result<u64, Fault> {
        if ino != inode::ROOT && ino != inode::BY_NAME {
            return self.directory(ino).map(|_| 0);
        }
        let listing = Arc::new(self.own_listing(ino)?);
        let handle = self.next_listing.fetch_add(1, Ordering::Relaxed);
        self.listings.lock().unwrap_or_else(PoisonError::into_inner).insert(handle, (ino, listing));
        Ok(handle)
    }

    /// The other way.
    pub fn close_directory(&self, handle: u64) {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner).remove(&handle);
    }

    fn own_listing(&self, ino: u64) -> Result<Vec<Listed>, Fault> {
        // A sandbox lays it below its inputs as a directory that is empty.
        if self.is_for_builds && ino == inode::BY_NAME {
            return Ok(Vec::new());
        }
        let roots = self.store.roots().map_err(|e| self.fault(&e.into()))?;
        let mut listing: Vec<Listed> = roots
            .iter()
            .map(|root| match ino {
                inode::ROOT => {
                    let directory = matches!(root.target, stele_store::Target::Tree(_));
                    let kind = if directory { Kind::Directory } else { Kind::File { executable: false } };
                    Listed { name: top::label(&root.target.digest(), &root.name), kind, ino: inode::UNTOLD }
                }
                _ => Listed {
                    name: root.name.as_str().as_bytes().to_vec(),
                    kind: Kind::Link,
                    ino: inode::UNTOLD,
                },
            })
            .collect();
        if ino == inode::ROOT {
            listing.push(Listed { name: b"by-name".to_vec(), kind: Kind::Directory, ino: inode::BY_NAME });
        }
        listing.sort_by(|a, b| a.name.cmp(&b.name));
        listing.dedup_by(|a, b| a.name == b.name);
        Ok(listing)
    }

    /// Hands the entries from position `from` on to `take`, until it has no room. With `look`, a request, the
    /// kernel is going to remember each that is taken.
    ///
    /// # Errors
    /// When it is not a directory, or the store cannot be read.
    pub fn list(
        &self,
        ino: u64,
        handle: u64,
        from: u64,
        look: Option<Question>,
        take: &mut Taker<'_>,
    ) -> Result<(), Fault> {
        for (at, name) in [(0, "."), (1, "..")] {
            if from <= at {
                let ino = if at == 0 { ino } else { self.parent(ino) };
                let listed = Listed { name: name.as_bytes().to_vec(), kind: Kind::Directory, ino };
                let found = Lookup {
                    attributes: own_directory(ino),
                    generation: 0,
                    lifetime: super::Lifetime::Never,
                };
                if !take(at + 1, &listed, look.map(|_| &found)) {
                    return Ok(());
                }
            }
        }
        let skip = usize::try_from(from.saturating_sub(2)).unwrap_or(usize::MAX);
        if ino == inode::ROOT || ino == inode::BY_NAME {
            self.list_own(ino, handle, skip, look, take)
        } else {
            self.list_tree(ino, skip, look, take)
        }
    }

    pub(super) fn parent(&self, ino: u64) -> u64 {
        match self.state().node(ino).map(|node| &node.place) {
            Some(Location::In { parent, .. }) => *parent,
            Some(Location::ByName(_)) => inode::BY_NAME,
            Some(Location::Top(_)) | None => inode::ROOT,
        }
    }

    fn list_own(
        &self,
        ino: u64,
        handle: u64,
        skip: usize,
        look: Option<Question>,
        take: &mut Taker<'_>,
    ) -> Result<(), Fault> {
        let known = self.listings.lock().unwrap_or_else(PoisonError::into_inner).get(&handle).cloned();
        let listing = known.filter(|(of, _)| *of == ino).map(|(_, listing)| listing);
        // After a restart the handle is not known: the directory is listed as it is now.
        let listing = match listing {
            Some(listing) => listing,
            None => Arc::new(self.own_listing(ino)?),
        };
        for (at, listed) in listing.iter().enumerate().skip(skip) {
            let found = look.and_then(|question| self.look_up(ino, &listed.name, question).ok().flatten());
            // A root that went since is passed over.
            if look.is_some() && found.is_none() {
                continue;
            }
            let number = found.map_or(listed.ino, |found| found.attributes.ino);
            let listed = Listed { ino: number, ..listed.clone() };
            if !take(at as u64 + 3, &listed, found.as_ref()) {
                self.not_taken(found.as_ref(), look);
                break;
            }
        }
        Ok(())
    }

    fn list_tree(
        &self,
        ino: u64,
        skip: usize,
        look: Option<Question>,
        take: &mut Taker<'_>,
    ) -> Result<(), Fault> {
        let tree = self.tree(&self.directory(ino)?)?;
        for (index, (name, node)) in tree.entries().iter().enumerate().skip(skip) {
            let found = look.map(|question| self.entry(ino, index, node, question)).transpose()?;
            let (kind, number) = match (&found, node) {
                (Some(found), _) => (found.attributes.kind, found.attributes.ino),
                (None, Node::File { blob, executable, .. }) => {
                    (Kind::File { executable: *executable }, inode::of_file(blob, *executable))
                }
                (None, Node::Directory { .. }) => (Kind::Directory, self.known(ino, index)),
                (None, Node::Symlink { .. }) => (Kind::Link, self.known(ino, index)),
            };
            let listed = Listed { name: name.as_bytes().to_vec(), kind, ino: number };
            if !take(index as u64 + 3, &listed, found.as_ref()) {
                self.not_taken(found.as_ref(), look);
                break;
            }
            if let Some(found) = &found {
                self.tell_listed(ino, name.as_bytes(), found.attributes.ino);
            }
        }
        Ok(())
    }

    fn known(&self, parent: u64, index: usize) -> u64 {
        let place = Location::In { parent, index: u32::try_from(index).unwrap_or(u32::MAX) };
        self.state().number_at(&place).unwrap_or(inode::UNTOLD)
    }

    fn not_taken(&self, found: Option<&Lookup>, look: Option<Question>) {
        if let (Some(found), Some(question)) = (found, look) {
            self.take_back(found.attributes.ino, question);
        }
    }
}
