//! Sending a blob: made on a blocking thread, sent as the client reads it, and compared with its digest.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};
use stele_listen::Counted;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::metrics::Metrics;
use super::{BlobRange, Images};
use crate::name::Sha256Digest;
use crate::repository::Repository;

/// The number of pieces that wait for the client, each of the size in which they are made: at most 256 KiB.
const WAITING: usize = 2;

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
pub fn send(images: &Arc<dyn Images>, metrics: &Arc<Metrics>, part: Part) -> Sent {
    let (to, pieces) = channel(WAITING);
    let sent = Sent { pieces, left: part.length, _counted: Counted::new(&metrics.blobs) };
    let (images, metrics) = (Arc::clone(images), Arc::clone(metrics));
    tokio::task::spawn_blocking(move || {
        if let Err(error) = make(&*images, &metrics, &part, &to) {
            metrics.broken.inc();
            // Cuts the connection, so that no client takes the bytes for the whole blob.
            let _ = to.blocking_send(Err(error));
        }
    });
    sent
}

/// Makes the part. The last piece is held back until everything before it is verified.
fn make(
    images: &dyn Images,
    metrics: &Metrics,
    part: &Part,
    to: &Sender<Result<Bytes, io::Error>>,
) -> io::Result<()> {
    let whole = part.first == 0 && part.length == part.size;
    let (mut hash, mut came, mut held) = (Sha256::new(), 0, Bytes::new());
    let give = |piece: Bytes| {
        metrics.bytes.inc_by(piece.len() as u64);
        to.blocking_send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    };
    let wanted = BlobRange {
        repository: &part.repository,
        digest: &part.digest,
        first: part.first,
        length: part.length,
    };
    let made = images.blob(&wanted, &mut |piece| {
        if to.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if piece.is_empty() {
            return Ok(());
        }
        came += piece.len() as u64;
        if came > part.length {
            return Err(io::Error::other("the blob became longer"));
        }
        if whole {
            hash.update(piece);
        }
        let before = std::mem::replace(&mut held, Bytes::copy_from_slice(piece));
        if before.is_empty() { Ok(()) } else { give(before) }
    });
    if made.is_err() && !to.is_closed() {
        return Err(io::Error::other("the blob cannot be generated"));
    }
    let right = !whole || Sha256Digest::from(<[u8; 32]>::from(hash.finalize())) == part.digest;
    if to.is_closed() {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    if came != part.length || !right {
        metrics.damaged.inc();
        images.damaged(&part.repository, &part.digest);
        return Err(io::Error::other("the blob does not match its digest"));
    }
    if held.is_empty() { Ok(()) } else { give(held) }
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
    use crate::serve::{Broken, Taker};

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
            self.0.iter().try_for_each(|piece| to(piece)).map_err(|_| Broken)?;
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
        let shared: Arc<dyn Images> = images.clone();
        let came = runtime.block_on(async { send(&shared, &Arc::default(), part).collect().await });
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
