//! One client's writing of a blob, from where the last one was cut off.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bazel_remote_apis::google::bytestream::WriteRequest;
use stele_listen::Counted;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::spool::Spool;
use super::uploads::{Upload, Uploads};
use crate::cache::Trouble;
use crate::resource::{self, Packing};
use crate::services::Shared;
use crate::services::blocking::blocking;

/// From this many bytes on it is asked beforehand whether there is room.
const LARGE: u64 = 4 << 20;

/// How an upload ended.
enum End {
    /// The blob is stored, or was there; so many bytes are committed.
    Stored(i64),
    /// The client stopped before the end: so many bytes have come.
    Cut(i64),
}

/// Takes a blob. The number of bytes that are committed.
pub async fn write(
    shared: &Shared,
    uploads: &Arc<Uploads>,
    mut messages: Streaming<WriteRequest>,
) -> Result<i64, Status> {
    let first = next(shared.stall, &mut messages).await?;
    let first = first.ok_or_else(|| Status::invalid_argument("an upload has at least one message"))?;
    let name = first.resource_name.clone();
    let wanted = resource::Upload::parse(&name)?;
    let (digest, cache) = (wanted.digest, shared.cache.clone());
    let there = blocking(move || {
        let there = digest.is_empty() || cache.has(&[digest])? == [true];
        if !there && digest.size >= LARGE {
            cache.admit(digest.size)?;
        }
        Ok(there)
    });
    if there.await? {
        return Ok(committed(&wanted));
    }
    let slow = |_| Status::unavailable("too many uploads are under way");
    let _place = timeout(shared.stall, uploads.places.acquire()).await.map_err(slow)?;
    let _counted = Counted::new(&shared.metrics.uploads);
    let upload = uploads.begin(&name);
    // A connection that broke may not be known to be broken yet.
    upload.taken_over.notify_waiters();
    let spool = timeout(shared.stall, Arc::clone(&upload.spool).lock_owned()).await;
    let spool = spool.map_err(|_| Status::aborted("another client writes this upload"))?;
    let mut remembered = Remembered { uploads, upload: &upload, over: false };
    let ended = take(shared, &wanted, &upload, spool, first, &mut messages).await;
    let is_over = match &ended {
        Ok(End::Stored(_)) => true,
        Ok(End::Cut(_)) => false,
        Err(Ended { again, .. }) => !again,
    };
    if is_over {
        remembered.over = true;
        uploads.end(&name, &upload);
    }
    match ended {
        Ok(End::Stored(size) | End::Cut(size)) => Ok(size),
        Err(Ended { status, .. }) => Err(status),
    }
}

/// Remembers an upload that is cut off, also when the connection breaks and nothing here goes on.
struct Remembered<'a> {
    uploads: &'a Arc<Uploads>,
    upload: &'a Arc<Upload>,
    over: bool,
}

impl Drop for Remembered<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.uploads.cut(self.upload);
        }
    }
}

/// Why an upload failed.
struct Ended {
    status: Status,
    /// Whether it can go on from where it is.
    again: bool,
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        Self { status, again: false }
    }
}

impl From<Trouble> for Ended {
    fn from(trouble: Trouble) -> Self {
        let again = matches!(trouble, Trouble::Unavailable);
        Self { again, status: trouble.into() }
    }
}

/// What a client gets told that a stored blob has.
fn committed(wanted: &resource::Upload) -> i64 {
    match wanted.packing {
        Packing::Zstd => -1,
        Packing::Identity => i64::try_from(wanted.digest.size).unwrap_or(i64::MAX),
    }
}

/// The next message, if the client sends one in time.
async fn next(
    stall: Duration,
    messages: &mut Streaming<WriteRequest>,
) -> Result<Option<WriteRequest>, Status> {
    let slow = |_| Status::deadline_exceeded("the client sends nothing");
    timeout(stall, messages.message()).await.map_err(slow)?
}

