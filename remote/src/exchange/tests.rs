//! Copies between stores in memory, over pipes, and strangers at either end.

use std::collections::HashMap;
use std::io::{self, BufReader, Cursor, PipeReader, PipeWriter, Read};
use std::thread;

use stele_store::model::{BlobId, Digest, Name, Node, Tree};

use super::{Asking, ExchangeError, serve};
use crate::bundle::{Line, Reader, Record, Writer};
use crate::copy::{CopyError, Transferred, plan, transfer};
use crate::end::{End, Found, Item, Keeping, Received, Wanted};

/// A store in memory.
#[derive(Default)]
struct Memory {
    blobs: HashMap<Digest, Vec<u8>>,
    trees: HashMap<Digest, Tree>,
    /// Sends only so many records of a bundle.
    stops_after: Option<usize>,
}

/// A failure of the tests.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
struct Fault(String);

impl From<CopyError> for Fault {
    fn from(error: CopyError) -> Self {
        Self(error.to_string())
    }
}

impl From<ExchangeError> for Fault {
    fn from(error: ExchangeError) -> Self {
        Self(error.to_string())
    }
}

impl Memory {
    fn blob(&mut self, bytes: &[u8]) -> Node {
        let digest = Digest::of(bytes);
        self.blobs.insert(digest, bytes.to_vec());
        Node::File { blob: BlobId(digest), size: bytes.len() as u64, executable: false }
    }

    fn tree(&mut self, entries: Vec<(&str, Node)>) -> Node {
        let entries = entries.into_iter().map(|(name, node)| (Name::new(name.as_bytes()).unwrap(), node));
        let tree = Tree::new(entries.collect()).unwrap();
        let (id, size) = (tree.id(), tree.encode().len() as u64);
        self.trees.insert(id.0, tree);
        Node::Directory { tree: id, size }
    }

    fn write(&self, wanted: &Wanted, to: PipeWriter) -> io::Result<()> {
        let mut writer = Writer::new(to)?;
        let mut order = Vec::new();
        for item in &wanted.items {
            match wanted.flat {
                true => order.push(*item),
                false => self.below(*item, &wanted.but, &mut order),
            }
        }
        for item in order.iter().take(self.stops_after.unwrap_or(usize::MAX)) {
            let (line, bytes) = match item {
                Item::Tree(digest) => {
                    let text = self.trees[digest].encode().into_bytes();
                    (Line::Tree { digest: *digest, size: text.len() as u64 }, text)
                }
                Item::Blob(digest) => {
                    let bytes = self.blobs[digest].clone();
                    (Line::File { digest: *digest, size: bytes.len() as u64, executable: false }, bytes)
                }
            };
            writer.begin(&line)?;
            writer.bytes(&bytes)?;
        }
        if self.stops_after.is_some() { Ok(()) } else { writer.finish().map(drop) }
    }

    fn below(&self, item: Item, but: &[Item], order: &mut Vec<Item>) {
        if but.contains(&item) || order.contains(&item) {
            return;
        }
        if let Item::Tree(digest) = item {
            for (_, node) in self.trees[&digest].entries() {
                match node {
                    Node::Directory { tree, .. } => self.below(Item::Tree(tree.0), but, order),
                    Node::File { blob, .. } => self.below(Item::Blob(blob.0), but, order),
                    Node::Symlink { .. } => {}
                }
            }
        }
        order.push(item);
    }
}

impl End<Fault> for Memory {
    fn find(&mut self, reference: &str) -> Result<Found, Fault> {
        let digest = reference.parse().map_err(|_| Fault(format!("there is no {reference}")))?;
        Ok(Found { item: Item::Tree(digest), root: None })
    }

    fn lacking(&mut self, items: &[Item]) -> Result<Vec<Item>, Fault> {
        let lacks = |item: &&Item| match item {
            Item::Tree(digest) => !self.trees.contains_key(digest),
            Item::Blob(digest) => !self.blobs.contains_key(digest),
        };
        Ok(items.iter().filter(lacks).copied().collect())
    }

