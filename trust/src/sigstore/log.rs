//! Rekor: that an entry is in the log (RFC 9162 §2.1.3, C2SP `tlog-checkpoint`), and when it was taken.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::SigstoreError;
use super::root::{Log, TrustedRoot};
use crate::bundle::{InclusionProof, LogEntry};
use crate::digest::{Sha256, hex};
use crate::json;
use crate::keys::PublicKey;
use crate::time::Time;

/// A log entry that holds.
pub(super) struct Logged<'r> {
    log: &'r Log,
    /// When the log took it, if it signed that.
    pub(super) time: Option<Time>,
}

impl Logged<'_> {
    /// Whether the log was trusted at that moment.
    pub(super) fn trusted_at(&self, time: Time) -> bool {
        self.log.valid.contains(time)
    }
}

/// Verifies everything that an entry brings. At least one of promise and proof is there, as the bundle's version
/// says.
pub(super) fn verify<'r>(entry: &LogEntry, root: &'r TrustedRoot) -> Result<Logged<'r>, SigstoreError> {
    let refused = |reason: &'static str| SigstoreError::Log(reason);
    let log = root.logs.iter().find(|log| log.id == entry.log_id).ok_or(refused("the log is not trusted"))?;
    let key = log.key.as_ref().ok_or(refused("the log's key is of another algorithm"))?;
    if let Some(proof) = &entry.proof {
        let leaf = hash(&[&[0], &entry.body]);
        let computed = included(leaf, proof).ok_or(refused("the inclusion proof cannot be followed"))?;
        if proof.root != computed.0 {
            return Err(refused("the inclusion proof leads to another root"));
        }
        // Without a checkpoint, as in version 0.1, anybody could have made up the root: then only the promise
        // counts.
        if let Some(text) = &proof.checkpoint {
            checkpoint(text, proof, log, key)?;
        }
    }
    let time = match (&entry.promise, entry.integrated_time) {
        (None, _) => None,
        (Some(_), None) => return Err(refused("it has a promise without a time")),
        (Some(promise), Some(time)) => {
            let signed = json::canonical(&json!({
                "body": STANDARD.encode(&entry.body),
                "integratedTime": time,
                "logID": hex(&entry.log_id),
                "logIndex": entry.index,
            }));
            let signed = signed.map_err(|_| refused("its numbers are too large"))?;
            if !key.verifies(&signed, promise) {
                return Err(refused("the log's promise is not by its key"));
            }
            Some(Time(time))
        }
    };
    if time.is_some_and(|time| !log.valid.contains(time)) {
        return Err(refused("the log was not trusted when it took the entry"));
    }
    let proven = entry.proof.as_ref().is_some_and(|proof| proof.checkpoint.is_some());
    if time.is_none() && !proven {
        return Err(refused("it has neither a promise nor a proof with a checkpoint"));
    }
    Ok(Logged { log, time })
}

fn hash(parts: &[&[u8]]) -> Sha256 {
    Sha256::of(&parts.concat())
}

/// The root to which a proof leads from a leaf; `None` if it has not exactly the hashes of that place in that tree.
fn included(leaf: Sha256, proof: &InclusionProof) -> Option<Sha256> {
    if proof.index >= proof.size {
        return None;
    }
    let (mut index, mut last) = (proof.index, proof.size - 1);
    let mut root = leaf;
    for sibling in &proof.hashes {
        if last == 0 || sibling.len() != 32 {
            return None;
        }
        if index & 1 == 1 || index == last {
            root = hash(&[&[1], sibling, &root.0]);
            while index & 1 == 0 && index != 0 {
                index >>= 1;
                last >>= 1;
            }
        } else {
            root = hash(&[&[1], &root.0, sibling]);
        }
        index >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// Verifies that the log signed a checkpoint of the proof's root. Signatures by others, as of witnesses, are not
/// looked at.
fn checkpoint(note: &str, proof: &InclusionProof, log: &Log, key: &PublicKey) -> Result<(), SigstoreError> {
    let refused = |reason: &'static str| SigstoreError::Log(reason);
    let (text, signatures) = note.split_once("\n\n").ok_or(refused("the checkpoint is not signed"))?;
    let signed = &note[..=text.len()];
    let mut lines = text.split('\n');
    let (origin, size, root) = (lines.next(), lines.next(), lines.next());
    let origin = origin.filter(|it| !it.is_empty()).ok_or(refused("the checkpoint has no origin"))?;
    let size: u64 = size.and_then(|it| it.parse().ok()).ok_or(refused("the checkpoint has no size"))?;
    let root = root.and_then(|it| STANDARD.decode(it).ok()).filter(|it| it.len() == 32);
    let root = root.ok_or(refused("the checkpoint has no root"))?;
    if size != proof.size || root != proof.root {
        return Err(refused("the checkpoint is of another tree"));
    }
    // Rekor 1 adds the number of its tree to the origin.
    let name = origin.split_once(" - ").map_or(origin, |(name, _)| name);
    if name != log.host {
        return Err(refused("the checkpoint is of another log"));
    }
    let by_log = |line: &str| {
        let (by, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let bytes = STANDARD.decode(signature).ok()?;
        let (hint, signature) = bytes.split_first_chunk::<4>()?;
        let matches = by == name && log.id.starts_with(hint) && key.verifies(signed.as_bytes(), signature);
        matches.then_some(())
    };
    signatures.lines().find_map(by_log).ok_or(refused("the checkpoint is not signed by the log"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(leaves: &[Sha256]) -> Sha256 {
        match leaves {
            [] => Sha256::of(b""),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                hash(&[&[1], &tree(left).0, &tree(right).0])
            }
        }
    }

    fn path(leaves: &[Sha256], index: usize) -> Vec<Vec<u8>> {
        if leaves.len() < 2 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut hashes, other) = match index < left.len() {
            true => (path(left, index), tree(right)),
            false => (path(right, index - left.len()), tree(left)),
        };
        hashes.push(other.0.to_vec());
        hashes
    }

    #[test]
    fn a_proof_leads_to_the_root_from_its_leaf_and_place_alone() {
        for size in 1_u8..20 {
            let leaves: Vec<Sha256> = (0..size).map(|it| hash(&[&[0], &[it]])).collect();
            let root = tree(&leaves);
            for index in 0..size {
                let proof = |at: u8, hashes: Vec<Vec<u8>>| InclusionProof {
                    index: at.into(),
                    root: root.0.to_vec(),
                    size: size.into(),
                    hashes,
                    checkpoint: None,
                };
                let hashes = path(&leaves, index.into());
                let leaf = leaves[usize::from(index)];
                assert_eq!(included(leaf, &proof(index, hashes.clone())), Some(root), "{index} of {size}");
                assert_eq!(included(leaf, &proof(size, hashes.clone())), None);
                let mut longer = hashes.clone();
                longer.push(vec![0; 32]);
                assert_ne!(included(leaf, &proof(index, longer)), Some(root));
                let other = hash(&[&[0], &[200]]);
                assert_ne!(included(other, &proof(index, hashes.clone())), Some(root));
                if let Some((_, shorter)) = hashes.split_first() {
                    assert_ne!(included(leaf, &proof(index, shorter.to_vec())), Some(root));
                }
            }
        }
    }
}
