//! Roots and leases: what the garbage collector must keep, and for how long.

use std::collections::HashSet;
use std::sync::{MutexGuard, PoisonError};

use crate::clock;
use crate::crash::{self, CrashPoint};
use crate::db::{DbError, Durability, Holder, LeaseRow, RootRow, Rows, Target};
use crate::gate::WriterId;
use crate::model::RootName;
use crate::store::{ReadError, Store};

/// A root as listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Root {
    /// Its name.
    pub name: RootName,
    /// Its target.
    pub target: Target,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: u64,
}

/// Why a root or a lease could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The store is open read-only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// There is no root of that name.
    #[error("there is no root named {name}")]
    NoRoot {
        /// The name.
        name: RootName,
    },
    /// The target is absent, or cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Ends a writer's pins when it goes out of scope.
struct Pinned<'a> {
    store: &'a Store,
    writer: WriterId,
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        self.store.gate.leave(self.writer);
    }
}

impl Store {
    /// Creates a root, or moves the one of that name. Durable when this returns.
    ///
    /// # Errors
    /// When the target is absent, or on a database error.
    pub fn set_root(&self, name: &RootName, target: Target) -> Result<(), RootError> {
        self.put_root(name, RootRow { target, created: clock::now() })?;
        self.roots_changed([name]);
        Ok(())
    }

    /// Excludes other holders of this lock while a root is read, changed and set again. Setting a root does not take
    /// it.
    pub fn lock_roots(&self) -> MutexGuard<'_, ()> {
        self.root_updates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the row of a root durably, if its target exists.
    pub(crate) fn put_root(&self, name: &RootName, root: RootRow) -> Result<(), RootError> {
        let _pinned = self.pin_target(root.target)?;
        let mut rows = Rows::default();
        rows.put_root(name, &root);
        self.db.write(rows, Durability::Synced)?;
        crash::point(CrashPoint::RootWritten);
        Ok(())
    }

    /// Removes a root. Its target stays until the next garbage collection.
    ///
    /// # Errors
    /// When there is no such root, or on a database error.
    pub fn remove_root(&self, name: &RootName) -> Result<(), RootError> {
        if self.is_read_only() {
            return Err(RootError::ReadOnly);
        }
        if self.db.root(name)?.is_none() {
            return Err(RootError::NoRoot { name: name.clone() });
        }
        let mut rows = Rows::default();
        rows.delete_root(name);
        self.db.write(rows, Durability::Synced)?;
        crash::point(CrashPoint::RootRemoved);
        self.roots_changed([name]);
        Ok(())
    }

    /// Removes a root if it is still what it was when it was listed. Whether it was.
    ///
    /// # Errors
    /// On a database error.
    pub fn remove_root_as(&self, root: &Root) -> Result<bool, RootError> {
        let is_same = |row: RootRow| row.target == root.target && row.created == root.created;
        match self.db.root(&root.name)?.is_some_and(is_same) {
            true => self.remove_root(&root.name).map(|()| true),
            false => Ok(false),
        }
    }

