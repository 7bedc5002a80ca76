//! Rebuilds the database from what remains: `objects/`, the damaged database, exported trees.
//!
//! Every row is checked against its own key, so nothing that is recovered has to be trusted. The old database
//! is never changed in place: it is moved aside, and stays there unless every row of it was taken over. A crash
//! on the way loses nothing; the store stays closed until a rebuild completes.

mod salvage;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::crash::{self, CrashPoint};
use crate::db::{BlobRow, Db, DbError, Durability, Placement, RootRow, Rows, Target};
use crate::folder::{Folder, LOST_DATABASE};
use crate::import::ImportError;
use crate::layout::{FormatError, Layout};
use crate::model::{BlobId, Digest, RootName, Sha256, Tree};
use crate::objects::{FileError, Objects};
use crate::open::{OpenError, has_remains, open_locked, settle_format, take_lock, write_new_format};
use crate::progress::{Cancelled, Progress};
use crate::roots::{RootError, parse_mirror};
use crate::session::{Keep, WriteError};
use crate::store::Store;

use salvage::{Batch, salvage};

/// The file that records roots which could not be restored.
const LOST: &str = "roots.lost";
/// The roots as text.
const ROOTS: &str = "roots";
const DB: &str = "db";
/// The database under construction.
const NEW: &str = "db.new";

/// The result of a rebuild.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rebuilt {
    /// Payload files that match their digests.
    pub files: u64,
    /// Payload files that did not, and went to `quarantine/`.
    pub quarantined: u64,
    /// Small blobs taken over from the old database.
    pub inline_blobs: u64,
    /// Trees taken over from the old database, or imported again.
    pub trees: u64,
    /// Trees that were dropped, since something that they name is lost.
    pub incomplete_trees: u64,
    /// Roots that were restored.
    pub roots: u64,
    /// Roots whose content is incomplete, with their targets.
    pub lost_roots: Vec<(RootName, Target)>,
    /// The paths of old databases of which not every row could be taken over.
    pub old_database: Vec<PathBuf>,
}

