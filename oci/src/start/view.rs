//! The files of an image as a program in it sees them: links are followed, and lead to nowhere outside.

use std::collections::VecDeque;

use stele_store::ReadError;
use stele_store::model::{BlobId, Node, TreeId};

use crate::content::Content;
use crate::path::ImagePath;
use crate::rules::Rules;

/// How many links are followed on the way to one file, as by Linux (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// How an ELF file begins (System V ABI, EI_MAG).
const ELF: &[u8; 4] = b"\x7fELF";

/// How much of a file is read.
const MAX_FILE: u64 = 512 << 20;

/// What is at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    File {
        blob: BlobId,
        executable: bool,
        /// Its path without links.
        path: String,
    },
    Directory,
}

/// The root file system of an image.
pub(super) struct View<'a> {
    pub(super) content: &'a dyn Content,
    pub(super) rootfs: &'a TreeId,
    pub(super) modes: &'a Rules,
}

impl View<'_> {
    /// What is at an absolute path; `None` when there is nothing, or the links never end.
    pub(super) fn find(&self, path: &str) -> Result<Option<Found>, ReadError> {
        let mut todo: VecDeque<Vec<u8>> = split(path.as_bytes()).collect();
        let mut links = 0;
        // The directories on the way, from the root on, with the names that lead there.
        let mut way = vec![*self.rootfs];
        let mut names: Vec<Vec<u8>> = Vec::new();
        while let Some(name) = todo.pop_front() {
            if name == b".." {
                if names.pop().is_some() {
                    way.pop();
                }
                continue;
            }
            let Some(folder) = way.last() else { return Ok(None) };
            let node = self.content.tree(folder)?.get(name.as_slice()).cloned();
            match node {
                Some(Node::Directory { tree, .. }) => {
                    way.push(tree);
                    names.push(name);
                }
                Some(Node::Symlink { target }) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Ok(None);
                    }
                    let target = target.as_bytes();
                    if target.starts_with(b"/") {
                        way.truncate(1);
                        names.clear();
                    }
                    split(target).rev().for_each(|name| todo.push_front(name));
                }
                Some(node @ Node::File { blob, .. }) if todo.is_empty() => {
                    names.push(name);
                    let executable = ImagePath::new(&names.join(&b'/'))
                        .is_ok_and(|path| self.modes.mode(&path, &node).bits() & 0o111 != 0);
                    let path = format!("/{}", String::from_utf8_lossy(&names.join(&b'/')));
                    return Ok(Some(Found::File { blob, executable, path }));
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(Found::Directory))
    }

    /// The bytes of a file, or the first half a gibibyte of it.
    pub(super) fn read(&self, blob: &BlobId) -> Result<Vec<u8>, ReadError> {
        let reader = self.content.blob(blob)?;
        let mut bytes = Vec::new();
        let mut part = vec![0; 1 << 16];
        while (bytes.len() as u64) < MAX_FILE {
            match reader.read_at(bytes.len() as u64, &mut part) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&part[..count]),
                Err(_) => return Err(ReadError::Missing { id: *blob }),
            }
        }
        Ok(bytes)
    }

    /// The paths of all ELF files, in the order of their names.
    pub(super) fn elf_files(&self) -> Result<Vec<(String, BlobId)>, ReadError> {
        let (mut found, mut todo) = (Vec::new(), vec![(*self.rootfs, String::new())]);
        while let Some((tree, path)) = todo.pop() {
            for (name, node) in self.content.tree(&tree)?.entries() {
                let path = format!("{path}/{}", String::from_utf8_lossy(name.as_bytes()));
                match node {
                    Node::Directory { tree, .. } => todo.push((*tree, path)),
                    Node::File { blob, size, .. } if *size > ELF.len() as u64 => {
                        let mut head = [0; ELF.len()];
                        let read = self.content.blob(blob)?.read_at(0, &mut head);
                        if read.is_ok_and(|count| count == head.len()) && head == *ELF {
                            found.push((path, *blob));
                        }
                    }
                    Node::File { .. } | Node::Symlink { .. } => {}
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// The path of any file or link with this name.
    pub(super) fn anywhere(&self, name: &str) -> Result<Option<String>, ReadError> {
        let mut todo = vec![(*self.rootfs, String::new())];
        while let Some((tree, path)) = todo.pop() {
            let tree = self.content.tree(&tree)?;
            match tree.get(name.as_bytes()) {
                Some(Node::File { .. } | Node::Symlink { .. }) => return Ok(Some(format!("{path}/{name}"))),
                Some(Node::Directory { .. }) | None => {}
            }
            for (name, node) in tree.entries() {
                if let (Node::Directory { tree, .. }, Ok(name)) = (node, std::str::from_utf8(name.as_bytes()))
                {
                    todo.push((*tree, format!("{path}/{name}")));
                }
            }
        }
        Ok(None)
    }
}

fn split(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").map(<[u8]>::to_vec)
}
