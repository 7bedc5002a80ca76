//! Reads everything again: does each item match its digest, and does everything that is named exist?

mod aside;
mod findings;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use sha2::Digest as _;

use crate::db::{BlobRow, DbError, Durability, Rows, Target};
use crate::model::{BlobId, Digest, Node, Sha256, Tree, TreeId};
use crate::progress::Progress;
use crate::store::{CopyError, ReadError, Store};

use aside::Quarantine;
pub use findings::{Finding, Problem, Verified, VerifyError};

/// At most this many uses of corrupt content are named.
const MAX_USES: usize = 10;

impl Store {
    /// Hashes every blob and tree again and checks all rows about them. Corrupt content is moved to
    /// `quarantine/`, its row records that, and storing it again repairs it. A store that is open read-only is
    /// not changed. Imports and collections may run concurrently.
    ///
    /// # Errors
    /// See [`VerifyError`]. A defect of the content is not an error but a finding.
    pub fn verify(&self, progress: &Progress) -> Result<Verified, VerifyError> {
        let zero = Digest::from_bytes([0; 32]);
        let (mut items, mut bytes) = (0, 0);
        for row in self.db.blobs_from(&zero)? {
            items += 1;
            bytes += row?.1.size;
        }
        progress.set_total(items, bytes);
        let mut verified = Verified::default();
        self.verify_trees(&mut verified, progress)?;
        self.verify_blobs(&mut verified, progress)?;
        self.verify_sha256s(&mut verified)?;
        self.verify_holders(&mut verified)?;
        self.find_uses(&mut verified.findings)?;
        verified.counts_corrected = !self.is_read_only() && !self.db.recount()?;
        Ok(verified)
    }

    fn verify_trees(&self, verified: &mut Verified, progress: &Progress) -> Result<(), VerifyError> {
        for row in self.db.trees_from(&Digest::from_bytes([0; 32]))? {
            let (id, text) = row?;
            progress.check()?;
            verified.trees += 1;
            verified.bytes += text.len() as u64;
            let mut moved_to = None;
            let problem = match (Digest::of(&text), Tree::decode(&text)) {
                (actual, _) if actual != id.0 => {
                    if !self.is_read_only() {
                        match self.quarantine_tree(&id)? {
                            Quarantine::Sound => continue,
                            Quarantine::Moved(to) => moved_to = to,
                        }
                    }
                    Problem::Corrupt { actual }
                }
                (_, Err(source)) => Problem::NotCanonical { source },
                (_, Ok(tree)) => match self.still_wrong(&id, &tree)? {
                    Some(problem) => problem,
                    None => continue,
                },
            };
            verified.findings.push(Finding { target: Target::Tree(id), problem, moved_to, used_by: vec![] });
        }
        Ok(())
    }

    /// The defect of a tree that existed when the scan began, unless it is gone by now.
    fn still_wrong(&self, id: &TreeId, tree: &Tree) -> Result<Option<Problem>, DbError> {
        if self.first_wrong(tree)?.is_none() {
            return Ok(None);
        }
        // A collection may have removed the tree and then its content, and a session may have stored both
        // again: check once more with writers held off. A collection removes content after the tree that names
        // it.
        let _order = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = self.first_wrong(tree)?;
        Ok(problem.filter(|_| matches!(self.db.has_tree(id), Ok(true) | Err(_))))
    }

    /// The first entry whose target has no row or another size. A damaged payload is reported at the payload,
    /// not at each tree that names it.
    pub(crate) fn first_wrong(&self, tree: &Tree) -> Result<Option<Problem>, DbError> {
        for (name, node) in tree.entries() {
            let Some(digest) = node.digest() else { continue };
            match self.recorded_size(node)? {
                None => return Ok(Some(Problem::Incomplete { missing: digest })),
                Some(actual) if actual != node.size() => {
                    let (name, said) = (name.to_string(), node.size());
                    return Ok(Some(Problem::Size { name, digest, said, actual }));
                }
                Some(_) => {}
            }
        }
        Ok(None)
    }

