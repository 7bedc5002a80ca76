//! Attestations and agreement: who says, signed, what came out of an action, and whether that is enough.
//!
//! Everything here is a function of what it is given: no clock, no network, no environment, no disk. The exceptions
//! are random bytes for a new key and for ECDSA signatures, and the programs that [`edge`] runs.
//!
//! From the outside in: a [`bundle`] or a [`dsse`] envelope carries a [`statement`] that [`keys`] signed; a
//! [`policy`] says whose key that is; it becomes a [`vote`]; and votes become a [`verdict`].

pub mod bundle;
mod der;
pub mod digest;
pub mod dsse;
pub mod edge;
pub mod foreign;
pub mod json;
pub mod keys;
pub mod name;
pub mod policy;
pub mod principal;
pub mod sigstore;
pub mod simple_signing;
pub mod statement;
pub mod time;
pub mod verdict;
pub mod vote;
