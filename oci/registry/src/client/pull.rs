//! Pulling an image: its documents, then the blobs that they name, each verified against its digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use serde::Deserialize;
use stele_http::Method;

use super::coming::fetch;
use super::error::Error;
use super::session::Registry;
use crate::name::Sha256Digest;
use crate::repository::{INDEX, MANIFEST, Manifest};

/// The maximum size of a manifest in bytes: the limit that registries set.
const MAX_MANIFEST: u64 = 4 << 20;
/// The maximum number of manifests in an index.
const MAX_MANIFESTS: usize = 1000;
/// The maximum number of referrers of an image.
const MAX_REFERRERS: usize = 1000;
/// The maximum number of pages of a list of referrers.
const MAX_PAGES: usize = 100;
/// The media types of manifests and indexes that are accepted: OCI's and Docker's.
const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// What was pulled, without its blobs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pulled {
    /// The digest of the requested document.
    pub digest: Sha256Digest,
    /// That document, and those that it lists.
    pub manifests: BTreeMap<Sha256Digest, Manifest>,
    /// Referrers of these, and of other referrers.
    pub referrers: BTreeMap<Sha256Digest, Manifest>,
    /// Why a referrer, or a list of them, could not be fetched. The image does not need it.
    pub missed: Vec<String>,
}

/// A file that a blob is written to.
pub trait BlobFile: Write {
    /// Discards what was written: the blob comes again from its first byte.
    ///
    /// # Errors
    /// When the file cannot be truncated.
    fn restart(&mut self) -> io::Result<()>;
}

impl BlobFile for File {
    fn restart(&mut self) -> io::Result<()> {
        self.set_len(0)?;
        self.seek(SeekFrom::Start(0)).map(drop)
    }
}

/// Creates the file that a blob is written to. It may be used only after the pull succeeded.
pub type Destination<'a> = dyn Fn(&Sha256Digest) -> io::Result<Box<dyn BlobFile>> + 'a;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Document {
    /// Checks that every reader takes it for the same kind of document (CVE-2021-41190): its fields, its media type and
    /// the registry's `Content-Type` must not contradict each other.
    fn check(&self, kind: Option<&str>) -> Result<(), String> {
        let is_index = |media_type: &str| {
            let media_type = media_type.split(';').next().unwrap_or(media_type).trim();
            match media_type {
                INDEX | "application/vnd.docker.distribution.manifest.list.v2+json" => Some(true),
                MANIFEST | "application/vnd.docker.distribution.manifest.v2+json" => Some(false),
                _ => None,
            }
        };
        let by_fields = match (self.manifests.is_some(), self.config.is_some() || self.layers.is_some()) {
            (true, true) => return Err("it is both a manifest and an index".to_owned()),
            (true, false) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        };
        let said = [self.media_type.as_deref().and_then(is_index), kind.and_then(is_index)];
        let known: Vec<bool> = std::iter::once(by_fields).chain(said).flatten().collect();
        match known.windows(2).all(|pair| pair[0] == pair[1]) {
            true => Ok(()),
            false => Err("its media types and fields contradict each other".to_owned()),
        }
    }
}

#[derive(Deserialize, Clone)]
pub(super) struct Descriptor {
    pub(super) digest: Sha256Digest,
    pub(super) size: u64,
    platform: Option<Platform>,
}

#[derive(Deserialize, Clone)]
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    fn is(&self, wanted: &str) -> bool {
        // A platform's default variant may be omitted on either side.
        let usual = match self.architecture.as_str() {
            "arm64" => "v8",
            "arm" => "v7",
            "amd64" => "v1",
            _ => "",
        };
        let plain = format!("{}/{}", self.os, self.architecture);
        let variant = self.variant.as_deref().filter(|it| !it.is_empty()).unwrap_or(usual);
        wanted == plain || (!variant.is_empty() && wanted == format!("{plain}/{variant}"))
    }
}

