//! Where symbolic links lead once the tree is whole.
//!
//! Read as text, `a/../..` from the root's child stays inside; when `a` is itself a link to the root, the kernel
//! ends up above it. So every link is followed as the kernel follows it.

use std::collections::VecDeque;

use stele_store::model::{Name, Node};

use super::growing::{Directory, Slot};
use super::path;
use super::{EntryError, EntryName, UnpackError};

/// How many links the kernel follows for one path (`MAXSYMLINKS`); the next one is an error there, and no way out.
const MOST_HOPS: usize = 40;

/// Checks every link below the directory `root`, as if that were all there is; which directories lie below it.
pub(super) fn check(directories: &[Directory], root: usize) -> Result<Vec<bool>, UnpackError> {
    let mut above: Vec<Option<(usize, &Name)>> = vec![None; directories.len()];
    let mut inside = vec![false; directories.len()];
    inside[root] = true;
    for at in root..directories.len() {
        if !inside[at] {
            continue;
        }
        for (name, slot) in &directories[at] {
            match slot {
                // It stands behind `at`, so its turn comes.
                Slot::Directory(below) => (inside[*below], above[*below]) = (true, Some((at, name))),
                Slot::Leaf(Node::Symlink { target }) => {
                    if leads_out(directories, &above, at, target.as_bytes()) {
                        let mut names = vec![name.clone()];
                        let mut holder = at;
                        while let Some((next, name)) = above[holder] {
                            names.push(name.clone());
                            holder = next;
                        }
                        names.reverse();
                        let why = EntryError::TargetOutside { target: EntryName(target.as_bytes().to_vec()) };
                        return Err(UnpackError::Entry { entry: path::text(&names), offset: 0, why });
                    }
                }
                Slot::Leaf(_) => {}
            }
        }
    }
    Ok(inside)
}

/// Whether a link in the directory `from` leads above the root: the directory that has none above it.
fn leads_out(
    directories: &[Directory],
    above: &[Option<(usize, &Name)>],
    from: usize,
    target: &[u8],
) -> bool {
    let mut at = from;
    // How many components deep the path is below `at`, in what does not exist.
    let mut missing = 0_usize;
    let mut hops = 0;
    let mut ahead: VecDeque<&[u8]> = target.split(|&byte| byte == b'/').collect();
    while let Some(component) = ahead.pop_front() {
        match component {
            b"" | b"." => {}
            b".." if missing > 0 => missing -= 1,
            b".." => match above[at] {
                Some((holder, _)) => at = holder,
                None => return true,
            },
            _ if missing > 0 => missing += 1,
            _ => match Name::new(component).ok().and_then(|name| directories[at].get(&name)) {
                Some(Slot::Directory(below)) => at = *below,
                Some(Slot::Leaf(Node::Symlink { target })) => {
                    hops += 1;
                    if hops > MOST_HOPS {
                        return false;
                    }
                    for component in target.as_bytes().rsplit(|&byte| byte == b'/') {
                        ahead.push_front(component);
                    }
                }
                _ => missing = 1,
            },
        }
    }
    false
}
