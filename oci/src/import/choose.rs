//! Selects an image of a layout or archive, and lists its parts.

use std::collections::BTreeMap;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde::{Deserialize, Deserializer};

use super::ImportError;
use super::open_layout::OpenLayout;
use crate::document::{DocumentKind, kind_of, parse_digest, sum};
use crate::layout::{MAX_INDEX, ORIGINAL, REF_NAME, REFERRERS, wraps};
use crate::measure::Sum;
use crate::record::{MAX_DOCUMENT, MAX_IMAGES, Referrer};

/// The maximum number of referrers in a layout.
const MAX_REFERRERS: usize = 1000;
/// The full name of an image, which containerd, and Docker since 25, write beside the bare tag.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// A blob, by the file that holds it.
pub(super) struct Named {
    pub(super) file: String,
    /// Its stated digest and size. Docker's archives state none.
    pub(super) sum: Option<Sum>,
}

impl Named {
    /// A blob of a layout.
    pub(super) fn blob(sum: Sum) -> Self {
        Self { file: format!("blobs/sha256/{}", sum.sha256), sum: Some(sum) }
    }
}

/// A manifest.
pub(super) struct Manifest {
    /// Its text; `None` in Docker's archives.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) config: Named,
    pub(super) layers: Vec<Named>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// The selected image or index.
pub(super) struct Choice {
    pub(super) reference: Option<String>,
    pub(super) manifests: Vec<Manifest>,
    /// The index that lists them, if any.
    pub(super) index: Option<Vec<u8>>,
    /// Whether everything that the index lists is among them.
    pub(super) whole: bool,
    /// The referrers in the layout, without their payloads.
    pub(super) referrers: Vec<Referrer>,
}

#[derive(Deserialize)]
struct DockerImage {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    /// Docker writes null for an empty list.
    #[serde(rename = "Layers", default, deserialize_with = "null_is_none")]
    layers: Vec<String>,
}

fn document(what: &str, why: impl std::fmt::Display) -> ImportError {
    ImportError::Document { what: what.to_owned(), why: why.to_string() }
}

fn null_is_none<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Option::<Vec<String>>::deserialize(from).map(Option::unwrap_or_default)
}

impl OpenLayout {
    /// The image named `wanted`, or the only one.
    pub(super) fn choose(&self, wanted: Option<&str>) -> Result<Choice, ImportError> {
        if let Some(text) = self.read("oci-layout", MAX_DOCUMENT)? {
            let layout: serde_json::Value =
                serde_json::from_slice(&text).map_err(|e| document("oci-layout", e))?;
            match layout.get("imageLayoutVersion").and_then(serde_json::Value::as_str) {
                Some(version) if version.starts_with("1.") => return self.layout(wanted),
                _ => return Err(document("oci-layout", "its version is not 1")),
            }
        }
        if let Some(text) = self.read("manifest.json", MAX_DOCUMENT)? {
            return docker(&text, wanted);
        }
        let what = "neither an OCI layout (it has no file oci-layout) nor a Docker archive".to_owned();
        Err(ImportError::Unknown { path: self.path().to_owned(), what })
    }