/// Pulls an image. Of an index, only the image for `platform` when one is given; the result is then that image. With
/// `referring`, referrers are pulled too. `expect` is told how many bytes the image's blobs have, before they come.
///
/// # Errors
/// See [`Error`]. Anything that does not match its digest is an error.
pub fn pull(
    registry: &Registry,
    platform: Option<&str>,
    referring: bool,
    place: &Destination<'_>,
    expect: &dyn Fn(u64),
) -> Result<Pulled, Error> {
    let reference = registry.remote.reference();
    let (mut digest, mut manifest, mut top) = document(registry, &reference)?;
    if let (Some(wanted), Some(all)) = (platform, &top.manifests) {
        let found = all.iter().find(|it| it.platform.as_ref().is_some_and(|it| it.is(wanted)));
        let found = found.ok_or_else(|| Error::Absent {
            registry: registry.remote.to_string(),
            what: format!("image for {wanted}"),
        })?;
        (digest, manifest, top) = document(registry, found.digest.as_str())?;
    }
    let manifests = BTreeMap::from([(digest.clone(), manifest)]);
    let mut pulled = Pulled { digest, manifests, referrers: BTreeMap::new(), missed: Vec::new() };
    let mut images = Vec::new();
    match top.manifests {
        None => images.push(top),
        Some(all) if all.len() > MAX_MANIFESTS => {
            let why = format!("more than {MAX_MANIFESTS} images");
            return Err(Error::Answer { what: reference, why });
        }
        Some(all) => {
            for one in all {
                let (digest, manifest, image) = document(registry, one.digest.as_str())?;
                pulled.manifests.insert(digest, manifest);
                images.push(image);
            }
        }
    }
    let blobs = images.iter().flat_map(|image| image.config.iter().chain(image.layers.iter().flatten()));
    let sizes: BTreeMap<_, _> = blobs.map(|blob| (&blob.digest, blob.size)).collect();
    expect(sizes.values().fold(0, |sum, size| sum.saturating_add(*size)));
    let mut seen = BTreeSet::new();
    for image in images {
        fetch_all(registry, image, &mut seen, place)?;
    }
    if referring {
        referrers(registry, &mut pulled, &mut seen, None, place)?;
    }
    Ok(pulled)
}

/// Pulls the document of an image or index and, with their blobs, its referrers of these artifact types. None of the
/// image's own blobs are fetched.
///
/// # Errors
/// See [`Error`]. Anything that does not match its digest is an error.
pub fn pull_referrers(
    registry: &Registry,
    artifact_types: &[&str],
    place: &Destination<'_>,
) -> Result<Pulled, Error> {
    let (digest, manifest, _) = document(registry, &registry.remote.reference())?;
    let manifests = BTreeMap::from([(digest.clone(), manifest)]);
    let mut pulled = Pulled { digest, manifests, referrers: BTreeMap::new(), missed: Vec::new() };
    referrers(registry, &mut pulled, &mut BTreeSet::new(), Some(artifact_types), place)?;
    Ok(pulled)
}

/// Fetches the missing blobs of an image or referrer.
fn fetch_all(
    registry: &Registry,
    image: Document,
    seen: &mut BTreeSet<Sha256Digest>,
    place: &Destination<'_>,
) -> Result<(), Error> {
    for blob in image.config.into_iter().chain(image.layers.unwrap_or_default()) {
        if !seen.contains(&blob.digest) {
            fetch(registry, &blob, place)?;
            seen.insert(blob.digest);
        }
    }
    Ok(())
}

/// Fetches the referrers of what was pulled, and theirs; with `wanted`, of these artifact types. Failures are
/// recorded as missed: they may be third-party ones, and the image is complete without them.
fn referrers(
    registry: &Registry,
    pulled: &mut Pulled,
    seen: &mut BTreeSet<Sha256Digest>,
    wanted: Option<&[&str]>,
    place: &Destination<'_>,
) -> Result<(), Error> {
    let mut subjects: Vec<Sha256Digest> = pulled.manifests.keys().cloned().collect();
    let mut asked = BTreeSet::new();
    while let Some(subject) = subjects.pop() {
        let listed = match referring(registry, &subject) {
            Err(error) => {
                pulled.missed.push(missed(error)?);
                continue;
            }
            Ok(listed) => listed,
        };
        for digest in listed {
            if pulled.manifests.contains_key(&digest) || !asked.insert(digest.clone()) {
                continue;
            }
            if asked.len() > MAX_REFERRERS {
                pulled.missed.push(format!("more than {MAX_REFERRERS} referrers"));
                return Ok(());
            }
            let got = document(registry, digest.as_str()).and_then(|(digest, manifest, said)| {
                let kind = said.artifact_type.as_deref();
                if wanted.is_some_and(|wanted| kind.is_none_or(|kind| !wanted.contains(&kind))) {
                    return Ok(None);
                }
                fetch_all(registry, said, seen, place)?;
                Ok(Some((digest, manifest)))
            });
            match got {
                Ok(None) => {}
                Ok(Some((digest, manifest))) => {
                    subjects.push(digest.clone());
                    pulled.referrers.insert(digest, manifest);
                }
                Err(error) => pulled.missed.push(missed(error)?),
            }
        }
    }
    Ok(())
}