    fn send(&mut self, wanted: &Wanted, to: PipeWriter) -> Result<(), Fault> {
        self.write(wanted, to).map_err(|error| Fault(error.to_string()))?;
        if self.stops_after.is_some() { Err(Fault("the disk is gone".to_owned())) } else { Ok(()) }
    }

    fn receive(&mut self, from: PipeReader, _: &Keeping) -> Result<Received, Fault> {
        let mut received = Received::default();
        let read = (|| {
            let mut reader = Reader::new(BufReader::new(from))?;
            while let Some(record) = reader.record()? {
                received.items += 1;
                match record {
                    Record::Tree(digest, tree) => {
                        self.trees.insert(digest, tree);
                    }
                    Record::File { digest, .. } => {
                        let mut bytes = Vec::new();
                        reader.content().read_to_end(&mut bytes)?;
                        self.blobs.insert(digest, bytes);
                    }
                    Record::Root(_) => {}
                }
            }
            Ok::<(), crate::bundle::ReadError>(())
        })();
        match read {
            Ok(()) => Ok(received),
            Err(error) if error.is_cut() => Ok(Received { cut: true, ..received }),
            Err(error) => Err(Fault(error.to_string())),
        }
    }
}

/// A store with a directory of which a second one shares a part.
fn filled() -> (Memory, Item) {
    let mut memory = Memory::default();
    let (one, two, three) = (memory.blob(b"one"), memory.blob(b"two"), memory.blob(&vec![3; 700_000]));
    let shared = memory.tree(vec![("one", one.clone()), ("two", two)]);
    let empty = memory.tree(Vec::new());
    let top = memory.tree(vec![("empty", empty), ("one", one), ("shared", shared), ("three", three)]);
    let Node::Directory { tree, .. } = top else { unreachable!() };
    (memory, Item::Tree(tree.0))
}

/// Asks `far` over two pipes.
fn over_pipes<T>(far: &mut Memory, near: impl FnOnce(&mut dyn End<Fault>) -> T) -> T {
    let (from_near, to_far) = io::pipe().unwrap();
    let (from_far, mut to_near) = io::pipe().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || serve::<Fault>(far, &mut BufReader::new(from_near), &mut to_near).unwrap());
        let mut asking = Asking::new(from_far, to_far, |error: ExchangeError| Fault::from(error)).unwrap();
        near(&mut asking)
    })
}

fn copied(from: &mut dyn End<Fault>, to: &mut dyn End<Fault>, item: Item) -> Transferred<Fault> {
    let plan = plan(&[item], from, to).unwrap();
    transfer(&plan, from, to, &Keeping::default()).unwrap()
}

#[test]
fn a_copy_in_either_direction_sends_what_is_lacking() {
    for is_push in [true, false] {
        let ((mut full, top), mut empty) = (filled(), Memory::default());
        let part =
            Tree::new(full.trees.values().find(|it| it.entries().len() == 2).unwrap().entries().to_vec());
        let part = part.unwrap();
        for digest in [Digest::of(b"one"), Digest::of(b"two")] {
            empty.blobs.insert(digest, full.blobs[&digest].clone());
        }
        empty.trees.insert(part.id().0, part);
        let transferred = match is_push {
            true => over_pipes(&mut empty, |far| copied(&mut full, far, top)),
            false => over_pipes(&mut full, |far| copied(far, &mut empty, top)),
        };
        // The large file, the empty directory and the one that holds all.
        assert!(matches!(transferred, Transferred::Whole(Received { items: 3, .. })), "{transferred:?}");
        assert_eq!(empty.blobs, full.blobs);
        assert_eq!(empty.trees, full.trees);
    }
}