/// Why a rebuild stopped. Running it again resumes it.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The store cannot be opened, or is in use.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file gave an error.
    #[error(transparent)]
    File(#[from] FileError),
    /// The new database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
    /// An exported tree could not be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// Imported content could not be made durable.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A root could not be restored.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The observer cancelled it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Store {
    /// Rebuilds the database of the store in `path` and opens the store. `from` names exported trees: small
    /// content lies only in the database, so without them it is lost when no row of the old database can be
    /// read.
    ///
    /// # Errors
    /// See [`RebuildError`].
    pub fn rebuild(
        path: &Path,
        from: &[PathBuf],
        progress: &Progress,
    ) -> Result<(Self, Rebuilt), RebuildError> {
        let folder = match Folder::open(path) {
            Ok(folder) if has_remains(&folder) => folder,
            _ => return Err(OpenError::Absent { path: path.to_owned() }.into()),
        };
        folder.inspect(true).map_err(OpenError::from)?;
        match Layout::check_format(&folder) {
            Err(FormatError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            result => drop(result.map_err(OpenError::from)?),
        }
        // Before anything is moved: a mistyped path must not leave the store closed.
        for path in from {
            std::fs::metadata(path).map_err(|e| ImportError::missing(path, e))?;
        }
        let lock = take_lock(&folder)?;
        write_new_format(&folder)?;
        settle_format(&folder)?;
        Objects::create_folders(&folder)?;
        let mut rebuilt = Rebuilt::default();
        move_aside(&folder)?;
        crash::point(CrashPoint::RebuildMovedAside);
        folder.remove_all(NEW).map_err(|e| folder.failed(NEW, "removed", e))?;
        let old = old_databases(&folder)?;
        let paths = |names: &[String]| names.iter().map(|name| folder.path().join(name)).collect();
        let mut partly = Vec::new();
        let mut roots = Vec::new();
        {
            let db = Db::open(&folder, NEW)?;
            let mut authority = false;
            for old in &old {
                let salvaged = salvage((&folder, old), &db, authority, &mut rebuilt, progress)?;
                // The newest intact database knows the roots, and which were removed; without one, roots from
                // any source are taken, newest first.
                if !authority {
                    roots.extend(salvaged.roots);
                    authority = salvaged.whole && salvaged.settled;
                }
                if !salvaged.whole {
                    partly.push(old.clone());
                }
            }
            if !authority {
                roots.extend(written_roots(&folder, ROOTS));
            }
            // Roots that an earlier rebuild could not restore are still wanted.
            roots.extend(written_roots(&folder, LOST));
            scan_objects(Folder::open(path)?, &db, &mut rebuilt, progress)?;
            let mut rows = Rows::default();
            // The epoch continues: it makes lease numbers unique.
            let epoch = old.iter().filter_map(|name| old_epoch(&folder, name)).max().unwrap_or(0);
            rows.put_meta("epoch", epoch.to_le_bytes().to_vec());
            rows.put_meta("clean", epoch.to_le_bytes().to_vec());
            rows.put_meta("rebuilding", b"1".to_vec());
            db.write(rows, Durability::Synced)?;
            db.flush()?;
        }
        crash::point(CrashPoint::RebuildBuilt);
        folder.rename(NEW, DB).map_err(|e| folder.failed(DB, "renamed", e))?;
        folder.sync(".")?;
        rebuilt.old_database = paths(&partly);
        let all: Vec<PathBuf> = paths(&old);
        let store = open_locked(folder, lock, true)?;
        for path in from {
            let session = store.session()?;
            let target = session.import(path, progress)?;
            session.finish(&[target], &Keep::default())?;
        }
        rebuilt.incomplete_trees = store.drop_incomplete_trees(progress)?;
        store.restore_roots(roots, &mut rebuilt)?;
        rebuilt.trees = store.db.counts()?.trees;
        let mut rows = Rows::default();
        rows.delete_meta("rebuilding");
        store.db.write(rows, Durability::Synced)?;
        if rebuilt.incomplete_trees > 0 || !rebuilt.lost_roots.is_empty() {
            rebuilt.old_database = all;
        } else {
            // A database that was taken over completely, without loss, need not be kept.
            for old in old.iter().filter(|old| !partly.contains(old)) {
                let _ = store.objects.folder().remove_all(old);
            }
        }
        Ok((store, rebuilt))
    }

    /// Removes trees that name lost content: a tree in the store has all that it names.
    fn drop_incomplete_trees(&self, progress: &Progress) -> Result<u64, RebuildError> {
        let mut count = 0;
        loop {
            let mut rows = Rows::default();
            let mut found = 0;
            for row in self.db.trees_from(&Digest::from_bytes([0; 32]))? {
                progress.check()?;
                let (id, text) = row?;
                let whole = match Tree::decode(&text) {
                    Ok(tree) => self.first_wrong(&tree)?.is_none(),
                    Err(_) => false,
                };
                if !whole {
                    rows.delete_tree(&id);
                    found += 1;
                }
            }
            if found == 0 {
                return Ok(count);
            }
            // Each round may leave parents without a child: repeat, one level up.
            count += found;
            self.db.write(rows, Durability::Later)?;
            self.whole.forget();
        }
    }

    fn restore_roots(
        &self,
        roots: Vec<(RootName, RootRow)>,
        rebuilt: &mut Rebuilt,
    ) -> Result<(), RebuildError> {
        let mut seen = HashSet::new();
        let mut still_lost = Vec::new();
        for (name, root) in roots {
            if !seen.insert(name.clone()) || self.db.root(&name)?.is_some() {
                continue;
            }
            match self.put_root(&name, root) {
                Ok(()) => rebuilt.roots += 1,
                Err(RootError::Read(_)) => still_lost.push((name, root)),
                Err(e) => return Err(e.into()),
            }
        }
        self.mirror_roots();
        let folder = self.objects.folder();
        if still_lost.is_empty() {
            let _ = folder.remove_all(LOST);
        } else {
            let text = crate::roots::mirror_text(still_lost.iter().map(|(name, root)| (name, *root)));
            folder.write(LOST, text.as_bytes()).map_err(|e| folder.failed(LOST, "written", e))?;
        }
        rebuilt.lost_roots = still_lost.into_iter().map(|(name, root)| (name, root.target)).collect();
        Ok(())
    }
}

/// Moves the database aside, to an unused name.
fn move_aside(folder: &Folder) -> Result<(), FileError> {
    if folder.exists(DB) {
        let mut names = (1..).map(|n| format!("{LOST_DATABASE}{n}"));
        let to = names.find(|name| !folder.exists(name)).unwrap_or_else(|| format!("{LOST_DATABASE}0"));
        folder.rename(DB, &to).map_err(|e| folder.failed(DB, "moved aside", e))?;
        folder.sync(".")?;
    }
    Ok(())
}

fn old_databases(folder: &Folder) -> Result<Vec<String>, FileError> {
    let names = folder.names(".").map_err(|e| folder.failed("", "read", e))?;
    let names = names.into_iter().filter_map(|(name, _)| name.into_string().ok());
    let mut old: Vec<String> = names.filter(|name| name.starts_with(LOST_DATABASE)).collect();
    // The newest first: its roots win.
    old.sort_by_key(|name| std::cmp::Reverse(name[LOST_DATABASE.len()..].parse::<u64>().ok()));
    Ok(old)
}

/// The epoch of an old database, if it can be read.
fn old_epoch(folder: &Folder, name: &str) -> Option<u64> {
    let value = Db::open_read_only(folder, name).ok()?.meta("epoch").ok()??;
    value.try_into().ok().map(u64::from_le_bytes)
}

/// The roots in a text beside the database.
fn written_roots(folder: &Folder, name: &str) -> Vec<(RootName, RootRow)> {
    let text = folder.read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    text.map(|text| parse_mirror(&text)).unwrap_or_default()
}

/// Hashes every payload file and gives it a row, or moves it into quarantine.
fn scan_objects(
    folder: Folder,
    db: &Db,
    rebuilt: &mut Rebuilt,
    progress: &Progress,
) -> Result<(), RebuildError> {
    let objects = Objects::open(&Layout::new(folder.path()), folder);
    let mut batch = Batch { db, rows: Rows::default(), count: 0 };
    for byte in 0..=255 {
        for id in objects.list(byte)?.0 {
            progress.check()?;
            match hash_object(&objects, &id, progress)? {
                Some(row) => {
                    rebuilt.files += 1;
                    batch.put(|rows| {
                        rows.put_blob(&id, &row);
                        rows.delete_inline(&id);
                    })?;
                }
                None => {
                    objects.quarantine(&id)?;
                    rebuilt.quarantined += 1;
                }
            }
        }
    }
    Ok(batch.write()?)
}

/// The row of a payload file, if it matches its digest.
fn hash_object(objects: &Objects, id: &BlobId, progress: &Progress) -> Result<Option<BlobRow>, RebuildError> {
    use sha2::Digest as _;
    use std::io::Read;
    let mut file = objects.open_object(id)?;
    let (mut blake3, mut sha256) = (blake3::Hasher::new(), sha2::Sha256::new());
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        progress.check()?;
        let n = file.read(&mut buffer).map_err(|e| FileError::new(objects.path(id), "read", e))?;
        if n == 0 {
            break;
        }
        blake3.update(&buffer[..n]);
        sha256.update(&buffer[..n]);
        size += n as u64;
        progress.add(0, n as u64);
    }
    progress.add(1, 0);
    let right = id.0 == Digest::from_bytes(*blake3.finalize().as_bytes());
    let sha256 = Sha256::from_bytes(sha256.finalize().into());
    Ok(right.then_some(BlobRow { placement: Placement::File, size, sha256 }))
}
