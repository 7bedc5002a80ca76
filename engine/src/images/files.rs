//! The files of an image's merged root filesystem, with their digests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use sha2::Sha512;

use stele_oci::{Image, Walk};
use stele_store::model::{BlobId, Node};
use stele_store::{Progress, Store};

use crate::failure::Failure;
use crate::failure::images as failure;
use crate::failure::store::cancelled;
use crate::service::{Sink, lost_sink};

/// A file of an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageFile {
    /// Its path, with a leading slash.
    pub path: String,
    /// The number of its layer; the lowest is 0. Files hidden by a higher layer are not listed.
    pub layer: usize,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// Their SHA-1.
    pub sha1: String,
    /// Their SHA-512.
    pub sha512: String,
    /// What its permissions and first bytes say that it is.
    pub kind: ImageFileKind,
}

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageFileKind {
    /// An archive, or a compressed file.
    Archive,
    /// A program, a library or a script.
    Executable,
    /// Anything else.
    Data,
}

/// So many bytes tell what a file is: as far as the magic of tar goes.
const HEAD: usize = 262;

impl ImageFileKind {
    fn of(head: &[u8], executable: bool) -> Self {
        // ar, gzip, bzip2, xz, zstd, lzip, lz4 and zip.
        let archives: [&[u8]; 8] = [
            b"!<arch>\n",
            b"\x1f\x8b",
            b"BZh",
            b"\xfd7zXZ\0",
            b"\x28\xb5\x2f\xfd",
            b"LZIP",
            b"\x04\x22\x4d\x18",
            b"PK\x03\x04",
        ];
        if archives.iter().any(|magic| head.starts_with(magic)) || head.get(257..HEAD) == Some(b"ustar") {
            return Self::Archive;
        }
        // Shared libraries need not be executable.
        if executable || head.starts_with(b"\x7fELF") || head.starts_with(b"#!") {
            return Self::Executable;
        }
        Self::Data
    }
}

/// Sends the files, one line of JSON each, sorted by path. Each is read and compared with its digest.
///
/// # Errors
/// When one cannot be read, or does not match its digest.
pub(super) fn send(
    store: &Store,
    image: &Image,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut found: BTreeMap<String, (usize, Option<(BlobId, bool)>)> = BTreeMap::new();
    for (number, layer) in image.layers.iter().enumerate() {
        let fails = |error| failure::layer(&layer.origin, error);
        let mut walk = Walk::new(store, &layer.layer);
        while let Some(entry) = walk.step().map_err(fails)? {
            progress.check().map_err(|_| cancelled())?;
            let blob = match entry.node {
                Node::File { blob, executable, .. } => Some((blob, executable)),
                Node::Symlink { .. } => None,
                Node::Directory { .. } => continue,
            };
            // As other programs write it; non-UTF-8 names are escaped.
            let path = std::str::from_utf8(entry.path.as_bytes())
                .map_or_else(|_| entry.path.to_string(), |path| format!("/{path}"));
            found.insert(path, (number, blob));
        }
    }
    let files = found.into_iter().filter_map(|(path, (layer, blob))| Some((path, layer, blob?)));
    for (path, layer, (blob, executable)) in files {
        progress.check().map_err(|_| cancelled())?;
        let (mut sha1, mut sha512, mut head) = (Sha1::new(), Sha512::new(), Vec::with_capacity(HEAD));
        store.open_blob(&blob)?.verified_by(|bytes| {
            sha1.update(bytes);
            sha512.update(bytes);
            head.extend_from_slice(&bytes[..bytes.len().min(HEAD - head.len())]);
        })?;
        let file = ImageFile {
            path,
            layer,
            sha256: store.blob_info(&blob)?.sha256.to_string(),
            sha1: digits(&sha1.finalize()),
            sha512: digits(&sha512.finalize()),
            kind: ImageFileKind::of(&head, executable),
        };
        let line = serde_json::to_string(&file).unwrap_or_default();
        sink.bytes(format!("{line}\n").as_bytes()).map_err(|e| lost_sink(&e))?;
    }
    Ok(())
}

fn digits(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_first_bytes_and_permissions() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (head, executable, kind) in [
            (&b""[..], false, ImageFileKind::Data),
            (b"text", false, ImageFileKind::Data),
            (b"text", true, ImageFileKind::Executable),
            (b"\x7fELF\x02", false, ImageFileKind::Executable),
            (b"#!/bin/sh", false, ImageFileKind::Executable),
            (b"!<arch>\n", false, ImageFileKind::Archive),
            // An archive that is marked executable is still one.
            (b"\x1f\x8b\x08", true, ImageFileKind::Archive),
            (&tar[..HEAD], false, ImageFileKind::Archive),
            (&tar[..HEAD - 1], false, ImageFileKind::Data),
        ] {
            assert_eq!(ImageFileKind::of(head, executable), kind, "{head:?}");
        }
    }
}
