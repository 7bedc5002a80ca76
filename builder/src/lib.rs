//! Realises plans: each action runs in a sandbox whose root is a tree of the store, and its outputs become
//! trees of the store.
//!
//! What a build can see is [`profile`], with a version. [`sandbox`] turns an action into a list of set-up
//! operations by a pure function; one executor applies it, in processes of its own. [`hold`] keeps the
//! namespaces in which the store is mounted for builds, [`program`] processes of this program that wait for
//! work. [`realise`] decides what runs when, and stores the results; [`comparing`] says how two outputs differ.
//!
//! `docs/sandbox.md` specifies what a build sees, and what cannot be hidden from it.

pub mod comparing;
#[cfg(test)]
mod golden;
pub mod hold;
pub mod machine;
pub mod notes;
mod path_text;
pub mod profile;
pub mod program;
pub mod realise;
pub mod sandbox;

/// The helper that calls [`hold::help`].
pub const HOLD: &str = "hold";
/// The helper that calls [`sandbox::supervise`].
pub const SUPERVISE: &str = "supervise";
