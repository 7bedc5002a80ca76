//! Applying the layers of an image, one above the other (image-spec, `layer.md`, "Applying Changesets").

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use stele_archive::TreeBuilder;
use stele_store::model::{BlobId, Node, SymlinkTarget};

use super::names::Names;
use super::untar::{Entry, Kind, TarError, Untar};
use super::{ImportError, LeftOut, Limits};
use crate::capabilities::Capabilities;
use crate::layer::WHITEOUT;
use crate::path::ImagePath;
use crate::rules::{Mode, Owner, Rules};
use crate::tar::MAX_MTIME;

/// Removes everything that lower layers have in a directory.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// The prefix of names under which aufs kept its own state.
const STATE: &[u8] = b".wh..wh.";
/// The maximum number of links on the way to a directory, as in Linux.
const MAX_HOPS: usize = 40;

/// Receives the bytes of files.
pub trait Sink {
    /// Stores all bytes; returns their digest and length.
    ///
    /// # Errors
    /// When they cannot be read or stored.
    fn take(&mut self, bytes: &mut dyn Read, executable: bool) -> Result<(BlobId, u64), ImportError>;
}

/// An image that is assembled layer by layer.
pub struct Changes {
    pub(super) rootfs: TreeBuilder,
    limits: Limits,
    entries: u64,
    text: u64,
}

/// What an entry has besides its node.
#[derive(Clone, Copy)]
struct Attributes {
    owner: Owner,
    mode: Mode,
    /// The mode that it would have without a rule.
    usual: Mode,
    capabilities: Option<Capabilities>,
}

/// An applied layer.
#[derive(Default)]
pub struct Taken {
    pub(super) tree: TreeBuilder,
    attributes: BTreeMap<ImagePath, Attributes>,
    /// The modification times of its entries.
    times: BTreeSet<Option<u64>>,
    /// Whether it has something that this program's layers never have.
    foreign: bool,
    /// Entries that a tree cannot represent.
    pub left_out: Vec<LeftOut>,
}

impl Taken {
    /// The common time of its entries, when a layer of this tree, with these rules and that time, may have the same
    /// bytes.
    pub fn epoch(&self) -> Option<u64> {
        let mut times = self.times.iter();
        match (self.foreign, times.next(), times.next()) {
            (false, Some(Some(time)), None) if *time <= MAX_MTIME => Some(*time),
            _ => None,
        }
    }

    /// The rules that yield the owners and modes of its entries.
    pub fn rules(&self) -> Rules {
        let mut rules = Rules::default();
        for (path, Attributes { owner, mode, usual, capabilities }) in &self.attributes {
            // Sorted by path: parents were decided before.
            let above = std::iter::successors(path.parent(), ImagePath::parent);
            let inherited = above.filter_map(|it| rules.owners.get(&it).copied()).next();
            if inherited.unwrap_or_default() != *owner {
                rules.owners.insert(path.clone(), *owner);
            }
            if mode != usual {
                rules.modes.insert(path.clone(), *mode);
            }
            if let Some(set) = capabilities {
                rules.capabilities.insert(path.clone(), *set);
            }
        }
        rules
    }

    fn leave_out(&mut self, path: ImagePath, what: &str) {
        self.foreign = true;
        self.left_out.push(LeftOut { path, what: what.to_owned() });
    }
}

impl Changes {
    /// An empty image.
    pub fn new(limits: Limits) -> Self {
        Self { rootfs: TreeBuilder::default(), limits, entries: 0, text: 0 }
    }

    pub(super) fn into_rootfs(self) -> TreeBuilder {
        self.rootfs
    }

