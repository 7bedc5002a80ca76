//! All that an action's result names: it is a hit only when every one of these blobs is there.

use std::collections::HashSet;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use tonic::Status;

use super::walk::tree;
use crate::cache::Cache;
use crate::digest::{Digest, DigestError, Function};
use crate::tree::{MAX_FILES, add, files};

/// How many bytes a tree of directories in one blob has at most.
const MAX_TREE: u64 = 64 << 20;

/// The digests that stand in a result itself.
#[derive(Default)]
struct Named {
    blobs: HashSet<Digest>,
    /// Directories with all below them, in one blob.
    trees: HashSet<Digest>,
    /// Directories that name those below them.
    roots: HashSet<Digest>,
}

fn named(function: Function, result: &api::ActionResult) -> Result<Named, DigestError> {
    let of = |digest: &Option<api::Digest>| Digest::of(function, digest.as_ref());
    let mut named = Named::default();
    for file in &result.output_files {
        named.blobs.insert(of(&file.digest)?);
    }
    for output in [&result.stdout_digest, &result.stderr_digest] {
        if output.is_some() {
            named.blobs.insert(of(output)?);
        }
    }
    for directory in &result.output_directories {
        match (&directory.tree_digest, &directory.root_directory_digest) {
            (None, None) => return Err(DigestError::Absent),
            (None, root) => named.roots.insert(of(root)?),
            (tree, _) => named.trees.insert(of(tree)?),
        };
        // Whoever says both means that both can be read.
        if directory.tree_digest.is_some() && directory.root_directory_digest.is_some() {
            named.roots.insert(of(&directory.root_directory_digest)?);
        }
    }
    Ok(named)
}

/// Checks the digests of a result that is to be stored.
///
/// # Errors
/// When one is none.
pub fn check(function: Function, result: &api::ActionResult) -> Result<(), DigestError> {
    named(function, result).map(drop)
}

/// Whether a result names only what is there, all of which is kept from now on.
///
/// # Errors
/// When the store does not answer.
pub fn are_there(cache: &dyn Cache, function: Function, result: &api::ActionResult) -> Result<bool, Status> {
    let Ok(Named { mut blobs, trees, roots }) = named(function, result) else { return Ok(false) };
    for name in trees {
        let Some(bytes) = read(cache, &name)? else { return Ok(false) };
        let Some(below) = files(function, &bytes) else { return Ok(false) };
        blobs.extend(below);
        if blobs.len() > MAX_FILES {
            return Ok(false);
        }
    }
    for root in roots {
        if !of_root(cache, root, &mut blobs)? {
            return Ok(false);
        }
    }
    let blobs: Vec<Digest> = blobs.into_iter().collect();
    Ok(super::contents::missing(cache, &blobs)?.is_empty())
}

/// The bytes of a tree of directories. Reading it keeps it.
fn read(cache: &dyn Cache, name: &Digest) -> Result<Option<Vec<u8>>, Status> {
    if name.size > MAX_TREE {
        return Ok(None);
    }
    if name.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let mut bytes = Vec::new();
    let found = cache.read(name, 0, name.size, &mut |more| {
        bytes.extend_from_slice(more);
        Ok(())
    });
    match found {
        Ok(true) if bytes.len() as u64 == name.size => Ok(Some(bytes)),
        Ok(_) | Err(crate::Trouble::Corrupt(_)) => Ok(None),
        Err(trouble) => Err(trouble.into()),
    }
}

/// Adds the files below a directory that lies in the cache, and the directories; false when one is not there.
fn of_root(cache: &dyn Cache, root: Digest, blobs: &mut HashSet<Digest>) -> Result<bool, Status> {
    let (mut wanted, mut whole) = (HashSet::from([root]), true);
    let walked = tree(cache, root, &mut |directories| {
        for directory in &directories {
            whole &= add(root.function, directory, blobs, &mut wanted).is_some();
        }
        if blobs.len() > MAX_FILES { Err(Status::resource_exhausted("")) } else { Ok(()) }
    });
    // A directory that is left out by the walk is found missing with the files.
    blobs.extend(wanted);
    match walked {
        Ok(()) => Ok(whole),
        Err(status) if status.code() == tonic::Code::Unavailable => Err(status),
        Err(_) => Ok(false),
    }
}
