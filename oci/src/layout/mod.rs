//! Exports: OCI image layouts (image-spec, `image-layout.md`), as a folder or an archive, and Docker's archives.

mod archive;
mod beside;
mod folder;
mod wrapper;

use std::io;
use std::path::{Path, PathBuf};

use oci_spec::OciSpecError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stele_store::Cancelled;

use crate::blobs::BlobError;
use crate::document::{DocumentKind, Platform, digest_text, media_type_of, sum};
use crate::record::{Record, Referrer, Top};

pub use archive::{docker_archive, oci_archive};
pub use folder::folder;
pub(crate) use wrapper::{ORIGINAL, wraps};

/// The annotation with the name of an image in an index (image-spec, `annotations.md`).
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// In an archive: the digest of a list of the image's referrers. An archive has one image and no other entry, since
/// engines that are given no name take the only one.
pub const REFERRERS: &str = "stele.referrers";
/// The content of the file `oci-layout`.
pub const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// The maximum size in bytes of an `index.json` that is read.
pub const MAX_INDEX: u64 = 16 << 20;

/// The result of an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Exported {
    /// Blobs that were written.
    pub written: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that existed already.
    pub kept: u64,
    /// Whether nothing had to be changed.
    pub unchanged: bool,
}

/// Why an export failed. A folder may then have blobs that no index lists yet.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// An I/O error of a file or folder.
    #[error("{path} could not be {doing}: {source}")]
    File {
        /// The path.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The target is something else.
    #[error("{path} exists, and is not {what}")]
    Occupied {
        /// The target.
        path: PathBuf,
        /// What it has to be.
        what: &'static str,
    },
    /// The existing layout cannot be added to.
    #[error("the layout in {path} cannot be added to: {what}")]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Not a valid name for an image there.
    #[error("{text:?} is not a valid image name in {place}")]
    Reference {
        /// The text.
        text: String,
        /// The kind of target.
        place: &'static str,
    },
    /// An archive of Docker's format has images for one platform.
    #[error("the index has images for {platforms}, and a Docker archive takes one")]
    Several {
        /// All of them.
        platforms: String,
    },
    /// The index has no image for that platform.
    #[error("the image is for {platforms}, not for {wanted}")]
    NoPlatform {
        /// The requested platform.
        wanted: String,
        /// The existing platforms.
        platforms: String,
    },
    /// A blob could not be generated.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A document could not be generated.
    #[error("the index cannot be made: {0}")]
    Document(#[from] OciSpecError),
    /// The user stopped it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl ExportError {
    fn file(path: &Path, doing: &'static str, source: impl Into<io::Error>) -> Self {
        Self::File { path: path.to_owned(), doing, source: source.into() }
    }

    /// Whether the disk or the quota is full.
    pub fn is_no_space(&self) -> bool {
        let source = match self {
            Self::File { source, .. } | Self::Blob(BlobError::Sink(source)) => source,
            _ => return false,
        };
        stele_store::is_no_space(source)
    }
}

/// Refuses a text that cannot name an image in a layout.
fn named(reference: &str) -> Result<(), ExportError> {
    match is_reference(reference) {
        true => Ok(()),
        false => Err(ExportError::Reference { text: reference.to_owned(), place: "a layout" }),
    }
}

/// Whether `text` can name an image in an index: the grammar that the specification gives (`annotations.md`,
/// "ref.name").
pub fn is_reference(text: &str) -> bool {
    let component = |part: &str| {
        let alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let known = part.chars().all(|c| c.is_ascii_alphanumeric() || "-._:@+".contains(c));
        let marks = part.as_bytes().windows(2).all(|pair| {
            let both = pair.iter().all(|byte| !byte.is_ascii_alphanumeric());
            !both || pair == b"--"
        });
        known && marks && alphanumeric(part.chars().next()) && alphanumeric(part.chars().next_back())
    };
    text.len() <= 255 && text.split('/').all(component)
}

/// The entry of the image in an `index.json`, by way of its wrapper, if it has one.
fn entry(record: &Record, reference: &str, wrapper: Option<&[u8]>) -> Value {
    let document = sum(record.document());
    if let Some(wrapper) = wrapper {
        let mut entry = wrapper::entry(wrapper, &document.sha256);
        entry["annotations"][REF_NAME] = reference.into();
        return entry;
    }
    let (kind, platform) = match &record.top {
        Top::Image(image) => (DocumentKind::Manifest, Some(&image.platform)),
        Top::Index(_) => (DocumentKind::Index, None),
    };
    let mut entry = json!({
        "mediaType": media_type_of(record.document(), kind),
        "digest": digest_text(&document.sha256),
        "size": document.size,
        "annotations": { REF_NAME: reference },
    });
    if let (Some(platform), Some(entry)) = (platform.map(platform_value), entry.as_object_mut()) {
        entry.insert("platform".to_owned(), platform);
    }
    entry
}

/// The entry of a referrer in an `index.json`. It has no name: clients find it by its subject.
fn referrer_entry(referrer: &Referrer) -> Value {
    let sum = referrer.sum;
    let mut entry = json!({
        "mediaType": media_type_of(&referrer.manifest, DocumentKind::Manifest),
        "digest": digest_text(&sum.sha256),
        "size": sum.size,
        "artifactType": referrer.fields.artifact_type,
    });
    let mut annotations = referrer.fields.annotations.clone();
    annotations.remove(REF_NAME);
    if let (false, Some(entry)) = (annotations.is_empty(), entry.as_object_mut()) {
        entry.insert("annotations".to_owned(), json!(annotations));
    }
    entry
}

fn platform_value(platform: &Platform) -> Value {
    let mut value = json!({ "architecture": platform.architecture, "os": platform.os });
    if let (Some(variant), Some(value)) = (&platform.variant, value.as_object_mut()) {
        value.insert("variant".to_owned(), variant.as_str().into());
    }
    value
}

fn reference_of(entry: &Value) -> Option<&str> {
    entry.get("annotations")?.get(REF_NAME)?.as_str()
}

/// The `index.json` of an archive, and the documents that it names beside those of the image: a wrapper, and the list
/// of the image's referrers, if any.
fn alone(record: &Record, reference: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let index = |entries: Vec<Value>| {
        crate::canonical::text(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": entries,
        }))
    };
    let mut beside: Vec<Vec<u8>> = wrapper::wrapper(record).into_iter().collect();
    let mut entry = entry(record, reference, beside.first().map(Vec::as_slice));
    if !record.referrers.is_empty() {
        let list = index(record.referrers.iter().map(referrer_entry).collect());
        entry["annotations"][REFERRERS] = digest_text(&sum(&list).sha256).into();
        beside.push(list);
    }
    (index(vec![entry]), beside)
}

