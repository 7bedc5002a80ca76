//! What is kept: roots and their past, how much each uses, and collections.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use stele_recipes::fetch::{Unfinished, remove_unfinished};
use stele_store::model::{Digest, RootName};
use stele_store::{Layout, PastRoot, Progress, Released, Root, Store, Target, Union};

use crate::answers::{Answer, What};
use crate::engine::Engine;
use crate::failure::Failure;

/// The beginning of the names of roots that builds make.
pub const BUILD_PREFIX: &str = "build-";

/// A root as it was before it was moved or removed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PastAnswer {
    /// Its name.
    pub name: String,
    /// What it kept.
    pub kind: What,
    /// The digest.
    pub digest: Digest,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: u64,
    /// When it was moved or removed.
    pub until: u64,
    /// Whether all of that is still in the store.
    pub there: bool,
}

/// The result of a garbage collection.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Collected {
    /// Whether this was a dry run, which removes nothing.
    pub dry_run: bool,
    /// Roots of builds that were removed first; in a dry run, would have been.
    pub released: Vec<String>,
    /// Recipes whose kept folders of failed builds were removed; in a dry run, would have been.
    #[serde(default)]
    pub failed_builds: Vec<String>,
    /// How many unfinished downloads were removed; in a dry run, would have been.
    #[serde(default)]
    pub downloads: u64,
    /// Their bytes.
    #[serde(default)]
    pub download_bytes: u64,
    /// What it found and removed; in a dry run, what it would have.
    #[serde(flatten)]
    pub counts: stele_store::Collected,
}

/// How much something uses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UsageAnswer {
    /// The root's name, or the reference.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
    /// Bytes of all that it reaches, each item counted once.
    pub bytes: u64,
    /// Those of them that none of the others reaches.
    pub own_bytes: u64,
}

/// Which roots of builds a collection releases first. A root has to be released by one rule only.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Release {
    /// Those made more than so many seconds ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<u64>,
    /// All but so many of the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<usize>,
    /// The oldest, until all that roots reach has at most so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

impl Release {
    /// The roots that go, at `now`.
    fn choose(&self, store: &Store, now: u64) -> Result<Vec<Root>, Failure> {
        let (mut builds, others): (Vec<Root>, Vec<Root>) =
            store.roots()?.into_iter().partition(|root| root.name.as_str().starts_with(BUILD_PREFIX));
        // The newest first; of those of one second, in the order of their names.
        builds.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.name.cmp(&b.name)));
        let mut union = Union::default();
        if self.max_bytes.is_some() {
            for root in &others {
                union.add(store, root.target)?;
            }
        }
        let mut released = Vec::new();
        for (number, root) in builds.into_iter().enumerate() {
            let old = self.older_than.is_some_and(|age| now.saturating_sub(root.created) > age);
            let many = self.keep_last.is_some_and(|kept| number >= kept);
            let large = match self.max_bytes {
                Some(max) if !old && !many => {
                    union.add(store, root.target)?;
                    union.bytes > max
                }
                _ => false,
            };
            if old || many || large {
                released.push(root);
            }
        }
        Ok(released)
    }
}

/// Collects garbage: first, what `release` says is released; with `end_leases`, timed leases too.
///
/// # Errors
/// When a live tree cannot be read, or the database cannot be written.
pub fn collect(
    store: &Store,
    dry_run: bool,
    end_leases: bool,
    release: &Release,
    progress: &Progress,
) -> Result<Collected, Failure> {
    let chosen = release.choose(store, stele_store::now())?;
    let mut released: Vec<String> = Vec::new();
    let counts = match dry_run {
        true => {
            let roots: HashSet<RootName> = chosen.iter().map(|root| root.name.clone()).collect();
            released.extend(roots.iter().map(ToString::to_string));
            store.collect_as_if(&Released { roots, timed_leases: end_leases }, progress)?
        }
        false => {
            for root in &chosen {
                // A build may have moved it since it was chosen: then it is new.
                if store.remove_root_as(root)? {
                    released.push(root.name.to_string());
                }
            }
            if end_leases && !store.is_read_only() {
                store.end_timed_leases()?;
            }
            store.collect(false, progress)?
        }
    };
    released.sort_unstable();
    Ok(Collected { dry_run, released, counts, ..Collected::default() })
}

/// Removes unfinished downloads and the kept folders of failed builds, and adds them to what was collected.
pub(crate) fn clear_unfinished(engine: &Engine, collected: &mut Collected) {
    let dry_run = collected.dry_run;
    collected.failed_builds = engine.optional_builder().map_or_else(Vec::new, |it| it.remove_failed(dry_run));
    if !engine.store().is_read_only() {
        let layout = Layout::new(engine.store().path());
        let Unfinished { downloads, bytes } = remove_unfinished(&layout.fetch(), dry_run);
        (collected.downloads, collected.download_bytes) = (downloads, bytes);
    }
}

/// What roots were before they were moved or removed, the last change first.
///
/// # Errors
/// When the store cannot be read.
pub fn past(store: &Store) -> Result<Answer, Failure> {
    let answer = |PastRoot { root, until }: PastRoot| -> Result<PastAnswer, Failure> {
        let there = store.has_closure(root.target)?;
        let (name, digest) = (root.name.to_string(), root.target.digest());
        Ok(PastAnswer { name, kind: root.target.into(), digest, created: root.created, until, there })
    };
    Ok(Answer::PastRoots(store.past_roots().into_iter().map(answer).collect::<Result<_, _>>()?))
}

/// How much each of these uses: names with their targets; all roots when there are none.
///
/// # Errors
/// When the store cannot be read.
pub fn usage(store: &Store, mut named: Vec<(String, Target)>) -> Result<Answer, Failure> {
    if named.is_empty() {
        named = store.roots()?.into_iter().map(|root| (root.name.to_string(), root.target)).collect();
    }
    let targets: Vec<Target> = named.iter().map(|(_, target)| *target).collect();
    let usage = store.usage(&targets)?;
    let answers = named.into_iter().zip(usage).map(|((name, target), usage)| UsageAnswer {
        name,
        digest: target.digest(),
        bytes: usage.bytes,
        own_bytes: usage.own_bytes,
    });
    Ok(Answer::Usage(answers.collect()))
}
