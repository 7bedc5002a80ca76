//! From a source's archive to the tree that a build sees: unpacked, and patched.

use std::io::Read;

use stele_archive::{AN_AR, Limits, Unpack, UnpackError, unpack};
use stele_store::model::{Node, TreeId};

use crate::content::{Content, ContentError};
use crate::patch::{ApplyError, ParsePatchError, Patch, Work, apply};
use crate::paths::{TreePath, WalkError, find};
use crate::recipe::UnpackSource;

/// Why a source could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The archive is refused.
    #[error("the archive is refused: {0}")]
    Unpack(#[from] UnpackError),
    /// The inner archive is missing, or is not a file.
    #[error("there is no file {inner} in the archive")]
    NoInner {
        /// The requested name.
        inner: TreePath,
    },
    /// The archive in the archive is refused.
    #[error("the archive {inner} in the archive is refused: {why}")]
    Inner {
        /// The inner archive.
        inner: TreePath,
        /// The reason.
        why: UnpackError,
    },
    /// A patch is malformed.
    #[error("the patch {patch} cannot be used: {why}")]
    Parse {
        /// The patch.
        patch: TreePath,
        /// The reason.
        why: ParsePatchError,
    },
    /// A patch does not fit.
    #[error("the patch {patch} does not fit: {why}")]
    Apply {
        /// The patch.
        patch: TreePath,
        /// The reason.
        why: Box<ApplyError>,
    },
    /// The unpacked tree cannot be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// Content cannot be read or stored.
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl PrepareError {
    /// The error when content could not be read or stored.
    pub fn content(&self) -> Option<&ContentError> {
        match self {
            Self::Content(error)
            | Self::Walk(WalkError::Content(error))
            | Self::Unpack(UnpackError::Content(error))
            | Self::Inner { why: UnpackError::Content(error), .. } => Some(error),
            Self::Apply { why, .. } => match &**why {
                ApplyError::Content(error) => Some(error),
                _ => None,
            },
            _ => None,
        }
    }

    /// A hint for the user, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unpack(UnpackError::NotAnArchive { seems: AN_AR, .. }) => {
                Some("give a Debian package with `debian_binary`, so that its bytes are counted as opaque")
            }
            Self::Unpack(UnpackError::NotAnArchive { .. }) => {
                Some("a file that is not an archive is used unchanged with `unpack = False`")
            }
            Self::NoInner { .. } => Some("list the archive; `inner` is the name in that list"),
            Self::Apply { why, .. } => why.hint(),
            _ => None,
        }
    }
}

/// Unpacks `archive` according to `how`, and applies `patches`: the bytes of the patches of `how`, in order.
///
/// # Errors
/// See [`PrepareError`].
pub fn prepare(
    archive: &mut dyn Read,
    how: &UnpackSource,
    patches: &[Vec<u8>],
    content: &dyn Content,
) -> Result<TreeId, PrepareError> {
    let subdir = how.subdir.as_ref().map(|path| path.components().to_vec());
    let wanted = Unpack { form: how.form, strip: how.strip, subdir, limits: Limits::default() };
    let mut tree = match &how.inner {
        None => unpack(archive, &wanted, content)?,
        Some(inner) => {
            let outer = unpack(archive, &Unpack::default(), content)?;
            let Some(Node::File { blob, .. }) = find(&outer, inner, content)? else {
                return Err(PrepareError::NoInner { inner: inner.clone() });
            };
            let mut bytes = content.open_blob(&blob)?;
            let failed = |why| PrepareError::Inner { inner: inner.clone(), why };
            unpack(&mut *bytes, &wanted, content).map_err(failed)?
        }
    };
    let work = Work::default();
    for (file, bytes) in how.patches.iter().zip(patches) {
        let parsed = Patch::parse(bytes);
        let patch = parsed.map_err(|why| PrepareError::Parse { patch: file.path.clone(), why })?;
        tree = apply(&tree, &patch, file.strip, content, &work)
            .map_err(|why| PrepareError::Apply { patch: file.path.clone(), why: Box::new(why) })?;
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::InMemory;
    use crate::recipe::PatchFile;
    use stele_store::model::{BlobId, Digest};

    /// One entry of a ustar archive, and its end.
    fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut tar = header.to_vec();
        tar.extend_from_slice(bytes);
        tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
        tar
    }

    fn path(text: &str) -> TreePath {
        TreePath::parse(text.as_bytes()).unwrap()
    }

    const PATCH: &[u8] = b"--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-one\n+two\n";

    fn how(inner: Option<&str>) -> UnpackSource {
        let node =
            Node::File { blob: BlobId(Digest::of(PATCH)), size: PATCH.len() as u64, executable: false };
        let patches = vec![PatchFile { path: path("pkgs/x/x.patch"), node, strip: 1 }];
        UnpackSource { inner: inner.map(path), strip: 1, patches, ..UnpackSource::default() }
    }

    fn prepared(archive: &[u8], how: &UnpackSource, patch: &[u8]) -> Result<Vec<u8>, String> {
        let content = InMemory::default();
        let tree = prepare(&mut &*archive, how, &[patch.to_vec()], &content);
        let tree = tree.map_err(|error| format!("{error} ? {}", error.hint().unwrap_or_default()))?;
        let Some(Node::File { blob, .. }) = find(&tree, &path("x.c"), &content).unwrap() else {
            panic!("x.c is not there")
        };
        Ok(content.blob(&blob).unwrap())
    }

    #[test]
    fn an_archive_is_unpacked_and_patched() {
        assert_eq!(prepared(&tar("top/x.c", b"one\n"), &how(None), PATCH).unwrap(), b"two\n");
    }

    #[test]
    fn an_inner_archive_is_unpacked_instead() {
        let outer = tar("outer/inner.tar", &tar("top/x.c", b"one\n"));
        assert_eq!(prepared(&outer, &how(Some("outer/inner.tar")), PATCH).unwrap(), b"two\n");
        let said = prepared(&outer, &how(Some("outer/other.tar")), PATCH).unwrap_err();
        assert!(said.starts_with("there is no file outer/other.tar in the archive"), "{said}");
        let said =
            prepared(&tar("outer/inner.tar", b"text"), &how(Some("outer/inner.tar")), PATCH).unwrap_err();
        assert!(said.starts_with("the archive outer/inner.tar in the archive is refused"), "{said}");
    }

    #[test]
    fn a_source_that_cannot_be_prepared_is_refused_with_the_reason() {
        let said = prepared(b"int main(void);\n", &how(None), PATCH).unwrap_err();
        assert!(said.contains("`unpack = False`"), "{said}");
        let said = prepared(&tar("top/x.c", b"three\n"), &how(None), PATCH).unwrap_err();
        assert!(said.starts_with("the patch pkgs/x/x.patch does not fit"), "{said}");
        let said = prepared(&tar("top/x.c", b"one\n"), &how(None), b"nothing").unwrap_err();
        assert!(said.starts_with("the patch pkgs/x/x.patch cannot be used"), "{said}");
    }
}
