//! The journal's records. `docs/formats.md` has the bytes.

use stele_store::model::{BlobId, Digest, SymlinkTarget, TreeId};

use super::files::{Mode, OpenFile};
use super::nodes::{Location, What};

/// A fact that the kernel learns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// A number stands for this.
    Node {
        /// The number.
        ino: u64,
        /// Its place.
        place: Location,
        /// Its meaning.
        what: What,
        /// The kernel's lookup count.
        lookups: u64,
        /// The request of the first lookup; 0 in a compacted journal.
        question: u64,
    },
    /// The kernel's lookup count of a number.
    Count {
        /// The number.
        ino: u64,
        /// The count.
        lookups: u64,
        /// The reason for the change.
        change: Change,
    },
    /// That request was counted for that number.
    Counted {
        /// The request's number.
        question: u64,
        /// The number that was looked up or closed.
        ino: u64,
    },
    /// A number stands for nothing any more.
    Gone {
        /// The number.
        ino: u64,
    },
    /// The open count of a file; zero when it is closed.
    File {
        /// The file's number.
        ino: u64,
        /// How it is open.
        open: OpenFile,
        /// The request that opened or closed it; 0 in a compacted journal.
        question: u64,
    },
}

/// Why a count changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// That request was about to be answered with it.
    KnownFiles(u64),
    /// That request was not answered with it after all.
    TakenBack(u64),
    /// The kernel forgot it, or it is unchanged since the last compaction.
    Other,
}

impl Record {
    /// Appends the record's bytes, with their length before them.
    pub fn encode(&self, to: &mut Vec<u8>) {
        let begin = to.len();
        to.extend_from_slice(&[0; 2]);
        match self {
            Self::Node { ino, place, what, lookups, question } => {
                to.push(b'n');
                [ino, lookups, question].iter().for_each(|it| to.extend_from_slice(&it.to_le_bytes()));
                match what {
                    What::Tree(tree) => {
                        to.push(b'd');
                        to.extend_from_slice(tree.0.as_bytes());
                    }
                    What::Link(target) => {
                        to.push(b'l');
                        bytes(target.as_bytes(), to);
                    }
                    What::File(blob) => {
                        to.push(b'f');
                        to.extend_from_slice(blob.0.as_bytes());
                    }
                }
                match place {
                    Location::Top(name) => {
                        to.push(b't');
                        bytes(name, to);
                    }
                    Location::ByName(name) => {
                        to.push(b'b');
                        bytes(name, to);
                    }
                    Location::In { parent, index } => {
                        to.push(b'i');
                        to.extend_from_slice(&parent.to_le_bytes());
                        to.extend_from_slice(&index.to_le_bytes());
                    }
                }
            }
            Self::Count { ino, lookups, change } => {
                let (way, question) = match change {
                    Change::KnownFiles(question) => (b'+', *question),
                    Change::TakenBack(question) => (b'-', *question),
                    Change::Other => (b'=', 0),
                };
                to.extend_from_slice(&[b'c', way]);
                [*ino, *lookups, question].iter().for_each(|it| to.extend_from_slice(&it.to_le_bytes()));
            }
            Self::Counted { question, ino } => {
                to.push(b'q');
                [question, ino].iter().for_each(|it| to.extend_from_slice(&it.to_le_bytes()));
            }
            Self::Gone { ino } => {
                to.push(b'g');
                to.extend_from_slice(&ino.to_le_bytes());
            }
            Self::File { ino, open, question } => {
                to.push(b'f');
                [ino, question].iter().for_each(|it| to.extend_from_slice(&it.to_le_bytes()));
                to.extend_from_slice(open.blob.0.as_bytes());
                to.extend_from_slice(&open.times.to_le_bytes());
                match open.mode {
                    Mode::Asked => to.push(b'a'),
                    Mode::Passthrough(id) => {
                        to.push(b'p');
                        to.extend_from_slice(&id.to_le_bytes());
                    }
                }
            }
        }
        // A symbolic link's target has at most 4,095 bytes and a name 255, so no record reaches 65,536.
        let length = u16::try_from(to.len() - begin - 2).unwrap_or(u16::MAX);
        to[begin..begin + 2].copy_from_slice(&length.to_le_bytes());
    }