    /// The size in bytes of a node's target, by its row, if there is one.
    pub(crate) fn recorded_size(&self, node: &Node) -> Result<Option<u64>, DbError> {
        Ok(match node {
            Node::Directory { tree, .. } => self.db.tree(tree)?.map(|text| text.len() as u64),
            Node::File { blob, .. } => self.db.blob(blob)?.map(|row| row.size),
            Node::Symlink { .. } => Some(node.size()),
        })
    }

    fn verify_blobs(&self, verified: &mut Verified, progress: &Progress) -> Result<(), VerifyError> {
        let rows = Mutex::new(self.db.blobs_from(&Digest::from_bytes([0; 32]))?);
        let shared = Mutex::new((verified, None));
        let work = || -> Result<(), VerifyError> {
            loop {
                let batch: Vec<_> = {
                    let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                    rows.by_ref().take(64).collect::<Result<_, DbError>>()?
                };
                if batch.is_empty() {
                    return Ok(());
                }
                for (id, row) in batch {
                    let finding = self.verify_blob(&id, &row, progress)?;
                    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    shared.0.blobs += 1;
                    shared.0.bytes += row.size;
                    shared.0.findings.extend(finding);
                }
            }
        };
        let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    if let Err(error) = work() {
                        // Record the error before cancelling the others, which must not pass for the cause.
                        shared.lock().unwrap_or_else(PoisonError::into_inner).1.get_or_insert(error);
                        progress.cancel();
                    }
                });
            }
        });
        let error = shared.into_inner().unwrap_or_else(PoisonError::into_inner).1;
        error.map_or(Ok(()), Err)
    }

    fn verify_blob(
        &self,
        id: &BlobId,
        row: &BlobRow,
        progress: &Progress,
    ) -> Result<Option<Finding>, VerifyError> {
        let finding = |problem, moved_to| {
            Some(Finding { target: Target::Blob(*id), problem, moved_to, used_by: vec![] })
        };
        let mut sha256 = sha2::Sha256::new();
        let mut size = 0;
        let read = self.open_blob(id).map_err(CopyError::Read).and_then(|reader| {
            reader.verified(|bytes| {
                sha256.update(bytes);
                size += bytes.len() as u64;
                progress.add(0, bytes.len() as u64);
                progress.check()
            })
        });
        progress.add(1, 0);
        let problem = match read {
            Ok(()) => return self.verify_row(id, row, size, Sha256::from_bytes(sha256.finalize().into())),
            Err(CopyError::Sink(cancelled)) => return Err(cancelled.into()),
            Err(CopyError::Read(ReadError::NoBlob { .. })) => return Ok(None),
            Err(CopyError::Read(ReadError::Quarantined { .. })) => {
                if !self.is_read_only() && self.take_back(id)? {
                    return Ok(None);
                }
                return Ok(finding(Problem::Quarantined, None));
            }
            Err(CopyError::Read(ReadError::CorruptBlob { actual, .. })) => Problem::Corrupt { actual },
            Err(CopyError::Read(ReadError::Missing { .. })) => Problem::Missing,
            Err(CopyError::Read(ReadError::Db(e))) => return Err(e.into()),
            // The cause may be a lack of descriptors, memory or permission: that moves nothing.
            Err(CopyError::Read(e)) => {
                let there = self.db.blob(id)?.is_some();
                let message = e.to_string();
                return Ok(there.then(|| finding(Problem::Unreadable { message }, None)).flatten());
            }
        };
        if self.is_read_only() {
            return Ok(finding(problem, None));
        }
        // The content may be gone or stored again by now: check once more with writers held off.
        match self.quarantine_blob(id)? {
            Quarantine::Sound => Ok(None),
            Quarantine::Moved(moved_to) => Ok(finding(problem, moved_to)),
        }
    }

    /// The bytes are right; compares the rows with them.
    fn verify_row(
        &self,
        id: &BlobId,
        row: &BlobRow,
        size: u64,
        sha256: Sha256,
    ) -> Result<Option<Finding>, VerifyError> {
        let right = BlobRow { size, sha256, ..*row };
        if right == *row && self.db.by_sha256(&sha256)? == Some(*id) {
            return Ok(None);
        }
        if !self.is_read_only() {
            let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(now) = self.db.blob(id)? else { return Ok(None) };
            if now == (BlobRow { placement: now.placement, ..right })
                && self.db.by_sha256(&sha256)? == Some(*id)
            {
                return Ok(None);
            }
            let mut rows = Rows::default();
            rows.put_blob(id, &BlobRow { placement: now.placement, ..right });
            self.db.write(rows, Durability::Synced)?;
            *commits += 1;
        }
        let target = Target::Blob(*id);
        Ok(Some(Finding { target, problem: Problem::Row, moved_to: None, used_by: vec![] }))
    }

    fn verify_sha256s(&self, verified: &mut Verified) -> Result<(), VerifyError> {
        for row in self.db.sha256s()? {
            let (sha256, id) = row?;
            if self.has_sha256(&id, &sha256)? {
                continue;
            }
            {
                // A collection may have removed both since the scan began, and a session may have stored them
                // again: check both once more with writers held off.
                let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
                if self.has_sha256(&id, &sha256)? || self.db.by_sha256(&sha256)? != Some(id) {
                    continue;
                }
                if !self.is_read_only() {
                    let mut rows = Rows::default();
                    rows.delete_sha256(&sha256);
                    self.db.write(rows, Durability::Synced)?;
                    *commits += 1;
                }
            }
            let (target, problem) = (Target::Blob(id), Problem::Stray { sha256 });
            verified.findings.push(Finding { target, problem, moved_to: None, used_by: vec![] });
        }
        Ok(())
    }

    fn has_sha256(&self, id: &BlobId, sha256: &Sha256) -> Result<bool, DbError> {
        Ok(self.db.blob(id)?.is_some_and(|row| row.sha256 == *sha256))
    }

    fn verify_holders(&self, verified: &mut Verified) -> Result<(), VerifyError> {
        for (name, target) in self.db.dangling_roots()? {
            let problem = Problem::Dangling { holder: format!("root {name}") };
            verified.findings.push(Finding { target, problem, moved_to: None, used_by: vec![] });
        }
        Ok(())
    }

    /// Finds the roots and paths at which corrupt content is used, which users need first.
    fn find_uses(&self, findings: &mut [Finding]) -> Result<(), VerifyError> {
        let mut wanted: HashMap<Digest, Vec<String>> =
            findings.iter().map(|finding| (finding.target.digest(), vec![])).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        for root in self.roots()? {
            let note = |digest: Digest, path: &str, wanted: &mut HashMap<Digest, Vec<String>>| {
                if let Some(uses) = wanted.get_mut(&digest)
                    && uses.len() < MAX_USES
                {
                    uses.push(format!("{}{path}", root.name));
                }
            };
            note(root.target.digest(), "", &mut wanted);
            let Target::Tree(tree) = root.target else { continue };
            let mut seen = HashSet::from([tree]);
            let mut stack = vec![(tree, String::new())];
            while let Some((id, path)) = stack.pop() {
                let Ok(tree) = self.tree(&id) else { continue };
                for (name, node) in tree.entries() {
                    let Some(digest) = node.digest() else { continue };
                    let place = || format!("{path}/{name}");
                    if wanted.contains_key(&digest) {
                        note(digest, &place(), &mut wanted);
                    }
                    if let Node::Directory { tree, .. } = node
                        && seen.insert(*tree)
                    {
                        stack.push((*tree, place()));
                    }
                }
            }
        }
        for finding in findings {
            finding.used_by = wanted.get(&finding.target.digest()).cloned().unwrap_or_default();
        }
        Ok(())
    }
}
