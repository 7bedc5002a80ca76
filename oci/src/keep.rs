//! An image under its name, and what is attached to it.

use std::io::Read;

use stele_store::model::{RootName, Sha256, TreeId};
use stele_store::{Holder, Keep, Session, Store, StreamError, Target};

use crate::document::{self, Artifact, digest_text};
use crate::make::{MEANWHILE, MakeError};
use crate::measure::{Hashed, Sum};
use crate::record::{NamedBlob, Payload, Record, Referrer, ReferrerError, find, named, root_of};

/// Something to be attached to an image.
pub struct Attachment<'a> {
    /// The manifest that it refers to; the one that the image is pulled by, when nobody says.
    pub subject: Option<Sha256>,
    /// What it is, and what is to be known of it. Its blobs come from `payloads`.
    pub artifact: Artifact,
    /// What it brings.
    pub payloads: Vec<Incoming<'a>>,
}

/// A payload that is not in the store yet.
pub struct Incoming<'a> {
    /// Its bytes.
    pub bytes: Box<dyn Read + 'a>,
    /// What they are.
    pub media_type: String,
    /// How a file with them is to be called.
    pub title: Option<String>,
}

/// What was attached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attached {
    /// The digest and size of its manifest.
    pub sum: Sum,
    /// The image.
    pub image: String,
    /// Whether the image had it.
    pub was_there: bool,
}

/// Keeps an image under a name, in the place of the one that had it. What is attached to that one and refers to
/// something that is still there stays. The tree that it is kept in.
///
/// # Errors
/// When it cannot be called that, or the store does not take it.
pub fn keep(store: &Store, name: &str, mut record: Record) -> Result<(TreeId, Record), MakeError> {
    let root = root_of(name)?;
    let _lock = store.lock_roots();
    // One that cannot be read has nothing that could be kept.
    if let Ok((_, before)) = named(store, name) {
        for referrer in before.referrers {
            record.attach(referrer);
        }
        record.drop_strays();
    }
    let session = store.session()?;
    Ok((put(store, session, root, &record)?, record))
}

/// Stores an image for an hour, under no name. The tree that it is kept in.
///
/// # Errors
/// When the store does not take it.
pub fn unnamed(store: &Store, record: Record) -> Result<(TreeId, Record), MakeError> {
    let session = store.session()?;
    let tree = record.store(store, &session)?;
    let until = Holder::Until(stele_store::now().saturating_add(MEANWHILE));
    session.finish(&[Target::Tree(tree)], &Keep { lease: Some(until), ..Keep::default() })?;
    Ok((tree, record))
}

/// Attaches something to an image, under all that is attached already.
///
/// # Errors
/// When there is no such image, or it has nothing that this refers to; when a payload cannot be read, or the store
/// does not take it.
pub fn attach(store: &Store, image: &str, attachment: Attachment<'_>) -> Result<Attached, MakeError> {
    let session = store.session()?;
    let Attachment { subject, mut artifact, payloads } = attachment;
    let mut taken = vec![take(&session, &mut { document::EMPTY })?];
    for payload in payloads {
        let one = take(&session, &mut { payload.bytes })?;
        let title = payload.title.map(|title| (document::TITLE.to_owned(), title));
        artifact.blobs.push(NamedBlob {
            sum: one.sum,
            media_type: payload.media_type,
            annotations: title.into_iter().collect(),
        });
        taken.push(one);
    }
    let _lock = store.lock_roots();
    let (name, _, mut record) = find(store, image)?;
    let subject = subject.unwrap_or_else(|| record.sum().sha256);
    let absent = || ReferrerError::NoSubject { image: name.clone(), subject: digest_text(&subject) };
    let (to, media_type) = record.subjects().find(|it| it.0.sha256 == subject).ok_or_else(absent)?;
    let manifest = document::artifact(&artifact, media_type, &to)?;
    let mut referrer = Referrer::of(manifest)?.ok_or_else(absent)?;
    let mut payloads = Vec::new();
    for sum in referrer.fields.once() {
        payloads.extend(taken.iter().find(|it| it.sum == sum));
    }
    referrer.payloads = payloads;
    let sum = referrer.sum;
    let was_there = !record.attach(referrer);
    if !was_there {
        put(store, session, root_of(&name)?, &record)?;
    }
    Ok(Attached { sum, image: name, was_there })
}

/// Takes away what is attached to an image, by 8 or more of the first digits of its digest. The digest.
///
/// # Errors
/// When there is no such thing, or something else refers to it.
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
    // To write it again would change nothing but its date.
    let there = store.root(&root)? == Some(Target::Tree(tree));
    let keep = Keep { root: (!there).then_some(root), ..Keep::default() };
    session.finish(&[Target::Tree(tree)], &keep)?;
    Ok(tree)
}

/// Stores a payload, and finds out what it is called.
fn take(session: &Session<'_>, bytes: &mut dyn Read) -> Result<Payload, StreamError> {
    let mut bytes = Hashed::new(bytes, u64::MAX, None);
    let (blob, _) = session.add_stream(&mut bytes, false)?;
    Ok(Payload { sum: bytes.finish().map_err(StreamError::Read)?, blob })
}