    /// Applies the layer `number` above all earlier ones.
    ///
    /// # Errors
    /// When it is not an acceptable tar, or exceeds a limit.
    pub fn layer<R: Read>(
        &mut self,
        number: usize,
        tar: &mut Untar<R>,
        sink: &mut dyn Sink,
    ) -> Result<Taken, ImportError> {
        let wrong = |source| ImportError::Tar { number, source };
        let mut taken = Taken::default();
        let mut names = Names::default();
        // Whiteouts do not remove what the layer itself has added, in either order.
        let mut fresh: BTreeSet<Vec<u8>> = BTreeSet::new();
        while let Some(found) = tar.step().map_err(wrong)? {
            self.count(&found).map_err(wrong)?;
            let place = self.place(&found.path).map_err(wrong)?;
            let last = found.path.names().next_back().unwrap_or_default();
            // The state of aufs is useless, with everything below it.
            if found.path.names().any(|name| name.starts_with(STATE) && name != OPAQUE) {
                taken.foreign = true;
                continue;
            }
            if found.path.names().rev().skip(1).any(|name| name.starts_with(WHITEOUT)) {
                return Err(wrong(TarError::InWhiteout { path: found.path }));
            }
            if last.starts_with(WHITEOUT) {
                taken.foreign = true;
                self.take_away(&found.path, &place, &fresh).map_err(wrong)?;
                continue;
            }
            taken.times.insert(found.time);
            names.forget(&found.path);
            let mut others = Vec::new();
            if found.attributed {
                taken.leave_out(found.path.clone(), "its extended attributes");
            }
            let Entry { path, kind, owner, mode, mut capabilities, .. } = found;
            let node = match kind {
                Kind::Directory => {
                    taken.tree.directory(&path.components());
                    self.rootfs.directory(&place.components());
                    let (usual, capabilities) = (Mode::DIRECTORY, None);
                    taken.attributes.insert(path, Attributes { owner, mode, usual, capabilities });
                    fresh.insert(place.as_bytes().to_vec());
                    continue;
                }
                Kind::Special(what) => {
                    // It replaces what was there before, and no engine shows that any more.
                    taken.tree.remove(&path.components());
                    self.rootfs.remove(&place.components());
                    forget_below(&mut taken.attributes, &path);
                    taken.attributes.remove(&path);
                    taken.leave_out(path, what);
                    continue;
                }
                Kind::File => {
                    let executable = mode.bits() & 0o100 != 0;
                    let (blob, size) = sink.take(tar, executable)?;
                    Node::File { blob, size, executable }
                }
                Kind::Link(target) => {
                    let target = SymlinkTarget::new(&target);
                    let target = target.map_err(|why| wrong(TarError::Target { path: path.clone(), why }))?;
                    Node::Symlink { target }
                }
                Kind::Hard(to) if to == path => {
                    return Err(wrong(TarError::HardLink { path, to }));
                }
                Kind::Hard(to) => {
                    taken.foreign = true;
                    // They are the file's, whose name this is, too.
                    capabilities = taken.attributes.get(&to).and_then(|it| it.capabilities);
                    let node = match taken.tree.node(&to.components()).cloned() {
                        Some(mut node) => {
                            if let Node::File { executable, .. } = &mut node {
                                *executable = mode.bits() & 0o100 != 0;
                            }
                            others = names.join(&to, &path);
                            Some(node)
                        }
                        None => self.rootfs.node(&self.place(&to).map_err(wrong)?.components()).cloned(),
                    };
                    node.ok_or_else(|| wrong(TarError::HardLink { path: path.clone(), to }))?
                }
            };
            let usual = Mode::usual(&node);
            // Kernels ignore the mode of a symbolic link.
            let mode = if matches!(node, Node::Symlink { .. }) { usual } else { mode };
            let attributes = Attributes { owner, mode, usual, capabilities };
            for other in others {
                let at = self.place(&other).map_err(wrong)?.components();
                if same_file(taken.tree.node(&other.components()), &node) {
                    let put = taken.tree.put(&other.components(), node.clone());
                    put.map_err(|why| wrong(of_name(&other, why)))?;
                    taken.attributes.insert(other.clone(), attributes);
                }
                if same_file(self.rootfs.node(&at), &node) {
                    self.rootfs.put(&at, node.clone()).map_err(|why| wrong(of_name(&other, why)))?;
                }
            }
            taken.tree.put(&path.components(), node.clone()).map_err(|why| wrong(of_name(&path, why)))?;
            self.rootfs.put(&place.components(), node).map_err(|why| wrong(of_name(&path, why)))?;
            forget_below(&mut taken.attributes, &path);
            taken.attributes.insert(path, attributes);
            fresh.insert(place.as_bytes().to_vec());
        }
        Ok(taken)
    }

