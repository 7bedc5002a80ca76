//! Attaching referrers to images.

use std::fs::File;

use stele_oci::document::{Artifact, parse_digest};
use stele_oci::keep::{self, Attachment, Existing, Incoming};
use stele_store::Store;

use super::{AttachedFile, AttachedReferrer, spelled};
use crate::failure::{Failure, Kind};
use crate::reference::from_wire;

/// Attaches files to an image, or to the manifest `subject` of it.
///
/// # Errors
/// With a failure for the user.
pub(super) fn attach(
    store: &Store,
    image: &str,
    subject: Option<&str>,
    artifact: Artifact,
    files: Vec<AttachedFile>,
    existing: Existing,
) -> Result<AttachedReferrer, Failure> {
    let subject = subject.map(|text| {
        parse_digest(text).ok_or_else(|| {
            Failure::new(Kind::Usage, format!("{text} is not a digest: `sha256:` and 64 digits"))
        })
    });
    let mut payloads = Vec::new();
    for AttachedFile { path, media_type, title, annotations } in files {
        let path = from_wire(&path)?;
        let fails = |e: &std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => {
                Failure::new(Kind::NotFound, format!("there is no file {}", path.display()))
            }
            _ => Failure::io(&format!("{} cannot be attached", path.display()), e),
        };
        let file = File::open(&path).map_err(|e| fails(&e))?;
        if !file.metadata().map_err(|e| fails(&e))?.is_file() {
            return Err(Failure::new(Kind::Usage, format!("{} is not a file", path.display()))
                .hint("attach each of its files, or a tar of them"));
        }
        payloads.push(Incoming { bytes: Box::new(file), media_type, title, annotations });
    }
    let attachment = Attachment { subject: subject.transpose()?, artifact, payloads, existing };
    let done = keep::attach(store, image, attachment)?;
    Ok(AttachedReferrer { digest: spelled(&done.sum.sha256), image: done.image, was_there: done.was_there })
}
