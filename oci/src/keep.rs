//! Images under their names, and their attachments.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};

use stele_store::model::{RootName, Sha256, TreeId};
use stele_store::{Holder, Keep, Session, Store, StreamError, Target};

use crate::document::{self, Artifact, digest_text};
use crate::make::{MEANWHILE, MakeError};
use crate::measure::{Hashed, Sum};
use crate::record::{NamedBlob, Payload, Record, Referrer, ReferrerError, find, named, root_of};

/// Something to attach to an image.
pub struct Attachment<'a> {
    /// The manifest that it refers to; by default the one that the image is pulled by.
    pub subject: Option<Sha256>,
    /// Its type and annotations. Its blobs come from `payloads`.
    pub artifact: Artifact,
    /// Its payloads.
    pub payloads: Vec<Incoming<'a>>,
    /// What becomes of what is attached already to the same subject with the same type.
    pub existing: Existing,
}

/// What becomes of an attachment of the same type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Existing {
    /// It stays, beside the new one.
    #[default]
    Keep,
    /// It is removed.
    Replace,
    /// Its payloads come first in the new one, and it is removed: where readers look at one attachment only.
    Merge,
}

/// A payload that is not in the store yet.
pub struct Incoming<'a> {
    /// Its bytes.
    pub bytes: Box<dyn Read + 'a>,
    /// Their media type.
    pub media_type: String,
    /// The name for a file with them.
    pub title: Option<String>,
    /// Further annotations of their descriptor.
    pub annotations: BTreeMap<String, String>,
}

/// The result of attaching.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attached {
    /// The digest and size of its manifest.
    pub sum: Sum,
    /// The image.
    pub image: String,
    /// Whether the image had it already.
    pub was_there: bool,
}

/// Keeps an image under a name, replacing the one that had it. Attachments of that one whose subject still exists stay.
/// Returns the tree that holds it.
///
/// # Errors
/// When the name is invalid, or the store cannot be written.
pub fn keep(store: &Store, name: &str, mut record: Record) -> Result<(TreeId, Record), MakeError> {
    let root = root_of(name)?;
    let _lock = store.lock_roots();
    // An unreadable one has nothing to keep.
    if let Ok((_, before)) = named(store, name) {
        for referrer in before.referrers {
            record.attach(referrer);
        }
        record.drop_strays();
    }
    let session = store.session()?;
    Ok((put(store, session, root, &record)?, record))
}

/// Stores an image for an hour, under no name. Returns the tree that holds it.
///
/// # Errors
/// When the store cannot be written.
pub fn unnamed(store: &Store, record: Record) -> Result<(TreeId, Record), MakeError> {
    let session = store.session()?;
    let tree = record.store(store, &session)?;
    let until = Holder::Until(stele_store::now().saturating_add(MEANWHILE));
    session.finish(&[Target::Tree(tree)], &Keep { lease: Some(until), ..Keep::default() })?;
    Ok((tree, record))
}

