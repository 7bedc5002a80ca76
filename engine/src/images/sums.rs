//! Digests of an image's blobs that no document of it has.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512};

use stele_oci::{Image, Record, document};
use stele_store::{Progress, Store};

use crate::failure::Failure;
use crate::service::{Sink, lost_sink};

/// The digests of a blob.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BlobSums {
    /// Its SHA-256 in OCI's notation.
    pub digest: String,
    /// Its SHA-512.
    pub sha512: String,
}

/// Sends the sums of the manifest and of each layer, one line of JSON each. The bytes are compared with their SHA-256.
///
/// # Errors
/// When a layer cannot be generated.
pub(super) fn send(
    store: &Store,
    record: &Record,
    image: &Image,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<(), Failure> {
    let layers = image.layers.iter().map(|layer| layer.measured.packed.sha256);
    let wanted: Vec<_> = layers.chain([document::sum(&image.manifest).sha256]).collect();
    for blob in record.blobs().iter().filter(|blob| wanted.contains(&blob.sum.sha256)) {
        let mut sha512 = Sha512::new();
        blob.write(store, progress, &mut |bytes| {
            sha512.update(bytes);
            Ok(())
        })?;
        let sha512 = sha512.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let sums = BlobSums { digest: document::digest_text(&blob.sum.sha256), sha512 };
        let line = serde_json::to_string(&sums).unwrap_or_default();
        sink.bytes(format!("{line}\n").as_bytes()).map_err(|e| lost_sink(&e))?;
    }
    Ok(())
}