#[test]
fn a_plan_counts_what_is_to_be_sent() {
    let ((mut full, top), mut empty) = (filled(), Memory::default());
    let planned = plan(&[top], &mut full, &mut empty).unwrap();
    assert_eq!((planned.items.as_slice(), planned.count), ([top].as_slice(), 6));
    let texts: usize = full.trees.values().map(|tree| tree.encode().len()).sum();
    assert_eq!(planned.bytes, 700_006 + texts as u64);
    assert!(planned.but.is_empty() && planned.max_bytes() == Some(2 * planned.bytes), "{planned:?}");
    assert_eq!(plan(&[top], &mut filled().0, &mut full).unwrap(), super::super::copy::Plan::default());
}

#[test]
fn a_sender_that_fails_half_way_is_told_and_what_came_is_used() {
    let ((mut full, top), mut empty) = (filled(), Memory::default());
    full.stops_after = Some(2);
    // Planning reads whole bundles.
    let planned = plan(&[top], &mut filled().0, &mut empty).unwrap();
    let cut = over_pipes(&mut full, |far| transfer(&planned, far, &mut empty, &Keeping::default()).unwrap());
    let Transferred::Cut { received, cause } = cut else { panic!("{cut:?}") };
    assert_eq!((received.items, cause), (2, Some(Fault("the disk is gone".to_owned()))));
    full.stops_after = None;
    assert!(matches!(copied(&mut full, &mut empty, top), Transferred::Whole(_)));
    assert_eq!(empty.trees, full.trees);
}

#[test]
fn a_failure_of_the_far_store_is_an_answer_and_the_next_question_is_answered() {
    let (mut full, top) = filled();
    let Item::Tree(digest) = top else { unreachable!() };
    over_pipes(&mut full, |far| {
        assert_eq!(far.find("nothing").unwrap_err(), Fault("there is no nothing".to_owned()));
        assert_eq!(far.find(&digest.to_string()).unwrap().item, top);
    });
}

/// The failure when the far side says `said`.
fn greeted(said: &[u8]) -> String {
    let from = Cursor::new(said.to_vec());
    let asking = Asking::new(from, io::sink(), |error: ExchangeError| Fault::from(error));
    asking.err().expect("it is not greeted").0
}

#[test]
fn another_program_at_the_far_end_is_told_with_what_it_said() {
    assert_eq!(greeted(b""), "it ended without an answer");
    let banner = greeted(b"Last login: Mon Nov 30\nmore\n");
    assert!(banner.contains(r#""Last login: Mon Nov 30""#), "{banner}");
    assert!(greeted(b"{\"answer\":\"hello\",\"value\":{\"exchange\":2}}\n").contains("version 2"));
    assert!(greeted(b"{\"answer\":\"sent\",\"value\":{}}\n").contains("another answer"));
    assert!(greeted(b"{\"answer\":\"hel").contains("no end"));
    assert!(greeted(&vec![b'x'; 17 << 20]).contains("too long"));
}

#[test]
fn strangers_at_the_near_end_get_no_further() {
    for said in [
        b"nonsense\n".as_slice(),
        b"{\"ask\":\"destroy\"}\n",
        b"{\"ask\":\"receive\",\"keeping\":{}}\n\xff\xff\xff\xff",
        b"{\"ask\":\"receive\",\"keeping\":{}}\n\x01\x00\x00\x00",
    ] {
        let mut far = Memory::default();
        let served = serve::<Fault>(&mut far, &mut Cursor::new(said.to_vec()), &mut Vec::new());
        assert!(served.is_err(), "{:?}", String::from_utf8_lossy(said));
        assert!(far.blobs.is_empty() && far.trees.is_empty());
    }
}

#[test]
fn other_directories_than_were_asked_for_are_refused() {
    let (mut full, top) = filled();
    let other = Tree::new(Vec::new()).unwrap();
    let Item::Tree(digest) = top else { unreachable!() };
    // It is asked for one, and sends a tree of another digest: of its own name, or of the one that was asked for.
    full.trees.insert(digest, other);
    let refused = plan(&[top], &mut full, &mut Memory::default()).unwrap_err();
    assert!(refused.0.contains("damaged"), "{refused:?}");
}