/// An `index.json` with the image in it, replacing another of its name. Other entries stay unchanged.
fn with_entry(
    index: Option<Value>,
    record: &Record,
    reference: &str,
    wrapper: Option<&[u8]>,
) -> Result<Vec<u8>, String> {
    let mut index = index.unwrap_or_else(|| {
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [],
        })
    });
    if index.get("schemaVersion") != Some(&json!(2)) {
        return Err("its index.json is not of schema version 2".to_owned());
    }
    let manifests = index.get_mut("manifests").and_then(Value::as_array_mut);
    let manifests = manifests.ok_or("its index.json has no list `manifests`")?;
    manifests.retain(|entry| reference_of(entry) != Some(reference));
    manifests.push(entry(record, reference, wrapper));
    for referrer in &record.referrers {
        let entry = referrer_entry(referrer);
        manifests.retain(|it| reference_of(it).is_some() || it.get("digest") != entry.get("digest"));
        manifests.push(entry);
    }
    // By name, so that the order of exports does not show. Entries without a name are not runnable.
    let key = |entry: &Value| {
        let name = reference_of(entry).map(str::to_owned);
        let digest = entry.get("digest").and_then(Value::as_str).unwrap_or_default().to_owned();
        (name.is_none(), name, digest)
    };
    manifests.sort_by_cached_key(key);
    Ok(crate::canonical::text(&index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_follow_the_specification() {
        for text in ["hello", "hello:1.0", "a/b/c:tag@x", "a--b", "1.2.3", "A+B"] {
            assert!(is_reference(text), "{text} was refused");
        }
        for text in ["", "-a", "a-", "a..b", "a b", "a//b", "/a", "é", "a\n", "a.-b"] {
            assert!(!is_reference(text), "{text:?} was taken");
        }
    }
}
