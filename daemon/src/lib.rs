//! The daemon: the process that owns a store and serves its mounts; its protocol, over a socket in the store's folder;
//! and its client.

pub mod client;
pub mod mounts;
mod peer;
pub mod process;
pub mod protocol;
pub mod server;
pub mod socket;
mod sys;
