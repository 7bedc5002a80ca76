//! Pulling an image: its documents, then the blobs that they name, each compared with its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::thread;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use ureq::http::Method;

use super::error::{Error, TRIES, pause};
use super::session::{Registry, header, whole};
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
    let mut pulled = Pulled { digest, manifests, referrers: BTreeMap::new() };
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
    if referring {
        images.extend(referrers(registry, &mut pulled)?);
    }
    let mut seen = BTreeSet::new();
    let blobs = images.into_iter().flat_map(|image| image.config.into_iter().chain(image.layers));
    for blob in blobs.filter(|blob| seen.insert(blob.digest.clone())) {
        fetch(registry, &blob, place)?;
    }
    Ok(pulled)
}

/// Fetches the manifests of what refers to what was pulled, and to that; what they say.
fn referrers(registry: &Registry, pulled: &mut Pulled) -> Result<Vec<Document>, Error> {
    let mut found = Vec::new();
    let mut subjects: Vec<Sha256Digest> = pulled.manifests.keys().cloned().collect();
    while let Some(subject) = subjects.pop() {
        for digest in referring(registry, &subject)? {
            if pulled.manifests.contains_key(&digest) || pulled.referrers.contains_key(&digest) {
                continue;
            }
            if found.len() == REFERRERS_MOST {
                let why = format!("more than {REFERRERS_MOST} refer to it");
                return Err(Error::Answer { what: pulled.digest.to_string(), why });
            }
            let (digest, manifest, said) = document(registry, digest.as_str())?;
            subjects.push(digest.clone());
            pulled.referrers.insert(digest, manifest);
            found.push(said);
        }
    }
    Ok(found)
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
        match answer.status().as_u16() {
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
            next = following(&url, header(&answer, "link"));
        }
        pages += 1;
        if pages > PAGES_MOST {
            return Err(wrong(format!("it has more than {PAGES_MOST} pages")));
        }
        let bytes = whole(answer, MANIFEST_MOST).map_err(|e| wrong(e.to_string()))?;
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
    match answer.status().as_u16() {
        200 => {}
        404 => {
            let remote = &registry.remote;
            let what = format!("{} `{reference}`", remote.repository);
            return Err(Error::Absent { registry: remote.registry.clone(), what });
        }
        _ => return Err(registry.failure(&format!("for the manifest {reference}"), answer)),
    }
    let kind = header(&answer, "content-type").map(str::to_owned);
    let bytes = whole(answer, MANIFEST_MOST).map_err(|e| wrong(e.to_string()))?;
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
    let mut file = place(&blob.digest)?;
    let url = registry.url(&format!("blobs/{}", blob.digest));
    let what = || format!("blob {}", blob.digest);
    let (mut hash, mut came, mut tries, mut last) = (Sha256::new(), 0, 0, String::new());
    let mut buffer = vec![0; 128 << 10];
    while came < blob.size {
        registry.check()?;
        if tries == TRIES {
            return Err(Error::Broken { what: what(), tries, last });
        }
        if tries > 0 {
            thread::sleep(pause(tries));
        }
        tries += 1;
        let range = format!("bytes={came}-");
        let headers = [("range", range.as_str())];
        let headers = if came == 0 { &headers[..0] } else { &headers };
        let answer = match registry.send(&Method::GET, &url, headers, &[]) {
            Ok(answer) => answer,
            Err(Error::Network { source, .. }) => {
                last = source.to_string();
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut skip = match answer.status().as_u16() {
            206 if came > 0 => 0,
            // It knows no ranges: what is here already comes again.
            200 => came,
            429 | 500..=599 => {
                last = registry.failure(&what(), answer).to_string();
                continue;
            }
            _ => return Err(registry.failure(&format!("for the {}", what()), answer)),
        };
        let mut body = answer.into_body().into_reader();
        loop {
            registry.check()?;
            match body.read(&mut buffer) {
                Ok(0) => {
                    "the answer ended early".clone_into(&mut last);
                    break;
                }
                Ok(count) => {
                    let before = usize::try_from(skip).map_or(count, |skip| skip.min(count));
                    skip -= before as u64;
                    let new = &buffer[before..count];
                    if new.len() as u64 > blob.size - came {
                        let why = format!("it is longer than {} bytes", blob.size);
                        return Err(Error::Answer { what: what(), why });
                    }
                    hash.update(new);
                    file.write_all(new)?;
                    came += new.len() as u64;
                    // Whoever gets further has its tries again.
                    if !new.is_empty() {
                        tries = 1;
                    }
                }
                Err(error) => {
                    last = error.to_string();
                    break;
                }
            }
            if came == blob.size {
                break;
            }
        }
    }
    let found = Sha256Digest::from(<[u8; 32]>::from(hash.finalize()));
    if found != blob.digest {
        return Err(Error::Digest { what: what(), found });
    }
    Ok(())
}