    /// All roots, sorted by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn roots(&self) -> Result<Vec<Root>, DbError> {
        self.db
            .roots()?
            .map(|row| row.map(|(name, row)| Root { name, target: row.target, created: row.created }))
            .collect()
    }

    /// Leases `target`: the collector keeps it while the lease holds. Returns the lease's number, for
    /// [`Store::end_lease`].
    ///
    /// # Errors
    /// When the target is absent, or on a database error.
    pub fn lease(&self, target: Target, holder: Holder) -> Result<u64, RootError> {
        let _pinned = self.pin_target(target)?;
        let number = self.free_lease_number();
        let mut rows = Rows::default();
        rows.put_lease(number, &LeaseRow { target, holder: holder.anchored() });
        self.db.write(rows, Durability::Synced)?;
        Ok(number)
    }

    /// Ends a lease. One that has ended already is not an error.
    ///
    /// # Errors
    /// When the database cannot write.
    pub fn end_lease(&self, number: u64) -> Result<(), DbError> {
        let mut rows = Rows::default();
        rows.delete_lease(number);
        self.db.write(rows, Durability::Later)
    }

    /// All leases, including expired ones that are not yet dropped.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn leases(&self) -> Result<Vec<(u64, LeaseRow)>, DbError> {
        self.db.leases()?.collect()
    }

    /// Ends every timed lease. Those of living processes stay.
    ///
    /// # Errors
    /// On a database error.
    pub fn end_timed_leases(&self) -> Result<(), DbError> {
        self.drop_cached(true)?;
        self.drop_leases(Holder::is_timed)
    }

    pub(crate) fn drop_dead_leases(&self) -> Result<(), DbError> {
        self.drop_leases(|holder| !holder.holds())
    }

    /// Re-anchors the leases of earlier boots to the clock of this one.
    pub(crate) fn anchor_leases(&self) -> Result<(), DbError> {
        let mut rows = Rows::default();
        for (number, lease) in self.leases()? {
            let holder = lease.holder.anchored();
            if holder != lease.holder {
                rows.put_lease(number, &LeaseRow { holder, ..lease });
            }
        }
        if rows.is_empty() { Ok(()) } else { self.db.write(rows, Durability::Later) }
    }

    fn drop_leases(&self, over: impl Fn(&Holder) -> bool) -> Result<(), DbError> {
        let mut rows = Rows::default();
        for (number, lease) in self.leases()? {
            if over(&lease.holder) {
                rows.delete_lease(number);
            }
        }
        if rows.is_empty() { Ok(()) } else { self.db.write(rows, Durability::Later) }
    }

    /// Pins a target and checks that it exists, so that a running collection spares it.
    fn pin_target(&self, target: Target) -> Result<Pinned<'_>, RootError> {
        if self.is_read_only() {
            return Err(RootError::ReadOnly);
        }
        Ok(self.pinned(target)?)
    }

    fn pinned(&self, target: Target) -> Result<Pinned<'_>, ReadError> {
        let pinned = Pinned { store: self, writer: self.gate.enter() };
        self.pin_closure(pinned.writer, target)?;
        Ok(pinned)
    }

    /// Checks that `target` exists; while a collection runs, that collection spares all that it reaches.
    pub(crate) fn spare_closure(&self, target: Target) -> Result<(), ReadError> {
        self.pinned(target).map(drop)
    }

    /// Pins `target` and checks that it exists with all that it reaches.
    ///
    /// Without a collection, a tree in the store has all that it names, and a collection that begins later
    /// marks from the pin. A running one may be about to remove what the tree reaches, or have removed it: then
    /// each target is pinned first and looked up afterwards.
    pub(crate) fn pin_closure(&self, writer: WriterId, target: Target) -> Result<(), ReadError> {
        let collecting = self.gate.pin(writer, target);
        let mut seen = HashSet::from([target]);
        let mut stack = vec![target];
        while let Some(target) = stack.pop() {
            let tree = match target {
                Target::Blob(blob) => {
                    self.blob_info(&blob)?;
                    continue;
                }
                Target::Tree(tree) if !collecting => match self.has_tree(&tree)? {
                    true => continue,
                    false => return Err(ReadError::NoTree { id: tree }),
                },
                Target::Tree(tree) => self.tree(&tree)?,
            };
            for (_, node) in tree.entries() {
                if let Some(target) = Target::of(node)
                    && seen.insert(target)
                {
                    self.gate.pin(writer, target);
                    stack.push(target);
                }
            }
        }
        Ok(())
    }

    /// Writes the roots as text beside the database, in case the database is lost. The database stays the
    /// authority: only `rebuild-index` reads this file, and a failure to write it is no reason to refuse a
    /// root.
    pub(crate) fn mirror_roots(&self) {
        // One at a time, each with the database's current list: an older list must not land last.
        let _one = self.mirror.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(roots) = self.roots() else { return };
        let row = |root: &Root| RootRow { target: root.target, created: root.created };
        let before = self.objects.folder().read("roots").unwrap_or_default();
        self.note_past(parse_mirror(&String::from_utf8_lossy(&before)), &roots);
        let text = mirror_text(roots.iter().map(|root| (&root.name, row(root))));
        let _ = self.objects.replace("roots", text.as_bytes());
    }
}

/// The text of the file `roots`: kind, digest, time and name of each.
pub(crate) fn mirror_text<'a>(roots: impl Iterator<Item = (&'a RootName, RootRow)>) -> String {
    let lines: String = roots.map(|(name, row)| line(name, &row)).collect();
    format!("stele-roots 1\n{lines}")
}

/// The line of a root in such a text.
pub(crate) fn line(name: &RootName, RootRow { target, created }: &RootRow) -> String {
    let kind = if matches!(target, Target::Tree(_)) { 'd' } else { 'f' };
    format!("{kind} {} {created} {name}\n", target.digest())
}

/// The name and target in such a line, and the text of its time.
pub(crate) fn of_line(line: &str) -> Option<(RootName, Target, &str)> {
    let mut columns = line.split(' ');
    let (kind, digest, created) = (columns.next()?, columns.next()?, columns.next()?);
    let name = columns.next()?.parse().ok()?;
    let target = match kind {
        "d" => Target::Tree(digest.parse().ok()?),
        "f" => Target::Blob(digest.parse().ok()?),
        _ => return None,
    };
    Some((name, target, created))
}

/// The roots in such a text; malformed lines are skipped, since some roots are better than none.
pub(crate) fn parse_mirror(text: &str) -> Vec<(RootName, RootRow)> {
    let row = |(name, target, created): (RootName, Target, &str)| {
        (name, RootRow { target, created: created.parse().unwrap_or(0) })
    };
    text.lines().filter_map(of_line).map(row).collect()
}
