//! OCI distribution (distribution-spec v1.1): the endpoint that serves images, and the client that pushes and pulls
//! them.
//!
//! [`endpoint`] decides what a request is answered, without a socket or a store; [`serve`] is its edge to the network.
//! [`client`] speaks to the registries of others. None of them knows where images come from: whoever uses this crate
//! brings [`serve::Images`] or [`client::Blobs`].

pub mod client;
pub mod endpoint;
mod name;
mod repository;
pub mod serve;

pub use name::{NameError, RepositoryName, Sha256Digest, Tag};
pub use repository::{INDEX, MANIFEST, Manifest, Referrer, Repository};
