//! The daemon: the process that owns a store and serves its mounts, the protocol that it speaks over a socket in the
//! store's folder, and the client of it.

pub mod client;
pub mod mounts;
mod peer;
pub mod process;
pub mod protocol;
pub mod server;
mod socket;
mod sys;
