//! Random numbers of a build: each program has a stream of its own, which follows from the action and from how the
//! program was started. Pure, but for forgetting ended processes.

use std::collections::HashMap;
use std::path::Path;

use stele_store::model::Digest;

/// The streams of at most so many processes are known; beyond that, those of ended processes are forgotten.
const MAX_STREAMS: usize = 1 << 14;
/// Of so many ways to start a program it is known how often each occurred; of further ones, how many there were.
const MAX_STARTS: usize = 1 << 17;
/// The beginning of each stream is for AT_RANDOM.
pub(super) const AT_START: usize = 16;

/// An endless sequence of bytes.
#[derive(Clone, Debug)]
struct Stream {
    seed: Digest,
    position: u64,
    children: u64,
    /// When its process was created, in ticks since the machine was started: process IDs are reused.
    created: u64,
}

impl Stream {
    fn of(seed: Digest, created: u64) -> Self {
        Self { seed, position: 0, children: 0, created }
    }

    /// The next bytes.
    fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 32);
        // 32 bytes of digest for each number; what is left of the last is not used.
        while bytes.len() < count {
            let block = [&self.seed.as_bytes()[..], &self.position.to_le_bytes()].concat();
            bytes.extend_from_slice(Digest::of(&block).as_bytes());
            self.position += 1;
        }
        bytes.truncate(count);
        bytes
    }
}

/// The device of random numbers: each opening has a stream of its own.
pub(in super::super) struct Device {
    seed: Digest,
    openings: u64,
}

impl Device {
    /// One whose numbers follow from a text, as those of [`Streams`].
    pub fn new(seed: &str) -> Self {
        Self { seed: Digest::of(seed.as_bytes()), openings: 0 }
    }

    /// The bytes of the next opening.
    pub fn open(&mut self) -> stele_fs::Bytes {
        self.openings += 1;
        let text = [&self.seed.as_bytes()[..], b"device", &self.openings.to_le_bytes()].concat();
        let mut stream = Stream::of(Digest::of(&text), 0);
        Box::new(move |count| stream.take(count))
    }
}

/// What is asked of proc(5).
pub(super) struct Process {
    pub id: i32,
    pub parent: i32,
    pub created: u64,
}

/// The streams of one build.
#[derive(Debug)]
pub(super) struct Streams {
    seed: Digest,
    known: HashMap<i32, Stream>,
    /// How often a program was started in the same way.
    starts: HashMap<Digest, u64>,
    other_starts: u64,
    /// How many copies had a parent that is not known, as it has ended.
    orphans: u64,
}

impl Streams {
    /// Those that follow from a text: the action, and whatever a check adds to it.
    pub fn new(seed: &str) -> Self {
        Self {
            seed: Digest::of(seed.as_bytes()),
            known: HashMap::new(),
            starts: HashMap::new(),
            other_starts: 0,
            orphans: 0,
        }
    }

    /// A process has started a program, with this command line. Returns the bytes of AT_RANDOM.
    pub fn start(&mut self, process: &Process, how: &[u8]) -> [u8; AT_START] {
        let how = Digest::of(&[&self.seed.as_bytes()[..], how].concat());
        let is_other = self.starts.len() >= MAX_STARTS && !self.starts.contains_key(&how);
        let count = if is_other { &mut self.other_starts } else { self.starts.entry(how).or_default() };
        let seed = Digest::of(&[&how.as_bytes()[..], b"start", &count.to_le_bytes()].concat());
        *count += 1;
        self.make_room();
        let stream = self.known.entry(process.id).insert_entry(Stream::of(seed, process.created)).into_mut();
        let mut bytes = [0; AT_START];
        bytes.copy_from_slice(&stream.take(AT_START));
        bytes
    }

    /// The next random bytes of a process.
    pub fn take(&mut self, process: &Process, count: usize) -> Vec<u8> {
        let is_known = self.known.get(&process.id).is_some_and(|it| it.created == process.created);
        if !is_known {
            // A copy of its parent that has started no program.
            let parent = match self.known.get_mut(&process.parent) {
                Some(parent) => {
                    parent.children += 1;
                    (parent.seed, parent.children)
                }
                None => {
                    self.orphans += 1;
                    (self.seed, self.orphans)
                }
            };
            let seed = Digest::of(&[&parent.0.as_bytes()[..], b"copy", &parent.1.to_le_bytes()].concat());
            self.make_room();
            self.known.insert(process.id, Stream::of(seed, process.created));
        }
        self.known.get_mut(&process.id).map(|it| it.take(count)).unwrap_or_default()
    }

    fn make_room(&mut self) {
        if self.known.len() >= MAX_STREAMS {
            self.known.retain(|id, _| Path::new(&format!("/proc/{id}")).exists());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(id: i32, parent: i32) -> Process {
        Process { id, parent, created: 7 }
    }

    #[test]
    fn they_follow_from_the_action_and_from_how_a_program_was_started() {
        let one = |seed: &str, how: &[u8], id| {
            let mut streams = Streams::new(seed);
            (streams.start(&process(id, 1), how), streams.take(&process(id, 1), 40))
        };
        let usual = one("action", b"cc", 5);
        assert_eq!(usual, one("action", b"cc", 6));
        assert_ne!(usual, one("other", b"cc", 5));
        assert_ne!(usual, one("action", b"cc\0-c", 5));
        assert_ne!(&usual.0[..], &usual.1[..AT_START]);
    }

    #[test]
    fn each_opening_of_the_device_reads_other_bytes_than_the_one_before() {
        let two = |seed: &str| {
            let mut device = Device::new(seed);
            [device.open()(100), device.open()(100)]
        };
        let [one, other] = two("action");
        assert_ne!(one, other);
        assert_eq!([one.clone(), other], two("action"));
        assert_ne!(one, two("other")[0]);
    }

    #[test]
    fn no_two_processes_have_the_same() {
        let mut streams = Streams::new("action");
        let mut all = vec![streams.start(&process(5, 1), b"cc").to_vec()];
        all.push(streams.start(&process(6, 1), b"cc").to_vec());
        for id in [5, 5, 6, 7, 8] {
            all.push(streams.take(&process(id, 5), 16));
        }
        // Two whose parents have ended.
        for id in [20, 21] {
            all.push(streams.take(&process(id, 1), 16));
        }
        // The number of an ended process.
        all.push(streams.take(&Process { created: 8, ..process(5, 6) }, 16));
        all.sort();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
