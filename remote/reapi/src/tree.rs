//! A tree of directories in one blob, the message `Tree`, as the outputs of an action have it.

use std::collections::HashSet;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::digest::{Digest, Function};

/// How many files a tree has at most.
pub(crate) const MAX_FILES: usize = 1_000_000;

/// The files in a message `Tree`; nothing if it is none, or lacks a directory that another one names. The children are
/// taken as they were sent, since their hashes are of those bytes.
pub fn files(function: Function, mut bytes: &[u8]) -> Option<HashSet<Digest>> {
    let (mut files, mut wanted, mut there) = (HashSet::new(), HashSet::new(), HashSet::new());
    while !bytes.is_empty() {
        let (tag, kind) = decode_key(&mut bytes).ok()?;
        if !matches!((tag, kind), (1 | 2, WireType::LengthDelimited)) {
            skip_field(kind, tag, &mut bytes, DecodeContext::default()).ok()?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
        let (directory, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        if tag == 2 {
            there.insert(function.digest(directory));
        }
        let directory = api::Directory::decode(directory).ok()?;
        add(function, &directory, &mut files, &mut wanted)?;
        if files.len() > MAX_FILES {
            return None;
        }
    }
    let is_there = |it: &Digest| it.is_empty() || there.contains(it);
    wanted.iter().all(is_there).then_some(files)
}

/// Adds what a directory names; nothing if it names something without a digest.
pub(crate) fn add(
    function: Function,
    directory: &api::Directory,
    files: &mut HashSet<Digest>,
    directories: &mut HashSet<Digest>,
) -> Option<()> {
    for file in &directory.files {
        files.insert(Digest::of(function, file.digest.as_ref()).ok()?);
    }
    for below in &directory.directories {
        directories.insert(Digest::of(function, below.digest.as_ref()).ok()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> api::FileNode {
        let digest = Some(Function::Sha256.digest(bytes).message());
        api::FileNode { name: "file".to_owned(), digest, ..api::FileNode::default() }
    }

    fn below(directory: &api::Directory) -> api::DirectoryNode {
        let digest = Some(Function::Sha256.digest(&directory.encode_to_vec()).message());
        api::DirectoryNode { name: "below".to_owned(), digest }
    }

    #[test]
    fn a_tree_names_every_file_in_every_directory() {
        let deep = api::Directory { files: vec![file(b"deep")], ..api::Directory::default() };
        let root = api::Directory {
            files: vec![file(b"top")],
            directories: vec![below(&deep)],
            ..api::Directory::default()
        };
        let tree = api::Tree { root: Some(root.clone()), children: vec![deep] }.encode_to_vec();
        let named = files(Function::Sha256, &tree).unwrap();
        assert_eq!(named, HashSet::from([b"deep".as_slice(), b"top"].map(|it| Function::Sha256.digest(it))));
        let lacking = api::Tree { root: Some(root), children: vec![] }.encode_to_vec();
        assert_eq!(files(Function::Sha256, &lacking), None);
        assert_eq!(files(Function::Sha256, &tree[..tree.len() - 1]), None);
        assert_eq!(files(Function::Sha256, b"no tree"), None);
    }
}