    fn layout(&self, wanted: Option<&str>) -> Result<Choice, ImportError> {
        let text = self.read("index.json", MAX_INDEX)?;
        let text = text.ok_or_else(|| ImportError::Missing { blob: "index.json".to_owned() })?;
        let index: ImageIndex = serde_json::from_slice(&text).map_err(|e| document("index.json", e))?;
        let (mut images, mut referrers) = (Vec::new(), Vec::new());
        for entry in index.manifests() {
            match names(entry).is_empty().then(|| self.referrer(entry)).transpose()?.flatten() {
                Some(_) if referrers.len() == MAX_REFERRERS => {
                    return Err(document("index.json", format!("more than {MAX_REFERRERS} referrers")));
                }
                Some(manifest) => referrers.push(manifest),
                None => images.push(entry),
            }
        }
        let entry = *pick(&images, wanted, |entry| names(entry))?;
        let reference = wanted.map(str::to_owned).or_else(|| names(entry).into_iter().next());
        self.listed_beside(entry, &mut referrers)?;
        let listed = self.document(&named(entry)?)?;
        let found = kind(entry, &listed)?;
        let (found, bytes) = match self.original(entry, &listed)? {
            Some(bytes) => (kind_of(&bytes, None).map_err(|why| document("the image", why))?, bytes),
            None => (found, listed),
        };
        if found == DocumentKind::Manifest {
            let manifests = vec![manifest(&bytes)?];
            return Ok(Choice { reference, manifests, index: None, whole: true, referrers });
        }
        let inner: ImageIndex = serde_json::from_slice(&bytes).map_err(|e| document("the index", e))?;
        if inner.manifests().len() > MAX_IMAGES {
            return Err(document("the index", format!("more than {MAX_IMAGES} manifests")));
        }
        let mut manifests = Vec::new();
        let mut whole = true;
        for entry in inner.manifests() {
            // Attestations and the like have entries beside images, with no platform.
            let runs = entry.platform().as_ref().is_none_or(|it| it.os().to_string() != "unknown");
            let there = runs && self.file(&named(entry)?.file)?.is_some();
            whole &= there;
            if there {
                let bytes = self.document(&named(entry)?)?;
                if kind(entry, &bytes)? == DocumentKind::Index {
                    return Err(document("the index", "it lists another index"));
                }
                manifests.push(manifest(&bytes)?);
            }
        }
        Ok(Choice { reference, manifests, index: Some(bytes), whole, referrers })
    }

    /// The document that an entry's index wraps, if this program exported it, and it is there.
    fn original(&self, entry: &Descriptor, wrapper: &[u8]) -> Result<Option<Vec<u8>>, ImportError> {
        let stated = entry.annotations().as_ref().and_then(|it| it.get(ORIGINAL));
        let Some(sha256) = stated.and_then(|digest| parse_digest(digest)) else { return Ok(None) };
        let Some(bytes) = self.read(&format!("blobs/sha256/{sha256}"), MAX_DOCUMENT)? else {
            return Ok(None);
        };
        match sum(&bytes).sha256 == sha256 && wraps(wrapper, &bytes) {
            true => Ok(Some(bytes)),
            false => {
                Err(document("the index", "its images are not those of the document that it stands for"))
            }
        }
    }

    /// Adds the referrers that this program's archives list beside their one image.
    fn listed_beside(&self, entry: &Descriptor, referrers: &mut Vec<Referrer>) -> Result<(), ImportError> {
        let list = entry.annotations().as_ref().and_then(|it| it.get(REFERRERS));
        let Some(sha256) = list.and_then(|digest| parse_digest(digest)) else { return Ok(()) };
        let Some(text) = self.read(&format!("blobs/sha256/{sha256}"), MAX_INDEX)? else { return Ok(()) };
        let index: ImageIndex =
            serde_json::from_slice(&text).map_err(|e| document("the list of referrers", e))?;
        if index.manifests().len() > MAX_REFERRERS {
            let why = format!("more than {MAX_REFERRERS} entries");
            return Err(document("the list of referrers", why));
        }
        for entry in index.manifests() {
            referrers.extend(self.referrer(entry)?);
        }
        Ok(())
    }

    /// The referrer of an entry without a name, if it exists and refers to something.
    fn referrer(&self, entry: &Descriptor) -> Result<Option<Referrer>, ImportError> {
        let named = named(entry)?;
        if self.file(&named.file)?.is_none() {
            return Ok(None);
        }
        let bytes = self.document(&named)?;
        // Indexes that are referrers, and ambiguous documents, are not kept.
        if kind(entry, &bytes).ok() != Some(DocumentKind::Manifest) {
            return Ok(None);
        }
        // A document that is not a manifest is not a referrer.
        Ok(Referrer::of(bytes).unwrap_or_default())
    }
}

