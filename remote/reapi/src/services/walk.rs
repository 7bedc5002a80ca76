//! Directories that lie in the cache as blobs, each once however often it is named. There is no recursion: a client may
//! nest them as deep as it likes. None can hold itself, since it would have to hold its own hash.

use std::collections::{HashSet, VecDeque};

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use prost::Message;
use tonic::Status;

use super::MAX_BATCH;
use crate::cache::Cache;
use crate::digest::Digest;

/// How many directories a tree has at most.
const MAX_DIRECTORIES: usize = 1_000_000;
/// How many are read at once.
const AT_ONCE: usize = 1000;

/// Takes some directories of a tree.
pub type Directories<'a> = dyn FnMut(Vec<api::Directory>) -> Result<(), Status> + 'a;

/// Passes on all directories below `root`, and that itself, from the top down. Those that are not there are left out.
///
/// # Errors
/// When the root is not there, one is no directory, there are too many, or `each` fails.
pub fn tree(cache: &dyn Cache, root: Digest, each: &mut Directories<'_>) -> Result<(), Status> {
    let mut seen = HashSet::from([root]);
    let mut waiting = VecDeque::from([root]);
    while !waiting.is_empty() {
        let names = next(&mut waiting)?;
        let mut directories = Vec::with_capacity(names.len());
        for (name, bytes) in names.iter().zip(cache.read_all(&names)?) {
            let Some(bytes) = bytes.or_else(|| name.is_empty().then(Vec::new)) else {
                if *name == root {
                    return Err(Status::not_found("the cache has no such directory"));
                }
                continue;
            };
            let directory = decoded(name, &bytes)?;
            for below in &directory.directories {
                let below = Digest::of(root.function, below.digest.as_ref())?;
                if seen.insert(below) {
                    waiting.push_back(below);
                }
            }
            if seen.len() > MAX_DIRECTORIES {
                let message = format!("the tree has more than {MAX_DIRECTORIES} directories");
                return Err(Status::resource_exhausted(message));
            }
            directories.push(directory);
        }
        if !directories.is_empty() {
            each(directories)?;
        }
    }
    Ok(())
}

/// The next ones, of which a message has room.
fn next(waiting: &mut VecDeque<Digest>) -> Result<Vec<Digest>, Status> {
    let (mut names, mut size) = (Vec::new(), 0_u64);
    while let Some(name) = waiting.front() {
        size = size.saturating_add(name.size);
        if names.is_empty() && size > MAX_BATCH as u64 {
            return Err(Status::resource_exhausted(format!("the directory {name} is larger than a message")));
        }
        if size > MAX_BATCH as u64 || names.len() == AT_ONCE {
            break;
        }
        names.extend(waiting.pop_front());
    }
    Ok(names)
}

/// A blob as a directory.
///
/// # Errors
/// When it is none.
pub fn decoded(name: &Digest, bytes: &[u8]) -> Result<api::Directory, Status> {
    api::Directory::decode(bytes)
        .map_err(|error| Status::failed_precondition(format!("the blob {name} is not a directory: {error}")))
}
