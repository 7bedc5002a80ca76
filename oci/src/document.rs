//! The documents of an image: config, manifest and index (OCI image-spec 1.1), in canonical form.
//!
//! The types are those of `oci-spec`. Some of their maps are unordered, so the canonical text is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use oci_spec::OciSpecError;
use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, DescriptorBuilder, Digest, ImageConfigurationBuilder, ImageIndexBuilder,
    ImageManifestBuilder, MediaType, Os, PlatformBuilder, RootFsBuilder,
};
use serde::{Deserialize, Serialize};
use stele_store::model::Sha256;

use crate::canonical;
use crate::encode::Compression;
use crate::measure::{Measured, Sum};
use crate::record::NamedBlob;
use crate::rfc3339::rfc3339;

/// The schema version of every document.
const SCHEMA: u32 = 2;

/// The empty config of an artifact (image-spec, `manifest.md`, "Guidance for an Empty Descriptor").
pub const EMPTY: &[u8] = b"{}";
/// The annotation of a manifest that says by which encoders its layers were compressed: their bytes, and so the
/// manifest's digest, depend on it.
pub const ENCODER: &str = "stele.encoder";
/// The annotation that names a blob's file (image-spec, `annotations.md`).
pub const TITLE: &str = "org.opencontainers.image.title";

/// The platform of an image, in OCI's names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// Such as `amd64`.
    pub architecture: String,
    /// Such as `linux`.
    pub os: String,
    /// Such as `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// The program and its environment: the `config` of an image's config.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// The program with its first arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// More arguments, which the user may replace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Environment variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The user that runs it: a number or a name, and perhaps a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// Labels of the image.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Ports that it listens on: `8080/tcp`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ports: BTreeSet<String>,
    /// Directories that it writes to.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub volumes: BTreeSet<String>,
    /// The signal that stops it: `SIGTERM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
}

impl Platform {
    /// Whether `wanted` matches it: `OS/ARCHITECTURE`, and perhaps a variant. The default variant of an architecture
    /// (`v8` of arm64, `v7` of arm, `v1` of amd64) may be omitted on either side.
    pub fn is(&self, wanted: &str) -> bool {
        let usual = match self.architecture.as_str() {
            "arm64" => "v8",
            "arm" => "v7",
            "amd64" => "v1",
            _ => "",
        };
        let plain = format!("{}/{}", self.os, self.architecture);
        match wanted.strip_prefix(&plain) {
            Some("") => true,
            Some(rest) => {
                let variant = self.variant.as_deref().filter(|it| !it.is_empty()).unwrap_or(usual);
                !variant.is_empty() && rest.strip_prefix('/') == Some(variant)
            }
            None => false,
        }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// `sha256:` and the digits: how OCI writes a digest.
pub fn digest_text(sha256: &Sha256) -> String {
    format!("sha256:{sha256}")
}

/// The SHA-256 in OCI's notation; `None` for another algorithm or notation.
pub fn parse_digest(text: &str) -> Option<Sha256> {
    text.strip_prefix("sha256:")?.parse().ok()
}

/// The kinds of documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DocumentKind {
    /// The manifest of an image, in OCI's or Docker's format.
    Manifest,
    /// An index, or Docker's list of manifests.
    Index,
}

/// The kind of a document. `said` is the media type in its descriptor; a writer may have omitted that or the document's
/// own, but none may contradict the others: readers would take different images (CVE-2021-41190).
///
/// # Errors
/// With the ambiguity.
pub fn kind_of(document: &[u8], said: Option<&str>) -> Result<DocumentKind, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Any {
        media_type: Option<String>,
        config: Option<serde::de::IgnoredAny>,
        layers: Option<serde::de::IgnoredAny>,
        manifests: Option<serde::de::IgnoredAny>,
    }
    let any: Any = serde_json::from_slice(document).map_err(|e| e.to_string())?;
    let by_fields = match (any.manifests.is_some(), any.config.is_some() || any.layers.is_some()) {
        (true, true) => return Err("it is both a manifest and an index".to_owned()),
        (true, false) => Some(DocumentKind::Index),
        (false, true) => Some(DocumentKind::Manifest),
        (false, false) => None,
    };
    let by_itself = any.media_type.as_deref().and_then(kind_named);
    let known: Vec<DocumentKind> =
        [by_fields, by_itself, said.and_then(kind_named)].into_iter().flatten().collect();
    if known.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err("its media types and fields contradict each other".to_owned());
    }
    known.first().copied().ok_or_else(|| "it is neither a manifest nor an index".to_owned())
}

