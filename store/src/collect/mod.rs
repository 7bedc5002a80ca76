//! The garbage collector: marks what roots, leases and writers reach, and removes the rest while imports go on.
//!
//! Invariant: *a tree in the store has all that it names*. So all dead trees go in one batch, before any
//! blob; then dead blobs go batch by batch, rows first and durably, files after. A crash leaves at most files
//! without rows, which are never read and which the next collection removes. [`crate::gate`] keeps
//! writers safe.

mod reclaim;
mod strays;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::crash::{self, CrashPoint};
use crate::db::{BlobRow, DbError, Durability, Holder, Placement, Rows, Target};
use crate::gate::Gate;
use crate::model::{BlobId, Digest, Node, RootName, TreeId};
use crate::objects::FileError;
use crate::progress::{Cancelled, Progress};
use crate::store::{ReadError, Store};
use crate::verify::VerifyError;

/// Blobs whose rows are removed in one batch: writers wait for one synced write of it.
const SWEEP_BATCH: usize = 2048;

/// The result of a collection; of a dry run, what it would have removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Collected {
    /// Trees that stay.
    pub live_trees: u64,
    /// Blobs that stay.
    pub live_blobs: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Trees that were removed.
    pub removed_trees: u64,
    /// Blobs that were removed.
    pub removed_blobs: u64,
    /// Their bytes, and those of the trees.
    pub removed_bytes: u64,
    /// Files that no row named.
    pub removed_strays: u64,
    /// Freed disk space, in bytes: of removed files, and of the database.
    pub freed_bytes: u64,
    /// Leases that hold something.
    pub leases: u64,
    /// Bytes of blobs that only leases hold.
    pub leased_bytes: u64,
}

/// Why a collection stopped. What it did not remove yet is intact.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The store is open read-only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// One collection at a time.
    #[error("another collection is running")]
    Running,
    /// A live tree cannot be read, so what it reaches is unknown. Nothing was removed.
    #[error("the closure of {holder} cannot be read, so nothing was removed: {source}")]
    Unreadable {
        /// The root or lease.
        holder: String,
        /// The tree and the reason.
        source: Box<ReadError>,
    },
    /// The observer cancelled it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A file gave an error.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<VerifyError> for CollectError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Cancelled(e) => e.into(),
            VerifyError::File(e) => e.into(),
            VerifyError::Db(e) => e.into(),
        }
    }
}

/// Ends the collection when it goes out of scope, even on failure.
struct Collection<'a>(&'a Gate);

impl Drop for Collection<'_> {
    fn drop(&mut self) {
        self.0.end_collection();
    }
}

/// Reachable content.
#[derive(Default)]
struct Live {
    trees: HashSet<TreeId>,
    /// Whether only leases reach each.
    blobs: HashMap<BlobId, bool>,
    /// Whether what is being added is reached from leases.
    leases_only: bool,
}

impl Live {
    fn add_blob(&mut self, blob: BlobId) {
        self.blobs.entry(blob).or_insert(self.leases_only);
    }
}

/// Roots and leases that a dry run takes as gone.
#[derive(Clone, Default, Debug)]
pub struct Released {
    /// The roots.
    pub roots: HashSet<RootName>,
    /// Whether all timed leases are, too.
    pub timed_leases: bool,
}

impl Released {
    fn lease(&self, holder: &Holder) -> bool {
        self.timed_leases && holder.is_timed()
    }
}

impl Store {
    /// Counts what a collection would remove if these roots and leases were gone.
    ///
    /// # Errors
    /// See [`CollectError`].
    pub fn collect_as_if(&self, released: &Released, progress: &Progress) -> Result<Collected, CollectError> {
        if self.is_read_only() {
            return Err(CollectError::ReadOnly);
        }
        self.collect_now(Some(released), progress)
    }

    /// Removes what no root, lease, running import or mount in use reaches. A `dry_run` only counts it.
    ///
    /// # Errors
    /// See [`CollectError`].
    pub fn collect(&self, dry_run: bool, progress: &Progress) -> Result<Collected, CollectError> {
        if dry_run {
            return self.collect_as_if(&Released::default(), progress);
        }
        if self.is_read_only() {
            return Err(CollectError::ReadOnly);
        }
        // On a full disk nothing could be written, and so nothing be removed.
        self.give_up_ballast();
        let before = self.db_written_bytes();
        let collected = self.collect_now(None, progress);
        self.keep_ballast();
        let mut collected = collected?;
        collected.freed_bytes += before.saturating_sub(self.db_written_bytes());
        Ok(collected)
    }

