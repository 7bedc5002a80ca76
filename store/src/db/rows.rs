//! The bytes of the database's rows. `docs/formats.md` specifies them; all integers are little-endian.
//!
//! Every decoder accepts exactly what its encoder writes.

use crate::model::{BlobId, Digest, Node, Sha256, TreeId};

/// The version byte that begins every row of this format.
const ROW_VERSION: u8 = 1;

/// Where a blob's bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// In the column family `inline`.
    Inline,
    /// In a file under `objects/`.
    File,
    /// Nowhere: they were found corrupt and moved to quarantine. Storing the same blob again repairs it.
    Quarantined,
}

/// A row of the column family `blob`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlobRow {
    /// Where the bytes are.
    pub placement: Placement,
    /// Their number.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: Sha256,
}

/// The target of a root or lease: a tree or a single blob.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Target {
    /// A tree and all that is reachable from it.
    Tree(TreeId),
    /// A blob.
    Blob(BlobId),
}

/// A row of the column family `root`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RootRow {
    /// The target.
    pub target: Target,
    /// When the root was made, in seconds since 1970-01-01 UTC. For display only.
    pub created: u64,
}

/// How long a lease holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// Until that time, in seconds since 1970-01-01 UTC. A store records it as [`Holder::Timed`].
    Until(u64),
    /// For a duration, measured by a clock that cannot be set while the machine runs.
    Timed {
        /// When it ends, in seconds since 1970-01-01 UTC, by the clock that gave `made`.
        until: u64,
        /// When it was made, in seconds since 1970-01-01 UTC.
        made: u64,
        /// The same in seconds since boot, including sleep (CLOCK_BOOTTIME, clock_gettime(2)).
        uptime: u64,
        /// `/proc/sys/kernel/random/boot_id`, without its dashes.
        boot: [u8; 16],
    },
    /// As long as a process lives. Process IDs are reused, so its start time (field 22 of `/proc/<pid>/stat`,
    /// in clock ticks since boot) and the boot are part of it.
    Process {
        /// The process ID.
        pid: u32,
        /// Its start time in clock ticks.
        start: u64,
        /// `/proc/sys/kernel/random/boot_id`, without its dashes.
        boot: [u8; 16],
    },
}

/// A row of the column family `lease`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseRow {
    /// The target.
    pub target: Target,
    /// The duration.
    pub holder: Holder,
}

/// The lease of a cached blob, a row of `meta`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CachedRow {
    /// The blob's size in bytes.
    pub size: u64,
    /// The duration.
    pub holder: Holder,
}

/// Running totals, a row of `meta`: they record what deduplication saved, which no scan can determine later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Blobs that were added, counted each time.
    pub blobs_added: u64,
    /// Their bytes.
    pub bytes_added: u64,
    /// Bytes of those that the store already had.
    pub bytes_deduplicated: u64,
}

impl Target {
    /// The target of an entry; a link has none.
    pub fn of(node: &Node) -> Option<Self> {
        match node {
            Node::Directory { tree, .. } => Some(Self::Tree(*tree)),
            Node::File { blob, .. } => Some(Self::Blob(*blob)),
            Node::Symlink { .. } => None,
        }
    }

    /// The digest of either kind.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Tree(tree) => tree.0,
            Self::Blob(blob) => blob.0,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Tree(_) => b'd',
            Self::Blob(_) => b'f',
        });
        out.extend_from_slice(self.digest().as_bytes());
    }
}

impl BlobRow {
    /// The row's bytes: version, placement, size, SHA-256.
    pub fn encode(&self) -> [u8; 42] {
        let mut row = [0; 42];
        row[0] = ROW_VERSION;
        row[1] = match self.placement {
            Placement::Inline => 0,
            Placement::File => 1,
            Placement::Quarantined => 2,
        };
        row[2..10].copy_from_slice(&self.size.to_le_bytes());
        row[10..].copy_from_slice(self.sha256.as_bytes());
        row
    }

    /// Decodes a row.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes)?;
        let placement = match reader.byte()? {
            0 => Placement::Inline,
            1 => Placement::File,
            2 => Placement::Quarantined,
            _ => return None,
        };
        let row = Self { placement, size: reader.u64()?, sha256: Sha256::from_bytes(reader.take()?) };
        reader.end(row)
    }
}

impl RootRow {
    /// The row's bytes: version, kind, digest, time.
    pub fn encode(&self) -> Vec<u8> {
        let mut row = vec![ROW_VERSION];
        self.target.encode(&mut row);
        row.extend_from_slice(&self.created.to_le_bytes());
        row
    }

    /// Decodes a row.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes)?;
        let row = Self { target: reader.target()?, created: reader.u64()? };
        reader.end(row)
    }
}

impl LeaseRow {
    /// The row's bytes: version, kind, digest, holder.
    pub fn encode(&self) -> Vec<u8> {
        let mut row = vec![ROW_VERSION];
        self.target.encode(&mut row);
        self.holder.encode(&mut row);
        row
    }

    /// Decodes a row.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes)?;
        let target = reader.target()?;
        let holder = reader.holder()?;
        reader.end(Self { target, holder })
    }
}

impl Holder {
    fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Holder::Until(moment) => {
                out.push(0);
                out.extend_from_slice(&moment.to_le_bytes());
            }
            Holder::Process { pid, start, boot } => {
                out.push(1);
                out.extend_from_slice(&pid.to_le_bytes());
                out.extend_from_slice(&start.to_le_bytes());
                out.extend_from_slice(&boot);
            }
            Holder::Timed { until, made, uptime, boot } => {
                out.push(2);
                for number in [until, made, uptime] {
                    out.extend_from_slice(&number.to_le_bytes());
                }
                out.extend_from_slice(&boot);
            }
        }
    }
}