fn named(entry: &Descriptor) -> Result<Named, ImportError> {
    let text = entry.digest().to_string();
    let sha256 = parse_digest(&text);
    let sha256 = sha256.ok_or_else(|| document(&text, "only SHA-256 digests are supported"))?;
    Ok(Named::blob(Sum { sha256, size: entry.size() }))
}

/// The kind of an entry's document.
fn kind(entry: &Descriptor, bytes: &[u8]) -> Result<DocumentKind, ImportError> {
    let digest = entry.digest().to_string();
    kind_of(bytes, Some(entry.media_type().as_ref())).map_err(|why| document(&digest, why))
}

/// The names of an entry of an index: its full name, as users write it, if it has one, and that of the specification.
fn names(entry: &Descriptor) -> Vec<String> {
    let Some(annotations) = entry.annotations() else { return Vec::new() };
    let mut names = Vec::new();
    if let Some(whole) = annotations.get(CONTAINERD_NAME) {
        let familiar = whole.strip_prefix("docker.io/").unwrap_or(whole);
        let familiar = familiar.strip_prefix("library/").filter(|it| !it.contains('/')).unwrap_or(familiar);
        names.extend([familiar.to_owned(), whole.clone()]);
    }
    names.extend(annotations.get(REF_NAME).cloned());
    names.dedup();
    names
}

fn manifest(bytes: &[u8]) -> Result<Manifest, ImportError> {
    let mut value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|e| document("the manifest", e))?;
    // Go writes null for an image without layers.
    if let Some(layers) = value.get_mut("layers").filter(|layers| layers.is_null()) {
        *layers = serde_json::Value::Array(Vec::new());
    }
    let manifest: ImageManifest = serde_json::from_value(value).map_err(|e| document("the manifest", e))?;
    let layers = manifest.layers().iter().map(named);
    let annotations = manifest.annotations().clone().unwrap_or_default();
    Ok(Manifest {
        bytes: Some(bytes.to_vec()),
        config: named(manifest.config())?,
        layers: layers.collect::<Result<_, _>>()?,
        annotations: annotations.into_iter().collect(),
    })
}

fn docker(text: &[u8], wanted: Option<&str>) -> Result<Choice, ImportError> {
    let images: Vec<DockerImage> = serde_json::from_slice(text).map_err(|e| document("manifest.json", e))?;
    let image = pick(&images, wanted, |image| image.tags.clone().unwrap_or_default())?;
    let of = |file: &String| Named { file: file.clone(), sum: None };
    let manifest = Manifest {
        bytes: None,
        config: of(&image.config),
        layers: image.layers.iter().map(of).collect(),
        annotations: BTreeMap::new(),
    };
    let reference = wanted.map(str::to_owned).or_else(|| image.tags.iter().flatten().next().cloned());
    Ok(Choice { reference, manifests: vec![manifest], index: None, whole: true, referrers: Vec::new() })
}

/// The one named `wanted`, or the only one.
fn pick<'a, T>(
    all: &'a [T],
    wanted: Option<&str>,
    names: impl Fn(&T) -> Vec<String>,
) -> Result<&'a T, ImportError> {
    let called = |it: &T| match names(it) {
        names if names.is_empty() => "one without a name".to_owned(),
        // Third-party names.
        names => names.join(", ").escape_debug().to_string(),
    };
    let shown = || match all.is_empty() {
        true => "none".to_owned(),
        false => all.iter().take(20).map(called).collect::<Vec<_>>().join(", "),
    };
    match (wanted, all) {
        (Some(wanted), _) => {
            let mut found = all.iter().filter(|it| names(it).iter().any(|name| name == wanted));
            match (found.next(), found.next()) {
                (Some(one), None) => Ok(one),
                (Some(_), Some(_)) => Err(ImportError::Several { names: shown() }),
                (None, _) => Err(ImportError::NoImage { wanted: wanted.to_owned(), names: shown() }),
            }
        }
        (None, [one]) => Ok(one),
        (None, []) => Err(ImportError::Amount { what: "no manifest" }),
        (None, _) => Err(ImportError::Several { names: shown() }),
    }
}