    /// Collects; or, with what a dry run takes as gone, only counts.
    fn collect_now(&self, as_if: Option<&Released>, progress: &Progress) -> Result<Collected, CollectError> {
        let (dry_run, none) = (as_if.is_some(), Released::default());
        let released = as_if.unwrap_or(&none);
        self.drop_dead_leases()?;
        self.drop_cached(false)?;
        self.ask_shows()?;
        // The clearing after a crash takes the same slot, and no user asked for it: wait for it.
        let pinned = loop {
            match self.gate.begin_collection() {
                Some(pinned) => break pinned,
                None if self.clearing.load(Ordering::SeqCst) => thread::sleep(Duration::from_millis(5)),
                None => return Err(CollectError::Running),
            }
            progress.check()?;
        };
        let collection = Collection(&self.gate);
        // About so many: what is marked is at most all trees, and then each row is looked at.
        let (trees, blobs) = self.db.about_trees_and_blobs()?;
        progress.set_total(2 * trees + blobs, 0);
        let live = self.mark(&pinned, released, progress)?;
        progress.add(trees.saturating_sub(live.trees.len() as u64), 0);
        crash::point(CrashPoint::GcMarked);
        let cached = if released.timed_leases { 0 } else { self.cached_total()?.blobs };
        let leases = self.leases()?.iter().filter(|(_, lease)| !released.lease(&lease.holder)).count();
        let mut result = Collected { leases: leases as u64 + cached, ..Collected::default() };
        self.sweep_trees(&live, dry_run, &mut result, progress)?;
        crash::point(CrashPoint::GcTreesRemoved);
        self.sweep_blobs(&live, dry_run, &mut result, progress)?;
        result.removed_strays = self.sweep_strays(dry_run)?;
        drop(collection);
        if !dry_run {
            self.drop_results()?;
            self.sweep_unnamed()?;
            self.reclaim()?;
        }
        Ok(result)
    }

    fn mark(
        &self,
        pinned: &[Target],
        released: &Released,
        progress: &Progress,
    ) -> Result<Live, CollectError> {
        let mut live = Live::default();
        for root in self.roots()?.into_iter().filter(|root| !released.roots.contains(&root.name)) {
            self.mark_from(root.target, &mut live, progress).map_err(|e| e.of(root_label(&root.name)))?;
        }
        for target in pinned {
            // A writer also pins what it is about to store: content that is absent has no closure yet.
            if self.has_row(*target)? {
                self.mark_from(*target, &mut live, progress)
                    .map_err(|e| e.of("a running import, or a mount in use,".to_owned()))?;
            }
        }
        // Last, so that blobs first reached from here are known to be held by leases alone.
        live.leases_only = true;
        for (number, lease) in self.leases()?.into_iter().filter(|(_, it)| !released.lease(&it.holder)) {
            match self.mark_from(lease.target, &mut live, progress) {
                // A lease does not protect what verify found corrupt and dropped.
                Err(MarkError::Read(ReadError::NoTree { id })) if lease.target == Target::Tree(id) => {}
                result => result.map_err(|e| e.of(format!("lease {number}")))?,
            }
        }
        if !released.timed_leases {
            for row in self.db.all_cached()? {
                live.add_blob(row?.0);
                progress.check()?;
            }
        }
        self.logs(|tree| live.trees.contains(tree))?.into_iter().for_each(|log| live.add_blob(log));
        Ok(live)
    }

    fn mark_from(&self, target: Target, live: &mut Live, progress: &Progress) -> Result<(), MarkError> {
        let mut stack = Vec::new();
        match target {
            Target::Blob(blob) => live.add_blob(blob),
            Target::Tree(tree) if live.trees.insert(tree) => stack.push(tree),
            Target::Tree(_) => {}
        }
        while let Some(id) = stack.pop() {
            progress.check()?;
            for (_, node) in self.tree(&id)?.entries() {
                match node {
                    Node::Directory { tree, .. } if live.trees.insert(*tree) => stack.push(*tree),
                    Node::File { blob, .. } => live.add_blob(*blob),
                    _ => {}
                }
            }
            progress.add(1, 0);
        }
        Ok(())
    }