impl CachedRow {
    /// The row's bytes: version, size, holder.
    pub fn encode(&self) -> Vec<u8> {
        let mut row = vec![ROW_VERSION];
        row.extend_from_slice(&self.size.to_le_bytes());
        self.holder.encode(&mut row);
        row
    }

    /// Decodes a row.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes)?;
        let row = Self { size: reader.u64()?, holder: reader.holder()? };
        reader.end(row)
    }
}

impl Totals {
    /// The row's bytes: version and three counts.
    pub fn encode(&self) -> Vec<u8> {
        let mut row = vec![ROW_VERSION];
        for count in [self.blobs_added, self.bytes_added, self.bytes_deduplicated] {
            row.extend_from_slice(&count.to_le_bytes());
        }
        row
    }

    /// Decodes a row.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes)?;
        let totals = Self {
            blobs_added: reader.u64()?,
            bytes_added: reader.u64()?,
            bytes_deduplicated: reader.u64()?,
        };
        reader.end(totals)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Self(bytes);
        (reader.byte()? == ROW_VERSION).then_some(reader)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn target(&mut self) -> Option<Target> {
        let kind = self.byte()?;
        let digest = Digest::from_bytes(self.take()?);
        match kind {
            b'd' => Some(Target::Tree(TreeId(digest))),
            b'f' => Some(Target::Blob(BlobId(digest))),
            _ => None,
        }
    }

    fn holder(&mut self) -> Option<Holder> {
        Some(match self.byte()? {
            0 => Holder::Until(self.u64()?),
            1 => Holder::Process {
                pid: u32::from_le_bytes(self.take()?),
                start: self.u64()?,
                boot: self.take()?,
            },
            2 => Holder::Timed {
                until: self.u64()?,
                made: self.u64()?,
                uptime: self.u64()?,
                boot: self.take()?,
            },
            _ => return None,
        })
    }

    fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn targets() -> impl Strategy<Value = Target> {
        (any::<bool>(), any::<[u8; 32]>()).prop_map(|(tree, bytes)| {
            let digest = Digest::from_bytes(bytes);
            if tree { Target::Tree(TreeId(digest)) } else { Target::Blob(BlobId(digest)) }
        })
    }

    fn holders() -> impl Strategy<Value = Holder> {
        prop_oneof![
            any::<u64>().prop_map(Holder::Until),
            (any::<u32>(), any::<u64>(), any::<[u8; 16]>()).prop_map(|(pid, start, boot)| Holder::Process {
                pid,
                start,
                boot
            }),
            (any::<[u64; 3]>(), any::<[u8; 16]>()).prop_map(|([until, made, uptime], boot)| Holder::Timed {
                until,
                made,
                uptime,
                boot
            }),
        ]
    }

    fn blob_rows() -> impl Strategy<Value = BlobRow> {
        let placement =
            prop_oneof![Just(Placement::Inline), Just(Placement::File), Just(Placement::Quarantined)];
        (placement, any::<u64>(), any::<[u8; 32]>()).prop_map(|(placement, size, sha256)| BlobRow {
            placement,
            size,
            sha256: Sha256::from_bytes(sha256),
        })
    }

    proptest! {
        #[test]
        fn rows_survive_and_no_other_length_is_accepted(
            blob in blob_rows(), target in targets(), holder in holders(), created: u64, counts: [u64; 3],
        ) {
            let root = RootRow { target, created };
            let lease = LeaseRow { target, holder };
            let cached = CachedRow { size: created, holder };
            prop_assert_eq!(CachedRow::decode(&cached.encode()), Some(cached));
            prop_assert_eq!(CachedRow::decode(&[&cached.encode()[..], &[0]].concat()), None);
            let totals =
                Totals { blobs_added: counts[0], bytes_added: counts[1], bytes_deduplicated: counts[2] };
            prop_assert_eq!(BlobRow::decode(&blob.encode()), Some(blob));
            prop_assert_eq!(RootRow::decode(&root.encode()), Some(root));
            prop_assert_eq!(LeaseRow::decode(&lease.encode()), Some(lease));
            prop_assert_eq!(Totals::decode(&totals.encode()), Some(totals));
            let long = |mut row: Vec<u8>| { row.push(0); row };
            prop_assert_eq!(BlobRow::decode(&long(blob.encode().to_vec())), None);
            prop_assert_eq!(BlobRow::decode(&blob.encode()[..41]), None);
            prop_assert_eq!(RootRow::decode(&long(root.encode())), None);
            prop_assert_eq!(LeaseRow::decode(&long(lease.encode())), None);
            prop_assert_eq!(Totals::decode(&long(totals.encode())), None);
        }

        #[test]
        fn only_the_canonical_encoding_decodes(bytes in proptest::collection::vec(0..4u8, 0..70)) {
            if let Some(row) = BlobRow::decode(&bytes) { prop_assert_eq!(row.encode().to_vec(), bytes.clone()); }
            if let Some(row) = RootRow::decode(&bytes) { prop_assert_eq!(row.encode(), bytes.clone()); }
            if let Some(row) = LeaseRow::decode(&bytes) { prop_assert_eq!(row.encode(), bytes); }
        }
    }
}
