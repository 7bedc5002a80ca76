//! Export to a folder: only missing files are written, and `index.json` last, so that a reader never finds an image
//! without its blobs.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{CWD, FlockOperation, Mode};
use serde_json::Value;
use stele_store::Progress;

use super::beside::{Beside, sync_folder};
use super::wrapper::wrapper;
use super::{ExportError, Exported, LAYOUT, MAX_INDEX, named, with_entry};
use crate::blobs::{Blob, BlobSource};
use crate::content::Content;
use crate::document::sum;
use crate::record::Record;

/// Adds an image to the layout in the folder `to`, under the name `reference`; creates the layout if there is none.
/// Existing blobs of the right size are trusted.
///
/// # Errors
/// See [`ExportError`].
pub fn folder<C: Content + ?Sized>(
    content: &C,
    record: &Record,
    reference: &str,
    to: &Path,
    umask: u32,
    progress: &Progress,
) -> Result<Exported, ExportError> {
    named(reference)?;
    let blobs_folder = to.join("blobs/sha256");
    make(to, umask)?;
    // Serialises concurrent exports to the folder.
    let held = File::open(to).map_err(|e| ExportError::file(to, "opened", e))?;
    rustix::fs::flock(&held, FlockOperation::LockExclusive)
        .map_err(|e| ExportError::file(to, "locked", e))?;
    let index = existing(to)?;
    make(&to.join("blobs"), umask)?;
    make(&blobs_folder, umask)?;
    let mut blobs = record.blobs();
    let wrapper = wrapper(record);
    blobs.extend(wrapper.iter().map(|it| Blob { sum: sum(it), source: BlobSource::Document(it) }));
    let missing: Vec<&Blob<'_>> = blobs.iter().filter(|blob| !is_there(&blobs_folder, blob)).collect();
    progress.set_total(missing.len() as u64, missing.iter().map(|blob| blob.work()).sum());
    let mut exported = Exported { kept: (blobs.len() - missing.len()) as u64, ..Exported::default() };
    for blob in &missing {
        let path = blobs_folder.join(blob.sum.sha256.to_string());
        let mut beside = Beside::new(&path, umask)?;
        blob.write(content, progress, &mut |bytes| beside.write(bytes))
            .map_err(|error| sink(error, &path))?;
        beside.finish()?;
        progress.add(1, 0);
        exported.written += 1;
        exported.bytes += blob.sum.size;
    }
    if !missing.is_empty() {
        sync_folder(&blobs_folder)?;
    }
    let layout_file = to.join("oci-layout");
    if !layout_file.exists() {
        put(&layout_file, LAYOUT, umask)?;
    }
    let broken = |what| ExportError::Layout { path: to.to_owned(), what };
    let before = index.as_ref().map(|(bytes, _)| bytes.clone());
    let index = index.map(|(_, value)| value);
    let text = with_entry(index, record, reference, wrapper.as_deref()).map_err(broken)?;
    exported.unchanged = before.as_ref() == Some(&text) && missing.is_empty();
    if before.as_ref() != Some(&text) {
        put(&to.join("index.json"), &text, umask)?;
        sync_folder(to)?;
    }
    Ok(exported)
}

/// Adds the path to an error of the disk.
fn sink(error: crate::blobs::BlobError, path: &Path) -> ExportError {
    match error {
        crate::blobs::BlobError::Sink(error) => ExportError::file(path, "written", error),
        other => other.into(),
    }
}

fn is_there(folder: &Path, blob: &Blob<'_>) -> bool {
    let path = folder.join(blob.sum.sha256.to_string());
    let meta = fs::symlink_metadata(&path);
    let sized = meta.is_ok_and(|meta| meta.is_file() && meta.len() == blob.sum.size);
    match blob.source {
        // A document is small, so it is compared.
        BlobSource::Document(bytes) => sized && fs::read(&path).is_ok_and(|found| found == bytes),
        BlobSource::Layer(_) | BlobSource::Payload(_) => sized,
    }
}

fn put(path: &Path, bytes: &[u8], umask: u32) -> Result<(), ExportError> {
    let mut beside = Beside::new(path, umask)?;
    beside.write(bytes).map_err(|e| ExportError::file(path, "written", e))?;
    beside.finish()
}

/// Creates a folder unless it exists.
fn make(path: &Path, umask: u32) -> Result<(), ExportError> {
    match rustix::fs::mkdirat(CWD, path, Mode::from_raw_mode(0o755 & !umask)) {
        Err(rustix::io::Errno::EXIST) if path.is_dir() => Ok(()),
        Err(rustix::io::Errno::EXIST) => {
            Err(ExportError::Occupied { path: path.to_owned(), what: "a folder" })
        }
        made => made.map_err(|e| ExportError::file(path, "made", e)),
    }
}

/// The existing `index.json`. A folder with anything else in it is not touched.
fn existing(to: &Path) -> Result<Option<(Vec<u8>, Value)>, ExportError> {
    let broken = |what: &str| ExportError::Layout { path: to.to_owned(), what: what.to_owned() };
    if let Some(text) = read(&to.join("oci-layout"))? {
        let version: Option<Value> = serde_json::from_slice(&text).ok();
        let version = version.as_ref().and_then(|it| it.get("imageLayoutVersion")?.as_str());
        if version != Some("1.0.0") {
            return Err(broken("its file oci-layout does not have version 1.0.0"));
        }
    } else {
        let mut entries = fs::read_dir(to).map_err(|e| ExportError::file(to, "read", e))?;
        // Leftovers of an export that was killed at the start do not count.
        let ours = |name: &std::ffi::OsStr| {
            name == "blobs" || name.to_string_lossy().starts_with(".oci-layout.stele-")
        };
        if entries.any(|entry| entry.is_ok_and(|entry| !ours(&entry.file_name()))) {
            return Err(ExportError::Occupied { path: to.to_owned(), what: "an OCI image layout" });
        }
        return Ok(None);
    }
    let Some(text) = read(&to.join("index.json"))? else { return Ok(None) };
    let index =
        serde_json::from_slice(&text).map_err(|e| broken(&format!("its index.json is not JSON: {e}")))?;
    Ok(Some((text, index)))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, ExportError> {
    let fails = |e| ExportError::file(path, "read", e);
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(fails)?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_INDEX + 1).read_to_end(&mut bytes).map_err(fails)?;
    if bytes.len() as u64 > MAX_INDEX {
        return Err(fails(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(bytes))
}
