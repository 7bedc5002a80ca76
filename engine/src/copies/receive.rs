//! Stores a bundle, from a stranger.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::path::Path;

use stele_remote::bundle::{ReadError, Reader, Record};
use stele_remote::{Item, Keeping, Received, Rooted};
use stele_store::model::{BlobId, Digest, Name, Node, RootName, Tree};
use stele_store::{Holder, Keep, Progress, Session, Store, StreamError, Target};

use super::pipe::Pipe;
use crate::failure::store::cancelled;
use crate::failure::{Failure, Kind};
use crate::service::root_name;

/// For how many seconds a lease keeps what no root does.
const KEPT: u64 = 3600;
/// For how many seconds it keeps what arrived of a bundle that was cut off: until tomorrow.
const KEPT_PART: u64 = 86_400;
/// How many roots a bundle has at most.
const MAX_ROOTS: usize = 10_000;
/// Files of up to this many bytes are read into memory.
const SMALL: u64 = 1 << 20;

/// Stores the bundle that comes through the pipe at `from`.
///
/// # Errors
/// As [`take`].
pub(super) fn receive(
    store: &Store,
    from: &Path,
    keeping: &Keeping,
    progress: &Progress,
) -> Result<Received, Failure> {
    let pipe =
        Pipe::read(from, progress).map_err(|error| Failure::io("the bundle cannot be opened", &error))?;
    take(store, pipe, keeping, progress)
}

/// Stores the bundle that is read from `from`.
///
/// # Errors
/// When it is malformed or damaged, has more than is accepted, or the store cannot take it. Then nothing of it is kept.
pub fn take(
    store: &Store,
    from: impl Read,
    keeping: &Keeping,
    progress: &Progress,
) -> Result<Received, Failure> {
    // Before anything comes: all of it may take long.
    roots_of(store, &keeping.roots, keeping.replace)?;
    let session = store.session()?;
    let mut taking = Taking {
        session: &session,
        progress,
        max: keeping.max_bytes.unwrap_or(u64::MAX),
        small: Vec::new(),
        tops: BTreeMap::new(),
        received: Received::default(),
        bundled: keeping.bundled,
        roots: Vec::new(),
    };
    let taken = taking.all(BufReader::with_capacity(256 << 10, from));
    let Taking { tops, received, roots, .. } = taking;
    match taken {
        Ok(()) => finish(store, session, keeping, tops, received, roots),
        Err(Refusal::Cut) => {
            let received = keep_part(session, tops, received)?;
            progress.check().map_err(|_| cancelled())?;
            Ok(received)
        }
        Err(Refusal::Failure(failure)) => Err(failure),
    }
}

/// Why a bundle was not stored whole.
enum Refusal {
    /// It was cut off.
    Cut,
    /// Anything else.
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

struct Taking<'a, 's> {
    session: &'a Session<'s>,
    progress: &'a Progress,
    /// The most bytes that are accepted.
    max: u64,
    /// Holds the bytes of a small file.
    small: Vec<u8>,
    /// What came and is in no directory that came.
    tops: BTreeMap<Item, Node>,
    received: Received,
    /// Whether the roots in the bundle count.
    bundled: bool,
    /// Those.
    roots: Vec<Rooted>,
}

impl Taking<'_, '_> {
    fn all(&mut self, from: impl io::BufRead) -> Result<(), Refusal> {
        let mut reader = Reader::new(from).map_err(refused)?;
        while let Some(record) = reader.record().map_err(refused)? {
            self.progress.check().map_err(|_| Refusal::Cut)?;
            match record {
                Record::Tree(digest, tree) => self.tree(digest, &tree)?,
                Record::File { digest, size, executable } => {
                    self.count(size)?;
                    let blob = self.file(&mut reader, size, executable)?;
                    if blob.0 != digest {
                        return Err(refused(ReadError::Other { asked: digest, given: blob.0 }));
                    }
                    self.tops.entry(Item::Blob(digest)).or_insert(Node::File { blob, size, executable });
                }
                Record::Root(root) => {
                    if self.bundled {
                        self.roots.push(root);
                    }
                    if self.roots.len() > MAX_ROOTS {
                        let message = format!("the bundle has more than {MAX_ROOTS} roots");
                        return Err(Failure::new(Kind::Failed, message).into());
                    }
                }
            }
        }
        Ok(())
    }

    fn tree(&mut self, digest: Digest, tree: &Tree) -> Result<(), Refusal> {
        let (id, size) = self.session.add_tree(tree)?;
        self.count(size)?;
        self.session.commit_if_full()?;
        for (_, node) in tree.entries() {
            if let Some(item) = Target::of(node).map(Item::from) {
                self.tops.remove(&item);
            }
        }
        self.tops.insert(Item::Tree(digest), Node::Directory { tree: id, size });
        Ok(())
    }

