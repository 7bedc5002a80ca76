//! The Remote Execution API, version 2: content (CAS), byte streams, action results and capabilities, as a cache for
//! other build programs. It executes nothing.
//!
//! [`serve`] connects the services to a network. None of them depends on where blobs are: the caller implements
//! [`Cache`], and its calls block.
//!
//! Two duties are the server's own, since clients break without them: a result is a hit only when all that it names can
//! be read; and what a question named stays for a while, which [`Cache`] promises.

mod access;
mod cache;
mod digest;
pub mod resource;
mod serve;
mod services;
pub mod tree;

pub use access::Access;
pub use cache::{Cache, Taker, Trouble};
pub use digest::{Digest, DigestError, Function};
pub use serve::{Settings, serve};
