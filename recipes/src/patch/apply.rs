//! A tree with a patch applied.

use std::collections::HashSet;

use stele_store::model::{Node, SymlinkTarget, TreeId};

use super::faults::{ApplyError, FileFault};
use super::resolve::{self, Change};
use super::rewrite::rewrite;
use super::{FilePatch, GitHeader, Header, MAX_FILE, Mode, Patch};
use crate::content::{Content, ContentError};
use crate::paths::{EditEntry, TreeEdit, TreePath, WalkError};

/// Applies `patch` to `tree`, with `strip` leading components stripped from the names in it (`patch -pN`).
///
/// Sub-trees that the patch does not touch stay as they are. The module's comment defines what a patch means.
///
/// # Errors
/// When anything in the patch does not fit exactly, or content cannot be read or stored.
pub fn apply(
    tree: &TreeId,
    patch: &Patch,
    strip: usize,
    content: &dyn Content,
) -> Result<TreeId, ApplyError> {
    let mut applying = Applying { edit: TreeEdit::new(tree, content)?, content };
    let mut rest = &*patch.files;
    while let Some(first) = rest.first() {
        let took = match &first.header {
            Header::Plain { old, new } => {
                let change = resolve::plain(first, (old, new), strip, &mut applying.edit);
                let change = change.map_err(|fault| unresolved(first, fault))?;
                applying.change(&[Step { file: first, change }])?;
                1
            }
            Header::Git(_) => {
                let steps = one_change(rest, strip)?;
                applying.change(&steps)?;
                steps.len()
            }
        };
        rest = &rest[took..];
    }
    Ok(applying.edit.finish()?)
}

/// A diff, and what it does.
struct Step<'a> {
    file: &'a FilePatch,
    change: Change,
}

/// The git diffs at the beginning of `files` that are one change: nothing stands between them, and none goes on with
/// what one before has made.
fn one_change(files: &[FilePatch], strip: usize) -> Result<Vec<Step<'_>>, ApplyError> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let (mut made, mut arrived) = (HashSet::new(), HashSet::new());
    for file in files {
        let Header::Git(header) = &file.header else { break };
        if !steps.is_empty() && !file.joined {
            break;
        }
        let change = resolve::git(header, strip).map_err(|fault| unresolved(file, fault))?;
        // A file that was changed and then renamed was changed by an earlier change; one that was renamed, and to whose
        // place another was, is part of an exchange.
        let goes_on = match &change {
            Change::Modify { path, .. } | Change::Create { path } | Change::Delete { path } => {
                made.contains(path) || arrived.contains(path)
            }
            Change::Rename { from, to } => made.contains(from) || made.contains(to) || arrived.contains(to),
            Change::Copy { to, .. } => made.contains(to) || arrived.contains(to),
        };
        if goes_on {
            break;
        }
        match &change {
            Change::Modify { path, .. } | Change::Create { path } => made.insert(path.clone()),
            Change::Rename { to, .. } | Change::Copy { to, .. } => arrived.insert(to.clone()),
            Change::Delete { .. } => false,
        };
        steps.push(Step { file, change });
    }
    Ok(steps)
}

fn unresolved(file: &FilePatch, fault: FileFault) -> ApplyError {
    let name = resolve::any_name(file).to_string();
    ApplyError::File { file: name, line: file.line, fault: Box::new(fault) }
}

impl Step<'_> {
    fn header(&self) -> Option<&GitHeader> {
        match &self.file.header {
            Header::Git(header) => Some(header),
            Header::Plain { .. } => None,
        }
    }

    fn fault(&self, fault: FileFault) -> ApplyError {
        match fault {
            FileFault::Walk(WalkError::Content(error)) => ApplyError::Content(error),
            fault => ApplyError::File {
                file: self.change.path().to_string(),
                line: self.file.line,
                fault: Box::new(fault),
            },
        }
    }

    fn walk_fault(&self, error: WalkError) -> ApplyError {
        self.fault(FileFault::Walk(error))
    }

    /// The file's new bytes.
    fn rewrite(&self, old: &[u8]) -> Result<Vec<u8>, ApplyError> {
        rewrite(old, &self.file.hunks).map_err(|(at, fault)| ApplyError::Hunk {
            file: self.change.path().to_string(),
            hunk: at + 1,
            line: self.file.hunks.get(at).map_or(self.file.line, |hunk| hunk.line),
            fault: Box::new(fault),
        })
    }

    /// Checks that the file has the diff's mode.
    fn check_mode(&self, is: Mode) -> Result<(), FileFault> {
        let symlink = is == Mode::Symlink;
        let header = self.header();
        let (old, kept) = (header.and_then(|header| header.old), header.and_then(|header| header.kept));
        let says_link = old.or(kept).map(|mode| mode == Mode::Symlink);
        // A rename without hunks states no mode, and needs none.
        let told = says_link.unwrap_or(symlink && self.file.hunks.is_empty() && header.is_some());
        if told != symlink {
            return Err(FileFault::Kind { symlink });
        }
        match old {
            Some(mode) if mode != is => Err(FileFault::Mode { executable: is == Mode::Executable }),
            _ => Ok(()),
        }
    }
}

struct Applying<'a> {
    edit: TreeEdit<'a>,
    content: &'a dyn Content,
}