/// Why something was missed; what would end everything else too is an error.
fn missed(error: Error) -> Result<String, Error> {
    match error {
        Error::Stopped | Error::Io(_) => Err(error),
        error => Ok(error.to_string()),
    }
}

/// The digests of the referrers of a manifest: from the referrers API, or else from the tag derived from the digest
/// ("Listing Referrers").
fn referring(registry: &Registry, subject: &Sha256Digest) -> Result<Vec<Sha256Digest>, Error> {
    #[derive(Deserialize)]
    struct Index {
        manifests: Vec<Listed>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Listed {
        digest: Sha256Digest,
        media_type: String,
    }
    let mut listed = Vec::new();
    let mut next = Some(registry.url(&format!("referrers/{subject}")));
    let by_tag = registry.url(&format!("manifests/{}", subject.fallback_tag()));
    let mut pages = 0;
    while let Some(url) = next.take() {
        let wrong = |why: String| Error::Answer { what: format!("referrers of {subject}"), why };
        let answer = registry.send(&Method::GET, &url, &[("accept", INDEX)], &[])?;
        match answer.status() {
            200 => {}
            // The registry has no such API; each reports that differently.
            501 | 400..=428 | 430..=499 if url != by_tag && pages == 0 => {
                next = Some(by_tag.clone());
                continue;
            }
            404 => break,
            _ => return Err(registry.failure("listing referrers", answer)),
        }
        if url != by_tag {
            next = following(&url, answer.header("link"));
        }
        pages += 1;
        if pages > MAX_PAGES {
            return Err(wrong(format!("more than {MAX_PAGES} pages")));
        }
        let bytes = answer.whole(MAX_MANIFEST).map_err(|e| wrong(e.to_string()))?;
        let index: Index = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        // Indexes that are referrers are not kept.
        let manifests = index.manifests.into_iter().filter(|it| it.media_type == MANIFEST);
        listed.extend(manifests.map(|it| it.digest));
    }
    Ok(listed)
}

/// The next page in a `Link` header (RFC 8288), on the same registry.
fn following(of: &str, link: Option<&str>) -> Option<String> {
    let (target, rest) = link?.trim().strip_prefix('<')?.split_once('>')?;
    let of = url::Url::parse(of).ok()?;
    let next = of.join(target).ok()?;
    (rest.contains("next") && next.origin() == of.origin()).then(|| next.to_string())
}

/// A manifest or index: its digest, its text, and what it lists.
fn document(registry: &Registry, reference: &str) -> Result<(Sha256Digest, Manifest, Document), Error> {
    let url = registry.url(&format!("manifests/{reference}"));
    let wrong = |why: String| Error::Answer { what: format!("manifest {reference}"), why };
    let answer = registry.send(&Method::GET, &url, &[("accept", KINDS)], &[])?;
    match answer.status() {
        200 => {}
        404 => {
            let remote = &registry.remote;
            let what = format!("{} `{reference}`", remote.repository);
            return Err(Error::Absent { registry: remote.registry.clone(), what });
        }
        _ => return Err(registry.failure(&format!("fetching manifest {reference}"), answer)),
    }
    let kind = answer.header("content-type").map(str::to_owned);
    let bytes = answer.whole(MAX_MANIFEST).map_err(|e| wrong(e.to_string()))?;
    let digest = Sha256Digest::of(&bytes);
    if reference.contains(':') && reference != digest.as_str() {
        return Err(Error::Digest { what: format!("manifest {reference}"), found: digest });
    }
    let said: Document = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
    said.check(kind.as_deref()).map_err(wrong)?;
    let text = String::from_utf8(bytes).map_err(|e| wrong(e.to_string()))?;
    let media_type = said.media_type.clone().or(kind).unwrap_or_default();
    Ok((digest, Manifest { media_type, text }, said))
}
