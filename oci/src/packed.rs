//! Compressed layers that are kept for some time, so that a second export compresses nothing twice. They are blobs of
//! the store, found by their SHA-256, and nothing depends on them: whatever fails here, the layer is compressed again.

use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use stele_store::model::BlobId;
use stele_store::{Caching, Keep, Name, Store, Target};

use crate::encode::fill;
use crate::measure::Sum;

/// How long one is kept after its last use, in seconds.
const KEPT: u64 = 24 * 3600;
/// How many bytes all cached blobs of the store may have.
const MAX_BYTES: u64 = 16 << 30;
/// Smaller ones are compressed again faster than they are found, in bytes.
const LEAST: usize = 1 << 20;
/// How many pieces wait to be written.
const AHEAD: usize = 4;

/// A place where compressed layers are kept.
pub trait Packed: Sync {
    /// The blob with this digest and size, not verified.
    fn find(&self, sum: &Sum) -> Option<BlobId>;

    /// Keeps all of `bytes`, unless they end with an error.
    fn keep(&self, bytes: &mut dyn Read);

    /// The bytes of this blob are wrong.
    fn damaged(&self, blob: BlobId);
}

impl Packed for Store {
    fn find(&self, sum: &Sum) -> Option<BlobId> {
        let (blob, row) = self.cache_blobs(&[Name::Sha256(sum.sha256)], KEPT).ok()?.pop()??;
        (row.size == sum.size).then_some(blob)
    }

    fn keep(&self, bytes: &mut dyn Read) {
        let mut first = vec![0; LEAST];
        match fill(bytes, &mut first) {
            Ok(LEAST) if self.has_ample_room() => {}
            _ => return,
        }
        let kept = || -> Result<(), Box<dyn std::error::Error>> {
            let session = self.session()?;
            let (blob, _) = session.add_stream(&mut Cursor::new(first).chain(bytes), false)?;
            let caching = Caching { seconds: KEPT, key: None, max_bytes: Some(MAX_BYTES) };
            session.finish(&[Target::Blob(blob)], &Keep { caching: Some(caching), ..Keep::default() })?;
            Ok(())
        };
        // The next export compresses it again.
        let _ = kept();
    }

    fn damaged(&self, blob: BlobId) {
        // `store verify` finds it again.
        let _ = self.set_aside(Target::Blob(blob));
    }
}

/// Runs `make`, which passes all that it makes to a closure, and has it kept at the same time, if all of it succeeds.
pub(crate) fn keeping<T, E>(
    packed: Option<&dyn Packed>,
    make: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<T, E>,
) -> Result<T, E> {
    let Some(packed) = packed else { return make(&mut |_| {}) };
    thread::scope(|scope| {
        let (to, pieces) = sync_channel(AHEAD);
        let mut kept = Pieces { pieces, piece: Cursor::default(), ended: false };
        let begun = thread::Builder::new()
            .name("packed".to_owned())
            .spawn_scoped(scope, move || packed.keep(&mut kept));
        let pass = |to: &SyncSender<Option<Vec<u8>>>, bytes: &[u8]| drop(to.send(Some(bytes.to_vec())));
        let made = make(&mut |bytes| pass(&to, bytes));
        if made.is_ok() && begun.is_ok() {
            let _ = to.send(None);
        }
        made
    })
}

/// Bytes that come in pieces, with `None` as their end. Without it they were given up.
struct Pieces {
    pieces: Receiver<Option<Vec<u8>>>,
    piece: Cursor<Vec<u8>>,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(into)?;
            if read > 0 || self.ended || into.is_empty() {
                return Ok(read);
            }
            match self.pieces.recv() {
                Ok(Some(piece)) => self.piece = Cursor::new(piece),
                Ok(None) => self.ended = true,
                Err(_) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was given up")),
            }
        }
    }
}