/// The kind for a media type of manifests or indexes.
fn kind_named(media_type: &str) -> Option<DocumentKind> {
    let media_type = media_type.split(';').next().unwrap_or(media_type).trim();
    match media_type {
        "application/vnd.oci.image.manifest.v1+json"
        | "application/vnd.docker.distribution.manifest.v2+json" => Some(DocumentKind::Manifest),
        "application/vnd.oci.image.index.v1+json"
        | "application/vnd.docker.distribution.manifest.list.v2+json" => Some(DocumentKind::Index),
        _ => None,
    }
}

/// The media type that a document states, or OCI's for its kind.
pub fn media_type_of(document: &[u8], kind: DocumentKind) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Any {
        media_type: Option<String>,
    }
    let own = serde_json::from_slice::<Any>(document).ok().and_then(|any| any.media_type);
    own.filter(|own| kind_named(own) == Some(kind)).unwrap_or_else(|| match kind {
        DocumentKind::Manifest => MediaType::ImageManifest.to_string(),
        DocumentKind::Index => MediaType::ImageIndex.to_string(),
    })
}

/// The SHA-256 and size of a document.
pub fn sum(document: &[u8]) -> Sum {
    Sum { sha256: Sha256::of(document), size: document.len() as u64 }
}

/// The media type of a layer with that compression.
pub fn layer_type(compression: Compression) -> MediaType {
    match compression {
        Compression::None => MediaType::ImageLayer,
        Compression::Gzip => MediaType::ImageLayerGzip,
        Compression::Zstd => MediaType::ImageLayerZstd,
    }
}

/// A descriptor.
///
/// # Errors
/// Never for what this crate makes: the digest is one.
pub fn descriptor(media_type: MediaType, sum: &Sum) -> Result<Descriptor, OciSpecError> {
    let digest: Digest = digest_text(&sum.sha256).parse()?;
    DescriptorBuilder::default().media_type(media_type).digest(digest).size(sum.size).build()
}

/// The config of an image (image-spec, `config.md`). It has no history: attestations record how a layer was built, and
/// the running program sees none of it. Its SHA-256 covers the image's content and how it is run, and no encoder: it is
/// the image's *content digest*.
///
/// # Errors
/// Never for what this crate makes.
pub fn config(
    platform: &Platform,
    epoch: u64,
    run: &Run,
    diff_ids: impl IntoIterator<Item = Sha256>,
) -> Result<Vec<u8>, OciSpecError> {
    let mut config = ConfigBuilder::default();
    if !run.entrypoint.is_empty() {
        config = config.entrypoint(run.entrypoint.clone());
    }
    if !run.cmd.is_empty() {
        config = config.cmd(run.cmd.clone());
    }
    if !run.env.is_empty() {
        let variables = run.env.iter().map(|(name, value)| format!("{name}={value}"));
        config = config.env(variables.collect::<Vec<_>>());
    }
    if let Some(user) = &run.user {
        config = config.user(user.clone());
    }
    if let Some(workdir) = &run.workdir {
        config = config.working_dir(workdir.clone());
    }
    if let Some(labels) = unordered(&run.labels) {
        config = config.labels(labels);
    }
    if !run.ports.is_empty() {
        config = config.exposed_ports(run.ports.iter().cloned().collect::<Vec<_>>());
    }
    if !run.volumes.is_empty() {
        config = config.volumes(run.volumes.iter().cloned().collect::<Vec<_>>());
    }
    if let Some(signal) = &run.stop_signal {
        config = config.stop_signal(signal.clone());
    }
    let diff_ids: Vec<String> = diff_ids.into_iter().map(|id| digest_text(&id)).collect();
    let mut image = ImageConfigurationBuilder::default()
        .created(rfc3339(epoch))
        .architecture(Arch::from(platform.architecture.as_str()))
        .os(Os::from(platform.os.as_str()))
        .rootfs(RootFsBuilder::default().typ("layers").diff_ids(diff_ids).build()?)
        .config(config.build()?);
    if let Some(variant) = &platform.variant {
        image = image.variant(variant.clone());
    }
    Ok(canonical::text(&image.build()?))
}

/// The manifest of an image (image-spec, `manifest.md`).
///
/// # Errors
/// Never for what this crate makes.
pub fn manifest(
    config: &Sum,
    layers: &[(Compression, Measured)],
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, OciSpecError> {
    let encoders = layers.iter().map(|(packed, _)| *packed).filter(|packed| *packed != Compression::None);
    let encoders: BTreeSet<&str> = encoders.map(Compression::encoder).collect();
    let mut annotations = annotations.clone();
    annotations.remove(ENCODER);
    if !encoders.is_empty() {
        annotations.insert(ENCODER.to_owned(), Vec::from_iter(encoders).join("; "));
    }
    let layers = layers.iter().map(|(packed, measured)| descriptor(layer_type(*packed), &measured.packed));
    let mut manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA)
        .media_type(MediaType::ImageManifest)
        .config(descriptor(MediaType::ImageConfig, config)?)
        .layers(layers.collect::<Result<Vec<_>, _>>()?);
    if let Some(annotations) = unordered(&annotations) {
        manifest = manifest.annotations(annotations);
    }
    Ok(canonical::text(&manifest.build()?))
}