/// Attaches something to an image, in addition to what is attached already.
///
/// # Errors
/// When there is no such image, or it lacks the subject; when a payload cannot be read, or the store cannot be written.
pub fn attach(store: &Store, image: &str, attachment: Attachment<'_>) -> Result<Attached, MakeError> {
    let session = store.session()?;
    let Attachment { subject, mut artifact, payloads, existing } = attachment;
    let mut taken = vec![take(&session, &mut { document::EMPTY })?];
    for payload in payloads {
        let one = take(&session, &mut { payload.bytes })?;
        let title = payload.title.map(|title| (document::TITLE.to_owned(), title));
        artifact.blobs.push(NamedBlob {
            sum: one.sum,
            media_type: payload.media_type,
            annotations: payload.annotations.into_iter().chain(title).collect(),
        });
        taken.push(one);
    }
    let _lock = store.lock_roots();
    let (name, _, mut record) = find(store, image)?;
    let subject = subject.unwrap_or_else(|| record.sum().sha256);
    let absent = || ReferrerError::NoSubject { image: name.clone(), subject: digest_text(&subject) };
    let (to, media_type) = record.subjects().find(|it| it.0.sha256 == subject).ok_or_else(absent)?;
    let is_same =
        |it: &Referrer| it.fields.subject == subject && it.fields.artifact_type == artifact.artifact_type;
    let older: Vec<Referrer> = match existing {
        Existing::Keep => Vec::new(),
        _ => record.referrers.iter().filter(|it| is_same(it)).cloned().collect(),
    };
    if existing == Existing::Merge {
        let before = older.iter().flat_map(|it| it.fields.blobs.iter().skip(1)).cloned();
        let mut blobs: Vec<NamedBlob> = Vec::new();
        for blob in before.chain(std::mem::take(&mut artifact.blobs)) {
            if !blobs.contains(&blob) {
                blobs.push(blob);
            }
        }
        artifact.blobs = blobs;
        taken.extend(older.iter().flat_map(|it| &it.payloads).copied());
    }
    let manifest = document::artifact(&artifact, media_type, &to)?;
    let mut referrer = Referrer::of(manifest)?.ok_or_else(absent)?;
    let mut payloads = Vec::new();
    for sum in referrer.fields.once() {
        payloads.extend(taken.iter().find(|it| it.sum == sum));
    }
    referrer.payloads = payloads;
    let sum = referrer.sum;
    // One that another referrer is about has to stay.
    let is_subject =
        |it: &Referrer| record.referrers.iter().any(|other| other.fields.subject == it.sum.sha256);
    let gone: Vec<Sha256> =
        older.iter().filter(|it| it.sum != sum && !is_subject(it)).map(|it| it.sum.sha256).collect();
    record.referrers.retain(|it| !gone.contains(&it.sum.sha256));
    let was_there = !record.attach(referrer) && gone.is_empty();
    if !was_there {
        put(store, session, root_of(&name)?, &record)?;
    }
    Ok(Attached { sum, image: name, was_there })
}

/// Removes an attachment of an image, named by 8 or more leading digits of its digest. Returns the digest.
///
/// # Errors
/// When there is no such attachment, or another refers to it.
pub fn detach(store: &Store, image: &str, digest: &str) -> Result<Sha256, MakeError> {
    let _lock = store.lock_roots();
    let (name, _, mut record) = find(store, image)?;
    let absent = || ReferrerError::Absent { image: name.clone(), digest: digest.to_owned() };
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    let prefix = stele_store::model::DigestPrefix::parse(digits).ok_or_else(absent)?.text();
    let fits: Vec<_> = record.referrers.iter().map(|it| it.sum.sha256).collect();
    let mut fits = fits.into_iter().filter(|it| it.to_string().starts_with(&prefix));
    let (Some(found), None) = (fits.next(), fits.next()) else { return Err(absent().into()) };
    if let Some(by) = record.referrers.iter().find(|it| it.fields.subject == found) {
        let (digest, by) = (digest_text(&found), digest_text(&by.sum.sha256));
        return Err(ReferrerError::Referred { digest, by }.into());
    }
    record.referrers.retain(|it| it.sum.sha256 != found);
    put(store, store.session()?, root_of(&name)?, &record)?;
    Ok(found)
}

fn put(store: &Store, session: Session<'_>, root: RootName, record: &Record) -> Result<TreeId, MakeError> {
    let tree = record.store(store, &session)?;
    // Writing it again would change only its date.
    let there = store.root(&root)? == Some(Target::Tree(tree));
    let keep = Keep { root: (!there).then_some(root), ..Keep::default() };
    session.finish(&[Target::Tree(tree)], &keep)?;
    Ok(tree)
}

/// Stores a payload, and computes its digests.
fn take(session: &Session<'_>, bytes: &mut dyn Read) -> Result<Payload, StreamError> {
    let mut bytes = Hashed::new(bytes, u64::MAX, None);
    let (blob, _) = session.add_stream(&mut bytes, false)?;
    Ok(Payload { sum: bytes.finish().map_err(StreamError::Read)?, blob })
}
