//! Referrers: what was attached to an image, such as an SBOM or an attestation. Each is a manifest whose `subject` is
//! the image (image-spec, `manifest.md`), and the blobs that it names.
//!
//! They lie in the tree that keeps the image, each in `referrers/` under the digest of its manifest: `manifest.json`,
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

/// The directory that they lie in.
const FOLDER: &str = "referrers";
/// The most blobs that a referrer may name.
const MAX_BLOBS: usize = 10_000;

/// Something that refers to a manifest of an image, or to another referrer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Referrer {
    /// The digest and size of its manifest.
    pub sum: Sum,
    /// What its manifest says.
    pub fields: ReferrerFields,
    /// Its manifest, as it is.
    pub manifest: Vec<u8>,
    /// What it brings, the config among it, each once.
    pub payloads: Vec<Payload>,
}

/// A blob of a referrer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payload {
    /// What the manifest calls it.
    pub sum: Sum,
    /// Its bytes.
    pub blob: BlobId,
}

/// What the manifest of a referrer says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferrerFields {
    /// The manifest that it refers to.
    pub subject: Sha256,
    /// What it is: a media type.
    pub artifact_type: String,
    /// What else is to be known of it.
    pub annotations: BTreeMap<String, String>,
    /// The blobs that it names, the config first.
    pub blobs: Vec<NamedBlob>,
}

/// A blob as the manifest names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedBlob {
    /// Its digest and size.
    pub sum: Sum,
    /// What it is.
    pub media_type: String,
    /// What else is to be known of it.
    pub annotations: BTreeMap<String, String>,
}

/// Why something cannot be attached or detached.
#[derive(Debug, thiserror::Error)]
pub enum ReferrerError {
    /// The manifest will not do.
    #[error("the referrer {digest} will not do: {why}")]
    Manifest {
        /// What it is called.
        digest: String,
        /// What is wrong.
        why: String,
    },
    /// It refers to something else.
    #[error("the image `{image}` has no manifest {subject} that something could refer to")]
    NoSubject {
        /// The image.
        image: String,
        /// What was to be referred to.
        subject: String,
    },
    /// No such thing is attached.
    #[error("nothing that begins with {digest} is attached to `{image}`")]
    Absent {
        /// The image.
        image: String,
        /// What was asked for.
        digest: String,
    },
    /// Something is attached to it.
    #[error("{by} refers to {digest}")]
    Referred {
        /// What was to be detached.
        digest: String,
        /// What is attached to it.
        by: String,
    },
}

impl ReferrerFields {
    /// What a manifest says. `None` when it refers to nothing, as most do.
    ///
    /// # Errors
    /// With what is wrong with it.
    fn of(manifest: &[u8]) -> Result<Option<Self>, ReferrerError> {
        let fails = |why: String| ReferrerError::Manifest {
            digest: digest_text(&document::sum(manifest).sha256),
            why,
        };
        let parsed: ImageManifest = serde_json::from_slice(manifest).map_err(|e| fails(e.to_string()))?;
        let Some(subject) = parsed.subject() else { return Ok(None) };
        let sha256 = |descriptor: &Descriptor| {
            let text = descriptor.digest().to_string();
            parse_digest(&text).ok_or_else(|| fails(format!("{text} is no digest by SHA-256")))
        };
        if parsed.layers().len() >= MAX_BLOBS {
            return Err(fails(format!("it names more than {MAX_BLOBS} blobs")));
        }
        let named = |it: &Descriptor| -> Result<NamedBlob, ReferrerError> {
            Ok(NamedBlob {
                sum: Sum { sha256: sha256(it)?, size: it.size() },
                media_type: it.media_type().to_string(),
                annotations: it.annotations().clone().unwrap_or_default().into_iter().collect(),
            })
        };
        let blobs = [parsed.config()].into_iter().chain(parsed.layers()).map(named);
        // Who says no type of its own means that of its config ("Guidelines for Artifact Usage").
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
    /// What a manifest is that refers to something, without its payloads. `None` when it refers to nothing.
    ///
    /// # Errors
    /// With what is wrong with it.
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
            return Err(broken(format!("{FOLDER}/{name} is no directory")));
        };
        let tree = store.tree(at)?;
        let manifest = blob(store, at, &tree, "manifest.json", MAX_DOCUMENT)?;
        let referrer = Referrer::of(manifest).map_err(|e| broken(e.to_string()))?;
        let mut referrer = referrer.ok_or_else(|| broken(format!("{FOLDER}/{name} refers to nothing")))?;
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
