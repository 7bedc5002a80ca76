//! The storage of files and trees while archives and patches are applied.

mod in_store;

pub use in_store::InStore;
pub use stele_archive::content::{Content, ContentError, InMemory, ScratchFile};
