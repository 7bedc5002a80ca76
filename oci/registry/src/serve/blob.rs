//! Sending a blob: made on a blocking thread, sent as the client reads it, and compared with its digest.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};
use stele_listen::Counted;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::connection::Shared;
use super::metrics::Metrics;
use super::verified::Identifying;
use super::{BlobRange, Piece};
use crate::name::Sha256Digest;
use crate::repository::Repository;

/// The number of pieces that wait for the client, each of the size in which they are made: at most 256 KiB.
const WAITING: usize = 2;
/// From this size on, in bytes, a blob is hashed on a thread of its own.
const LARGE: u64 = 4 << 20;
/// The size of a piece that is read from a file, in bytes.
const PIECE: usize = 256 << 10;

/// The part of a blob to send.
pub struct Part {
    pub repository: Arc<Repository>,
    pub digest: Sha256Digest,
    pub size: u64,
    pub first: u64,
    pub length: u64,
}

/// The body of an answer: a blob, or a part of one.
pub struct Sent {
    pieces: Receiver<Result<Bytes, io::Error>>,
    left: u64,
    _counted: Counted,
}

/// Begins to make a part of a blob. When the client disconnects, the body is dropped, and the thread that makes the
/// blob ends.
pub fn send(shared: &Arc<Shared>, part: Part) -> Sent {
    let (to, pieces) = channel(WAITING);
    let sent = Sent { pieces, left: part.length, _counted: Counted::new(&shared.metrics.blobs) };
    let shared = Arc::clone(shared);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = make(&shared, &part, &to) {
            shared.metrics.broken.inc();
            // Cuts the connection, so that no client takes the bytes for the whole blob.
            let _ = to.blocking_send(Err(error));
        }
    });
    sent
}

/// Hashes a blob: a large one on a thread of its own, so that reading and sending go on meanwhile.
enum Hashing {
    Here(Sha256),
    Beside(SyncSender<Bytes>, JoinHandle<Sha256>),
}

impl Hashing {
    fn of(size: u64) -> Self {
        if size < LARGE {
            return Self::Here(Sha256::new());
        }
        let (to, pieces) = sync_channel::<Bytes>(WAITING);
        let hash = move || {
            let mut hash = Sha256::new();
            pieces.iter().for_each(|piece| hash.update(&piece));
            hash
        };
        match thread::Builder::new().name("hash".to_owned()).spawn(hash) {
            Ok(thread) => Self::Beside(to, thread),
            Err(_) => Self::Here(Sha256::new()),
        }
    }

    fn update(&mut self, piece: &Bytes) {
        match self {
            Self::Here(hash) => hash.update(piece),
            // If the thread is gone, so is its hash, and the blob matches no digest.
            Self::Beside(to, _) => drop(to.send(piece.clone())),
        }
    }

    fn finish(self) -> Option<Sha256Digest> {
        let hash = match self {
            Self::Here(hash) => hash,
            Self::Beside(to, thread) => {
                drop(to);
                thread.join().ok()?
            }
        };
        Some(<[u8; 32]>::from(hash.finalize()).into())
    }
}

/// Passes pieces on to the client, and holds the last one back.
struct Passing<'a> {
    part: &'a Part,
    metrics: &'a Metrics,
    to: &'a Sender<Result<Bytes, io::Error>>,
    /// Hashes all bytes, if they have to be compared with the digest.
    hashing: Option<Hashing>,
    came: u64,
    held: Bytes,
}

