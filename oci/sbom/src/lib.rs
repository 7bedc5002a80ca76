//! SBOMs (software bills of materials) of images, from what is known of how they were built. Nothing is scanned or
//! guessed.
//!
//! A [`Bill`] lists what is in an image, independent of any format; [`spdx`], [`spdx3`] and [`cyclonedx`] write it. The
//! same bill gives the same bytes. No disk, no store, no clock.

mod bill;
pub mod cyclonedx;
mod facts;
mod names;
pub mod spdx;
pub mod spdx3;
#[cfg(test)]
mod tests;

pub use bill::{
    Bill, Checksum, Contact, Deliverable, File, FileKind, Image, NotAParty, Package, Party, Role, Source,
};
