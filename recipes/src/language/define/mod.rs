//! From the arguments of the language's functions to recipes, sources and local files.

pub mod about;
pub(super) mod debian;
pub(super) mod image;
pub(super) mod machine;
pub(super) mod recipe;
pub(super) mod sandbox_paths;
pub(super) mod source;
