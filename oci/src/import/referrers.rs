//! What refers to an image that is imported.

use stele_store::{Holder, Keep, Progress, Store, Target};

use super::place::{Named, Place};
use super::{ImportError, unpack::Hashed};
use crate::document::digest_text;
use crate::keep::take;
use crate::make::MEANWHILE;
use crate::measure::Sum;
use crate::record::{Payload, Record, Referrer, Said};

/// Adds those of `manifests` that refer to the image, or to what does, with what they bring. How many do not.
pub(super) fn add(
    store: &Store,
    place: &Place,
    record: &mut Record,
    manifests: Vec<Vec<u8>>,
    progress: &Progress,
) -> Result<usize, ImportError> {
    for manifest in manifests {
        if let Some(said) = Said::of(&manifest)? {
            record.attach(Referrer { said, manifest, payloads: Vec::new() });
        }
    }
    let strays = record.drop_strays();
    let session = store.session()?;
    let mut targets = Vec::new();
    for referrer in &mut record.referrers {
        for sum in referrer.said.once() {
            let (file, size) = place.file(&Named::blob(sum).file)?.ok_or_else(|| missing(&sum))?;
            if size != sum.size {
                let blob = digest_text(&sum.sha256);
                return Err(ImportError::Size { blob, found: size, wanted: sum.size });
            }
            let payload = take(&session, &mut Hashed::new(file, size, Some(progress)))?;
            progress.check()?;
            if payload.sum != sum {
                let (blob, found) = (digest_text(&sum.sha256), digest_text(&payload.sum.sha256));
                return Err(ImportError::Digest { blob, found });
            }
            targets.push(Target::Blob(payload.blob));
            referrer.payloads.push(Payload { sum, blob: payload.blob });
        }
    }
    let until = Holder::Until(stele_store::now().saturating_add(MEANWHILE));
    session.finish(&targets, &Keep { lease: Some(until), ..Keep::default() })?;
    Ok(strays)
}

fn missing(sum: &Sum) -> ImportError {
    ImportError::Missing { blob: digest_text(&sum.sha256) }
}
