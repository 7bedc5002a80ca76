//! The bytes of blobs for a push, received from the daemon in a separate thread.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use stele_registry::Sha256Digest;
use stele_registry::client::Blobs;
use stele_store::model::TreeId;

use crate::daemons::{Daemons, Trouble};
use crate::render::transfer::{Counted, Transfer};
use stele::Request;
use stele::images::ImageRequest;

/// How many pieces are buffered.
const WAITING: usize = 2;

/// The blobs of an image in the store.
pub struct Reading {
    /// The daemons that have them.
    pub daemons: Arc<Daemons>,
    /// The tree that keeps the image.
    pub tree: TreeId,
    /// How many bytes come before each blob, in the order in which they are sent.
    pub before: BTreeMap<Sha256Digest, u64>,
    /// What is shown of it.
    pub transfer: Arc<Transfer>,
}

impl Blobs for Reading {
    fn open(&self, digest: &Sha256Digest, bytes: Range<u64>) -> io::Result<Box<dyn Read + Send>> {
        let (asked, begins) = (digest.clone(), bytes.start);
        let (daemons, tree, digest) = (Arc::clone(&self.daemons), self.tree, digest.to_string());
        let (to, pieces) = sync_channel(WAITING);
        thread::Builder::new().spawn(move || {
            let ask = |came| Request::Image {
                ask: ImageRequest::Blob {
                    tree,
                    digest: digest.clone(),
                    first: bytes.start + came,
                    length: bytes.end - bytes.start - came,
                    descriptors: false,
                },
            };
            // The reader has stopped when the other end is gone.
            let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            let streamed = daemons.stream(ask, &mut |piece| match piece.is_empty() {
                true => Ok(()),
                false => to.send(Ok(piece.to_vec())).map_err(gone),
            });
            if let Err(Trouble::Failure(failure)) = streamed {
                let hint = failure.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                let _ = to.send(Err(io::Error::other(format!("{}{hint}", failure.message))));
            }
        })?;
        // What came before was sent, or was there.
        self.transfer.at(self.before.get(&asked).copied().unwrap_or(0) + begins);
        let within = Pieces { pieces, piece: Vec::new(), read: 0 };
        Ok(Box::new(Counted { within, transfer: Arc::clone(&self.transfer), passed: 0 }))
    }
}

struct Pieces {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    read: usize,
}

impl Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.read == self.piece.len() {
            match self.pieces.recv() {
                Ok(piece) => (self.piece, self.read) = (piece?, 0),
                Err(_) => return Ok(0),
            }
        }
        let count = to.len().min(self.piece.len() - self.read);
        to[..count].copy_from_slice(&self.piece[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}
