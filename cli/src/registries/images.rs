//! The store's images, as the registry endpoint requests them.

use tracing::{error, warn};

use stele_registry::endpoint::Unavailable;
use stele_registry::serve::{BlobRange, Broken, Images, Taker};
use stele_registry::{Repository, RepositoryName, Sha256Digest};
use stele_store::model::TreeId;

use crate::daemons::{Daemons, Trouble, said};
use stele::Request;
use stele::answers::Answer;
use stele::images::{ImageAnswer, ImageRequest};

/// The images of a store.
pub struct Stored(pub Daemons);

impl Stored {
    fn ask(&self, ask: &ImageRequest) -> Result<ImageAnswer, Unavailable> {
        let answer = self.0.ask(&Request::Image { ask: ask.clone() }).map_err(|failure| {
            error!("{}", said(&failure));
            Unavailable
        })?;
        match answer {
            Answer::Image(told) => Ok(told),
            _ => Err(Unavailable),
        }
    }
}

impl Images for Stored {
    fn names(&self) -> Result<Vec<String>, Unavailable> {
        match self.ask(&ImageRequest::Served {})? {
            ImageAnswer::Names(names) => Ok(names),
            _ => Err(Unavailable),
        }
    }

    fn alive(&self) -> Result<(), Unavailable> {
        // No image can have this name, so none has to be read.
        self.ask(&ImageRequest::Repository { name: String::new() }).map(drop)
    }

    fn repository(&self, name: &RepositoryName) -> Result<Option<Repository>, Unavailable> {
        match self.ask(&ImageRequest::Repository { name: name.to_string() })? {
            ImageAnswer::Repository(repository) => Ok(repository.map(|repository| {
                let mut repository = *repository;
                repository.add_fallback_tags();
                repository
            })),
            _ => Err(Unavailable),
        }
    }

    fn blob(&self, wanted: &BlobRange<'_>, to: &mut Taker<'_>) -> Result<(), Broken> {
        let tree = tree_of(wanted.repository).ok_or(Broken)?;
        let ask = |came| Request::Image {
            ask: ImageRequest::Blob {
                tree,
                digest: wanted.digest.to_string(),
                first: wanted.first + came,
                length: wanted.length - came,
                descriptors: true,
            },
        };
        match self.0.stream_files(ask, to) {
            Ok(_) => Ok(()),
            Err(Trouble::Untaken) => Err(Broken),
            Err(Trouble::Failure(failure)) => {
                warn!("blob {}: {}", wanted.digest, said(&failure));
                Err(Broken)
            }
        }
    }

    fn damaged(&self, repository: &Repository, digest: &Sha256Digest) {
        let Some(tree) = tree_of(repository) else { return };
        let ask = ImageRequest::CheckBlob { tree, digest: digest.to_string() };
        match self.0.ask(&Request::Image { ask }) {
            Err(failure) => error!("blob {digest}: {}", said(&failure)),
            Ok(_) => error!("blob {digest}: it did not match its digest when it was sent, but does now"),
        }
    }
}

/// The tree that keeps an image: the version of its repository, as this store names them.
fn tree_of(repository: &Repository) -> Option<TreeId> {
    repository.version.parse().ok()
}
