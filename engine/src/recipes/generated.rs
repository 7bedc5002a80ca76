//! What was generated in a recipe's sources before upstream packed them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use stele_recipes::generated::{Generator, HEAD, generator};
use stele_recipes::recipe::RecipeName;
use stele_store::model::{BlobId, Node, TreeId};
use stele_store::{FileError, Progress, ReadError, Store, Target};

use super::unpacked;
use crate::engine::Engine;
use crate::failure::Failure;

/// The trees of sources are kept for an hour: it takes less to look at them.
const KEEP_SECONDS: u64 = 3600;

/// What one source has that was generated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratedIn {
    /// The source's file name.
    pub source: String,
    /// How many regular files it has.
    pub files: u64,
    /// The generated ones by their generators.
    pub by: BTreeMap<Generator, Vec<GeneratedFile>>,
}

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratedFile {
    /// Its path in the source, escaped.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
}

/// Looks at every file of the recipe's archives, as they are unpacked and patched.
///
/// # Errors
/// When a source is not in the store, or cannot be unpacked or read.
pub fn of_recipe(
    engine: &Engine,
    tree: &Path,
    name: &RecipeName,
    progress: &Progress,
) -> Result<Vec<GeneratedIn>, Failure> {
    let store = engine.store();
    let mut found = Vec::new();
    for (target, source) in unpacked::with_targets(engine, tree, name, KEEP_SECONDS, progress)? {
        let Target::Tree(id) = target else { continue };
        let mut look = Look { store, files: 0, by: BTreeMap::new(), known: BTreeMap::new() };
        look.directory(&id, "")?;
        found.push(GeneratedIn { source: source.file, files: look.files, by: look.by });
    }
    Ok(found)
}

struct Look<'a> {
    store: &'a Store,
    files: u64,
    by: BTreeMap<Generator, Vec<GeneratedFile>>,
    /// Archives have the same file many times.
    known: BTreeMap<BlobId, Option<Generator>>,
}

impl Look<'_> {
    fn directory(&mut self, id: &TreeId, path: &str) -> Result<(), ReadError> {
        for (name, node) in self.store.tree(id)?.entries() {
            let path = if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
            match node {
                Node::Directory { tree, .. } => self.directory(tree, &path)?,
                Node::File { blob, size, .. } => {
                    self.files += 1;
                    let generator = match self.known.get(blob) {
                        Some(known) => *known,
                        None => {
                            let found = self.generator(blob)?;
                            self.known.insert(*blob, found);
                            found
                        }
                    };
                    if let Some(by) = generator {
                        self.by.entry(by).or_default().push(GeneratedFile { path, size: *size });
                    }
                }
                Node::Symlink { .. } => {}
            }
        }
        Ok(())
    }

    fn generator(&self, blob: &BlobId) -> Result<Option<Generator>, ReadError> {
        let mut head = Vec::with_capacity(HEAD);
        let reader = self.store.open_blob(blob)?;
        // Not verified, as the beginning alone cannot be: what is counted here decides nothing.
        let read = reader.take(HEAD as u64).read_to_end(&mut head);
        read.map_err(|source| FileError { path: blob.to_string().into(), doing: "read", source })?;
        Ok(generator(&head))
    }
}
