//! What refers to an image that is imported.

use stele_store::{Holder, Keep, Progress, Store, StreamError, Target};

use super::ImportError;
use super::choose::Named;
use super::open_layout::OpenLayout;
use crate::document::digest_text;
use crate::make::MEANWHILE;
use crate::measure::{Hashed, Sum};
use crate::record::{Payload, Record, Referrer};

/// Adds those of `found` that refer to the image, or to what does, with what they bring. How many do not, or are not
/// whole.
pub(super) fn add(
    store: &Store,
    place: &OpenLayout,
    record: &mut Record,
    found: Vec<Referrer>,
    progress: &Progress,
) -> Result<usize, ImportError> {
    let all = found.len();
    for referrer in found {
        // What is not whole is of no use to anybody, and no reason to go without the image.
        if is_whole(place, &referrer)? {
            record.attach(referrer);
        }
    }
    record.drop_strays();
    let session = store.session()?;
    let mut targets = Vec::new();
    for referrer in &mut record.referrers {
        for sum in referrer.fields.once() {
            let (file, size) = place.file(&Named::blob(sum).file)?.ok_or_else(|| missing(&sum))?;
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
    Ok(all - record.referrers.len())
}

/// Whether all that a referrer brings is there, with its size.
fn is_whole(place: &OpenLayout, referrer: &Referrer) -> Result<bool, ImportError> {
    for sum in referrer.fields.once() {
        match place.file(&Named::blob(sum).file)? {
            Some((_, size)) if size == sum.size => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn missing(sum: &Sum) -> ImportError {
    ImportError::Missing { blob: digest_text(&sum.sha256) }
}
