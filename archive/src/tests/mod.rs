//! What archives are refused, and what the others become. The archives are made here byte by byte, as no tool would
//! make most of them.

mod compressions;
mod damage;
mod debian;
mod extended;
mod framing;
mod layers;
mod limits;
mod links;
mod names;
mod sparse;
mod zip_framing;
mod zips;

use std::collections::BTreeMap;

use stele_store::model::{Node, TreeId};

use super::*;
use crate::content::InMemory;

/// A tar as it grows. Nothing is checked.
#[derive(Clone, Default)]
struct Tar(Vec<u8>);

/// A header of ustar, whose checksum is right.
fn header(name: &[u8], kind: u8, size: usize, link: &[u8]) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    sealed(block)
}

/// The block with the checksum that it should have.
fn sealed(mut block: [u8; 512]) -> [u8; 512] {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

/// The header of an empty file with some bytes changed, and the right checksum.
fn header_with(changes: &[(usize, &[u8])]) -> [u8; 512] {
    let mut block = header(b"f", b'0', 0, b"");
    for (at, bytes) in changes {
        block[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    sealed(block)
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

impl Tar {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn entry(self, name: &[u8], kind: u8, data: &[u8], link: &[u8]) -> Self {
        self.raw(&header(name, kind, data.len(), link)).raw(&padded(data.to_vec()))
    }

    fn file(self, name: &str, data: &str) -> Self {
        self.entry(name.as_bytes(), b'0', data.as_bytes(), b"")
    }

    fn dir(self, name: &str) -> Self {
        self.entry(name.as_bytes(), b'5', b"", b"")
    }

    fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(name.as_bytes(), b'2', b"", target.as_bytes())
    }

    fn hard(self, name: &str, target: &str) -> Self {
        self.entry(name.as_bytes(), b'1', b"", target.as_bytes())
    }

    fn pax(self, records: &[(&str, &str)]) -> Self {
        self.entry(b"x", b'x', &records_of(records), b"")
    }

    fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }
}

fn records_of(records: &[(&str, &str)]) -> Vec<u8> {
    records.iter().flat_map(|(key, value)| record(key, value.as_bytes())).collect()
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length =
        (rest..).find(|length| rest + length.to_string().len() == *length).expect("some length fits");
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

fn all() -> Unpack {
    Unpack::default()
}

/// What a tree holds, by path: `= text` of a file, `* text` when it may be executed, `-> target`, `/` of a directory
/// that is empty.
type Summary = BTreeMap<String, String>;

fn seen(content: &InMemory, tree: TreeId) -> Summary {
    let (mut seen, mut open) = (Summary::new(), vec![(String::new(), tree)]);
    while let Some((above, id)) = open.pop() {
        let tree = content.tree(&id).expect("it was kept");
        if tree.entries().is_empty() {
            seen.insert(above.clone(), "/".to_owned());
        }
        for (name, node) in tree.entries() {
            let path = format!("{above}{name}");
            let what = match node {
                Node::Directory { tree, .. } => {
                    open.push((path + "/", *tree));
                    continue;
                }
                Node::File { blob, size, executable } => {
                    let bytes = content.blob(blob).expect("it was kept");
                    assert_eq!(bytes.len() as u64, *size);
                    let sign = if *executable { '*' } else { '=' };
                    format!("{sign} {}", String::from_utf8_lossy(&bytes))
                }
                Node::Symlink { target } => format!("-> {}", String::from_utf8_lossy(target.as_bytes())),
            };
            seen.insert(path, what);
        }
    }
    seen
}

fn try_unpack(bytes: &[u8], how: &Unpack) -> Result<Summary, UnpackError> {
    let content = InMemory::default();
    let tree = unpack(&mut &*bytes, how, &content)?;
    Ok(seen(&content, tree))
}

/// These bytes become this tree.
#[track_caller]
fn becomes(bytes: &[u8], expected: &[(&str, &str)]) {
    becomes_with(bytes, &all(), expected);
}

#[track_caller]
fn becomes_with(bytes: &[u8], how: &Unpack, expected: &[(&str, &str)]) {
    let found = try_unpack(bytes, how).unwrap_or_else(|error| panic!("{error}"));
    let expected: Summary =
        expected.iter().map(|(path, what)| (path.to_string(), what.to_string())).collect();
    assert_eq!(found, expected);
}

/// These bytes are refused, with these words.
#[track_caller]
fn refused(bytes: &[u8], expected: &str) {
    refused_with(bytes, &all(), expected);
}

#[track_caller]
fn refused_with(bytes: &[u8], how: &Unpack, expected: &str) {
    match try_unpack(bytes, how) {
        Ok(found) => panic!("it was taken: {found:?}"),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| Name::new(name.as_bytes()).expect("a name")).collect()
}
