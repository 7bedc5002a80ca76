//! The rim of this crate: programs that are run. Everything else computes.

pub mod gpgv;
pub mod signer;
