//! Recipes as users write them, and their conversion to canonical actions whose inputs are all digests.
//!
//! Nearly everything here is a pure function: of a folder of recipes, of the bytes of an archive, of a tree and a
//! patch. The edges are [`language::OnDisk`], a folder of recipes on disk; [`content::InStore`], content in a store;
//! and [`fetch`], which downloads sources: it uses the network, reads files and starts programs. Nothing here prints.

pub mod action;
pub mod content;
pub mod fetch;
pub mod generated;
pub mod hex0;
pub mod language;
pub mod lineage;
pub mod patch;
pub mod paths;
pub mod plan;
pub mod prepare;
pub mod recipe;
pub mod source;
