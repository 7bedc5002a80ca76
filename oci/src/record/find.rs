//! Images by their names and digests.

use std::collections::BTreeMap;

use stele_store::model::{RootName, TreeId};
use stele_store::{ReadError, Store, Target};

use super::{Record, RecordError};

/// The prefix of roots of images.
pub const ROOT_PREFIX: &str = "image-";

/// The tree of a root named like an image's, and the image, if it is one.
pub type RootedRecord = (TreeId, Result<Record, RecordError>);

/// The root that keeps the image of that name.
///
/// # Errors
/// When the name is invalid for an image.
pub fn root_of(name: &str) -> Result<RootName, RecordError> {
    let root = format!("{ROOT_PREFIX}{name}").parse();
    root.map_err(|why| RecordError::Name { name: name.to_owned(), why })
}

/// The image of that name, and the tree that holds it.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn named(store: &Store, name: &str) -> Result<(TreeId, Record), RecordError> {
    match store.root(&root_of(name)?)? {
        Some(Target::Tree(tree)) => Ok((tree, Record::load(store, &tree)?)),
        _ => Err(RecordError::Absent { name: name.to_owned() }),
    }
}

/// The sorted names of all roots named like an image's, each with its tree. No record is read.
///
/// # Errors
/// When the database cannot be read.
pub fn trees(store: &Store) -> Result<BTreeMap<String, TreeId>, ReadError> {
    let mut trees = BTreeMap::new();
    for root in store.roots()? {
        if let (Some(name), Target::Tree(tree)) = (root.name.as_str().strip_prefix(ROOT_PREFIX), root.target)
        {
            trees.insert(name.to_owned(), tree);
        }
    }
    Ok(trees)
}

/// All images, by their names, each with the tree that holds it. A root that is not an image's has an error instead.
///
/// # Errors
/// When the database cannot be read.
pub fn all(store: &Store) -> Result<BTreeMap<String, RootedRecord>, ReadError> {
    let load = |(name, tree): (String, TreeId)| (name, (tree, Record::load(store, &tree)));
    Ok(trees(store)?.into_iter().map(load).collect())
}

/// The image that `text` names: by its name; or, with `sha256:` in front, by 8 or more of the leading digits of its
/// manifest digest or content digest.
///
/// # Errors
/// When there is none, or several, or it cannot be read.
pub fn find(store: &Store, text: &str) -> Result<(String, TreeId, Record), RecordError> {
    let Some(digits) = text.strip_prefix("sha256:") else {
        return named(store, text).map(|(tree, record)| (text.to_owned(), tree, record));
    };
    let absent = || RecordError::Absent { name: text.to_owned() };
    let prefix = stele_store::model::DigestPrefix::parse(digits).ok_or_else(absent)?.text();
    let mut found = Vec::new();
    for (name, (tree, record)) in all(store)? {
        let Ok(record) = record else { continue };
        let digests = [record.sum().sha256, record.content()];
        if digests.iter().any(|digest| digest.to_string().starts_with(&prefix)) {
            found.push((name, tree, record));
        }
    }
    // Two names of the same image are not ambiguous.
    let one = found.windows(2).all(|pair| pair[0].1 == pair[1].1);
    match found.pop() {
        Some(last) if one => Ok(last),
        Some(last) => {
            let others = found.iter().map(|(name, ..)| name.as_str());
            let names = others.chain([last.0.as_str()]).collect::<Vec<_>>().join(" and ");
            Err(RecordError::Ambiguous { text: text.to_owned(), names })
        }
        None => Err(absent()),
    }
}
