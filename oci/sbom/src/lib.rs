//! Bills of materials (SBOM) of images, made of what is known of how they came to be. Nothing is scanned or guessed.
//!
//! A [`Bill`] says what is in an image, in words of no format; [`spdx`] and [`cyclonedx`] write it. The same bill gives
//! the same bytes. No disk, no store, no clock.

mod bill;
pub mod cyclonedx;
mod names;
pub mod spdx;
#[cfg(test)]
mod tests;

pub use bill::{Bill, Checksum, File, Image, Package, Role, Source};
