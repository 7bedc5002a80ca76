//! From names to numbers, and from numbers to attributes.

use stele_store::model::{BlobId, Digest, Node, RootName, TreeId};
use stele_store::{ReadError, Target};

use super::{Fault, View, top};
use crate::inode;
use crate::state::{Location, Opens, Question, What};

/// The kind of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A directory: 0555.
    Directory,
    /// A file: 0444, or 0555 when it is executable.
    File {
        /// Whether it is executable.
        executable: bool,
    },
    /// A symbolic link: 0777.
    Link,
}

/// The attributes of stat(2). Owner, times and link counts are the same for everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    /// The number.
    pub ino: u64,
    /// Its kind.
    pub kind: Kind,
    /// Its size in bytes: that of a tree's canonical text, for a directory.
    pub size: u64,
}

/// How long an answer is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lifetime {
    /// Until the mount ends.
    Always,
    /// For a short while, or until the kernel is told that it changed.
    Brief,
    /// Not cached.
    Never,
}

/// A name that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lookup {
    /// The attributes of its target.
    pub attributes: Attributes,
    /// The generation of that number.
    pub generation: u64,
    /// How long the name is valid.
    pub lifetime: Lifetime,
}

impl Lookup {
    /// The mount's own directory `by-name`.
    fn by_name() -> Self {
        Self { attributes: own_directory(inode::BY_NAME), generation: 0, lifetime: Lifetime::Always }
    }

    fn file(blob: &BlobId, size: u64, executable: bool, lifetime: Lifetime) -> Self {
        let ino = inode::of_file(blob, executable);
        let attributes = Attributes { ino, kind: Kind::File { executable }, size };
        Self { attributes, generation: inode::generation(blob), lifetime }
    }
}

/// The mount's two own directories; their content changes, so they have no size.
pub(super) fn own_directory(ino: u64) -> Attributes {
    Attributes { ino, kind: Kind::Directory, size: 0 }
}

impl View {
    /// Looks up `name` in the directory `parent`. `None` when there is no such name, and never will be.
    ///
    /// # Errors
    /// [`Fault::NoEntry`] when there is no such name now.
    pub fn look_up(&self, parent: u64, name: &[u8], question: Question) -> Result<Option<Lookup>, Fault> {
        if name.len() > top::MAX_NAME {
            return Err(Fault::NameTooLong);
        }
        // Not "never": the kernel would cache it.
        if self.probe.sees(name) {
            return Err(Fault::NoEntry);
        }
        let found = self.found(parent, name, question);
        match &found {
            Ok(found) => self.tell_looked_up(parent, name, found.as_ref()),
            Err(Fault::NoEntry) => self.tell_looked_up(parent, name, None),
            Err(_) => {}
        }
        found
    }

    fn found(&self, parent: u64, name: &[u8], question: Question) -> Result<Option<Lookup>, Fault> {
        match parent {
            // `.` and `..` are only looked up by callers with a number and no path (NFS, open_by_handle_at(2)).
            _ if name == b"." => self.again(parent, question).map(Some),
            _ if name == b".." => self.again(self.parent(parent), question).map(Some),
            inode::ROOT if name == b"by-name" => Ok(Some(Lookup::by_name())),
            inode::ROOT => self.look_up_digest(name, question).map(Some),
            inode::BY_NAME if self.is_for_builds => Ok(None),
            inode::BY_NAME => self.look_up_root(name, question).map(Some),
            _ => {
                let tree = self.tree(&self.directory(parent)?)?;
                let Ok(index) = tree.entries().binary_search_by(|(it, _)| it.as_bytes().cmp(name)) else {
                    return Ok(None);
                };
                self.entry(parent, index, &tree.entries()[index].1, question).map(Some)
            }
        }
    }

    /// The tree of an assigned number.
    pub(super) fn directory(&self, ino: u64) -> Result<TreeId, Fault> {
        match self.state().node(ino).map(|node| &node.what) {
            Some(What::Tree(tree)) => Ok(*tree),
            Some(What::Link(_) | What::File(_)) => Err(Fault::NotDirectory),
            None if inode::file(ino).is_some() => Err(Fault::NotDirectory),
            None => Err(Fault::Stale),
        }
    }

