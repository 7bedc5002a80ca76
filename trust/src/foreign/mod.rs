//! What other projects sign, read as votes.

pub mod gpgv;
pub mod intoto_link;
pub mod stagex;