    fn sweep_trees(
        &self,
        live: &Live,
        dry_run: bool,
        result: &mut Collected,
        progress: &Progress,
    ) -> Result<(), CollectError> {
        let mut dead = Vec::new();
        for row in self.db.trees_from(&Digest::from_bytes([0; 32]))? {
            let (id, text) = row?;
            if live.trees.contains(&id) {
                result.live_trees += 1;
            } else {
                dead.push((id, text.len() as u64));
            }
            progress.add(1, 0);
            progress.check()?;
        }
        let remove = |dead: &[(TreeId, u64)]| {
            let mut rows = Rows::default();
            for (id, _) in dead {
                rows.delete_tree(id);
            }
            if dry_run || rows.is_empty() {
                return Ok(());
            }
            self.db.write(rows, Durability::Synced)?;
            self.whole.forget();
            Ok::<_, DbError>(())
        };
        let removed = self.gate.mark_for_deletion(dead, |(id, _)| Target::Tree(*id), remove)?;
        self.gate.finish_deletion(removed.iter().map(|(id, _)| id.0));
        result.removed_trees = removed.len() as u64;
        result.removed_bytes += removed.iter().map(|(_, size)| size).sum::<u64>();
        Ok(())
    }

    /// Removes dead blobs.
    fn sweep_blobs(
        &self,
        live: &Live,
        dry_run: bool,
        result: &mut Collected,
        progress: &Progress,
    ) -> Result<(), CollectError> {
        let mut batch = Vec::new();
        for row in self.db.blobs_from(&Digest::from_bytes([0; 32]))? {
            let (id, row) = row?;
            progress.add(1, 0);
            if let Some(leased) = live.blobs.get(&id) {
                result.live_blobs += 1;
                result.live_bytes += row.size;
                result.leased_bytes += if *leased { row.size } else { 0 };
                continue;
            }
            batch.push((id, row));
            if batch.len() == SWEEP_BATCH {
                self.remove_blobs(std::mem::take(&mut batch), dry_run, result, progress)?;
            }
        }
        self.remove_blobs(batch, dry_run, result, progress)
    }

    fn remove_blobs(
        &self,
        batch: Vec<(BlobId, BlobRow)>,
        dry_run: bool,
        result: &mut Collected,
        progress: &Progress,
    ) -> Result<(), CollectError> {
        progress.check()?;
        let remove = |dead: &[(BlobId, BlobRow)]| {
            let mut rows = Rows::default();
            for (id, row) in dead {
                rows.delete_blob(id, row);
            }
            if dry_run || rows.is_empty() {
                return Ok(());
            }
            // The rows must be durably gone before their files go, or a power cut brings back a row alone.
            self.db.write(rows, Durability::Synced)?;
            self.whole.forget();
            Ok::<_, DbError>(())
        };
        let dead = self.gate.mark_for_deletion(batch, |(id, _)| Target::Blob(*id), remove)?;
        if !dry_run && !dead.is_empty() {
            crash::point(CrashPoint::GcRowsRemoved);
        }
        let mut outcome = Ok(());
        for (id, row) in &dead {
            result.removed_blobs += 1;
            result.removed_bytes += row.size;
            match row.placement {
                Placement::File if !dry_run && outcome.is_ok() => {
                    outcome = self.objects.remove(id);
                    result.freed_bytes += row.size;
                    crash::point(CrashPoint::GcFileRemoved);
                }
                _ => {}
            }
            progress.add(0, row.size);
        }
        self.gate.finish_deletion(dead.iter().map(|(id, _)| id.0));
        Ok(outcome?)
    }
}

fn root_label(name: &RootName) -> String {
    format!("root {name}")
}

#[derive(Debug, thiserror::Error)]
enum MarkError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl MarkError {
    fn of(self, holder: String) -> CollectError {
        match self {
            Self::Read(source) => CollectError::Unreadable { holder, source: Box::new(source) },
            Self::Cancelled(e) => e.into(),
        }
    }
}
