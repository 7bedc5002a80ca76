//! OCI distribution (distribution-spec v1.1): the endpoint that serves images, and the client that pushes and pulls
//! them.
//!
//! [`endpoint`] decides the answer to a request, without a socket or a store; [`serve`] connects it to the network.
//! [`client`] talks to third-party registries. None of them depends on where images come from: the caller implements
//! [`serve::Images`] or [`client::Blobs`].

pub mod client;
pub mod endpoint;
mod name;
mod repository;
pub mod serve;

pub use name::{NameError, RepositoryName, Sha256Digest, Tag};
pub use repository::{INDEX, MANIFEST, Manifest, Referrer, Repository};