impl Applying<'_> {
    /// Applies diffs that are one change.
    fn change(&mut self, steps: &[Step<'_>]) -> Result<(), ApplyError> {
        // What is renamed and copied is what was there before anything of this change happened.
        let mut sources = Vec::with_capacity(steps.len());
        for step in steps {
            sources.push(match &step.change {
                Change::Rename { from, .. } | Change::Copy { from, .. } => Some(self.leaf(step, from)?),
                _ => None,
            });
        }
        for step in steps {
            match &step.change {
                Change::Delete { path } => self.delete(step, path)?,
                Change::Rename { from, .. } => self.take_away(step, from)?,
                _ => {}
            }
        }
        for (step, source) in steps.iter().zip(sources) {
            match &step.change {
                Change::Delete { .. } => {}
                Change::Create { path } => self.create(step, path)?,
                Change::Modify { path, or_create } => {
                    let found = self.edit.get(path).map_err(|error| step.walk_fault(error))?;
                    if found.is_none() && *or_create {
                        self.create(step, path)?;
                    } else {
                        let node = self.leaf(step, path)?;
                        self.write_changed(step, path, node)?;
                    }
                }
                Change::Rename { to, .. } | Change::Copy { to, .. } => {
                    self.check_free(step, to)?;
                    if let Some(node) = source {
                        self.write_changed(step, to, node)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn create(&mut self, step: &Step<'_>, path: &TreePath) -> Result<(), ApplyError> {
        self.check_free(step, path)?;
        let mode = step.header().and_then(|header| header.new).unwrap_or(Mode::File);
        let bytes = step.rewrite(b"")?;
        self.write(step, path, &bytes, mode)
    }

    fn delete(&mut self, step: &Step<'_>, path: &TreePath) -> Result<(), ApplyError> {
        let node = self.leaf(step, path)?;
        step.check_mode(mode(&node)).map_err(|fault| step.fault(fault))?;
        let left = step.rewrite(&self.bytes(step, &node)?)?;
        if !left.is_empty() {
            return Err(step.fault(FileFault::Remains { bytes: left.len() }));
        }
        self.take_away(step, path)
    }

    /// Puts `node` with its hunks applied and its mode changed at `path`.
    fn write_changed(&mut self, step: &Step<'_>, path: &TreePath, node: Node) -> Result<(), ApplyError> {
        let old = mode(&node);
        step.check_mode(old).map_err(|fault| step.fault(fault))?;
        let new = step.header().and_then(|header| header.new).unwrap_or(old);
        if (old == Mode::Symlink) != (new == Mode::Symlink) {
            return Err(step.fault(FileFault::KindChange));
        }
        if step.file.hunks.is_empty() {
            let node = match node {
                Node::File { blob, size, .. } => {
                    Node::File { blob, size, executable: new == Mode::Executable }
                }
                node => node,
            };
            return self.edit.put(path, node).map_err(|error| step.walk_fault(error));
        }
        let bytes = step.rewrite(&self.bytes(step, &node)?)?;
        self.write(step, path, &bytes, new)
    }

    /// The file or link at `path`.
    fn leaf(&mut self, step: &Step<'_>, path: &TreePath) -> Result<Node, ApplyError> {
        match self.edit.get(path).map_err(|error| step.walk_fault(error))? {
            Some(EditEntry::Leaf(node)) => Ok(node),
            Some(EditEntry::Directory) => Err(step.fault(FileFault::Directory)),
            None => Err(step.fault(FileFault::Absent)),
        }
    }

    fn check_free(&mut self, step: &Step<'_>, path: &TreePath) -> Result<(), ApplyError> {
        match self.edit.get(path).map_err(|error| step.walk_fault(error))? {
            None => Ok(()),
            Some(_) => Err(step.fault(FileFault::Exists)),
        }
    }

    fn take_away(&mut self, step: &Step<'_>, path: &TreePath) -> Result<(), ApplyError> {
        match self.edit.remove(path).map_err(|error| step.walk_fault(error))? {
            true => Ok(()),
            false => Err(step.fault(FileFault::Absent)),
        }
    }

    fn bytes(&self, step: &Step<'_>, node: &Node) -> Result<Vec<u8>, ApplyError> {
        if node.size() > MAX_FILE {
            return Err(step.fault(FileFault::Large { bytes: node.size() }));
        }
        match node {
            Node::File { blob, .. } => Ok(self.content.blob(blob)?),
            Node::Symlink { target } => Ok(target.as_bytes().to_vec()),
            Node::Directory { .. } => Err(step.fault(FileFault::Directory)),
        }
    }

    fn write(
        &mut self,
        step: &Step<'_>,
        path: &TreePath,
        bytes: &[u8],
        mode: Mode,
    ) -> Result<(), ApplyError> {
        let node = match mode {
            Mode::Symlink => {
                let target = SymlinkTarget::new(bytes);
                Node::Symlink { target: target.map_err(|source| step.fault(FileFault::Target { source }))? }
            }
            Mode::File | Mode::Executable => {
                let length = bytes.len() as u64;
                if length > MAX_FILE {
                    return Err(step.fault(FileFault::Large { bytes: length }));
                }
                self.file(bytes, mode == Mode::Executable)?
            }
        };
        self.edit.put(path, node).map_err(|error| step.walk_fault(error))
    }

    fn file(&self, mut bytes: &[u8], executable: bool) -> Result<Node, ContentError> {
        let (blob, size) = self.content.add_blob(&mut bytes, executable)?;
        Ok(Node::File { blob, size, executable })
    }
}

fn mode(node: &Node) -> Mode {
    match node {
        Node::File { executable: true, .. } => Mode::Executable,
        Node::Symlink { .. } => Mode::Symlink,
        Node::File { .. } | Node::Directory { .. } => Mode::File,
    }
}
