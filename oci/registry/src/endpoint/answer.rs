//! From a request to its answer.

use std::sync::Arc;

use super::error::{Code, Refusal};
use super::page::{page, parameter};
use super::range::{self, Range};
use super::route::{self, Route};
use crate::name::{RepositoryName, Sha256Digest};
use crate::repository::{INDEX, Manifest, Repository, index_of};

/// The store does not answer now. The endpoint's log has the reason; clients do not receive it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unavailable;

/// The endpoint's view of the store.
pub trait World {
    /// The names of all repositories.
    ///
    /// # Errors
    /// When the store does not answer.
    fn repositories(&self) -> Result<Vec<String>, Unavailable>;

    /// Fails when the store does not answer.
    ///
    /// # Errors
    /// When it does not.
    fn alive(&self) -> Result<(), Unavailable>;

    /// A repository: its current state, then earlier ones as far as they are remembered, so that a client can finish a
    /// pull when the name is reassigned meanwhile. Empty when there is no current state.
    ///
    /// # Errors
    /// When the store does not answer.
    fn repository(&self, name: &RepositoryName) -> Result<Vec<Arc<Repository>>, Unavailable>;
}

/// The relevant parts of a request.
#[derive(Clone, Copy, Default, Debug)]
pub struct Asked<'a> {
    /// `GET`, …
    pub method: &'a str,
    /// Percent-encoded, without the query.
    pub path: &'a str,
    /// The part after the `?`.
    pub query: Option<&'a str>,
    /// The header of that name.
    pub range: Option<&'a str>,
    /// The header of that name.
    pub if_range: Option<&'a str>,
    /// The header of that name.
    pub if_none_match: Option<&'a str>,
}

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The route, for metrics.
    pub route: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Headers, without `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
    /// The body for a GET.
    pub body: Body,
}

/// A body.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// In memory.
    Text(String),
    /// The metrics of this endpoint.
    Metrics,
    /// None, and no length is stated.
    Nothing,
    /// A blob, or a part of one.
    Blob {
        /// Its repository.
        repository: Arc<Repository>,
        /// Its digest.
        digest: Sha256Digest,
        /// The size of the whole blob in bytes.
        size: u64,
        /// The first byte requested.
        first: u64,
        /// The number of bytes requested.
        length: u64,
    },
}

impl Body {
    /// Its length in bytes, where that is known in advance.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Text(text) => Some(text.len() as u64),
            Self::Blob { length, .. } => Some(*length),
            Self::Metrics | Self::Nothing => None,
        }
    }
}

/// Answers a request.
pub fn answer(asked: &Asked<'_>, world: &dyn World) -> Answer {
    let route = route::parse(asked.path);
    let name = route.as_ref().map_or("none", Route::name);
    let answered = route.and_then(|route| match asked.method {
        "GET" | "HEAD" => get(&route, asked, world),
        _ => Err(Refusal::new(
            405,
            Code::Unsupported,
            "this endpoint is read-only: images are made with `stele image`",
        )),
    });
    let mut answer = answered.unwrap_or_else(|refusal| refused(&refusal));
    answer.route = name;
    answer.headers.push(("docker-distribution-api-version", "registry/2.0".to_owned()));
    answer.headers.push(("x-content-type-options", "nosniff".to_owned()));
    answer
}

fn refused(refusal: &Refusal) -> Answer {
    let mut answer = text(refusal.status, "application/json", refusal.body());
    match refusal.status {
        405 => answer.headers.push(("allow", "GET, HEAD".to_owned())),
        503 => answer.headers.push(("retry-after", "5".to_owned())),
        _ => {}
    }
    answer
}

impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Self {
        Self::new(503, Code::Unavailable, "the store does not answer now")
    }
}

fn text(status: u16, media_type: &str, text: String) -> Answer {
    let headers = vec![("content-type", media_type.to_owned())];
    Answer { route: "", status, headers, body: Body::Text(text) }
}

fn json(value: &serde_json::Value) -> Answer {
    text(200, "application/json", value.to_string())
}

fn get(route: &Route, asked: &Asked<'_>, world: &dyn World) -> Result<Answer, Refusal> {
    let find = |name: &RepositoryName| {
        let found = world.repository(name)?;
        let unknown = || Refusal::new(404, Code::NameUnknown, format!("there is no image `{name}`"));
        if found.is_empty() { Err(unknown()) } else { Ok(found) }
    };
    match route {
        Route::Version => Ok(json(&serde_json::json!({}))),
        Route::Health => world.alive().map(|()| text(200, "text/plain", "ok\n".into())).map_err(Into::into),
        Route::Metrics => {
            let headers = vec![(
                "content-type",
                "application/openmetrics-text; version=1.0.0; charset=utf-8".to_owned(),
            )];
            Ok(Answer { route: "", status: 200, headers, body: Body::Metrics })
        }
        Route::Catalog => {
            let names = world.repositories()?;
            let page = page(names.iter().map(String::as_str), asked.query, "/v2/_catalog")?;
            let mut answer = json(&serde_json::json!({ "repositories": page.items }));
            answer.headers.extend(page.link.map(|link| ("link", link)));
            Ok(answer)
        }
        Route::Tags(name) => {
            let repositories = find(name)?;
            let tags = repositories[0].tags.keys().map(crate::Tag::as_str);
            let page = page(tags, asked.query, &format!("/v2/{name}/tags/list"))?;
            let mut answer = json(&serde_json::json!({ "name": name.as_str(), "tags": page.items }));
            answer.headers.extend(page.link.map(|link| ("link", link)));
            Ok(answer)
        }
        Route::Tagged(name, tag) => {
            let repositories = find(name)?;
            let now = &repositories[0];
            let found = now.tags.get(tag).and_then(|digest| Some((digest, now.manifests.get(digest)?)));
            let (digest, it) = found.ok_or_else(|| {
                Refusal::new(404, Code::ManifestUnknown, format!("`{name}` has no tag `{tag}`"))
            })?;
            // A tag can move, so the answer must not be cached.
            Ok(manifest(asked, digest, it, "no-cache"))
        }
        Route::Manifest(name, digest) => {
            let repositories = find(name)?;
            let found = repositories.iter().find_map(|it| it.manifests.get(digest));
            let it = found.ok_or_else(|| {
                Refusal::new(404, Code::ManifestUnknown, format!("`{name}` has no manifest {digest}"))
            })?;
            Ok(manifest(asked, digest, it, FOR_EVER))
        }
        Route::Referrers(name, subject) => {
            // The specification allows no 404 here: an unknown manifest has no referrers.
            let repositories = world.repository(name)?;
            let wished = parameter(asked.query, "artifactType").filter(|it| !it.is_empty());
            let all = repositories.first().and_then(|it| it.referrers.get(subject)).into_iter().flatten();
            let fitting = all.filter(|it| wished.is_none() || it.artifact_type == wished);
            let mut answer = text(200, INDEX, index_of(fitting));
            if wished.is_some() {
                answer.headers.push(("oci-filters-applied", "artifactType".to_owned()));
            }
            Ok(answer)
        }
        Route::Blob(name, digest) => {
            let found = find(name)?.into_iter().find_map(|it| Some((*it.blobs.get(digest)?, it)));
            let (size, repository) = found.ok_or_else(|| {
                Refusal::new(404, Code::BlobUnknown, format!("`{name}` has no blob {digest}"))
            })?;
            Ok(blob(asked, repository, digest, size))
        }
    }
}

/// Content under its digest never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

fn manifest(asked: &Asked<'_>, digest: &Sha256Digest, manifest: &Manifest, keep: &str) -> Answer {
    let mut answer = text(200, &manifest.media_type, manifest.text.clone());
    named(&mut answer, digest, keep);
    not_modified(asked, digest, keep).unwrap_or(answer)
}

fn blob(asked: &Asked<'_>, repository: Arc<Repository>, digest: &Sha256Digest, size: u64) -> Answer {
    if let Some(answer) = not_modified(asked, digest, FOR_EVER) {
        return answer;
    }
    // RFC 9110, 14.2: Range applies to GET alone; 13.1.5: not when the client has a part of another version.
    let ranged = asked.method == "GET" && asked.if_range.is_none_or(|it| it == etag(digest));
    let range = range::parse(asked.range.filter(|_| ranged), size);
    let (status, first, length) = match range {
        Range::All => (200, 0, size),
        Range::Part { first, length } => (206, first, length),
        Range::Unsatisfiable => {
            let refusal = Refusal::new(416, Code::Unsupported, format!("the blob has {size} bytes"));
            let mut answer = refused(&refusal);
            answer.headers.push(("content-range", format!("bytes */{size}")));
            return answer;
        }
    };
    let mut headers =
        vec![("content-type", "application/octet-stream".to_owned()), ("accept-ranges", "bytes".to_owned())];
    if status == 206 {
        headers.push(("content-range", format!("bytes {first}-{}/{size}", first + length - 1)));
    }
    let body = Body::Blob { repository, digest: digest.clone(), size, first, length };
    let mut answer = Answer { route: "", status, headers, body };
    named(&mut answer, digest, FOR_EVER);
    answer
}

fn etag(digest: &Sha256Digest) -> String {
    format!("\"{digest}\"")
}

fn named(answer: &mut Answer, digest: &Sha256Digest, keep: &str) {
    answer.headers.extend([
        ("docker-content-digest", digest.to_string()),
        ("etag", etag(digest)),
        ("cache-control", keep.to_owned()),
    ]);
}

/// The answer to a client that has it already. Its caching headers equal those of the full answer (RFC 9110, §15.4.5):
/// a cache applies them to its stored answer.
fn not_modified(asked: &Asked<'_>, digest: &Sha256Digest, keep: &str) -> Option<Answer> {
    let ours = etag(digest);
    let mut tags = asked.if_none_match?.split(',').map(str::trim);
    if !tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == ours) {
        return None;
    }
    let mut answer = Answer { route: "", status: 304, headers: Vec::new(), body: Body::Nothing };
    named(&mut answer, digest, keep);
    Some(answer)
}

#[cfg(test)]
mod tests;
