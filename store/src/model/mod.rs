//! The model: what a store holds, as pure values.
//!
//! A *blob* is raw bytes; a *tree* is a directory, written as canonical text; each is named by the BLAKE3-256
//! of its bytes. Nothing here reads a file, opens a database or asks the clock, so that every statement about
//! identity can be checked by reading this folder alone.

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

/// The most directory levels that a tree may have below its root.
///
/// Linux bounds a path at 4,096 bytes, and the shortest component takes two (`a/`): what lies deeper than
/// 2,048 levels has no path. The bound also keeps every walk over foreign data finite.
pub const MAX_DEPTH: usize = 2048;

/// The longest canonical text of a tree, in bytes: some three million entries with names of usual length.
///
/// A text is read as a whole by whoever looks at the tree, so that its length bounds their memory.
pub const MAX_TREE_TEXT: u64 = 256 << 20;