impl Passing<'_> {
    fn require_client(&self) -> io::Result<()> {
        if self.to.is_closed() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn give(&self, piece: Bytes) -> io::Result<()> {
        self.metrics.bytes.inc_by(piece.len() as u64);
        self.to.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn pass(&mut self, piece: Bytes) -> io::Result<()> {
        self.require_client()?;
        if piece.is_empty() {
            return Ok(());
        }
        self.came += piece.len() as u64;
        if self.came > self.part.length {
            return Err(io::Error::other("the blob became longer"));
        }
        if let Some(hashing) = &mut self.hashing {
            hashing.update(&piece);
        }
        let before = std::mem::replace(&mut self.held, piece);
        if before.is_empty() { Ok(()) } else { self.give(before) }
    }

    fn pass_file(&mut self, file: &File, mut offset: u64, length: u64) -> io::Result<()> {
        let end = offset.checked_add(length).ok_or(io::ErrorKind::InvalidData)?;
        while offset < end {
            let mut piece = vec![0; usize::try_from(end - offset).unwrap_or(PIECE).min(PIECE)];
            match file.read_at(&mut piece, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => piece.truncate(read),
            }
            offset += piece.len() as u64;
            self.pass(piece.into())?;
        }
        Ok(())
    }
}

/// Makes the part. The last piece is held back until everything before it is verified. A whole blob is hashed, unless
/// it matched its digest before, and comes from the very same files.
fn make(shared: &Shared, part: &Part, to: &Sender<Result<Bytes, io::Error>>) -> io::Result<()> {
    let Shared { images, metrics, verified, .. } = shared;
    let whole = part.first == 0 && part.length == part.size;
    let known = if whole { verified.of(&part.digest) } else { None };
    let hashing = (whole && known.is_none()).then(|| Hashing::of(part.size));
    let mut passing = Passing { part, metrics, to, hashing, came: 0, held: Bytes::new() };
    let mut identifying = Identifying::default();
    let Part { repository, digest, first, length, .. } = part;
    let wanted = BlobRange { repository, digest, first: *first, length: *length };
    let made = images.blob(&wanted, &mut |piece| match piece {
        Piece::Bytes(bytes) => {
            identifying.bytes(bytes);
            passing.pass(Bytes::copy_from_slice(bytes))
        }
        Piece::File { file, offset, length } => {
            identifying.file(file, offset, length)?;
            passing.pass_file(file, offset, length)
        }
    });
    if made.is_err() && !to.is_closed() {
        return Err(io::Error::other("the blob cannot be generated"));
    }
    passing.require_client()?;
    let identity = identifying.finish();
    if known.is_some_and(|known| known != identity) {
        // Its files were moved or replaced meanwhile, which is no damage, or written, which may be.
        verified.forget(digest);
        return Err(io::Error::other("the blob came from other files than those that were verified"));
    }
    let right = passing.hashing.take().is_none_or(|hashing| hashing.finish().as_ref() == Some(digest));
    if passing.came != *length || !right {
        metrics.damaged.inc();
        images.damaged(repository, digest);
        return Err(io::Error::other("the blob does not match its digest"));
    }
    if whole {
        verified.remember(digest, identity);
    }
    let held = std::mem::take(&mut passing.held);
    if held.is_empty() { Ok(()) } else { passing.give(held) }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(Ok(piece)) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Some(Ok(Frame::data(piece)))
            }
            Some(Err(error)) => Some(Err(error)),
            // The producer ended early, for instance in a panic: that must not look like the end of the blob.
            None if self.left > 0 => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http_body_util::BodyExt;

    use super::*;
    use crate::endpoint::Unavailable;
    use crate::name::RepositoryName;
    use crate::serve::{Broken, Images, Taker};

    /// A blob of these pieces, which breaks at the end when the flag is set.
    struct Pieces(Vec<&'static [u8]>, bool, Mutex<u32>);

    impl Images for Pieces {
        fn names(&self) -> Result<Vec<String>, Unavailable> {
            Ok(Vec::new())
        }

        fn alive(&self) -> Result<(), Unavailable> {
            Ok(())
        }

        fn repository(&self, _: &RepositoryName) -> Result<Option<Repository>, Unavailable> {
            Ok(None)
        }

        fn blob(&self, _: &BlobRange<'_>, to: &mut Taker<'_>) -> Result<(), Broken> {
            self.0.iter().try_for_each(|piece| to(Piece::Bytes(piece))).map_err(|_| Broken)?;
            if self.1 { Err(Broken) } else { Ok(()) }
        }

        fn damaged(&self, _: &Repository, _: &Sha256Digest) {
            *self.2.lock().unwrap() += 1;
        }
    }

    /// The bytes sent, and how often damage was reported.
    fn sent(
        pieces: Vec<&'static [u8]>,
        breaks: bool,
        of: &[u8],
        first: u64,
        length: u64,
    ) -> (Option<Vec<u8>>, u32) {
        let images = Arc::new(Pieces(pieces, breaks, Mutex::new(0)));
        let part = Part {
            repository: Arc::default(),
            digest: Sha256Digest::of(of),
            size: of.len() as u64,
            first,
            length,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let shared = Arc::new(Shared {
            images: images.clone(),
            metrics: Arc::default(),
            past: crate::serve::past::Past::default(),
            verified: crate::serve::verified::Verified::default(),
        });
        let came = runtime.block_on(async { send(&shared, part).collect().await });
        (came.ok().map(|it| it.to_bytes().to_vec()), *images.2.lock().unwrap())
    }

    #[test]
    fn a_blob_with_another_digest_never_ends_normally() {
        assert_eq!(sent(vec![b"ab", b"cx"], false, b"abcd", 0, 4), (None, 1));
        assert_eq!(sent(vec![b"ab"], false, b"abcd", 0, 4), (None, 1));
        assert_eq!(sent(vec![b"ab", b"cde"], false, b"abcd", 0, 4), (None, 0));
        assert_eq!(sent(vec![b"ab", b"cd"], true, b"abcd", 0, 4), (None, 0));
        assert_eq!(sent(vec![b"b"], false, b"abcd", 1, 2), (None, 1));
    }

    #[test]
    fn a_matching_blob_is_sent_whole() {
        assert_eq!(sent(vec![b"ab", b"", b"c", b"d"], false, b"abcd", 0, 4), (Some(b"abcd".to_vec()), 0));
        assert_eq!(sent(vec![], false, b"", 0, 0), (Some(Vec::new()), 0));
        assert_eq!(sent(vec![b"bc"], false, b"abcd", 1, 2), (Some(b"bc".to_vec()), 0));
    }
}
