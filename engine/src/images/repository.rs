//! An image as a registry repository of the same name.

use std::collections::BTreeMap;

use serde::Deserialize;

use stele_oci::{BlobError, Record, Top};
use stele_registry::{INDEX, MANIFEST, Manifest, Referrer, Repository, RepositoryName, Sha256Digest, Tag};
use stele_store::model::TreeId;

use crate::failure::{Failure, Kind};

/// The tag that every image has.
const LATEST: &str = "latest";
/// The annotation with an image's version (image-spec, "Pre-Defined Annotation Keys"), which is also a tag.
const VERSION: &str = "org.opencontainers.image.version";

/// The artifact type of cosign's signatures. Engines that enforce them look under a tag derived from the image's
/// digest.
pub const SIGNATURES: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// The fields of a manifest or index that matter here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestFields {
    media_type: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// The image `name`, kept in `tree`.
///
/// # Errors
/// When it cannot be served.
pub fn repository(name: &str, tree: &TreeId, record: &Record) -> Result<Repository, Failure> {
    name.parse::<RepositoryName>().map_err(|why| {
        Failure::new(Kind::Usage, format!("`{name}` is not a valid repository name: {why}"))
    })?;
    kept(tree, record)
}

/// The image kept in `tree`, under any name.
///
/// # Errors
/// When its bytes are not available.
pub fn kept(tree: &TreeId, record: &Record) -> Result<Repository, Failure> {
    let mut repository = Repository { version: tree.to_string(), ..Repository::default() };
    for image in record.images() {
        for layer in &image.layers {
            if !layer.exact {
                return Err(BlobError::Inexact { origin: layer.origin.clone() }.into());
            }
            let packed = layer.measured.packed;
            repository.blobs.insert(Sha256Digest::from(*packed.sha256.as_bytes()), packed.size);
        }
        repository.blobs.insert(Sha256Digest::of(&image.config), image.config.len() as u64);
        add(&mut repository, &image.manifest, MANIFEST)?;
    }
    let top = match &record.top {
        Top::Image(image) => add(&mut repository, &image.manifest, MANIFEST)?,
        Top::Index(index) => add(&mut repository, &index.index, INDEX)?,
    };
    for referrer in &record.referrers {
        for payload in &referrer.payloads {
            let digest = Sha256Digest::from(*payload.sum.sha256.as_bytes());
            repository.blobs.insert(digest, payload.sum.size);
        }
        let (digest, _) = add(&mut repository, &referrer.manifest, MANIFEST)?;
        let listed = Referrer {
            media_type: MANIFEST.to_owned(),
            digest,
            size: referrer.manifest.len() as u64,
            artifact_type: Some(referrer.fields.artifact_type.clone()),
            annotations: referrer.fields.annotations.clone(),
        };
        let subject = Sha256Digest::from(*referrer.fields.subject.as_bytes());
        if referrer.fields.artifact_type == SIGNATURES
            && let Ok(tag) = format!("{}.sig", subject.as_str().replace(':', "-")).parse::<Tag>()
        {
            repository.tags.insert(tag, listed.digest.clone());
        }
        repository.referrers.entry(subject).or_default().push(listed);
    }
    for tag in [Some(LATEST.to_owned()), top.1].into_iter().flatten() {
        // A version that is not a valid tag is ignored.
        if let Ok(tag) = tag.parse::<Tag>() {
            repository.tags.insert(tag, top.0.clone());
        }
    }
    Ok(repository)
}

/// Adds a manifest or index; returns its digest and its version.
fn add(
    repository: &mut Repository,
    bytes: &[u8],
    usual: &str,
) -> Result<(Sha256Digest, Option<String>), Failure> {
    let text = String::from_utf8(bytes.to_vec())
        .map_err(|_| Failure::new(Kind::Failed, "a document of the image is not UTF-8"))?;
    let fields: ManifestFields = serde_json::from_str(&text)
        .unwrap_or(ManifestFields { media_type: None, annotations: BTreeMap::new() });
    let digest = Sha256Digest::of(bytes);
    let media_type = fields.media_type.unwrap_or_else(|| usual.to_owned());
    repository.manifests.insert(digest.clone(), Manifest { media_type, text });
    Ok((digest, fields.annotations.get(VERSION).cloned()))
}