    /// The entry at `index` of the directory `parent`; the kernel's lookup count grows by one.
    pub(super) fn entry(
        &self,
        parent: u64,
        index: usize,
        node: &Node,
        question: Question,
    ) -> Result<Lookup, Fault> {
        let place = || Location::In { parent, index: u32::try_from(index).unwrap_or(u32::MAX) };
        let (what, kind) = match node {
            Node::File { blob, size, executable } => {
                let found = Lookup::file(blob, *size, *executable, Lifetime::Always);
                self.tell_file(found.attributes.ino, blob)?;
                return Ok(found);
            }
            Node::Directory { tree, .. } => (What::Tree(*tree), Kind::Directory),
            Node::Symlink { target } => (What::Link(target.clone()), Kind::Link),
        };
        let ino = self.count(place(), what, question)?;
        Ok(self.counted(ino, kind, node.size(), Lifetime::Always))
    }

    fn count(&self, place: Location, what: What, question: Question) -> Result<u64, Fault> {
        self.state().look_up(place, what, question).map_err(|e| Self::untold(&e))
    }

    fn look_up_digest(&self, name: &[u8], question: Question) -> Result<Lookup, Fault> {
        let digest = Digest::labelled(name).ok_or(Fault::NoEntry)?;
        let tree = TreeId(digest);
        match self.held_at_the_top(name, Target::Tree(tree), question) {
            Err(ReadError::NoTree { id }) if id == tree => self.look_up_blob(name, BlobId(digest), question),
            found => found.map_err(|e| self.fault(&e))?,
        }
    }

    /// Looks up content at the top, and holds it as long as the kernel knows it, once for each number.
    fn held_at_the_top(
        &self,
        name: &[u8],
        target: Target,
        question: Question,
    ) -> Result<Result<Lookup, Fault>, ReadError> {
        // Held before it is looked up, so that no collection intervenes.
        self.hold.keep(target)?;
        let found = self.found_at_the_top(name, target.into(), question);
        if !matches!(found, Ok((_, true))) {
            self.hold.release(target);
        }
        Ok(found.map(|(found, _)| found))
    }

    /// The lookup, and whether it was new to the kernel.
    fn found_at_the_top(&self, name: &[u8], what: What, question: Question) -> Result<(Lookup, bool), Fault> {
        // With any number: it gets its own below.
        let attributes = self.attributes_of(inode::UNTOLD, what.clone())?;
        let place = Location::Top(name.to_vec());
        let mut state = self.state();
        let new = state.at(&place).is_none();
        let ino = state.look_up(place, what, question).map_err(|e| Self::untold(&e))?;
        drop(state);
        Ok((self.counted(ino, attributes.kind, attributes.size, Lifetime::Always), new))
    }

    /// A blob at the top. With a number of its content, which other places share, a collection cannot make the kernel
    /// forget it, so it is looked up each time; and it is held while it is open. Where opens are not seen, it has a
    /// number of its own, and is held while that is known.
    fn look_up_blob(&self, name: &[u8], blob: BlobId, question: Question) -> Result<Lookup, Fault> {
        if self.opens == Opens::Unsent && !self.is_for_builds {
            return match self.held_at_the_top(name, Target::Blob(blob), question) {
                Err(ReadError::NoBlob { .. }) => Err(Fault::NoEntry),
                found => found.map_err(|e| self.fault(&e))?,
            };
        }
        match self.store.blob_info(&blob) {
            Ok(info) => {
                let found = Lookup::file(&blob, info.size, false, Lifetime::Never);
                self.tell_file(found.attributes.ino, &blob)?;
                Ok(found)
            }
            Err(ReadError::NoBlob { .. }) => Err(Fault::NoEntry),
            Err(e) => Err(self.fault(&e)),
        }
    }

    fn look_up_root(&self, name: &[u8], question: Question) -> Result<Lookup, Fault> {
        let root: RootName =
            std::str::from_utf8(name).ok().and_then(|it| it.parse().ok()).ok_or(Fault::NoEntry)?;
        let target = self.store.root(&root).map_err(|e| self.fault(&e))?.ok_or(Fault::NoEntry)?;
        let link = format!("../{}", String::from_utf8_lossy(&top::label(&target.digest(), &root)));
        let link = stele_store::model::SymlinkTarget::new(link.as_bytes()).map_err(|_| Fault::Io)?;
        let size = link.as_bytes().len() as u64;
        let ino = self.count(Location::ByName(name.to_vec()), What::Link(link), question)?;
        Ok(self.counted(ino, Kind::Link, size, Lifetime::Brief))
    }

