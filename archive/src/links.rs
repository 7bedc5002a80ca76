//! Where symbolic links lead once the tree is whole.
//!
//! Read as text, `a/../..` from the root's child stays inside; when `a` is itself a link to the root, the kernel
//! ends up above it. So every link is followed as the kernel follows it.

use std::collections::VecDeque;

use stele_store::model::{Name, Node};

use super::builder::{Directory, Slot};
use super::path;
use super::{EntryName, UnpackError};

/// How many links the kernel follows for one path (`MAXSYMLINKS`); the next one is an error there, and no way out.
const MAX_HOPS: usize = 40;

/// How many components all links together may lead through. The links of large sources lead through a million; forty
/// long links behind each other that a hundred thousand others lead through would keep a reader busy for days.
const MAX_STEPS: usize = 50_000_000;

/// Checks every link below the directory `root`, as if that were all there is.
pub(super) fn check(directories: &[Directory], root: usize) -> Result<(), UnpackError> {
    // A directory stands behind the one that holds it, so one pass finds all of them. The links come after it: they
    // may lead anywhere.
    let mut above: Vec<Option<(usize, &Name)>> = vec![None; directories.len()];
    let mut inside = vec![false; directories.len()];
    inside[root] = true;
    for at in root..directories.len() {
        if inside[at] {
            for (name, slot) in &directories[at] {
                if let Slot::Directory(below) = slot {
                    (inside[*below], above[*below]) = (true, Some((at, name)));
                }
            }
        }
    }
    let mut follower = Follower { directories, root, above, steps: 0 };
    for at in (root..directories.len()).filter(|at| inside[*at]) {
        for (name, slot) in &directories[at] {
            if let Slot::Leaf(Node::Symlink { target }) = slot
                && follower.leads_out(at, target.as_bytes())?
            {
                let target = EntryName(target.as_bytes().to_vec());
                return Err(UnpackError::LeadsOutside { link: follower.path(at, name), target });
            }
        }
    }
    Ok(())
}

struct Follower<'a> {
    directories: &'a [Directory],
    /// Where absolute links begin, if there may be any.
    root: usize,
    /// The directory that holds each one, and its name there.
    above: Vec<Option<(usize, &'a Name)>>,
    steps: usize,
}

impl Follower<'_> {
    fn path(&self, mut holder: usize, name: &Name) -> EntryName {
        let mut names = vec![name.clone()];
        while let Some((next, name)) = self.above[holder] {
            names.push(name.clone());
            holder = next;
        }
        names.reverse();
        path::text(&names)
    }

    /// Whether a link in the directory `from` leads above the root: the directory that has none above it.
    fn leads_out(&mut self, from: usize, target: &[u8]) -> Result<bool, UnpackError> {
        let is_absolute = |target: &[u8]| target.first() == Some(&b'/');
        let mut at = if is_absolute(target) { self.root } else { from };
        // How many components deep the path is below `at`, in what does not exist.
        let mut missing = 0_usize;
        let mut hops = 0;
        let mut ahead: VecDeque<&[u8]> = target.split(|&byte| byte == b'/').collect();
        while let Some(component) = ahead.pop_front() {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(UnpackError::Links { max: MAX_STEPS });
            }
            match component {
                b"" | b"." => {}
                b".." if missing > 0 => missing -= 1,
                b".." => match self.above[at] {
                    Some((holder, _)) => at = holder,
                    None => return Ok(true),
                },
                _ if missing > 0 => missing += 1,
                _ => match Name::new(component).ok().and_then(|name| self.directories[at].get(&name)) {
                    Some(Slot::Directory(below)) => at = *below,
                    Some(Slot::Leaf(Node::Symlink { target })) => {
                        hops += 1;
                        if hops > MAX_HOPS {
                            return Ok(false);
                        }
                        if is_absolute(target.as_bytes()) {
                            at = self.root;
                        }
                        for component in target.as_bytes().rsplit(|&byte| byte == b'/') {
                            ahead.push_front(component);
                        }
                    }
                    _ => missing = 1,
                },
            }
        }
        Ok(false)
    }
}
