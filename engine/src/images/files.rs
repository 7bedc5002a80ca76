//! The files of an image's merged root filesystem, with their digests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use stele_oci::{Image, Walk};
use stele_store::model::{BlobId, Node};
use stele_store::{Progress, Store};

use crate::failure::Failure;
use crate::failure::images as failure;
use crate::failure::store::cancelled;
use crate::service::{Sink, lost_sink};

/// A file of an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageFile {
    /// Its path, with a leading slash.
    pub path: String,
    /// The number of its layer; the lowest is 0. Files hidden by a higher layer are not listed.
    pub layer: usize,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// Their SHA-1.
    pub sha1: String,
}

/// Sends the files, one line of JSON each, sorted by path. Each is read and compared with its digest.
///
/// # Errors
/// When one cannot be read, or does not match its digest.
pub(super) fn send(
    store: &Store,
    image: &Image,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut found: BTreeMap<String, (usize, Option<BlobId>)> = BTreeMap::new();
    for (number, layer) in image.layers.iter().enumerate() {
        let fails = |error| failure::layer(&layer.origin, error);
        let mut walk = Walk::new(store, &layer.layer);
        while let Some(entry) = walk.step().map_err(fails)? {
            progress.check().map_err(|_| cancelled())?;
            let blob = match entry.node {
                Node::File { blob, .. } => Some(blob),
                Node::Symlink { .. } => None,
                Node::Directory { .. } => continue,
            };
            // As other programs write it; non-UTF-8 names are escaped.
            let path = std::str::from_utf8(entry.path.as_bytes())
                .map_or_else(|_| entry.path.to_string(), |path| format!("/{path}"));
            found.insert(path, (number, blob));
        }
    }
    let files = found.into_iter().filter_map(|(path, (layer, blob))| Some((path, layer, blob?)));
    for (path, layer, blob) in files {
        progress.check().map_err(|_| cancelled())?;
        let mut sha1 = Sha1::new();
        store.open_blob(&blob)?.verified_by(|bytes| sha1.update(bytes))?;
        let sha1 = sha1.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let sha256 = store.blob_info(&blob)?.sha256.to_string();
        let line = serde_json::to_string(&ImageFile { path, layer, sha256, sha1 }).unwrap_or_default();
        sink.bytes(format!("{line}\n").as_bytes()).map_err(|e| lost_sink(&e))?;
    }
    Ok(())
}
