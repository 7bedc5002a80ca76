//! Pulling an image: its documents, then the blobs that they name, each compared with its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use stele_http::{Download, HttpError, Method, Retry, Start};

use super::error::Error;
use super::session::Registry;
use crate::name::Sha256Digest;
use crate::repository::{INDEX, MANIFEST, Manifest};

/// The most bytes of a manifest: the bound that registries set.
const MANIFEST_MOST: u64 = 4 << 20;
/// The most manifests of an index.
const MANIFESTS_MOST: usize = 1000;
/// The most manifests that refer to an image.
const REFERRERS_MOST: usize = 1000;
/// The most pages of a list of them.
const PAGES_MOST: usize = 100;
/// The media types of manifests and indexes that are asked for: OCI's and Docker's.
const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// What was pulled, its blobs aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pulled {
    /// The digest of what was asked for.
    pub digest: Sha256Digest,
    /// It, and what it lists.
    pub manifests: BTreeMap<Sha256Digest, Manifest>,
    /// What refers to one of these, or to another of them.
    pub referrers: BTreeMap<Sha256Digest, Manifest>,
    /// Why something that refers to it, or a list of that, could not be had. The image does not need it.
    pub missed: Vec<String>,
}

/// Makes the file that a blob goes to. Nobody may use it before the pull has ended well.
pub type Place<'a> = dyn Fn(&Sha256Digest) -> io::Result<File> + 'a;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize, Clone)]
struct Descriptor {
    digest: Sha256Digest,
    size: u64,
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
        let plain = format!("{}/{}", self.os, self.architecture);
        let full = self.variant.as_ref().map(|variant| format!("{plain}/{variant}"));
        wanted == plain || Some(wanted) == full.as_deref()
    }
}

/// Pulls an image. Of an index, only the image for `platform` when there is one; it is what was asked for then. With
/// `referring`, what refers to it comes along.
///
/// # Errors
/// See [`Error`]. Whatever is not what its name says ends it.
pub fn pull(
    registry: &Registry,
    platform: Option<&str>,
    referring: bool,
    place: &Place<'_>,
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
        Some(all) if all.len() > MANIFESTS_MOST => {
            let why = format!("it lists more than {MANIFESTS_MOST} images");
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
    let mut seen = BTreeSet::new();
    for image in images {
        fetch_all(registry, image, &mut seen, place)?;
    }
    if referring {
        referrers(registry, &mut pulled, &mut seen, place)?;
    }
    Ok(pulled)
}

/// Fetches the blobs of an image or referrer that are not there yet.
fn fetch_all(
    registry: &Registry,
    image: Document,
    seen: &mut BTreeSet<Sha256Digest>,
    place: &Place<'_>,
) -> Result<(), Error> {
    for blob in image.config.into_iter().chain(image.layers) {
        if !seen.contains(&blob.digest) {
            fetch(registry, &blob, place)?;
            seen.insert(blob.digest);
        }
    }
    Ok(())
}

/// Fetches what refers to what was pulled, and to that. What cannot be had is missed: it may be a stranger's, and the
/// image is whole without it.
fn referrers(
    registry: &Registry,
    pulled: &mut Pulled,
    seen: &mut BTreeSet<Sha256Digest>,
    place: &Place<'_>,
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
            if asked.len() > REFERRERS_MOST {
                pulled.missed.push(format!("more than {REFERRERS_MOST} refer to it"));
                return Ok(());
            }
            let got = document(registry, digest.as_str()).and_then(|(digest, manifest, said)| {
                fetch_all(registry, said, seen, place)?;
                Ok((digest, manifest))
            });
            match got {
                Ok((digest, manifest)) => {
                    subjects.push(digest.clone());
                    pulled.referrers.insert(digest, manifest);
                }
                Err(error) => pulled.missed.push(missed(error)?),
            }
        }
    }
    Ok(())
}

/// Why something is missed; what would end everything else too is an error.
fn missed(error: Error) -> Result<String, Error> {
    match error {
        Error::Stopped | Error::Io(_) => Err(error),
        error => Ok(error.to_string()),
    }
}

/// The digests of the manifests that refer to one: by the referrers API, and where there is none by the tag that is
/// made of the digest ("Listing Referrers").
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
        let wrong = |why: String| Error::Answer { what: format!("what refers to {subject}"), why };
        let answer = registry.send(&Method::GET, &url, &[("accept", INDEX)], &[])?;
        match answer.status() {
            200 => {}
            // There is no such API, however a registry says that.
            501 | 400..=428 | 430..=499 if url != by_tag && pages == 0 => {
                next = Some(by_tag.clone());
                continue;
            }
            404 => break,
            _ => return Err(registry.failure("what refers to an image", answer)),
        }
        if url != by_tag {
            next = following(&url, answer.header("link"));
        }
        pages += 1;
        if pages > PAGES_MOST {
            return Err(wrong(format!("it has more than {PAGES_MOST} pages")));
        }
        let bytes = answer.whole(MANIFEST_MOST).map_err(|e| wrong(e.to_string()))?;
        let index: Index = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        // An index that refers to something is none of those that are kept.
        let manifests = index.manifests.into_iter().filter(|it| it.media_type == MANIFEST);
        listed.extend(manifests.map(|it| it.digest));
    }
    Ok(listed)
}

