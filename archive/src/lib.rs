//! An archive's bytes become a tree.
//!
//! [`unpack`] reads tar (v7, ustar, pax, GNU, old GNU) and zip, as they are or inside gzip, bzip2, xz, zstd and
//! lzip, which may stand inside each other. What the bytes are is told by the bytes; no name is asked. A Debian
//! package is read when it is asked for and never by the way: what is in one was built elsewhere, and that is counted.
//!
//! The tar and zip formats are read here and not by a crate, because strictness is in the framing: a crate that
//! hands out entries has already decided which of two names counts, what a doubled key means and what may stand
//! behind the end. The decompressors are crates, all in Rust.
//!
//! What is decided, beyond what the formats say:
//!
//! * An entry is refused when its name is absolute, has a `..`, holds a NUL or is empty; when it passes through a
//!   symbolic link or a file; when it is a device, a fifo or a socket. Every name is checked, also of an entry that
//!   `strip` drops. `.` components and doubled slashes mean nothing and are dropped.
//! * A symbolic link is refused when its target is absolute, or climbs above the root: of the archive as written,
//!   of what `strip` leaves, and of `subdir`. At the end every link is also followed through the tree, because
//!   `..` behind another link leads elsewhere than its text says. A link to nothing is fine. What is in a Debian
//!   package belongs at `/`: its absolute links are fine when they stay in it.
//! * A hard link becomes the file or symbolic link that stands earlier under that name; there must be one.
//! * A name that comes twice is refused unless both times it is the same: GNU tar lets the last one win, and other
//!   readers the first. Directories may come as often as they like. Names that differ only in case are two names.
//! * Of the mode only the owner's execute bit (0o100) counts. Set-user-id and the like, owners, times and extended
//!   attributes are no part of a tree, and are dropped.
//! * `strip` drops leading components as `tar --strip-components` does: an entry with none left is skipped,
//!   whatever it is. `subdir` then takes one directory of what is left. A tree with no entry is an error.
//! * A tar ends with at least one block of zeros, and nothing but zeros follows: archives that were written one
//!   behind the other are refused. In a zip every byte belongs to an entry or to the directory.
//! * A link or directory whose header has a size is refused, because readers disagree whether data follows.
//! * A header that says `ustar` in no known way is refused, since it is not clear where its name is. What fills up a
//!   tar's last block is not looked at: early tars left in it what was in their buffers.
//! * What the directory of a zip says counts, and a local header that says something else is refused; so are two end
//!   records, a mode that contradicts the slash of a directory's name, and a Unicode path that is another name.
//! * A compressed stream may consist of many members; anything else behind the last one is refused, also zeros, which
//!   `gzip` would pass over. Only xz has a padding of its own.
//! * A Debian package has its three members and nothing else, and the last is compressed as its name says.
//! * Old-style zip names (no UTF-8 flag) are taken as the bytes that they are.

mod builder;
mod bzip2_streams;
pub mod content;
mod deb;
mod decompress;
mod error;
mod format;
mod limits;
mod links;
mod lzip;
mod path;
mod placing;
mod sources;
pub mod tar;
#[cfg(test)]
mod tests;
mod zip;

use std::io::Read;

use serde::{Deserialize, Serialize};
use stele_store::model::{Name, TreeId};

pub use builder::{RootError, TreeBuilder};
pub use decompress::decompressed;
pub use error::{EntryError, EntryName, PackageError, SparseError, TarError, UnpackError, ZipError};
pub use format::{AN_AR, Compression, compression_of};
pub use limits::Limits;

use content::Content;
use format::Format;
use limits::{Gauge, Source};
use path::At;
use placing::Placing;

/// What some bytes have to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A tar or a zip, whichever they are.
    #[default]
    Archive,
    /// A Debian package. What it would install is unpacked, and nothing of what its scripts would do is done.
    DebianPackage,
}

/// What is taken out of an archive, and how much of it there may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpack {
    /// What it has to be.
    pub form: Form,
    /// How many leading components every name loses; an entry with none left is skipped.
    pub strip: usize,
    /// The one directory to take, after `strip`; everything when there is none.
    pub subdir: Option<Vec<Name>>,
    /// What is too much.
    pub limits: Limits,
}

/// Reads all of `bytes`, an archive, and keeps what `unpack` takes of it in `content`; the tree that it is.
///
/// Files are handed to `content` as they are read and never held; also those outside of `subdir`, as a hard link
/// inside may name them. After an error, what was kept so far stays: it hurts nobody, and no tree names it.
///
/// # Errors
/// When the bytes are no archive, one that is damaged, has more than [`Limits`] allow, or holds what this
/// module refuses; when they cannot be read, or content cannot be kept.
pub fn unpack(bytes: &mut dyn Read, unpack: &Unpack, content: &dyn Content) -> Result<TreeId, UnpackError> {
    let gauge = Gauge::new(unpack.limits.clone());
    let belongs = match unpack.form {
        Form::Archive => At::Anywhere,
        Form::DebianPackage => At::Root,
    };
    let mut placing = Placing::new(unpack.strip, belongs, &gauge);
    match unpack.form {
        Form::DebianPackage => deb::read(bytes, &gauge, content, &mut placing)?,
        Form::Archive => {
            let opened = decompress::open(Box::new(Source { bytes, gauge: &gauge }), &gauge)?;
            match opened.format {
                Format::Tar => sources::read(opened.bytes, &gauge, content, &mut placing)?,
                Format::Zip => zip::read(opened.bytes, &gauge, content, &mut placing)?,
            }
        }
    }
    placing.finish(unpack.subdir.as_deref(), content)
}