    /// Reads the first record, and its length. `None` when it is incomplete.
    pub fn decode(from: &[u8]) -> Option<(Self, usize)> {
        let (head, rest) = from.split_at_checked(2)?;
        let length = usize::from(u16::from_le_bytes(head.try_into().ok()?));
        let mut rest = Reader(rest.get(..length)?);
        let record = match rest.byte()? {
            b'n' => {
                let (ino, lookups, question) = (rest.u64()?, rest.u64()?, rest.u64()?);
                let what = match rest.byte()? {
                    b'd' => What::Tree(TreeId(rest.digest()?)),
                    b'l' => What::Link(SymlinkTarget::new(rest.bytes()?).ok()?),
                    b'f' => What::File(BlobId(rest.digest()?)),
                    _ => return None,
                };
                let place = match rest.byte()? {
                    b't' => Location::Top(rest.bytes()?.to_vec()),
                    b'b' => Location::ByName(rest.bytes()?.to_vec()),
                    b'i' => Location::In { parent: rest.u64()?, index: rest.u32()? },
                    _ => return None,
                };
                Self::Node { ino, place, what, lookups, question }
            }
            b'c' => {
                let way = rest.byte()?;
                let (ino, lookups, question) = (rest.u64()?, rest.u64()?, rest.u64()?);
                let change = match way {
                    b'+' => Change::KnownFiles(question),
                    b'-' => Change::TakenBack(question),
                    b'=' if question == 0 => Change::Other,
                    _ => return None,
                };
                Self::Count { ino, lookups, change }
            }
            b'q' => Self::Counted { question: rest.u64()?, ino: rest.u64()? },
            b'g' => Self::Gone { ino: rest.u64()? },
            b'f' => {
                let (ino, question) = (rest.u64()?, rest.u64()?);
                let (blob, times) = (BlobId(rest.digest()?), rest.u64()?);
                let mode = match rest.byte()? {
                    b'a' => Mode::Asked,
                    b'p' => Mode::Passthrough(rest.u32()?),
                    _ => return None,
                };
                Self::File { ino, open: OpenFile { blob, mode, times }, question }
            }
            _ => return None,
        };
        rest.0.is_empty().then_some((record, length + 2))
    }
}

fn bytes(bytes: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes());
    to.extend_from_slice(bytes);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn digest(&mut self) -> Option<Digest> {
        self.array().map(Digest::from_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.array().map(u16::from_le_bytes)?;
        self.take(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = Location> {
        let name = proptest::collection::vec(any::<u8>(), 1..255);
        prop_oneof![
            name.clone().prop_map(Location::Top),
            name.prop_map(Location::ByName),
            (any::<u64>(), any::<u32>()).prop_map(|(parent, index)| Location::In { parent, index }),
        ]
    }

    fn what() -> impl Strategy<Value = What> {
        prop_oneof![
            any::<[u8; 32]>().prop_map(|it| What::Tree(TreeId(Digest::from_bytes(it)))),
            any::<[u8; 32]>().prop_map(|it| What::File(BlobId(Digest::from_bytes(it)))),
            proptest::collection::vec(1..=255u8, 1..4095)
                .prop_map(|it| What::Link(SymlinkTarget::new(&it).unwrap())),
        ]
    }

    fn record() -> impl Strategy<Value = Record> {
        let change = prop_oneof![
            any::<u64>().prop_map(Change::KnownFiles),
            any::<u64>().prop_map(Change::TakenBack),
            Just(Change::Other),
        ];
        let mode = prop_oneof![Just(Mode::Asked), any::<u32>().prop_map(Mode::Passthrough)];
        let file = (any::<[u8; 32]>(), mode, any::<u64>());
        let open = |(it, mode, times)| OpenFile { blob: BlobId(Digest::from_bytes(it)), mode, times };
        prop_oneof![
            (any::<[u64; 3]>(), place(), what()).prop_map(|([ino, lookups, question], place, what)| {
                Record::Node { ino, place, what, lookups, question }
            }),
            (any::<u64>(), any::<u64>(), change).prop_map(|(ino, lookups, change)| Record::Count {
                ino,
                lookups,
                change
            }),
            any::<[u64; 2]>().prop_map(|[question, ino]| Record::Counted { question, ino }),
            any::<u64>().prop_map(|ino| Record::Gone { ino }),
            (any::<[u64; 2]>(), file.prop_map(open)).prop_map(|([ino, question], open)| Record::File {
                ino,
                open,
                question
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_truncated_record_is_ignored(record in record(), cut in 1usize..40) {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            prop_assert_eq!(Record::decode(&bytes[..bytes.len() - cut.min(bytes.len())]), None);
        }

        #[test]
        fn malformed_input_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::decode(&bytes);
        }

        #[test]
        fn a_record_survives_the_round_trip(record in record(), behind in any::<[u8; 3]>()) {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            let length = bytes.len();
            bytes.extend_from_slice(&behind);
            prop_assert_eq!(Record::decode(&bytes), Some((record, length)));
        }
    }
}
