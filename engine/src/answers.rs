//! The answers to requests: what `--json` prints, and what the daemon sends. `docs/formats.md` has the fields.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use stele_store::model::{Digest, Sha256};
use stele_store::{Closure, Placement, Snapshot, Stats};

pub use crate::keep::Collected;

/// A tree or a blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A directory.
    Tree,
    /// Bytes.
    Blob,
}

/// The result of an import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Added {
    /// Whether the path was a directory or a file.
    pub kind: What,
    /// Its digest.
    pub digest: Digest,
    /// Files and other blobs imported.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that were new to the store.
    pub new_blobs: u64,
    /// Their bytes.
    pub new_bytes: u64,
    /// The root that keeps it.
    pub root: Option<String>,
    /// Until when a lease keeps it, in seconds since 1970-01-01 UTC.
    pub leased_until: Option<u64>,
}

/// An entry of a tree.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// `d`, `f`, `x` or `l`.
    pub kind: char,
    /// Bytes: of a directory, of its canonical text.
    pub size: u64,
    /// The digest; a link has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// A symbolic link's target, escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The path relative to the listed directory, escaped.
    pub path: String,
    /// The number of directories between.
    pub depth: usize,
    /// Whether it is the last entry of its directory.
    pub last: bool,
}

/// Details of a tree or blob.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Info {
    /// What it is.
    pub kind: What,
    /// Its digest.
    pub digest: Digest,
    /// Bytes: of a tree, of its canonical text.
    pub size: u64,
    /// A blob's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Where a blob's bytes are: `inline`, `file` or `quarantined`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// The file that holds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Of a tree: entries of the directory itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    /// Of a tree: everything reachable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closure: Option<Closure>,
    /// Roots whose target is exactly this.
    pub roots: Vec<String>,
}

/// A root.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// What it keeps.
    pub kind: What,
    /// The digest.
    pub digest: Digest,
    /// When it was created, in seconds since 1970-01-01 UTC.
    pub created: u64,
}

/// How two things differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compared {
    /// The digest of the first.
    pub before: Digest,
    /// The digest of the second.
    pub after: Digest,
    /// The comparison.
    #[serde(flatten)]
    pub report: stele_compare::Report,
}

/// A problem that a verification found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: What,
    /// Its digest.
    pub digest: Digest,
    /// The problem.
    pub problem: String,
    /// The quarantine path of its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// Where it is used: a root's name and a path.
    pub used_by: Vec<String>,
}

/// The result of a verification.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verified {
    /// Trees read.
    pub trees: u64,
    /// Blobs read.
    pub blobs: u64,
    /// Bytes hashed.
    pub bytes: u64,
    /// The problems.
    pub findings: Vec<Finding>,
    /// Whether the counts of `store stats` were wrong; they are right now.
    #[serde(default)]
    pub counts_corrected: bool,
}

/// The result of a rebuild of the database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rebuilt {
    /// Payload files that match their digests.
    pub files: u64,
    /// Payload files that did not.
    pub quarantined: u64,
    /// Inline blobs recovered.
    pub inline_blobs: u64,
    /// Trees in the new database.
    pub trees: u64,
    /// Incomplete trees, which were dropped.
    pub incomplete_trees: u64,
    /// Restored roots.
    pub roots: u64,
    /// Roots whose content is incomplete.
    pub lost_roots: Vec<Root>,
    /// Where the old database is kept.
    pub old_database: Vec<String>,
}

/// Counts of a store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counts {
    /// The store's folder, escaped.
    pub store: String,
    /// Roots.
    pub roots: u64,
    /// Active leases.
    pub leases: u64,
    /// Trees.
    pub trees: u64,
    /// Bytes of their canonical texts.
    pub tree_bytes: u64,
    /// Blobs in the database.
    pub inline_blobs: u64,
    /// Their bytes.
    pub inline_bytes: u64,
    /// Blobs in files.
    pub file_blobs: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Blobs in quarantine.
    pub quarantined_blobs: u64,
    /// Blobs that are cached, among those in the database and in files.
    #[serde(default)]
    pub cached_blobs: u64,
    /// Their bytes.
    #[serde(default)]
    pub cached_bytes: u64,
    /// Bytes used on disk.
    pub disk_bytes: u64,
    /// Bytes imported since the store was created.
    pub added_bytes: u64,
    /// Bytes of those that were already stored.
    pub deduplicated_bytes: u64,
}

/// The status of a daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Whether one runs.
    pub running: bool,
    /// The store's folder, escaped.
    pub store: String,
    /// Its process ID.
    pub pid: Option<u32>,
    /// Its version.
    pub version: Option<String>,
    /// Its build ID: a hash of its source code.
    #[serde(default)]
    pub build: Option<String>,
    /// Seconds since it started.
    pub up_seconds: Option<u64>,
    /// Running requests, without this one.
    pub working: Option<u64>,
    /// Seconds without a request after which it ends.
    pub idle_seconds: Option<u64>,
    /// Mounts that it serves.
    #[serde(default)]
    pub mounts: Option<u64>,
}