/// An index of images for several platforms (image-spec, `image-index.md`).
///
/// # Errors
/// Never for what this crate makes.
pub fn index(
    images: &[(Platform, Sum)],
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, OciSpecError> {
    let entry = |(platform, sum): &(Platform, Sum)| -> Result<Descriptor, OciSpecError> {
        let mut entry = descriptor(MediaType::ImageManifest, sum)?;
        let mut built = PlatformBuilder::default()
            .architecture(Arch::from(platform.architecture.as_str()))
            .os(Os::from(platform.os.as_str()));
        if let Some(variant) = &platform.variant {
            built = built.variant(variant.clone());
        }
        entry.set_platform(Some(built.build()?));
        Ok(entry)
    };
    let mut index = ImageIndexBuilder::default()
        .schema_version(SCHEMA)
        .media_type(MediaType::ImageIndex)
        .manifests(images.iter().map(entry).collect::<Result<Vec<_>, _>>()?);
    if let Some(annotations) = unordered(annotations) {
        index = index.annotations(annotations);
    }
    Ok(canonical::text(&index.build()?))
}

/// An artifact attached to an image, without its subject.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Artifact {
    /// Its type: a media type.
    pub artifact_type: String,
    /// Its blobs.
    pub blobs: Vec<NamedBlob>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// The manifest of an artifact that refers to `subject` (image-spec, `manifest.md`, "Guidelines for Artifact Usage").
/// Attached twice, it has the same digest: it has no date but what its annotations state.
///
/// # Errors
/// Never for what this crate makes.
pub fn artifact(
    artifact: &Artifact,
    subject_type: MediaType,
    subject: &Sum,
) -> Result<Vec<u8>, OciSpecError> {
    let layer = |blob: &NamedBlob| -> Result<Descriptor, OciSpecError> {
        let mut layer = descriptor(MediaType::from(blob.media_type.as_str()), &blob.sum)?;
        layer.set_annotations(unordered(&blob.annotations));
        Ok(layer)
    };
    // A manifest has at least one layer; an artifact without blobs has the empty one.
    let empty = descriptor(MediaType::EmptyJSON, &sum(EMPTY))?;
    let mut layers = artifact.blobs.iter().map(layer).collect::<Result<Vec<_>, _>>()?;
    if layers.is_empty() {
        layers.push(empty.clone());
    }
    let mut manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA)
        .media_type(MediaType::ImageManifest)
        .artifact_type(MediaType::from(artifact.artifact_type.as_str()))
        .config(empty)
        .layers(layers)
        .subject(descriptor(subject_type, subject)?);
    if let Some(annotations) = unordered(&artifact.annotations) {
        manifest = manifest.annotations(annotations);
    }
    Ok(canonical::text(&manifest.build()?))
}

/// The content digest of an index: that of a text which lists the content digests of its images. The index itself lists
/// manifests, which depend on encoders.
pub fn index_content(images: &[(Platform, Sha256)]) -> Sha256 {
    #[derive(Serialize)]
    struct Image<'a> {
        content: String,
        platform: &'a Platform,
    }
    #[derive(Serialize)]
    struct Index<'a> {
        images: Vec<Image<'a>>,
        index: u32,
    }
    let image = |(platform, sha256): &'_ (Platform, Sha256)| (digest_text(sha256), platform.clone());
    let images: Vec<_> = images.iter().map(image).collect();
    let images = images.iter().map(|(content, platform)| Image { content: content.clone(), platform });
    Sha256::of(&canonical::text(&Index { images: images.collect(), index: 1 }))
}

