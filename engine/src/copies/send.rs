//! Writes a bundle of what the store has.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use stele_remote::bundle::{Line, Writer};
use stele_remote::{Item, Wanted};
use stele_store::model::{BlobId, Digest, Node, Tree, TreeId};
use stele_store::{CopyError, Progress, Store};

use super::pipe::Pipe;
use crate::failure::store::cancelled;
use crate::failure::{Failure, Kind};
use crate::service::Sink;

/// Writes the bundle to the pipe at `to`.
///
/// # Errors
/// When something is absent or damaged, or nobody reads the pipe.
pub(super) fn to_pipe(store: &Store, wanted: &Wanted, to: &Path, progress: &Progress) -> Result<(), Failure> {
    let pipe = Pipe::write(to, progress).map_err(|error| unwritten(&error))?;
    send(store, wanted, pipe, progress)
}

/// Passes the bundle to the client that asks.
///
/// # Errors
/// When something is absent or damaged, or the client is gone.
pub(super) fn to_sink(
    store: &Store,
    wanted: &Wanted,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<(), Failure> {
    send(store, wanted, Bytes(sink), progress)
}

/// A sink as a writer.
struct Bytes<'a>(&'a mut dyn Sink);

impl Write for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.bytes(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn send(
    store: &Store,
    wanted: &Wanted,
    to: impl Write,
    progress: &Progress,
) -> Result<(), Failure> {
    let writer = Writer::new(BufWriter::with_capacity(256 << 10, to)).map_err(|error| unwritten(&error))?;
    let mut sending = Sending { store, writer, progress, trees: HashSet::new(), blobs: HashSet::new() };
    for item in &wanted.but {
        match item {
            Item::Tree(digest) => sending.trees.insert(*digest),
            Item::Blob(digest) => {
                sending.blobs.insert((*digest, false)) | sending.blobs.insert((*digest, true))
            }
        };
    }
    for item in &wanted.items {
        match item {
            Item::Tree(digest) if wanted.flat => sending.text(&store.tree(&TreeId(*digest))?)?,
            Item::Tree(digest) => sending.closure(TreeId(*digest))?,
            Item::Blob(digest) => sending.blob(BlobId(*digest), false)?,
        }
    }
    for root in &wanted.roots {
        sending.writer.root(root).map_err(|error| unwritten(&error))?;
    }
    sending.writer.finish().map_err(|error| unwritten(&error))?;
    Ok(())
}

fn unwritten(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::new(Kind::Cancelled, "nobody reads the bundle any more"),
        _ => Failure::io("the bundle could not be written", error),
    }
}

struct Sending<'a, W: Write> {
    store: &'a Store,
    writer: Writer<W>,
    progress: &'a Progress,
    /// What was sent, or need not be.
    trees: HashSet<Digest>,
    /// The same; as an executable it is sent again, since a store keeps these in files.
    blobs: HashSet<(Digest, bool)>,
}

impl<W: Write> Sending<'_, W> {
    /// A directory after all that it reaches.
    fn closure(&mut self, root: TreeId) -> Result<(), Failure> {
        let mut stack: Vec<(Tree, usize)> = self.opened(root)?.into_iter().collect();
        while let Some((tree, next)) = stack.last_mut() {
            let node = tree.entries().get(*next).map(|(_, node)| node.clone());
            *next += 1;
            match node {
                Some(Node::Directory { tree, .. }) => stack.extend(self.opened(tree)?),
                Some(Node::File { blob, executable, .. }) => self.blob(blob, executable)?,
                Some(Node::Symlink { .. }) => {}
                None => {
                    if let Some((tree, _)) = stack.pop() {
                        self.text(&tree)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A directory that is still to be sent. One that holds itself cannot be: it would have to hold its own digest.
    fn opened(&mut self, id: TreeId) -> Result<Option<(Tree, usize)>, Failure> {
        if !self.trees.insert(id.0) {
            return Ok(None);
        }
        Ok(Some((self.store.tree(&id)?, 0)))
    }

    fn text(&mut self, tree: &Tree) -> Result<(), Failure> {
        self.progress.check().map_err(|_| cancelled())?;
        let text = tree.encode();
        let line = Line::Tree { digest: Digest::of(text.as_bytes()), size: text.len() as u64 };
        let written = self.writer.begin(&line).and_then(|()| self.writer.bytes(text.as_bytes()));
        written.map_err(|error| unwritten(&error))?;
        self.progress.add(1, text.len() as u64);
        Ok(())
    }

    fn blob(&mut self, id: BlobId, executable: bool) -> Result<(), Failure> {
        if !self.blobs.insert((id.0, executable)) {
            return Ok(());
        }
        self.progress.check().map_err(|_| cancelled())?;
        let blob = self.store.open_blob(&id)?;
        let size = blob.info().size;
        let line = Line::File { digest: id.0, size, executable };
        self.writer.begin(&line).map_err(|error| unwritten(&error))?;
        blob.verified(|bytes| self.writer.bytes(bytes)).map_err(|error| match error {
            CopyError::Read(error) => error.into(),
            CopyError::Sink(error) => unwritten(&error),
        })?;
        self.progress.add(1, size);
        Ok(())
    }
}
