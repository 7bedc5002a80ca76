//! Unpacking archives into trees.
//!
//! [`unpack`] reads tar (v7, ustar, pax, GNU, old GNU) and zip, plain or inside gzip, bzip2, xz, zstd and lzip,
//! possibly nested. The format is detected from the bytes; file names are ignored. A Debian package is only read on
//! request: it is prebuilt, and counted as such.
//!
//! The tar and zip formats are implemented here and not by a crate, because strictness is in the framing: a crate that
//! returns entries has already decided which of two names counts, what a duplicate key means and what may follow the
//! end. The decompressors are crates, all in Rust.
//!
//! Decisions beyond the formats' specifications:
//!
//! * An entry is refused when its name is absolute, has a `..`, holds a NUL or is empty; when it passes through a
//!   symbolic link or a file; when it is a device, a fifo or a socket. Every name is checked, even of an entry that
//!   `strip` drops. `.` components and double slashes are dropped.
//! * A symbolic link is refused when its target is absolute, or climbs above the root: of the archive as written, of
//!   what `strip` leaves, and of `subdir`. At the end every link is also followed through the tree, because `..` after
//!   another link leads elsewhere than its text suggests. A dangling link is fine. A Debian package belongs at `/`: its
//!   absolute links are fine when they stay in it.
//! * A hard link becomes the earlier file or symbolic link of that name; there must be one.
//! * A duplicate name is refused unless both entries are equal: GNU tar lets the last one win, and other readers the
//!   first. Directories may be repeated. Names that differ only in case are two names.
//! * Of the mode only the owner's execute bit (0o100) counts. Set-user-id and the like, owners, times and extended
//!   attributes are not part of a tree, and are dropped.
//! * `strip` drops leading components as `tar --strip-components` does: an entry with none left is skipped, whatever it
//!   is. `subdir` then selects one directory of the rest. A tree without entries is an error.
//! * A tar ends with at least one block of zeros, and nothing but zeros follows: concatenated archives are refused. In
//!   a zip every byte belongs to an entry or to the directory.
//! * A link or directory whose header has a size is refused, because readers disagree whether data follows.
//! * A header with an unknown variant of `ustar` is refused, since the place of its name is ambiguous. The padding of a
//!   tar's last block is ignored: early tars left old buffer contents in it.
//! * The directory of a zip is authoritative, and a local header that differs is refused; so are two end records, a
//!   mode that contradicts the slash of a directory's name, and a different Unicode path.
//! * A compressed stream may consist of many members; anything else after the last one is refused, even zeros, which
//!   `gzip` would skip. Only xz has its own padding.
//! * A Debian package has its three members and nothing else, and the last has the compression that its name states.
//! * Old-style zip names (no UTF-8 flag) are used as bytes.

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

/// The expected format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A tar or a zip.
    #[default]
    Archive,
    /// A Debian package. What it would install is unpacked; its scripts are ignored.
    DebianPackage,
}

/// What to unpack of an archive, and its limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpack {
    /// The expected format.
    pub form: Form,
    /// The number of leading components to strip from every name; an entry with none left is skipped.
    pub strip: usize,
    /// The one directory to select, after `strip`; everything when there is none.
    pub subdir: Option<Vec<Name>>,
    /// The limits.
    pub limits: Limits,
}

/// Reads all of `bytes`, an archive, and stores what `unpack` selects of it in `content`; returns its tree.
///
/// Files are passed to `content` as they are read and never held in memory; even those outside of `subdir`, as a hard
/// link inside may name them. After an error, what was stored so far stays, unreferenced and harmless.
///
/// # Errors
/// When the bytes are not an archive, are damaged, exceed [`Limits`], or hold what this module refuses; when they
/// cannot be read, or content cannot be stored.
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