    /// The lookup of an assigned number, whose generation distinguishes mounts.
    fn counted(&self, ino: u64, kind: Kind, size: u64, lifetime: Lifetime) -> Lookup {
        Lookup { attributes: Attributes { ino, kind, size }, generation: self.born, lifetime }
    }

    /// The node of a number that a caller already has. It counts as one more lookup.
    fn again(&self, ino: u64, question: Question) -> Result<Lookup, Fault> {
        let (lifetime, file) = (Lifetime::Always, inode::file(ino).is_some());
        if file || ino == inode::ROOT || ino == inode::BY_NAME {
            let attributes = self.attributes(ino)?;
            let blob = file.then(|| self.blob_of(ino)).transpose()?;
            if let Some(blob) = &blob {
                self.tell_file(ino, blob)?;
            }
            let generation = blob.as_ref().map_or(0, inode::generation);
            return Ok(Lookup { attributes, generation, lifetime });
        }
        let told = self.state().tell_again(ino, question).map_err(|e| Self::untold(&e))?;
        let attributes = self.attributes_of(ino, told.ok_or(Fault::Stale)?);
        if attributes.is_err() {
            self.take_back(ino, question);
        }
        Ok(Lookup { attributes: attributes?, generation: self.born, lifetime })
    }

    /// The attributes of a number.
    ///
    /// # Errors
    /// [`Fault::Stale`] when it is no longer known.
    pub fn attributes(&self, ino: u64) -> Result<Attributes, Fault> {
        if ino == inode::ROOT || ino == inode::BY_NAME {
            return Ok(own_directory(ino));
        }
        if let Some((_, executable)) = inode::file(ino) {
            let info = self.store.blob_info(&self.blob_of(ino)?).map_err(|e| self.fault(&e))?;
            return Ok(Attributes { ino, kind: Kind::File { executable }, size: info.size });
        }
        let what = self.state().node(ino).map(|node| node.what.clone()).ok_or(Fault::Stale)?;
        self.attributes_of(ino, what)
    }

    fn attributes_of(&self, ino: u64, what: What) -> Result<Attributes, Fault> {
        Ok(match what {
            What::Link(target) => Attributes { ino, kind: Kind::Link, size: target.as_bytes().len() as u64 },
            What::File(blob) => {
                let info = self.store.blob_info(&blob).map_err(|e| self.fault(&e))?;
                Attributes { ino, kind: Kind::File { executable: false }, size: info.size }
            }
            What::Tree(tree) => {
                let size = self.store.tree_text(&tree).map_err(|e| self.fault(&e))?.len() as u64;
                Attributes { ino, kind: Kind::Directory, size }
            }
        })
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// [`Fault::Invalid`] when it is not a symbolic link.
    pub fn read_link(&self, ino: u64) -> Result<Vec<u8>, Fault> {
        self.tell_opened(ino);
        match self.state().node(ino).map(|node| &node.what) {
            Some(What::Link(target)) => Ok(target.as_bytes().to_vec()),
            Some(What::Tree(_) | What::File(_)) => Err(Fault::Invalid),
            None if inode::file(ino).is_some() => Err(Fault::Invalid),
            None => Err(Fault::Stale),
        }
    }

    /// The kernel forgot `times` lookups of a number.
    pub fn forget(&self, ino: u64, times: u64) {
        let gone = self.state().forget(ino, times);
        self.release_node(gone);
    }

    /// The entry did not fit into an answer, so the kernel does not know it.
    pub(super) fn take_back(&self, ino: u64, question: Question) {
        let gone = self.state().take_back(ino, question);
        self.release_node(gone);
    }

    fn release_node(&self, gone: Option<crate::state::Node>) {
        if let Some(node) = gone
            && matches!(node.place, Location::Top(_))
            && let Some(target) = node.what.target()
        {
            self.hold.release(target);
        }
    }
}
