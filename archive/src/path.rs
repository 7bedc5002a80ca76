//! Names of entries, taken apart and checked.

use stele_store::model::{Name, SymlinkTarget};

use super::{EntryError, EntryName, Limits};

/// The components of an entry's name, from the root down; none for the root itself.
pub(super) type Path = Vec<Name>;

/// Where a tree belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Wherever somebody puts it: an absolute link would leave it.
    Anywhere,
    /// At `/`, which its absolute links are about.
    Root,
}

/// Takes a name apart. `.` and empty components are dropped.
pub(super) fn parse(name: &[u8], limits: &Limits) -> Result<Path, EntryError> {
    if name.is_empty() {
        return Err(EntryError::EmptyName);
    }
    if name.len() > limits.name {
        return Err(EntryError::LongName { found: name.len(), max: limits.name });
    }
    if name.contains(&0) {
        return Err(EntryError::Nul);
    }
    if name[0] == b'/' {
        return Err(EntryError::AbsoluteName);
    }
    let mut path = Vec::new();
    for component in name.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => return Err(EntryError::ParentInName),
            _ => path.push(Name::new(component).map_err(EntryError::Component)?),
        }
    }
    if path.len() > limits.depth {
        return Err(EntryError::Depth { found: path.len(), max: limits.depth });
    }
    Ok(path)
}

/// The target of a link that lies `depth` directories below the root, if as text it stays below it. An absolute one
/// does when what is unpacked belongs at `/`.
pub(super) fn check_target(target: &[u8], depth: usize, at: At) -> Result<SymlinkTarget, EntryError> {
    if target.contains(&0) {
        return Err(EntryError::Nul);
    }
    let checked = SymlinkTarget::new(target).map_err(EntryError::Target)?;
    let mut depth = match (target[0], at) {
        (b'/', At::Anywhere) => {
            return Err(EntryError::TargetAbsolute { target: EntryName(target.to_vec()) });
        }
        (b'/', At::Root) => 0,
        _ => depth,
    };
    for component in target.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                let outside = || EntryError::TargetOutside { target: EntryName(target.to_vec()) };
                depth = depth.checked_sub(1).ok_or_else(outside)?;
            }
            _ => depth += 1,
        }
    }
    Ok(checked)
}

/// The path as text, for errors.
pub(super) fn text(path: &[Name]) -> EntryName {
    let names: Vec<&[u8]> = path.iter().map(Name::as_bytes).collect();
    EntryName(names.join(&b'/'))
}