    fn count(&mut self, found: &Entry) -> Result<(), TarError> {
        self.entries += 1;
        self.text += found.path.as_bytes().len() as u64;
        self.text += match &found.kind {
            Kind::Link(target) => target.len() as u64,
            _ => 0,
        };
        if self.entries > self.limits.entries {
            return Err(TarError::Limit { max: self.limits.entries, what: "entries" });
        }
        if self.text > self.limits.text {
            return Err(TarError::Limit { max: self.limits.text, what: "bytes of names" });
        }
        Ok(())
    }

    /// Resolves `path`, whose directories may be links: always within the image.
    fn place(&self, path: &ImagePath) -> Result<ImagePath, TarError> {
        let Some(last) = path.names().next_back() else { return Ok(ImagePath::root()) };
        let mut left: Vec<Vec<u8>> = path.names().rev().skip(1).map(<[u8]>::to_vec).collect();
        let mut at: Vec<Vec<u8>> = Vec::new();
        let (mut hops, too_many) = (0, || TarError::Links { path: path.clone() });
        let named = |names: &[Vec<u8>], last: &[u8]| {
            let all: Vec<&[u8]> = names.iter().map(Vec::as_slice).chain([last]).collect();
            ImagePath::new(&all.join(&b'/')).map_err(|why| of_name(path, why))
        };
        while let Some(name) = left.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    at.pop();
                    continue;
                }
                _ => {}
            }
            match self.rootfs.node(&named(&at, &name)?.components()) {
                Some(Node::Symlink { target }) => {
                    hops += 1;
                    if hops > MAX_HOPS {
                        return Err(too_many());
                    }
                    let target = target.as_bytes();
                    if target.starts_with(b"/") {
                        at.clear();
                    }
                    left.extend(target.split(|&byte| byte == b'/').rev().map(<[u8]>::to_vec));
                }
                _ => at.push(name),
            }
        }
        named(&at, last)
    }

    /// Applies a whiteout. `place` is where the entry itself would be.
    fn take_away(
        &mut self,
        path: &ImagePath,
        place: &ImagePath,
        fresh: &BTreeSet<Vec<u8>>,
    ) -> Result<(), TarError> {
        let last = path.names().next_back().unwrap_or_default();
        let parent = place.parent().unwrap_or_default();
        if last == OPAQUE {
            for name in self.rootfs.names(&parent.components()) {
                self.remove(parent.join(&name), fresh);
            }
            return Ok(());
        }
        let name = stele_store::model::Name::new(&last[WHITEOUT.len()..]);
        let name = name.map_err(|_| TarError::Whiteout { path: path.clone() })?;
        self.remove(parent.join(&name), fresh);
        Ok(())
    }

    /// Removes what is at `path`, except what is fresh.
    fn remove(&mut self, path: ImagePath, fresh: &BTreeSet<Vec<u8>>) {
        let mut left = vec![path];
        while let Some(path) = left.pop() {
            let below = [path.as_bytes(), b"/"].concat();
            let inside = fresh.range(below.clone()..).next().is_some_and(|it| it.starts_with(&below));
            if inside {
                left.extend(self.rootfs.names(&path.components()).iter().map(|name| path.join(name)));
            } else if !fresh.contains(path.as_bytes()) {
                self.rootfs.remove(&path.components());
            } else {
                // The layer has the directory itself: what lower layers have in it is removed.
                self.rootfs.clear(&path.components());
            }
        }
    }
}

/// Whether there is a file with the bytes of `node`.
fn same_file(there: Option<&Node>, node: &Node) -> bool {
    match (there, node) {
        (Some(Node::File { blob: one, .. }), Node::File { blob: other, .. }) => one == other,
        _ => false,
    }
}

fn of_name(path: &ImagePath, why: impl std::fmt::Display) -> TarError {
    TarError::Name { name: path.to_string(), why: why.to_string() }
}

/// An entry that replaces a directory replaces everything below it.
fn forget_below(attributes: &mut BTreeMap<ImagePath, Attributes>, path: &ImagePath) {
    let begin = attributes.range(path.clone()..).skip_while(|(it, _)| *it == path);
    let below = [path.as_bytes(), b"/"].concat();
    // Names such as `a!` sort between `a` and `a/b`.
    let gone: Vec<_> = begin
        .take_while(|(it, _)| it.as_bytes().starts_with(path.as_bytes()))
        .filter(|(it, _)| it.as_bytes().starts_with(&below))
        .map(|(it, _)| it.clone())
        .collect();
    for it in gone {
        attributes.remove(&it);
    }
}
