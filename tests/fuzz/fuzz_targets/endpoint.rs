//! Any request to the endpoint gets a valid HTTP status, and no more of a blob than there is.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stele_registry::endpoint::{Asked, Body, Unavailable, World, answer};
use stele_registry::{Repository, RepositoryName, Sha256Digest};

const SIZE: u64 = 1000;

/// A world of one image, `a`, with one blob.
struct One(Arc<Repository>);

impl World for One {
    fn repositories(&self) -> Result<Vec<String>, Unavailable> {
        Ok(vec!["a".to_owned()])
    }

    fn alive(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    fn repository(&self, name: &RepositoryName) -> Result<Vec<Arc<Repository>>, Unavailable> {
        Ok(if name.as_str() == "a" { vec![Arc::clone(&self.0)] } else { Vec::new() })
    }
}

fuzz_target!(|text: &str| {
    let mut repository = Repository::default();
    let digest = Sha256Digest::of(b"blob");
    repository.blobs.insert(digest.clone(), SIZE);
    let world = One(Arc::new(repository));
    let mut parts = text.splitn(5, '\n').map(|part| Some(part).filter(|part| !part.is_empty()));
    let mut next = || parts.next().flatten();
    let (path, query, range) = (next().unwrap_or("/"), next(), next());
    let (if_range, if_none_match) = (next(), next());
    let blob = format!("/v2/a/blobs/{digest}");
    for path in [path, blob.as_str()] {
        let found = answer(&Asked { method: "GET", path, query, range, if_range, if_none_match }, &world);
        assert!((200..600).contains(&found.status));
        if let Body::Blob { first, length, size, .. } = found.body {
            assert!(size == SIZE && first + length <= SIZE && length > 0);
        }
    }
});
