//! Referrers: attachments of an image, such as an SBOM or an attestation. Each is a manifest whose `subject` is the
//! image (image-spec, `manifest.md`), and the blobs that it lists.
//!
//! They are in the tree that holds the image, each in `referrers/` under the digest of its manifest: `manifest.json`,
//! and `blobs/` by their digests.

use std::collections::{BTreeMap, BTreeSet};

use oci_spec::image::{Descriptor, ImageManifest};
use stele_archive::TreeBuilder;
use stele_store::model::{BlobId, Node, Sha256, Tree, TreeId};
use stele_store::{Session, Store};

use super::{MAX_DOCUMENT, RecordError, blob, put_blob};
use crate::document::{self, digest_text, parse_digest};
use crate::grow::GrowError;
use crate::measure::Sum;
use crate::path::ImagePath;

/// Their directory.
const FOLDER: &str = "referrers";
/// The maximum number of blobs of a referrer.
const MAX_BLOBS: usize = 10_000;

/// Something that refers to a manifest of an image, or to another referrer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Referrer {
    /// The digest and size of its manifest.
    pub sum: Sum,
    /// The fields of its manifest.
    pub fields: ReferrerFields,
    /// Its manifest, unchanged.
    pub manifest: Vec<u8>,
    /// Its payloads, including the config, each once.
    pub payloads: Vec<Payload>,
}

/// A blob of a referrer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payload {
    /// Its digest and size in the manifest.
    pub sum: Sum,
    /// Its bytes.
    pub blob: BlobId,
}

/// The fields of a referrer's manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferrerFields {
    /// The manifest that it refers to.
    pub subject: Sha256,
    /// Its type: a media type.
    pub artifact_type: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// The blobs that it lists, the config first.
    pub blobs: Vec<NamedBlob>,
}

/// A blob in a manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedBlob {
    /// Its digest and size.
    pub sum: Sum,
    /// Its media type.
    pub media_type: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Why something cannot be attached or detached.
#[derive(Debug, thiserror::Error)]
pub enum ReferrerError {
    /// The manifest is invalid.
    #[error("the referrer {digest} is invalid: {why}")]
    Manifest {
        /// Its digest.
        digest: String,
        /// What is wrong.
        why: String,
    },
    /// Its subject is not in the image.
    #[error("the image `{image}` has no manifest {subject}")]
    NoSubject {
        /// The image.
        image: String,
        /// The subject.
        subject: String,
    },
    /// There is no such attachment.
    #[error("nothing that begins with {digest} is attached to `{image}`")]
    Absent {
        /// The image.
        image: String,
        /// The requested digest.
        digest: String,
    },
    /// Another referrer has it as its subject.
    #[error("{by} refers to {digest}")]
    Referred {
        /// The digest to detach.
        digest: String,
        /// Its referrer.
        by: String,
    },
}

impl ReferrerFields {
    /// Parses a manifest. `None` when it has no subject, as most.
    ///
    /// # Errors
    /// When the manifest is invalid.
    fn of(manifest: &[u8]) -> Result<Option<Self>, ReferrerError> {
        let fails = |why: String| ReferrerError::Manifest {
            digest: digest_text(&document::sum(manifest).sha256),
            why,
        };
        let parsed: ImageManifest = serde_json::from_slice(manifest).map_err(|e| fails(e.to_string()))?;
        let Some(subject) = parsed.subject() else { return Ok(None) };
        let sha256 = |descriptor: &Descriptor| {
            let text = descriptor.digest().to_string();
            parse_digest(&text).ok_or_else(|| fails(format!("{text} is not a SHA-256 digest")))
        };
        if parsed.layers().len() >= MAX_BLOBS {
            return Err(fails(format!("more than {MAX_BLOBS} blobs")));
        }
        let named = |it: &Descriptor| -> Result<NamedBlob, ReferrerError> {
            Ok(NamedBlob {
                sum: Sum { sha256: sha256(it)?, size: it.size() },
                media_type: it.media_type().to_string(),
                annotations: it.annotations().clone().unwrap_or_default().into_iter().collect(),
            })
        };
        let blobs = [parsed.config()].into_iter().chain(parsed.layers()).map(named);
        // Without an artifact type, the config's media type applies ("Guidelines for Artifact Usage").
        let config = parsed.config().media_type();
        Ok(Some(Self {
            subject: sha256(subject)?,
            artifact_type: parsed.artifact_type().as_ref().unwrap_or(config).to_string(),
            annotations: parsed.annotations().clone().unwrap_or_default().into_iter().collect(),
            blobs: blobs.collect::<Result<_, _>>()?,
        }))
    }

    /// The blobs, each once.
    pub fn once(&self) -> impl Iterator<Item = Sum> {
        let mut seen = BTreeSet::new();
        self.blobs.iter().map(|it| it.sum).filter(move |sum| seen.insert(sum.sha256))
    }
}

impl Referrer {
    /// The referrer with this manifest, without its payloads. `None` when it has no subject.
    ///
    /// # Errors
    /// When the manifest is invalid.
    pub fn of(manifest: Vec<u8>) -> Result<Option<Self>, ReferrerError> {
        let (sum, fields) = (document::sum(&manifest), ReferrerFields::of(&manifest)?);
        Ok(fields.map(|fields| Self { sum, fields, manifest, payloads: Vec::new() }))
    }

    pub(super) fn put(&self, tree: &mut TreeBuilder, session: &Session<'_>) -> Result<(), GrowError> {
        let at = format!("{FOLDER}/{}", self.sum.sha256);
        put_blob(tree, &format!("{at}/manifest.json"), &self.manifest, MAX_DOCUMENT, session)?;
        for payload in &self.payloads {
            let path = ImagePath::new(format!("{at}/blobs/{}", payload.sum.sha256).as_bytes())?;
            tree.put(
                &path.components(),
                Node::File { blob: payload.blob, size: payload.sum.size, executable: false },
            )?;
        }
        Ok(())
    }
}

/// Reads what [`Referrer::put`] put into the tree of an image.
pub(super) fn load(store: &Store, id: &TreeId, tree: &Tree) -> Result<Vec<Referrer>, RecordError> {
    let Some(Node::Directory { tree: folder, .. }) = tree.get(FOLDER.as_bytes()) else {
        return Ok(Vec::new());
    };
    let broken = |what: String| RecordError::NoImage { tree: *id, what };
    let mut referrers = Vec::new();
    for (name, node) in store.tree(folder)?.entries() {
        let Node::Directory { tree: at, .. } = node else {
            return Err(broken(format!("{FOLDER}/{name} is not a directory")));
        };
        let tree = store.tree(at)?;
        let manifest = blob(store, at, &tree, "manifest.json", MAX_DOCUMENT)?;
        let referrer = Referrer::of(manifest).map_err(|e| broken(e.to_string()))?;
        let mut referrer = referrer.ok_or_else(|| broken(format!("{FOLDER}/{name} has no subject")))?;
        let payloads = match tree.get(b"blobs") {
            Some(Node::Directory { tree, .. }) => store.tree(tree)?,
            _ => return Err(broken(format!("{FOLDER}/{name} has no blobs"))),
        };
        let payload = |sum: Sum| match payloads.get(sum.sha256.to_string().as_bytes()) {
            Some(Node::File { blob, size, .. }) if *size == sum.size => Ok(Payload { sum, blob: *blob }),
            _ => Err(broken(format!("{FOLDER}/{name} has no {}", digest_text(&sum.sha256)))),
        };
        referrer.payloads = referrer.fields.once().map(payload).collect::<Result<_, _>>()?;
        referrers.push(referrer);
    }
    Ok(referrers)
}
