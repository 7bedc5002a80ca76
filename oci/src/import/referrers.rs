//! What refers to an image that is imported.

use stele_store::{Holder, Keep, Progress, Store, StreamError, Target};

use super::ImportError;
use super::place::{Named, Place};
use crate::document::digest_text;
use crate::make::MEANWHILE;
use crate::measure::{Hashed, Sum};
use crate::record::{Payload, Record, Referrer};

/// Adds those of `found` that refer to the image, or to what does, with what they bring. How many do not.
pub(super) fn add(
    store: &Store,
    place: &Place,
    record: &mut Record,
    found: Vec<Referrer>,
    progress: &Progress,
) -> Result<usize, ImportError> {
    for referrer in found {
        record.attach(referrer);
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
            let fails = |source| ImportError::File { path: place.path().to_owned(), source };
            let mut bytes = Hashed::new(file, size, Some(progress));
            let stored = session.add_stream(&mut bytes, false);
            progress.check()?;
            let (blob, _) = stored.map_err(|error| match error {
                StreamError::Read(source) => fails(source),
                StreamError::Write(error) => error.into(),
            })?;
            let found = bytes.finish().map_err(fails)?;
            if found != sum {
                let (blob, found) = (digest_text(&sum.sha256), digest_text(&found.sha256));
                return Err(ImportError::Digest { blob, found });
            }
            targets.push(Target::Blob(blob));
            referrer.payloads.push(Payload { sum, blob });
        }
    }
    let until = Holder::Until(stele_store::now().saturating_add(MEANWHILE));
    session.finish(&targets, &Keep { lease: Some(until), ..Keep::default() })?;
    Ok(strays)
}

fn missing(sum: &Sum) -> ImportError {
    ImportError::Missing { blob: digest_text(&sum.sha256) }
}