/// The next page that a header names (RFC 8288), on the same registry.
fn following(of: &str, link: Option<&str>) -> Option<String> {
    let (target, rest) = link?.trim().strip_prefix('<')?.split_once('>')?;
    let of = url::Url::parse(of).ok()?;
    let next = of.join(target).ok()?;
    (rest.contains("next") && next.origin() == of.origin()).then(|| next.to_string())
}

/// A manifest or index; what it is called, it, and what it says.
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
        _ => return Err(registry.failure(&format!("for the manifest {reference}"), answer)),
    }
    let kind = answer.header("content-type").map(str::to_owned);
    let bytes = answer.whole(MANIFEST_MOST).map_err(|e| wrong(e.to_string()))?;
    let digest = Sha256Digest::of(&bytes);
    if reference.contains(':') && reference != digest.as_str() {
        return Err(Error::Digest { what: format!("manifest {reference}"), found: digest });
    }
    let said: Document = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|e| wrong(e.to_string()))?;
    let media_type = said.media_type.clone().or(kind).unwrap_or_default();
    Ok((digest, Manifest { media_type, text }, said))
}

/// Fetches a blob, going on where the connection broke.
fn fetch(registry: &Registry, blob: &Descriptor, place: &Place<'_>) -> Result<(), Error> {
    let mut coming = Coming {
        file: place(&blob.digest)?,
        hash: Sha256::new(),
        came: 0,
        joined: false,
        download: Download::default(),
    };
    let what = || format!("blob {}", blob.digest);
    let (mut tries, mut anew) = (0, false);
    loop {
        let before = coming.came;
        let broke = if coming.came == blob.size { None } else { coming.once(registry, blob)? };
        if let Some(error) = broke {
            // Whoever gets further has its tries again.
            tries = if coming.came > before { 1 } else { tries + 1 };
            let Some(pause) = Retry::REGISTRY.after(tries, &error) else {
                return Err(Error::Broken { what: what(), tries, last: error.to_string() });
            };
            registry.wait(pause)?;
            continue;
        }
        let found = Sha256Digest::from(<[u8; 32]>::from(coming.hash.clone().finalize()));
        if found == blob.digest {
            return Ok(());
        }
        // Of two answers, which may be of two versions of it. One answer gets the chance to give all.
        if !coming.joined || anew {
            return Err(Error::Digest { what: what(), found });
        }
        anew = true;
        coming.restart()?;
    }
}

/// A blob of which a beginning is there.
struct Coming {
    file: File,
    hash: Sha256,
    came: u64,
    /// Whether it is of more than one answer.
    joined: bool,
    download: Download,
}

impl Coming {
    fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.hash, self.came, self.joined) = (Sha256::new(), 0, false);
        self.download = Download::default();
        Ok(())
    }

    /// Asks for the rest. What broke, if it may pass.
    fn once(&mut self, registry: &Registry, blob: &Descriptor) -> Result<Option<HttpError>, Error> {
        let url = registry.url(&format!("blobs/{}", blob.digest));
        let headers = self.download.headers(self.came);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut answer = match registry.send_once(&Method::GET, &url, &headers) {
            Ok(answer) => answer,
            Err(Error::Network { source, .. }) if source.may_pass() => return Ok(Some(*source)),
            Err(error) => return Err(error),
        };
        match self.download.start(&answer, self.came) {
            // It knows no ranges, or has another version.
            Ok(Start::Whole { .. } | Start::NoRest) if self.came > 0 => self.restart()?,
            Ok(Start::Rest { .. }) => self.joined = true,
            Ok(_) => {}
            Err(error) if error.may_pass() => return Ok(Some(error)),
            Err(_) => return Err(registry.failure(&format!("for the blob {}", blob.digest), answer)),
        }
        if !answer.is_success() {
            return Ok(Some(HttpError::Short { expected: blob.size, found: 0 }));
        }
        let mut body = answer.reader();
        let mut buffer = vec![0; 128 << 10];
        while self.came < blob.size {
            registry.check()?;
            let count = match body.read(&mut buffer) {
                Ok(0) => return Ok(Some(HttpError::Short { expected: blob.size, found: self.came })),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    registry.check()?;
                    return Ok(Some(HttpError::of_body(error)));
                }
            };
            if count as u64 > blob.size - self.came {
                let why = format!("it is longer than {} bytes", blob.size);
                return Err(Error::Answer { what: format!("blob {}", blob.digest), why });
            }
            self.hash.update(&buffer[..count]);
            self.file.write_all(&buffer[..count])?;
            self.came += count as u64;
        }
        Ok(None)
    }
}
