//! The process that owns a store, and the way to it.
//!
//! RocksDB takes one writer, so one daemon serves every terminal, by a socket in the store's folder. The
//! command line starts it when it is not there; it goes away when nobody asked anything for a while.

mod answering;
pub mod client;
pub mod process;
pub mod server;
pub mod socket;
pub mod start;
mod sys;
pub mod wire;
mod working;
