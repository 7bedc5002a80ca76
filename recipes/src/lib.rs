//! What a person writes, and how it becomes canonical actions in which every input is a digest.
//!
//! Nearly everything here is a pure function: of a folder of recipes, of the bytes of an archive, of a tree and a
//! patch. The edges are [`language::OnDisk`], a folder of recipes on disk; [`content::InStore`], content in a store;
//! and [`fetch`], which brings bytes in from outside: it asks networks, reads files and starts programs. Nothing here
//! shows anything.

pub mod action;
pub mod content;
pub mod fetch;
pub mod hex0;
pub mod language;
pub mod lineage;
pub mod patch;
pub mod paths;
pub mod plan;
pub mod prepare;
pub mod recipe;
pub mod source;
