//! Requests and their answers.

use std::collections::BTreeMap;

use super::*;
use crate::repository::{MANIFEST, Referrer};

/// One repository, `hello`, with an image of one blob of 100 bytes; and its earlier state.
#[derive(Default)]
struct Small {
    repositories: Vec<Arc<Repository>>,
    gone: bool,
}

fn digest(of: &str) -> Sha256Digest {
    Sha256Digest::of(of.as_bytes())
}

fn repository(version: &str) -> Repository {
    let text = format!("manifest of {version}");
    let mut repository = Repository {
        version: version.to_owned(),
        tags: BTreeMap::from([("latest".parse().unwrap(), digest(&text))]),
        manifests: BTreeMap::from([(
            digest(&text),
            Manifest { media_type: MANIFEST.into(), text: text.clone() },
        )]),
        blobs: BTreeMap::from([(digest(version), 100)]),
        referrers: BTreeMap::new(),
    };
    let referrer = |name: &str| Referrer {
        media_type: MANIFEST.into(),
        digest: digest(name),
        size: 3,
        artifact_type: Some(format!("application/{name}")),
        annotations: BTreeMap::new(),
    };
    repository.referrers.insert(digest(&text), vec![referrer("sbom"), referrer("signature")]);
    repository
}

impl World for Small {
    fn repositories(&self) -> Result<Vec<String>, Unavailable> {
        if self.gone { Err(Unavailable) } else { Ok(vec!["hello".to_owned()]) }
    }

    fn alive(&self) -> Result<(), Unavailable> {
        if self.gone { Err(Unavailable) } else { Ok(()) }
    }

    fn repository(&self, name: &RepositoryName) -> Result<Vec<Arc<Repository>>, Unavailable> {
        match (self.gone, name.as_str()) {
            (true, _) => Err(Unavailable),
            (false, "hello") => Ok(self.repositories.clone()),
            _ => Ok(Vec::new()),
        }
    }
}

fn small() -> Small {
    Small { repositories: vec![Arc::new(repository("new")), Arc::new(repository("old"))], gone: false }
}

fn get(path: &str) -> Answer {
    asked(&Asked { method: "GET", path, ..Asked::default() })
}

fn asked(asked: &Asked<'_>) -> Answer {
    answer(asked, &small())
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str())
}

fn body(answer: &Answer) -> serde_json::Value {
    let Body::Text(text) = &answer.body else { panic!("{answer:?} has no text") };
    serde_json::from_str(text).unwrap()
}

#[test]
fn missing_things_have_their_error_codes() {
    let other = digest("other");
    for (path, status, code) in [
        ("/v2/nothing/manifests/latest".to_owned(), 404, "NAME_UNKNOWN"),
        ("/v2/nothing/tags/list".to_owned(), 404, "NAME_UNKNOWN"),
        (format!("/v2/nothing/blobs/{other}"), 404, "NAME_UNKNOWN"),
        ("/v2/hello/manifests/other".to_owned(), 404, "MANIFEST_UNKNOWN"),
        (format!("/v2/hello/manifests/{other}"), 404, "MANIFEST_UNKNOWN"),
        (format!("/v2/hello/blobs/{other}"), 404, "BLOB_UNKNOWN"),
        // A manifest is not a blob.
        (format!("/v2/hello/blobs/{}", digest("manifest of new")), 404, "BLOB_UNKNOWN"),
        ("/v2/HELLO/tags/list".to_owned(), 400, "NAME_INVALID"),
        ("/v2/hello/blobs/sha256:1".to_owned(), 400, "DIGEST_INVALID"),
        ("/".to_owned(), 404, "UNSUPPORTED"),
    ] {
        let answer = get(&path);
        assert_eq!(
            (answer.status, body(&answer)["errors"][0]["code"].as_str()),
            (status, Some(code)),
            "{path}"
        );
    }
}

