//! Blobs for the registry endpoint.

use std::fs::File;
use std::io;

use stele_oci::{Blob, BlobError, Record, Take, document};
use stele_store::model::TreeId;
use stele_store::{Progress, Store};

use crate::failure::{Failure, Kind};
use crate::service::{Sink, lost_sink};

/// What is wanted of a blob: so many bytes from the first on; large files as descriptors, or as bytes, too.
pub(super) struct Part {
    pub first: u64,
    pub length: u64,
    pub descriptors: bool,
}

/// Passes bytes and files on to a sink.
struct Passing<'a>(&'a mut dyn Sink);

impl Take for Passing<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.bytes(bytes)
    }

    fn file(&mut self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        self.0.file(file, offset, length)
    }
}

/// Sends bytes of a blob of the image in `tree`. They are not compared with its digest: the receiver of the whole blob
/// does that.
///
/// # Errors
/// When there is no such blob, or it cannot be generated.
pub(super) fn send(
    store: &Store,
    tree: &TreeId,
    digest: &str,
    part: Part,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<(), Failure> {
    with(store, tree, digest, |blob| {
        let Part { first, length, descriptors } = part;
        let sent = match descriptors {
            true => blob.write_files(store, first, length, progress, &mut Passing(sink)),
            false => blob.write_range(store, first, length, progress, &mut |bytes| sink.bytes(bytes)),
        };
        sent.map_err(|error| match error {
            BlobError::Sink(error) => lost_sink(&error),
            error => error.into(),
        })
    })
}

/// Generates a blob and compares it with its digest; if they differ, also each file in it.
///
/// # Errors
/// With the difference.
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