/// How many bytes come at most.
fn bound(wanted: &resource::Upload) -> u64 {
    let size = wanted.digest.size;
    match wanted.packing {
        Packing::Identity => size,
        // More than what zstd makes of bytes that it cannot compress.
        Packing::Zstd => size.saturating_add(size / 64).saturating_add(64 << 10),
    }
}

async fn take(
    shared: &Shared,
    wanted: &resource::Upload,
    upload: &Upload,
    mut spool: OwnedMutexGuard<Spool>,
    mut message: WriteRequest,
    messages: &mut Streaming<WriteRequest>,
) -> Result<End, Ended> {
    let mut taken_over = pin!(upload.taken_over.notified());
    taken_over.as_mut().enable();
    let name = std::mem::take(&mut message.resource_name);
    let at = |offset: i64| u64::try_from(offset).ok();
    // The bytes of a compressed upload are not the blob's, so it begins again.
    if at(message.write_offset) == Some(0) {
        *spool = Spool::default();
    } else if wanted.packing == Packing::Zstd || at(message.write_offset) != Some(spool.written()) {
        let resumed = if wanted.packing == Packing::Zstd { 0 } else { spool.written() };
        let text = format!("the upload goes on at byte {resumed}, and not at {}", message.write_offset);
        return Err(Ended { status: Status::out_of_range(text), again: true });
    }
    loop {
        if !message.resource_name.is_empty() && message.resource_name != name {
            return Err(Status::invalid_argument("the name changed within the upload").into());
        }
        if at(message.write_offset) != Some(spool.written()) {
            let text = format!("byte {} came where {} was expected", message.write_offset, spool.written());
            return Err(Status::invalid_argument(text).into());
        }
        if spool.written() + message.data.len() as u64 > bound(wanted) {
            let text = format!("more came than the {} bytes of the blob", wanted.digest.size);
            return Err(Status::invalid_argument(text).into());
        }
        // Waits for the disk.
        tokio::task::block_in_place(|| spool.add(&*shared.cache, &message.data))?;
        shared.metrics.received.inc_by(message.data.len() as u64);
        upload.written.store(written(wanted, &spool), Ordering::SeqCst);
        if message.finish_write {
            return store(shared, wanted, spool).await;
        }
        let next = tokio::select! {
            next = next(shared.stall, messages) => next.map_err(|status| Ended { status, again: true })?,
            () = &mut taken_over => {
                let status = Status::aborted("another connection goes on with the upload");
                return Err(Ended { status, again: true });
            }
        };
        message = match next {
            Some(next) => next,
            None => return Ok(End::Cut(i64::try_from(written(wanted, &spool)).unwrap_or(i64::MAX))),
        };
    }
}

/// How much of the blob has come, as far as an upload can go on from there.
fn written(wanted: &resource::Upload, spool: &Spool) -> u64 {
    if wanted.packing == Packing::Zstd { 0 } else { spool.written() }
}

async fn store(
    shared: &Shared,
    wanted: &resource::Upload,
    spool: OwnedMutexGuard<Spool>,
) -> Result<End, Ended> {
    let (digest, packing) = (wanted.digest, wanted.packing);
    if packing == Packing::Identity && spool.written() != digest.size {
        let text = format!("{} bytes came, and the blob has {}", spool.written(), digest.size);
        return Err(Status::invalid_argument(text).into());
    }
    let cache = shared.cache.clone();
    let stored = tokio::task::spawn_blocking(move || {
        let content = match packing {
            Packing::Identity => spool.file()?,
            Packing::Zstd => cache.unpack(spool.rewound()?, digest.size)?,
        };
        cache.take(&content, &[digest], None)
    });
    match stored.await {
        Ok(outcome) => outcome?,
        Err(_) => return Err(Status::internal("internal error in the server (a bug)").into()),
    }
    Ok(End::Stored(committed(wanted)))
}