#[test]
fn only_reading_is_answered() {
    for method in ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "get", ""] {
        let path = "/v2/hello/manifests/latest";
        let answer = asked(&Asked { method, path, ..Asked::default() });
        assert_eq!((answer.status, header(&answer, "allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[test]
fn a_store_that_does_not_answer_is_reported_as_unavailable() {
    let world = Small { gone: true, ..small() };
    for path in ["/v2/_catalog", "/v2/hello/tags/list", "/healthz"] {
        let answer = answer(&Asked { method: "GET", path, ..Asked::default() }, &world);
        assert_eq!((answer.status, header(&answer, "retry-after")), (503, Some("5")), "{path}");
    }
    // The endpoint itself still exists.
    assert_eq!(answer(&Asked { method: "GET", path: "/v2/", ..Asked::default() }, &world).status, 200);
}

#[test]
fn a_manifest_is_served_by_tag_and_by_digest_with_its_media_type() {
    let of = digest("manifest of new");
    for (path, keep) in [
        ("/v2/hello/manifests/latest".to_owned(), "no-cache"),
        (format!("/v2/hello/manifests/{of}"), FOR_EVER),
    ] {
        let answer = get(&path);
        assert_eq!((answer.status, &answer.body), (200, &Body::Text("manifest of new".into())));
        assert_eq!(header(&answer, "content-type"), Some(MANIFEST));
        assert_eq!(header(&answer, "docker-content-digest"), Some(of.as_str()));
        assert_eq!(header(&answer, "cache-control"), Some(keep));
    }
}

#[test]
fn the_previous_image_of_a_name_is_served_by_digest_only() {
    assert_eq!(get(&format!("/v2/hello/manifests/{}", digest("manifest of old"))).status, 200);
    let answer = get(&format!("/v2/hello/blobs/{}", digest("old")));
    let Body::Blob { repository, .. } = &answer.body else { panic!("{answer:?}") };
    assert_eq!(repository.version, "old");
    assert_eq!(body(&get("/v2/hello/tags/list"))["tags"], serde_json::json!(["latest"]));
}

#[test]
fn a_blob_is_sent_whole_or_in_part_or_not_modified() {
    let of = digest("new");
    let (path, tag) = (format!("/v2/hello/blobs/{of}"), etag(&of));
    let get = |range, if_range, if_none_match, method| {
        let answer = asked(&Asked { method, path: &path, query: None, range, if_range, if_none_match });
        let part = match answer.body {
            Body::Blob { first, length, size: 100, .. } => Some((first, length)),
            _ => None,
        };
        (answer.status, part, header(&answer, "content-range").map(str::to_owned))
    };
    let whole = (200, Some((0, 100)), None);
    assert_eq!(get(None, None, None, "GET"), whole);
    assert_eq!(get(None, None, None, "HEAD"), whole);
    assert_eq!(get(Some("bytes=5-6"), None, None, "HEAD"), whole);
    let part = (206, Some((5, 2)), Some("bytes 5-6/100".to_owned()));
    assert_eq!(get(Some("bytes=5-6"), None, None, "GET"), part);
    assert_eq!(get(Some("bytes=5-6"), Some(&tag), None, "GET"), part);
    assert_eq!(get(Some("bytes=5-6"), Some("\"other\""), None, "GET"), whole);
    assert_eq!(get(Some("bytes=100-"), None, None, "GET"), (416, None, Some("bytes */100".to_owned())));
    let several = format!("\"x\", W/{tag}");
    assert_eq!(get(None, None, Some(&several), "GET"), (304, None, None));
    assert_eq!(get(None, None, Some("*"), "HEAD"), (304, None, None));
    assert_eq!(get(None, None, Some("\"x\""), "GET"), whole);
}

#[test]
fn referrers_are_listed_and_filtered_possibly_as_an_empty_index() {
    let of = digest("manifest of new");
    let list = |path: &str, query| {
        let answer = asked(&Asked { method: "GET", path, query, ..Asked::default() });
        assert_eq!((answer.status, header(&answer, "content-type")), (200, Some(INDEX)));
        let index = body(&answer);
        let types = index["manifests"].as_array().unwrap().iter();
        let types: Vec<_> = types.map(|it| it["artifactType"].as_str().unwrap().to_owned()).collect();
        (types, header(&answer, "oci-filters-applied").map(str::to_owned))
    };
    let path = format!("/v2/hello/referrers/{of}");
    let both = vec!["application/sbom".to_owned(), "application/signature".to_owned()];
    assert_eq!(list(&path, None), (both.clone(), None));
    assert_eq!(
        list(&path, Some("artifactType=application%2Fsbom")),
        (both[..1].to_vec(), Some("artifactType".to_owned()))
    );
    assert_eq!(list(&format!("/v2/hello/referrers/{}", digest("x")), None), (vec![], None));
}

#[test]
fn referrers_have_a_fallback_tag_too() {
    let mut repository = repository("new");
    repository.add_fallback_tags();
    let tag = digest("manifest of new").fallback_tag();
    let world = Small { repositories: vec![Arc::new(repository)], gone: false };
    let path = format!("/v2/hello/manifests/{tag}");
    let found = answer(&Asked { method: "GET", path: &path, ..Asked::default() }, &world);
    assert_eq!((found.status, body(&found)["manifests"].as_array().map(Vec::len)), (200, Some(2)));
    let path = format!("/v2/hello/manifests/{}", header(&found, "docker-content-digest").unwrap());
    assert_eq!(answer(&Asked { method: "GET", path: &path, ..Asked::default() }, &world).body, found.body);
}
