//! From a path to what it means (distribution-spec v1.1, "API").

use percent_encoding::percent_decode_str;

use super::error::{Code, Refusal};
use crate::name::{RepositoryName, Sha256Digest, Tag};

/// The most bytes of a path: three times the longest that means anything, for what is escaped.
const MAX_PATH: usize = 2048;

/// What a path means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Route {
    /// `/v2/`: whether there is an endpoint at all.
    Version,
    /// `/v2/_catalog`: all repositories. Not of the specification; Docker's registry has it, and tools ask for it.
    Catalog,
    /// A manifest by its digest.
    Manifest(RepositoryName, Sha256Digest),
    /// A manifest by a tag.
    Tagged(RepositoryName, Tag),
    /// A blob.
    Blob(RepositoryName, Sha256Digest),
    /// All tags.
    Tags(RepositoryName),
    /// What refers to a manifest.
    Referrers(RepositoryName, Sha256Digest),
    /// `/metrics`, for Prometheus.
    Metrics,
    /// `/healthz`: whether the store answers.
    Health,
}

impl Route {
    /// What it is called in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Catalog => "catalog",
            Self::Manifest(..) | Self::Tagged(..) => "manifest",
            Self::Blob(..) => "blob",
            Self::Tags(_) => "tags",
            Self::Referrers(..) => "referrers",
            Self::Metrics => "metrics",
            Self::Health => "health",
        }
    }
}

/// What `path`, without its query, means.
///
/// # Errors
/// With what is answered instead.
pub fn parse(path: &str) -> Result<Route, Refusal> {
    let nothing = || Refusal::new(404, Code::Unsupported, "there is nothing at this path");
    if path.len() > MAX_PATH {
        return Err(Refusal::new(414, Code::Unsupported, format!("a path has at most {MAX_PATH} bytes")));
    }
    // Clients may escape the `:` of a digest. Names that mean something once decoded are no less strictly looked at.
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| nothing())?;
    match &*decoded {
        "/v2/" | "/v2" => return Ok(Route::Version),
        "/v2/_catalog" => return Ok(Route::Catalog),
        "/metrics" => return Ok(Route::Metrics),
        "/healthz" => return Ok(Route::Health),
        _ => {}
    }
    let rest = decoded.strip_prefix("/v2/").ok_or_else(nothing)?;
    // From behind, since names have slashes: the last part is a reference, and the one before says of what.
    let (rest, last) = rest.rsplit_once('/').ok_or_else(nothing)?;
    if last == "list"
        && let Some(name) = rest.strip_suffix("/tags")
    {
        return Ok(Route::Tags(repository(name)?));
    }
    let (name, kind) = rest.rsplit_once('/').ok_or_else(nothing)?;
    match kind {
        "manifests" if last.contains(':') => Ok(Route::Manifest(repository(name)?, digest(last)?)),
        "manifests" => {
            let tag = last.parse().map_err(|e| Refusal::new(404, Code::ManifestUnknown, format!("{e}")));
            Ok(Route::Tagged(repository(name)?, tag?))
        }
        "blobs" => Ok(Route::Blob(repository(name)?, digest(last)?)),
        "referrers" => Ok(Route::Referrers(repository(name)?, digest(last)?)),
        _ => Err(nothing()),
    }
}

fn repository(name: &str) -> Result<RepositoryName, Refusal> {
    name.parse().map_err(|e| Refusal::new(400, Code::NameInvalid, format!("{e}")))
}

fn digest(text: &str) -> Result<Sha256Digest, Refusal> {
    text.parse().map_err(|e| Refusal::new(400, Code::DigestInvalid, format!("{e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn what_means_nothing_is_refused() {
        let long = format!("/v2/{}/tags/list", "a/".repeat(2000));
        for (path, status) in [
            ("", 404),
            ("/", 404),
            ("/v1/", 404),
            ("/v2/hello", 404),
            ("/v2/hello/", 404),
            ("/v2//manifests/latest", 400),
            ("/v2/manifests/latest", 404),
            ("/v2/hello/manifests/", 404),
            ("/v2/hello/manifests/.hidden", 404),
            ("/v2/hello/manifests/sha256:12", 400),
            ("/v2/hello/manifests/sha512:12", 400),
            ("/v2/hello/blobs/latest", 400),
            ("/v2/hello/blobs/uploads/", 404),
            ("/v2/../manifests/latest", 400),
            ("/v2/%2e%2e/manifests/latest", 400),
            ("/v2/a%2f..%2fb/manifests/latest", 400),
            ("/v2/a%00b/manifests/latest", 400),
            ("/v2/%ff/manifests/latest", 404),
            ("/v2/Hello/manifests/latest", 400),
            ("/v2/hello/nothing/latest", 404),
            ("/v2/hello/referrers/latest", 400),
            (&long, 414),
        ] {
            let status_of = parse(path).map_err(|refusal| refusal.status);
            assert_eq!(status_of, Err(status), "{path}");
        }
    }

    #[test]
    fn names_may_have_slashes_and_words_of_the_api() {
        let name = |text: &str| text.parse::<RepositoryName>().unwrap();
        let tag = |text: &str| text.parse::<Tag>().unwrap();
        for (path, route) in [
            ("/v2/".to_owned(), Route::Version),
            ("/v2".to_owned(), Route::Version),
            ("/v2/hello/manifests/latest".to_owned(), Route::Tagged(name("hello"), tag("latest"))),
            ("/v2/a/b/manifests/list".to_owned(), Route::Tagged(name("a/b"), tag("list"))),
            ("/v2/a/tags/list".to_owned(), Route::Tags(name("a"))),
            ("/v2/a/tags/tags/list".to_owned(), Route::Tags(name("a/tags"))),
            ("/v2/manifests/manifests/list".to_owned(), Route::Tagged(name("manifests"), tag("list"))),
            (format!("/v2/a/blobs/{DIGEST}"), Route::Blob(name("a"), DIGEST.parse().unwrap())),
            (
                format!("/v2/a/manifests/{}", DIGEST.replace(':', "%3A")),
                Route::Manifest(name("a"), DIGEST.parse().unwrap()),
            ),
            (format!("/v2/a/referrers/{DIGEST}"), Route::Referrers(name("a"), DIGEST.parse().unwrap())),
        ] {
            assert_eq!(parse(&path), Ok(route), "{path}");
        }
    }
}
