//! Where the bytes of files and the texts of trees are, while archives and patches make trees of them.

mod in_store;

pub use in_store::InStore;
pub use stele_archive::content::{Content, ContentError, InMemory, ScratchFile};