/// A mount.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mount {
    /// The mount point, escaped.
    pub path: String,
    /// Whether mount(2) made it; otherwise `fusermount3` did.
    pub direct: bool,
    /// Whether the kernel reads payload files directly (FUSE passthrough).
    pub passthrough: bool,
    /// Files open in it, as far as the kernel asks for opens: only with passthrough.
    pub open_files: u64,
    /// Directories and symbolic links in the kernel's cache.
    pub known_nodes: u64,
    /// Since when, in seconds since 1970-01-01 UTC.
    pub since: u64,
    /// The mount namespace that it is in: the inode of `/proc/PID/ns/mnt`.
    pub namespace: u64,
}

/// A source in the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Source {
    /// Its file name.
    pub file: String,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Bytes.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
    /// The root that keeps it.
    pub root: String,
    /// Its SHA-512; only of a source that was just added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha512: Option<String>,
    /// Where it came from: `store`, `part`, or a mirror; only of a requested source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Bytes downloaded now; only of a requested source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched: Option<u64>,
}

/// Progress of a long operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Items done.
    pub items: u64,
    /// Bytes done.
    pub bytes: u64,
    /// Total items; 0 when unknown.
    pub total_items: u64,
    /// Total bytes; 0 when unknown.
    pub total_bytes: u64,
}

/// The final answer to a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "kebab-case")]
pub enum Answer {
    /// `store add`.
    Added(Added),
    /// `store info`.
    Info(Info),
    /// `store root ls`.
    Roots(Vec<Root>),
    /// `store root log`.
    PastRoots(Vec<crate::keep::PastAnswer>),
    /// `store du`.
    Usage(Vec<crate::keep::UsageAnswer>),
    /// `store root add`.
    Root(Root),
    /// `store gc`.
    Collected(Collected),
    /// `store verify`.
    Verified(Verified),
    /// `store stats`.
    Counts(Counts),
    /// `daemon status`.
    Status(Status),
    /// `mount`, `mount ls`.
    Mounts(Vec<Mount>),
    /// `source unpack`.
    Unpacked(Vec<crate::recipes::unpacked::Unpacked>),
    /// `lineage --generated`.
    Generated(Vec<crate::recipes::generated::GeneratedIn>),
    /// `build --dry-run`.
    Plan(Arc<crate::recipes::planned::Planned>),
    /// The outputs of an action.
    Realised(crate::builds::Realised),
    /// `build`.
    Built(crate::builds::Built),
    /// How a user command in a sandbox ended.
    Left(stele_builder::sandbox::Ending),
    /// What a build used.
    Traced(crate::builds::Traced),
    /// `check`.
    Checked(Box<stele_builder::realise::CheckRecord>),
    /// `explain`.
    Explained(Box<stele_builder::realise::Explanation>),
    /// `report`.
    Reported(Vec<crate::builds::Reported>),
    /// `diff`.
    Compared(Box<Compared>),
    /// Metadata of a log.
    Log(crate::builds::LogOf),
    /// `image`.
    Image(crate::images::ImageAnswer),
    /// `copy`, `bundle`.
    Copy(crate::copies::CopyAnswer),
    /// The answer to a request about cached blobs.
    Cache(crate::caches::CacheAnswer),
    /// `attest`, `evidence`, `verify`.
    Agreement(crate::agreement::AgreementAnswer),
    /// Nothing beyond the entries and bytes that were sent.
    Done {},
}

impl From<Snapshot> for Progress {
    fn from(it: Snapshot) -> Self {
        let Snapshot { items, bytes, total_items, total_bytes } = it;
        Self { items, bytes, total_items, total_bytes }
    }
}

impl From<stele_store::Target> for What {
    fn from(target: stele_store::Target) -> Self {
        match target {
            stele_store::Target::Tree(_) => Self::Tree,
            stele_store::Target::Blob(_) => Self::Blob,
        }
    }
}

impl Counts {
    /// From the store's own counts.
    pub fn new(store: String, stats: &Stats) -> Self {
        Self {
            store,
            roots: stats.roots,
            leases: stats.leases,
            trees: stats.counts.trees,
            tree_bytes: stats.counts.tree_bytes,
            inline_blobs: stats.counts.inline_blobs,
            inline_bytes: stats.counts.inline_bytes,
            file_blobs: stats.counts.file_blobs,
            file_bytes: stats.counts.file_bytes,
            quarantined_blobs: stats.counts.quarantined_blobs,
            cached_blobs: stats.cached.blobs,
            cached_bytes: stats.cached.bytes,
            disk_bytes: stats.disk_bytes,
            added_bytes: stats.totals.bytes_added,
            deduplicated_bytes: stats.totals.bytes_deduplicated,
        }
    }
}

/// The name of a placement in `info`.
pub fn placement(placement: Placement) -> &'static str {
    match placement {
        Placement::Inline => "inline",
        Placement::File => "file",
        Placement::Quarantined => "quarantined",
    }
}