    fn file<R: io::BufRead>(
        &mut self,
        reader: &mut Reader<R>,
        size: u64,
        executable: bool,
    ) -> Result<BlobId, Refusal> {
        if size > SMALL {
            let added = self.session.add_stream(&mut reader.content(), executable);
            return added.map(|(blob, _)| blob).map_err(|error| match error {
                StreamError::Read(_) => Refusal::Cut,
                StreamError::Write(error) => error.into(),
            });
        }
        self.small.clear();
        reader.content().read_to_end(&mut self.small).map_err(|_| Refusal::Cut)?;
        let blob = self.session.add_blob(&self.small, executable)?;
        self.session.commit_if_full()?;
        Ok(blob)
    }

    fn count(&mut self, size: u64) -> Result<(), Refusal> {
        self.received.items += 1;
        self.received.bytes = self.received.bytes.saturating_add(size);
        self.progress.add(1, size);
        if self.received.bytes > self.max {
            let message = format!("it sends more than the {} bytes that were asked for", self.max);
            return Err(Failure::new(Kind::Failed, message).into());
        }
        Ok(())
    }
}

fn refused(error: ReadError) -> Refusal {
    if error.is_cut() {
        return Refusal::Cut;
    }
    let kind = match error {
        ReadError::NoBundle | ReadError::Line(_) | ReadError::Long => Kind::Failed,
        _ => Kind::Corrupt,
    };
    Failure::new(kind, error.to_string())
        .hint("nothing of it was kept; `stele store verify` finds what is damaged where it came from")
        .into()
}

/// The roots to set. One that keeps something else is moved only if that is wanted.
fn roots_of(store: &Store, roots: &[Rooted], replace: bool) -> Result<Vec<(RootName, Target)>, Failure> {
    let mut named = Vec::new();
    for Rooted { name, item } in roots {
        let (name, target) = (root_name(name)?, Target::from(*item));
        if !replace && store.root(&name)?.is_some_and(|it| it != target) {
            let message = format!("the root {name} keeps something else there");
            return Err(Failure::new(Kind::Failed, message)
                .hint("--replace moves it; --root NAME takes another name, and --no-root none"));
        }
        named.push((name, target));
    }
    Ok(named)
}

/// Acknowledges a whole bundle.
fn finish(
    store: &Store,
    session: Session<'_>,
    keeping: &Keeping,
    tops: BTreeMap<Item, Node>,
    mut received: Received,
    bundled: Vec<Rooted>,
) -> Result<Received, Failure> {
    let mut wanted = keeping.roots.clone();
    if keeping.bundled {
        wanted.extend(bundled);
    }
    let _unmoved = store.lock_roots();
    let roots = roots_of(store, &wanted, keeping.replace)?;
    let is_rooted = |item: &&Item| !wanted.iter().any(|root| root.item == **item);
    let all: Vec<Item> = match keeping.items.as_slice() {
        [] => tops.into_keys().collect(),
        items => items.to_vec(),
    };
    let unrooted: Vec<Target> = all.iter().filter(is_rooted).map(|item| Target::from(*item)).collect();
    let until = stele_store::now().saturating_add(KEPT);
    let keep = Keep { lease: Some(Holder::Until(until)), ..Keep::default() };
    session.finish_all(&unrooted, &roots, &keep)?;
    received.leased_until = (!unrooted.is_empty()).then_some(until);
    received.roots = wanted;
    Ok(received)
}

/// Keeps what arrived of a bundle that was cut off: in a directory of its own, so that one lease is enough.
fn keep_part(
    session: Session<'_>,
    tops: BTreeMap<Item, Node>,
    received: Received,
) -> Result<Received, Failure> {
    let received = Received { cut: true, ..received };
    let named = |(item, node): (Item, Node)| {
        let kind = if matches!(item, Item::Tree(_)) { "d" } else { "f" };
        Name::new(format!("{kind}-{}", item.digest()).as_bytes()).ok().map(|name| (name, node))
    };
    let entries: Vec<(Name, Node)> = tops.into_iter().filter_map(named).collect();
    let part = match Tree::new(entries) {
        Ok(part) if !part.entries().is_empty() => part,
        _ => return Ok(received),
    };
    let (part, _) = session.add_tree(&part)?;
    let until = stele_store::now().saturating_add(KEPT_PART);
    let keep = Keep { lease: Some(Holder::Until(until)), ..Keep::default() };
    session.finish(&[Target::Tree(part)], &keep)?;
    Ok(Received { leased_until: Some(until), ..received })
}
