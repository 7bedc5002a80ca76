//! Bundles that are whole, cut off, changed and hostile.

use std::io::Read;

use proptest::prelude::*;

use stele_store::model::{BlobId, Digest, Name, Node, Tree};

use super::{Line, ReadError, Reader, Record, Writer};
use crate::end::{Item, Rooted};

fn tree(blob: Digest, size: u64) -> Tree {
    let node = Node::File { blob: BlobId(blob), size, executable: false };
    Tree::new(vec![(Name::new(b"a").unwrap(), node)]).unwrap()
}

/// A file, the directory that holds it, and a root.
fn bundle(content: &[u8]) -> Vec<u8> {
    let (blob, size) = (Digest::of(content), content.len() as u64);
    let tree = tree(blob, size);
    let text = tree.encode();
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.begin(&Line::File { digest: blob, size, executable: false }).unwrap();
    content.chunks(3).for_each(|chunk| writer.bytes(chunk).unwrap());
    writer.begin(&Line::Tree { digest: tree.id().0, size: text.len() as u64 }).unwrap();
    writer.bytes(text.as_bytes()).unwrap();
    writer.root(&Rooted { name: "name".to_owned(), item: Item::Tree(tree.id().0) }).unwrap();
    writer.finish().unwrap()
}

/// Reads all of it; returns the files' bytes, and the number of records.
fn read(bytes: &[u8]) -> Result<(Vec<u8>, usize), ReadError> {
    let mut reader = Reader::new(bytes)?;
    let (mut content, mut records) = (Vec::new(), 0);
    while let Some(record) = reader.record()? {
        if let Record::File { .. } = record {
            reader.content().read_to_end(&mut content)?;
        }
        records += 1;
    }
    Ok((content, records))
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_written(content in proptest::collection::vec(any::<u8>(), 0..100)) {
        let (read, records) = read(&bundle(&content)).unwrap();
        prop_assert_eq!((read, records), (content, 3));
    }

    #[test]
    fn every_changed_byte_is_noticed(at in 0_usize..400, bit in 0_u8..8) {
        let mut bytes = bundle(b"some content");
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn strangers_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&[b"stele-bundle 1\n".as_slice(), &bytes].concat());
    }
}

#[test]
fn a_bundle_that_is_cut_off_anywhere_is_told_from_a_damaged_one() {
    let bytes = bundle(b"some content");
    for length in 0..bytes.len() {
        let error = read(&bytes[..length]).unwrap_err();
        assert!(error.is_cut(), "{length}: {error}");
    }
    assert!(!read(&[bytes.as_slice(), b"\n"].concat()).unwrap_err().is_cut());
}

#[test]
fn a_line_without_end_is_refused_before_it_is_kept() {
    let mut endless = b"stele-bundle 1\n".as_slice().chain(std::io::repeat(b'f').take(1 << 20));
    let mut bytes = Vec::new();
    endless.read_to_end(&mut bytes).unwrap();
    assert!(matches!(read(&bytes), Err(ReadError::Long)));
}

#[test]
fn a_directory_of_any_size_is_not_allocated_for() {
    let digest = Digest::of(b"");
    let huge = format!("stele-bundle 1\nd {digest} {}\n", u64::MAX);
    assert!(matches!(read(huge.as_bytes()), Err(ReadError::Large { size: u64::MAX })));
    let missing = format!("stele-bundle 1\nd {digest} {}\n", 200 << 20);
    assert!(read(missing.as_bytes()).unwrap_err().is_cut());
}

#[test]
fn a_directory_under_another_digest_or_that_is_none_is_refused() {
    let text = tree(Digest::of(b""), 0).encode();
    let other = format!("stele-bundle 1\nd {} {}\n{text}", Digest::of(b"other"), text.len());
    assert!(matches!(read(other.as_bytes()), Err(ReadError::Other { .. })));
    let none = format!("stele-bundle 1\nd {} 4\nnone", Digest::of(b"none"));
    assert!(matches!(read(none.as_bytes()), Err(ReadError::Tree { .. })));
}

#[test]
fn a_writer_refuses_a_content_of_another_length() {
    let line = Line::File { digest: Digest::of(b"abc"), size: 3, executable: false };
    let begin = || {
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer.begin(&line).unwrap();
        writer
    };
    assert!(begin().bytes(b"abcd").is_err());
    let mut short = begin();
    short.bytes(b"ab").unwrap();
    assert!(short.begin(&line).is_err());
    assert!(short.finish().is_err());
}
