//! From what the functions of the language are given to recipes, sources and local files.

pub(super) mod debian;
pub(super) mod image;
pub(super) mod recipe;
pub(super) mod sandbox_paths;
pub(super) mod source;
