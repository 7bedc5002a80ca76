//! What a person writes, and how it becomes canonical actions in which every input is a digest.
//!
//! Everything here but [`fetch`] is a pure function: of a folder of recipes, of the bytes of an archive, of a tree and
//! a patch. [`fetch`] brings bytes in from outside: it asks networks, reads files and starts programs. Nothing here
//! shows anything.

pub mod action;
pub mod content;
pub mod fetch;
pub mod language;
pub mod patch;
pub mod paths;
pub mod plan;
pub mod prepare;
pub mod recipe;
pub mod source;
pub mod unpack;
