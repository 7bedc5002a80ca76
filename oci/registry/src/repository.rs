//! The content of a repository: documents, and the digests of blobs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{Sha256Digest, Tag};

/// A repository at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Repository {
    /// Identifies the state, for requests for blobs: equal versions are equal states.
    pub version: String,
    /// The digest that each tag points to.
    pub tags: BTreeMap<Tag, Sha256Digest>,
    /// Manifests and indexes, those of referrers too.
    pub manifests: BTreeMap<Sha256Digest, Manifest>,
    /// Blobs and their sizes in bytes.
    pub blobs: BTreeMap<Sha256Digest, u64>,
    /// The referrers of each manifest.
    #[serde(default)]
    pub referrers: BTreeMap<Sha256Digest, Vec<Referrer>>,
}

/// A manifest or index.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Its media type.
    pub media_type: String,
    /// Its text, unchanged.
    pub text: String,
}

/// A referrer: a descriptor as the referrers API lists it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    /// The media type of its manifest.
    pub media_type: String,
    /// The digest of its manifest.
    pub digest: Sha256Digest,
    /// Size of its manifest in bytes.
    pub size: u64,
    /// The type of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The annotations of its manifest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An index of these referrers, as the referrers API answers it.
pub(crate) fn index_of<'a>(referrers: impl Iterator<Item = &'a Referrer>) -> String {
    let manifests: Vec<_> = referrers.collect();
    serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests }).to_string()
}

impl Repository {
    /// Adds what clients without the referrers API look for: an index of a manifest's referrers, under a tag derived
    /// from its digest ("Referrers tag schema").
    pub fn add_fallback_tags(&mut self) {
        for (subject, referrers) in &self.referrers {
            let text = index_of(referrers.iter());
            let digest = Sha256Digest::of(text.as_bytes());
            self.tags.entry(subject.fallback_tag()).or_insert_with(|| digest.clone());
            self.manifests.insert(digest, Manifest { media_type: INDEX.to_owned(), text });
        }
    }
}
