//! The model: the content of a store, as pure values.

mod digest;
mod escape;
mod merge;
mod name;
mod root_name;
#[cfg(test)]
mod tests;
mod tree;

pub use digest::{BlobId, Digest, DigestPrefix, ParseDigestError, Sha256, TreeId};
pub use escape::{UnescapeError, escape, unescape};
pub use merge::{Conflict, Merge, MergeError, MergeInput, Merged, TreeSource};
pub use name::{Name, NameError, SymlinkTarget};
pub use root_name::{RootName, RootNameError};
pub use tree::{DecodeTreeError, Node, Tree, TreeError};

/// The maximum number of directory levels below a tree's root.
///
/// Linux bounds a path at 4,096 bytes, and the shortest component takes two (`a/`): deeper entries have no
/// path. The bound also keeps every walk over untrusted data finite.
pub const MAX_DEPTH: usize = 2048;

/// The longest canonical text of a tree, in bytes: some three million entries with names of usual length.
///
/// Readers load the whole text, so its length bounds their memory.
pub const MAX_TREE_TEXT: u64 = 256 << 20;
