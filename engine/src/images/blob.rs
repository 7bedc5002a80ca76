//! Blobs for the registry endpoint.

use stele_oci::{Blob, BlobError, Record, document};
use stele_store::model::TreeId;
use stele_store::{Progress, Store};

use crate::failure::{Failure, Kind};
use crate::service::{Sink, lost_sink};

/// Sends bytes of a blob of the image in `tree`. They are not compared with its digest: the receiver of the whole blob
/// does that.
///
/// # Errors
/// When there is no such blob, or it cannot be generated.
pub(super) fn send(
    store: &Store,
    tree: &TreeId,
    digest: &str,
    (first, length): (u64, u64),
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<(), Failure> {
    with(store, tree, digest, |blob| {
        let sent = blob.write_range(store, first, length, progress, &mut |bytes| sink.bytes(bytes));
        sent.map_err(|error| match error {
            BlobError::Sink(error) => lost_sink(&error),
            error => error.into(),
        })
    })
}

/// Generates a blob and compares it with its digest; if they differ, also each file in it.
///
/// # Errors
/// With what is wrong in it.
pub(super) fn check(store: &Store, tree: &TreeId, digest: &str, progress: &Progress) -> Result<(), Failure> {
    with(store, tree, digest, |blob| Ok(blob.write(store, progress, &mut |_| Ok(()))?))
}

fn with(
    store: &Store,
    tree: &TreeId,
    digest: &str,
    then: impl FnOnce(&Blob<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let absent = || Failure::new(Kind::NotFound, format!("{tree} keeps no image with the blob {digest}"));
    let record = Record::load(store, tree)?;
    let blobs = record.blobs();
    let named = |blob: &&Blob<'_>| document::digest_text(&blob.sum.sha256) == digest;
    then(blobs.iter().find(named).ok_or_else(absent)?)
}