fn unordered(map: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!map.is_empty()).then(|| map.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ambiguous_pulled_document_is_refused() {
        const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
        const INDEX: &str = "application/vnd.oci.image.index.v1+json";
        const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
        let image = r#""config":{},"layers":[]"#;
        let index = r#""manifests":[]"#;
        let own = |kind: &str, fields: &str| format!(r#"{{"mediaType":"{kind}",{fields}}}"#);
        for (document, said) in [
            (format!("{{{image},{index}}}"), None),
            (format!("{{\"layers\":[],{index}}}"), Some(INDEX)),
            (own(MANIFEST, index), None),
            (own(INDEX, image), None),
            (own(MANIFEST, image), Some(INDEX)),
            (own(LIST, index), Some(MANIFEST)),
            (format!("{{{index}}}"), Some(MANIFEST)),
            ("{}".to_owned(), None),
            ("[]".to_owned(), Some(INDEX)),
        ] {
            assert!(kind_of(document.as_bytes(), said).is_err(), "{document} {said:?}");
        }
        for (document, said, kind) in [
            (own(MANIFEST, image), Some(MANIFEST), DocumentKind::Manifest),
            (format!("{{{image}}}"), None, DocumentKind::Manifest),
            (format!("{{{image}}}"), Some("text/plain"), DocumentKind::Manifest),
            (own(LIST, index), Some(INDEX), DocumentKind::Index),
            (
                format!("{{{index}}}"),
                Some("application/vnd.oci.image.index.v1+json; charset=utf-8"),
                DocumentKind::Index,
            ),
            ("{}".to_owned(), Some(INDEX), DocumentKind::Index),
        ] {
            assert_eq!(kind_of(document.as_bytes(), said), Ok(kind), "{document} {said:?}");
        }
    }

    #[test]
    fn a_descriptor_has_the_media_type_that_its_document_has() {
        let docker = "application/vnd.docker.distribution.manifest.v2+json";
        let document = format!(r#"{{"mediaType":"{docker}","config":{{}},"layers":[]}}"#);
        assert_eq!(media_type_of(document.as_bytes(), DocumentKind::Manifest), docker);
        let oci = "application/vnd.oci.image.manifest.v1+json";
        for other in ["{}", r#"{"mediaType":"text/plain"}"#, "no document"] {
            assert_eq!(media_type_of(other.as_bytes(), DocumentKind::Manifest), oci, "{other}");
        }
    }

    #[test]
    fn the_default_variant_of_a_platform_may_be_omitted() {
        let platform = |architecture: &str, variant: Option<&str>| Platform {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
            variant: variant.map(str::to_owned),
        };
        for (architecture, variant, wanted, is) in [
            ("arm64", None, "linux/arm64", true),
            ("arm64", None, "linux/arm64/v8", true),
            ("arm64", Some("v8"), "linux/arm64", true),
            ("arm64", Some("v9"), "linux/arm64/v8", false),
            ("arm", None, "linux/arm/v7", true),
            ("arm", None, "linux/arm/v6", false),
            ("arm", Some("v6"), "linux/arm/v6", true),
            ("amd64", None, "linux/amd64/v1", true),
            ("amd64", None, "linux/amd64/v2", false),
            ("amd64", None, "linux/amd6", false),
            ("riscv64", None, "linux/riscv64/", false),
            ("amd64", None, "windows/amd64", false),
        ] {
            assert_eq!(platform(architecture, variant).is(wanted), is, "{architecture} {variant:?} {wanted}");
        }
    }

    #[test]
    fn a_manifest_says_which_encoders_its_bytes_depend_on() {
        let some = sum(b"layer");
        let measured = Measured { plain: some, packed: some };
        let annotation = |layers: &[Compression], given: &[(&str, &str)]| {
            let layers: Vec<_> = layers.iter().map(|packed| (*packed, measured)).collect();
            let given = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let manifest: serde_json::Value =
                serde_json::from_slice(&manifest(&some, &layers, &given).unwrap()).unwrap();
            manifest["annotations"][ENCODER].as_str().map(str::to_owned)
        };
        let (gzip, zstd) = (Compression::Gzip.encoder(), Compression::Zstd.encoder());
        assert_eq!(annotation(&[Compression::None], &[]), None);
        assert_eq!(annotation(&[Compression::Gzip, Compression::Gzip], &[]).as_deref(), Some(gzip));
        let both = format!("{gzip}; {zstd}");
        assert_eq!(annotation(&[Compression::Zstd, Compression::Gzip], &[]), Some(both));
        // An import's manifest is made anew, and says what holds now.
        assert_eq!(annotation(&[Compression::None], &[(ENCODER, "old")]), None);
        assert_eq!(annotation(&[Compression::Zstd], &[(ENCODER, "old")]).as_deref(), Some(zstd));
    }

    #[test]
    fn documents_do_not_depend_on_the_order_of_a_map() {
        let many =
            |count: u32| (0..count).map(|n| (format!("key{n}"), "x".to_owned())).collect::<BTreeMap<_, _>>();
        let run = Run {
            labels: many(50),
            ports: (1..50).map(|n| format!("{n}/tcp")).collect(),
            volumes: (1..50).map(|n| format!("/v{n}")).collect(),
            ..Run::default()
        };
        let platform = Platform { architecture: "amd64".into(), os: "linux".into(), variant: None };
        let first = config(&platform, 0, &run, []).unwrap();
        for _ in 0..20 {
            assert_eq!(config(&platform, 0, &run, []).unwrap(), first);
        }
    }
}
