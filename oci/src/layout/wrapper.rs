//! Documents of Docker's media types in a layout.
//!
//! An engine that is given a name looks only at entries of OCI's media types. A manifest or list of Docker's is
//! therefore named through a *wrapper*, an OCI index that lists the same images. The entry states the digest of the
//! document itself, which an import takes, so that the image keeps its digest.

use serde_json::{Value, json};
use stele_store::model::Sha256;

use super::platform_value;
use crate::canonical;
use crate::document::{DocumentKind, digest_text, kind_of, media_type_of, sum};
use crate::record::{Record, Top};

/// The annotation with the digest of the wrapped document.
pub(crate) const ORIGINAL: &str = "stele.original";

/// The wrapper of an image, if it needs one.
pub(super) fn wrapper(record: &Record) -> Option<Vec<u8>> {
    let document = record.document();
    let kind = match &record.top {
        Top::Image(_) => DocumentKind::Manifest,
        Top::Index(_) => DocumentKind::Index,
    };
    let media_type = media_type_of(document, kind);
    if media_type.starts_with("application/vnd.oci.") {
        return None;
    }
    let manifests = match &record.top {
        Top::Image(image) => json!([{
            "mediaType": media_type,
            "digest": digest_text(&sum(document).sha256),
            "size": document.len(),
            "platform": platform_value(&image.platform),
        }]),
        Top::Index(_) => manifests_of(document)?,
    };
    Some(canonical::text(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    })))
}

/// The entry of a wrapper, without a name.
pub(super) fn entry(wrapper: &[u8], original: &Sha256) -> Value {
    let sum = sum(wrapper);
    json!({
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": digest_text(&sum.sha256),
        "size": sum.size,
        "annotations": { ORIGINAL: digest_text(original) },
    })
}

/// Whether an index lists just what another document is or lists, so that all readers find the same images.
pub(crate) fn wraps(wrapper: &[u8], original: &[u8]) -> bool {
    let Some(listed) = manifests_of(wrapper) else { return false };
    match kind_of(original, None) {
        Ok(DocumentKind::Index) => manifests_of(original).as_ref() == Some(&listed),
        Ok(DocumentKind::Manifest) => {
            let digest = digest_text(&sum(original).sha256);
            matches!(listed.as_array().map(Vec::as_slice), Some([one]) if one["digest"] == digest.as_str())
        }
        Err(_) => false,
    }
}

fn manifests_of(index: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Value>(index).ok()?.get("manifests").cloned()
}
