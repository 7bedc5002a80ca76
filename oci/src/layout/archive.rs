//! Export to a file: a layout as a tar, or an archive for `docker load`. The same image gives the same bytes.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::json;
use stele_store::Progress;

use super::beside::{Beside, sync_folder};
use super::{ExportError, Exported, LAYOUT, alone, named};
use crate::blobs::{Blob, BlobError, write_layer};
use crate::canonical;
use crate::content::Content;
use crate::document::sum;
use crate::encode::Compression;
use crate::record::{Image, Record};
use crate::tar::{self, Header, Kind};

/// Times in the archives that are not in the image: the one that the mount shows everywhere.
const TIME: u64 = 1;

/// A tar being written to a file.
struct Archive {
    beside: Beside,
    path: std::path::PathBuf,
}

impl Archive {
    fn new(to: &Path, umask: u32) -> Result<Self, ExportError> {
        if std::fs::symlink_metadata(to).is_ok_and(|meta| !meta.is_file()) {
            return Err(ExportError::Occupied { path: to.to_owned(), what: "a file" });
        }
        Ok(Self { beside: Beside::new(to, umask)?, path: to.to_owned() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.beside.write(bytes).map_err(|e| ExportError::file(&self.path, "written", e))
    }

    fn header(&mut self, name: &str, kind: Kind<'_>) -> Result<(), ExportError> {
        let mode = if kind == Kind::Directory { 0o755 } else { 0o644 };
        let mut block = Vec::new();
        let name = name.as_bytes();
        tar::write_header(
            &Header { name, kind, mode, user: 0, group: 0, mtime: TIME, capabilities: None },
            &mut block,
        );
        self.write(&block)
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let size = bytes.len() as u64;
        self.file(name, size, |to| Ok(to(bytes)?))
    }

    /// A file of `size` bytes, written by `fill`.
    fn file(
        &mut self,
        name: &str,
        size: u64,
        fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), BlobError>,
    ) -> Result<(), ExportError> {
        self.header(name, Kind::File(size))?;
        let beside = &mut self.beside;
        fill(&mut |bytes| beside.write(bytes)).map_err(|error| match error {
            BlobError::Sink(error) => ExportError::file(&self.path, "written", error),
            other => other.into(),
        })?;
        self.write(&[0; tar::BLOCK][..tar::padding(size)])
    }

    fn finish(mut self) -> Result<(), ExportError> {
        self.write(&tar::END)?;
        self.beside.finish()?;
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => sync_folder(folder),
            _ => sync_folder(Path::new(".")),
        }
    }
}

/// Writes a layout with one image as a tar, known as an OCI archive.
///
/// # Errors
/// See [`ExportError`].
pub fn oci_archive<C: Content + ?Sized>(
    content: &C,
    record: &Record,
    reference: &str,
    to: &Path,
    umask: u32,
    progress: &Progress,
) -> Result<Exported, ExportError> {
    named(reference)?;
    let (index, beside) = alone(record, reference);
    let mut blobs = record.blobs();
    blobs.sort_by_key(|blob| blob.sum.sha256);
    total(&blobs, progress);
    let mut archive = Archive::new(to, umask)?;
    archive.bytes("oci-layout", LAYOUT)?;
    archive.bytes("index.json", &index)?;
    archive.header("blobs", Kind::Directory)?;
    archive.header("blobs/sha256", Kind::Directory)?;
    let mut exported = Exported::default();
    for document in &beside {
        archive.bytes(&format!("blobs/sha256/{}", sum(document).sha256), document)?;
        exported.written += 1;
        exported.bytes += document.len() as u64;
    }
    for blob in &blobs {
        let name = format!("blobs/sha256/{}", blob.sum.sha256);
        archive.file(&name, blob.sum.size, |out| blob.write(content, progress, out))?;
        progress.add(1, 0);
        exported.written += 1;
        exported.bytes += blob.sum.size;
    }
    archive.finish()?;
    Ok(exported)
}

/// Writes an archive for `docker load`. Its layers are never compressed. `reference` is `NAME:TAG`; the default tag is
/// `latest`.
///
/// # Errors
/// See [`ExportError`].
pub fn docker_archive<C: Content + ?Sized>(
    content: &C,
    image: &Image,
    reference: &str,
    to: &Path,
    umask: u32,
    progress: &Progress,
) -> Result<Exported, ExportError> {
    let refused = || ExportError::Reference { text: reference.to_owned(), place: "a Docker archive" };
    let tagged = docker_reference(reference).ok_or_else(refused)?;
    let config = image.content();
    let layer = |it: &crate::record::ImageLayer| format!("{}.tar", it.measured.plain.sha256);
    let manifest = json!([{
        "Config": format!("{config}.json"),
        "RepoTags": [tagged],
        "Layers": image.layers.iter().map(layer).collect::<Vec<_>>(),
    }]);
    progress.set_total(image.layers.len() as u64, image.layers.iter().map(|it| it.measured.plain.size).sum());
    let mut archive = Archive::new(to, umask)?;
    archive.bytes("manifest.json", &canonical::text(&manifest))?;
    archive.bytes(&format!("{config}.json"), &image.config)?;
    let mut exported = Exported::default();
    let mut seen = BTreeSet::new();
    for it in &image.layers {
        if !seen.insert(it.measured.plain.sha256) {
            continue;
        }
        let plain = it.measured.plain;
        let fill = |out: &mut dyn FnMut(&[u8]) -> io::Result<()>| {
            write_layer(content, it, Compression::None, plain, progress, out)
        };
        archive.file(&layer(it), plain.size, fill)?;
        progress.add(1, 0);
        exported.written += 1;
        exported.bytes += plain.size;
    }
    archive.finish()?;
    Ok(exported)
}

fn total(blobs: &[Blob<'_>], progress: &Progress) {
    progress.set_total(blobs.len() as u64, blobs.iter().map(Blob::work).sum());
}

/// `NAME:TAG` as Docker accepts it: lower-case names between slashes; a tag of at most 128 characters.
fn docker_reference(text: &str) -> Option<String> {
    let slash = text.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match text[slash..].split_once(':') {
        Some((last, tag)) => (&text[..slash + last.len()], tag),
        None => (text, "latest"),
    };
    let component = |part: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        edge(part.chars().next()) && edge(part.chars().next_back()) && part.chars().all(known)
    };
    // The first component may be a host with a port.
    let mut parts = name.split('/').enumerate();
    let named = parts.all(|(at, part)| match part.split_once(':') {
        Some((host, port)) if at == 0 => component(host) && port.parse::<u16>().is_ok(),
        _ => component(part),
    });
    let tagged = (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    (named && tagged).then(|| format!("{name}:{tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_docker() {
        for (text, tagged) in [
            ("hello", "hello:latest"),
            ("hello:1.0", "hello:1.0"),
            ("host:5000/a/b", "host:5000/a/b:latest"),
            ("host:5000/a/b:x", "host:5000/a/b:x"),
        ] {
            assert_eq!(docker_reference(text).as_deref(), Some(tagged));
        }
        for text in ["", "Hello", "c++", "a:", "a:.x", "a/", "-a", "a b", "a:b:c"] {
            assert_eq!(docker_reference(text), None, "{text:?}");
        }
    }
}
