//! SBOMs (software bills of materials) of images, from what is known of how they were built. Nothing is scanned or
//! guessed.
//!
//! A [`Bill`] lists what is in an image, independent of any format; [`spdx`] and [`cyclonedx`] write it. The same bill
//! gives the same bytes. No disk, no store, no clock.

mod bill;
pub mod cyclonedx;
mod names;
pub mod spdx;
#[cfg(test)]
mod tests;

pub use bill::{Bill, Checksum, File, Image, Package, Role, Source};
