//! The file that a diff applies to, and the change.

use super::excerpt::Excerpt;
use super::faults::FileFault;
use super::{FilePatch, GitChange, GitHeader, Header, Mark, names};
use crate::paths::{TreeEdit, TreePath};

/// The change of a diff, before its hunks are applied.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Its path. A missing file counts as an empty one when the diff does not distinguish them.
    Modify {
        path: TreePath,
        or_create: bool,
    },
    Create {
        path: TreePath,
    },
    Delete {
        path: TreePath,
    },
    Rename {
        from: TreePath,
        to: TreePath,
    },
    Copy {
        from: TreePath,
        to: TreePath,
    },
}

impl Change {
    /// The path for errors.
    pub(super) fn path(&self) -> &TreePath {
        match self {
            Self::Modify { path, .. } | Self::Create { path } | Self::Delete { path } => path,
            Self::Rename { to, .. } | Self::Copy { to, .. } => to,
        }
    }
}

/// The name of a diff in errors before it is parsed.
pub(super) fn any_name(file: &FilePatch) -> Excerpt {
    let (old, new) = match &file.header {
        Header::Plain { old, new } | Header::Git(GitHeader { marks: Some((old, new)), .. }) => {
            (old.name.as_deref(), new.name.as_deref())
        }
        Header::Git(GitHeader { names, .. }) => (names.as_ref().map(|names| &*names.1), None),
    };
    Excerpt::of(new.or(old).unwrap_or(b"a file without a name"))
}

/// The change of a plain diff to the current tree.
pub(super) fn plain(
    file: &FilePatch,
    (old, new): (&Mark, &Mark),
    strip: usize,
    edit: &mut TreeEdit<'_>,
) -> Result<Change, FileFault> {
    let sole = if let [hunk] = &*file.hunks { Some(hunk) } else { None };
    let from_nothing = sole.is_some_and(|hunk| hunk.old.is_nothing());
    let to_nothing = sole.is_some_and(|hunk| hunk.new.is_nothing());
    let (old_name, new_name) = (stripped(old.name.as_deref(), strip)?, stripped(new.name.as_deref(), strip)?);
    let creates = old_name.is_none() || (old.epoch && from_nothing);
    let deletes = new_name.is_none() || (new.epoch && to_nothing);
    match (old_name, new_name) {
        (_, Some(path)) if creates => Ok(Change::Create { path }),
        (Some(path), _) if deletes => Ok(Change::Delete { path }),
        (Some(old), Some(new)) => {
            let path = if old == new { new } else { the_one_there(old, new, edit)? };
            Ok(Change::Modify { path, or_create: from_nothing })
        }
        (Some(path), None) | (None, Some(path)) => Ok(Change::Modify { path, or_create: false }),
        (None, None) => Err(FileFault::Unnamed),
    }
}

/// `foo.orig` and `foo`: the diff means the file that exists.
fn the_one_there(old: TreePath, new: TreePath, edit: &mut TreeEdit<'_>) -> Result<TreePath, FileFault> {
    let mut is_there = |path| Ok(edit.get(path).map_err(FileFault::Walk)?.is_some());
    match (is_there(&old)?, is_there(&new)?) {
        (true, true) => Err(FileFault::TwoFiles { old, new }),
        (true, false) => Ok(old),
        (false, true) => Ok(new),
        (false, false) => Err(FileFault::Absent),
    }
}

/// The change of a git diff, which its header states.
pub(super) fn git(header: &GitHeader, strip: usize) -> Result<Change, FileFault> {
    let marks = header.marks.as_ref();
    let (old_mark, new_mark) = (marks.map(|marks| &marks.0), marks.map(|marks| &marks.1));
    let first = header.names.as_ref();
    let old = Side { first: first.map(|names| &*names.0), mark: old_mark, strip };
    let new = Side { first: first.map(|names| &*names.1), mark: new_mark, strip };
    let line = strip.saturating_sub(1);
    match &header.change {
        GitChange::Create => Ok(Change::Create { path: new.path(None, old.is_null())? }),
        GitChange::Delete => Ok(Change::Delete { path: old.path(None, new.is_null())? }),
        GitChange::Modify => {
            let (old, new) = (old.path(None, true)?, new.path(None, true)?);
            if old == new {
                Ok(Change::Modify { path: new, or_create: false })
            } else {
                Err(FileFault::Disagree { first: old, second: new })
            }
        }
        GitChange::Rename { from, to } => Ok(Change::Rename {
            from: old.path(stripped(Some(from), line)?, true)?,
            to: new.path(stripped(Some(to), line)?, true)?,
        }),
        GitChange::Copy { from, to } => Ok(Change::Copy {
            from: old.path(stripped(Some(from), line)?, true)?,
            to: new.path(stripped(Some(to), line)?, true)?,
        }),
    }
}

/// The names that a git header has for one side.
struct Side<'a> {
    first: Option<&'a [u8]>,
    mark: Option<&'a Mark>,
    strip: usize,
}

impl Side<'_> {
    /// Whether nothing contradicts that this side has no file.
    fn is_null(&self) -> bool {
        self.mark.is_none_or(|mark| mark.name.is_none())
    }

    /// The one path that everything agrees on. `other_side` is whether the other side is as in the header.
    fn path(&self, line: Option<TreePath>, other_side: bool) -> Result<TreePath, FileFault> {
        let mark = match self.mark {
            Some(Mark { name: None, .. }) => return Err(FileFault::Unnamed),
            mark => mark.and_then(|mark| mark.name.as_deref()),
        };
        let (mark, first) = (stripped(mark, self.strip)?, stripped(self.first, self.strip)?);
        let mut names = [line, mark, first].into_iter().flatten();
        let path = names.next().filter(|_| other_side).ok_or(FileFault::Unnamed)?;
        match names.find(|name| *name != path) {
            Some(second) => Err(FileFault::Disagree { first: path, second }),
            None => Ok(path),
        }
    }
}

fn stripped(name: Option<&[u8]>, strip: usize) -> Result<Option<TreePath>, FileFault> {
    let path = |name: &[u8]| {
        let name_fault = |fault| FileFault::Name { name: Excerpt::of(name), strip, fault };
        names::strip(name, strip).map_err(name_fault)
    };
    name.map(path).transpose()
}
