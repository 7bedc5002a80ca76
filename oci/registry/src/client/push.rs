//! Pushing an image and its referrers.

use serde::{Deserialize, Serialize};
use stele_http::Method;

use super::Blobs;
use super::error::Error;
use super::session::Registry;
use super::upload::{Outcome, upload};
use crate::name::{Sha256Digest, Tag};
use crate::repository::{INDEX, Manifest, Referrer, Repository};

/// The maximum size of an index of referrers in bytes: the limit of registries for manifests.
const MAX_INDEX: u64 = 4 << 20;

/// The result of a push.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Pushed {
    /// The digest to pull it by.
    pub digest: String,
    /// Blobs that were sent.
    pub sent: u64,
    /// Their bytes, counting retransmissions.
    pub bytes: u64,
    /// Blobs that the registry mounted from another of its repositories.
    pub mounted: u64,
    /// Blobs that already existed.
    pub there: u64,
    /// Manifests that were sent.
    pub manifests: u64,
    /// Referrers that were pushed with it.
    pub referrers: u64,
}

/// Pushes the image `top` of a repository under a tag, by its digest where there is none. Dependencies go first, so
/// that no client pulls a partial image. `from` is a repository of the same registry that may have some of the blobs.
///
/// # Errors
/// See [`Error`]. What was sent stays there, and the next push continues from that.
pub fn push(
    registry: &Registry,
    repository: &Repository,
    top: &Sha256Digest,
    tag: Option<&Tag>,
    from: Option<&str>,
    blobs: &dyn Blobs,
) -> Result<Pushed, Error> {
    let mut pushed = Pushed { digest: top.to_string(), ..Pushed::default() };
    for (digest, size) in &repository.blobs {
        match upload(registry, digest, *size, from, blobs)? {
            Outcome::There => pushed.there += 1,
            Outcome::Mounted => pushed.mounted += 1,
            Outcome::Sent { bytes } => {
                pushed.sent += 1;
                pushed.bytes += bytes;
            }
        }
    }
    let referring: Vec<&Referrer> = repository.referrers.values().flatten().collect();
    let refers = |digest: &Sha256Digest| referring.iter().any(|it| it.digest == *digest);
    let below = repository.manifests.iter().filter(|(digest, _)| *digest != top && !refers(digest));
    for (digest, manifest) in below {
        pushed.manifests += u64::from(put(registry, digest, manifest, digest.as_str())?.is_some());
    }
    let absent = |digest: &Sha256Digest| Error::Absent {
        registry: "the store".to_owned(),
        what: format!("manifest {digest}"),
    };
    let manifest = repository.manifests.get(top).ok_or_else(|| absent(top))?;
    let reference = tag.map_or(top.as_str(), Tag::as_str);
    pushed.manifests += u64::from(put(registry, top, manifest, reference)?.is_some());
    for (subject, referrers) in &repository.referrers {
        for referrer in referrers {
            let manifest =
                repository.manifests.get(&referrer.digest).ok_or_else(|| absent(&referrer.digest))?;
            let known = put(registry, &referrer.digest, manifest, referrer.digest.as_str())?;
            pushed.referrers += 1;
            // A registry with a referrers API reports it when it accepts one. If it already had the manifest, it is
            // asked.
            if known != Some(true) && !has_api(registry, subject)? {
                list(registry, subject, referrer)?;
            }
        }
    }
    // Referrers that clients look for under a tag, such as signatures.
    for (tag, digest) in repository.tags.iter().filter(|(_, digest)| refers(digest)) {
        let manifest = repository.manifests.get(digest).ok_or_else(|| absent(digest))?;
        put(registry, digest, manifest, tag.as_str())?;
    }
    Ok(pushed)
}

/// Ensures that a manifest exists under `reference`. Returns whether the registry processed its subject; `None` when it
/// already existed.
fn put(
    registry: &Registry,
    digest: &Sha256Digest,
    manifest: &Manifest,
    reference: &str,
) -> Result<Option<bool>, Error> {
    let url = registry.url(&format!("manifests/{reference}"));
    let there = registry.send(&Method::HEAD, &url, &[("accept", &manifest.media_type)], &[])?;
    if there.status() == 200 && there.header("docker-content-digest") == Some(digest.as_str()) {
        return Ok(None);
    }
    let kind = [("content-type", manifest.media_type.as_str())];
    let answer = registry.send(&Method::PUT, &url, &kind, manifest.text.as_bytes())?;
    // The specification requires 201; some registries answer with another of these.
    if !answer.is_success() {
        return Err(registry.failure(&format!("uploading manifest {digest}"), answer));
    }
    if let Some(stored) = answer.header("docker-content-digest").filter(|it| *it != digest.as_str()) {
        return Err(Error::Stored { sent: digest.clone(), stored: stored.to_owned() });
    }
    Ok(Some(answer.header("oci-subject").is_some()))
}

/// Whether the registry has a referrers API.
fn has_api(registry: &Registry, subject: &Sha256Digest) -> Result<bool, Error> {
    let answer = registry.send(&Method::GET, &registry.url(&format!("referrers/{subject}")), &[], &[])?;
    match answer.status() {
        200 => Ok(true),
        // A registry without it does not know the path. Any other answer is inconclusive, and a fallback list could be
        // one that no client reads.
        400 | 404 | 405 | 501 => Ok(false),
        _ => Err(registry.failure("querying the referrers API", answer)),
    }
}

/// Adds a referrer to the tag that clients read when there is no referrers API ("Referrers tag schema").
fn list(registry: &Registry, subject: &Sha256Digest, referrer: &Referrer) -> Result<(), Error> {
    let tag = subject.fallback_tag();
    let url = registry.url(&format!("manifests/{tag}"));
    let wrong = |why: String| Error::Answer { what: format!("the tag {tag}"), why };
    let answer = registry.send(&Method::GET, &url, &[("accept", INDEX)], &[])?;
    let mut index = match answer.status() {
        200 => {
            let bytes = answer.whole(MAX_INDEX).map_err(|e| wrong(e.to_string()))?;
            serde_json::from_slice::<serde_json::Value>(&bytes).map_err(|e| wrong(e.to_string()))?
        }
        404 => serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }),
        _ => return Err(registry.failure("updating the list of referrers", answer)),
    };
    let Some(manifests) = index.get_mut("manifests").and_then(|it| it.as_array_mut()) else {
        return Err(wrong("not an index".to_owned()));
    };
    if manifests.iter().any(|it| it["digest"] == referrer.digest.as_str()) {
        return Ok(());
    }
    manifests.push(serde_json::json!(referrer));
    let body = index.to_string();
    let answer = registry.send(&Method::PUT, &url, &[("content-type", INDEX)], body.as_bytes())?;
    if answer.is_success() { Ok(()) } else { Err(registry.failure("updating the list of referrers", answer)) }
}
