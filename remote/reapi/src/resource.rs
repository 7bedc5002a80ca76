//! The names of resources in ByteStream (remote_execution.proto, at the service ContentAddressableStorage).

use crate::digest::{Digest, DigestError, Function};

/// The maximum length of a name in bytes.
const MAX_NAME: usize = 4096;

/// The segments that no instance name has, so that its end can be seen.
const KEYWORDS: &[&str] =
    &["blobs", "uploads", "actions", "actionResults", "operations", "capabilities", "compressed-blobs"];

/// How the bytes of a resource are packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packing {
    /// Not at all.
    Identity,
    /// By zstd.
    Zstd,
}

/// A blob to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Download {
    /// The instance, of any number of segments.
    pub instance: String,
    /// How it is to be packed.
    pub packing: Packing,
    /// The blob.
    pub digest: Digest,
}

/// A blob to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upload {
    /// The instance, of any number of segments.
    pub instance: String,
    /// What tells concurrent uploads of a blob apart.
    pub id: String,
    /// How it is packed.
    pub packing: Packing,
    /// The blob.
    pub digest: Digest,
}

/// Why a text names no resource.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// It is too long.
    #[error("a resource name has at most {MAX_NAME} bytes")]
    Long,
    /// It has another form.
    #[error(
        "a name of a blob to read is INSTANCE/blobs/HASH/SIZE or INSTANCE/compressed-blobs/zstd/HASH/SIZE"
    )]
    Download,
    /// It has another form.
    #[error(
        "a name of a blob to write is INSTANCE/uploads/UUID/blobs/HASH/SIZE or \
         INSTANCE/uploads/UUID/compressed-blobs/zstd/HASH/SIZE"
    )]
    Upload,
    /// The compressor is another one.
    #[error("the only compressor is zstd")]
    Compressor,
    /// The digest is none.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Download {
    /// Parses the name of a blob to read.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let (instance, rest) = after_instance(name)?.ok_or(NameError::Download)?;
        let (packing, digest, behind) = blob(&rest).ok_or(NameError::Download)??;
        match behind {
            [] => Ok(Self { instance, packing, digest }),
            _ => Err(NameError::Download),
        }
    }
}

impl Upload {
    /// Parses the name of a blob to write. What follows the size is the client's own.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let (instance, rest) = after_instance(name)?.ok_or(NameError::Upload)?;
        let (id, rest) = match rest.as_slice() {
            ["uploads", id, rest @ ..] if !id.is_empty() => ((*id).to_owned(), rest),
            _ => return Err(NameError::Upload),
        };
        let (packing, digest, _) = blob(rest).ok_or(NameError::Upload)??;
        Ok(Self { instance, id, packing, digest })
    }
}

/// The instance, and the segments from the first keyword on.
fn after_instance(name: &str) -> Result<Option<(String, Vec<&str>)>, NameError> {
    if name.len() > MAX_NAME {
        return Err(NameError::Long);
    }
    let segments: Vec<&str> = name.split('/').collect();
    let Some(end) = segments.iter().position(|segment| KEYWORDS.contains(segment)) else { return Ok(None) };
    let (instance, rest) = segments.split_at(end);
    if instance.iter().any(|segment| segment.is_empty()) {
        return Ok(None);
    }
    Ok(Some((instance.join("/"), rest.to_vec())))
}

/// `blobs/HASH/SIZE` or `compressed-blobs/zstd/HASH/SIZE`, with the function's name before the hash unless it is
/// SHA-256; and what follows.
#[expect(clippy::type_complexity)]
fn blob<'a, 'b>(segments: &'b [&'a str]) -> Option<Result<(Packing, Digest, &'b [&'a str]), NameError>> {
    let (packing, rest) = match segments {
        ["blobs", rest @ ..] => (Packing::Identity, rest),
        ["compressed-blobs", "zstd", rest @ ..] => (Packing::Zstd, rest),
        ["compressed-blobs", _, ..] => return Some(Err(NameError::Compressor)),
        _ => return None,
    };
    let (function, rest) = match rest {
        ["blake3", rest @ ..] => (Function::Blake3, rest),
        rest => (Function::Sha256, rest),
    };
    let [hash, size, behind @ ..] = rest else { return None };
    let digest = Digest::parse(function, hash, size);
    Some(digest.map(|digest| (packing, digest, behind)).map_err(NameError::from))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn names_of_no_resource_are_refused() {
        for name in [
            "",
            "/",
            "blobs",
            "blobs/",
            "main",
            "blobs/0",
            "uploads/1",
            "actions/blobs/0/0",
            "blobs/blobs/0/0",
        ] {
            assert!(Download::parse(name).is_err() && Upload::parse(name).is_err(), "{name}");
        }
        for name in [
            format!("blobs/{HASH}"),
            format!("blobs/{HASH}/"),
            format!("blobs/{HASH}/-1"),
            format!("blobs/{HASH}/+1"),
            format!("blobs/{HASH}/0x1"),
            format!("blobs/{HASH}/9223372036854775808"),
            format!("blobs/{HASH}/1/more"),
            format!("blobs/{}/1", HASH.to_uppercase()),
            format!("blobs/{}/1", &HASH[1..]),
            format!("blobs/sha256/{HASH}/1"),
            format!("/blobs/{HASH}/1"),
            format!("a//b/blobs/{HASH}/1"),
            format!("compressed-blobs/identity/{HASH}/1"),
            format!("compressed-blobs/deflate/{HASH}/1"),
            format!("compressed-blobs/{HASH}/1"),
            format!("uploads/id/blobs/{HASH}/1"),
            format!("{}/blobs/{HASH}/1", "a".repeat(5000)),
        ] {
            assert!(Download::parse(&name).is_err(), "{name}");
        }
        for name in
            [format!("blobs/{HASH}/1"), format!("uploads//blobs/{HASH}/1"), format!("uploads/blobs/{HASH}/1")]
        {
            assert!(Upload::parse(&name).is_err(), "{name}");
        }
    }

    #[test]
    fn instances_have_any_number_of_segments() {
        for instance in ["", "main", "a/b/c", "wörter", "blob", "a b"] {
            let prefix = if instance.is_empty() { String::new() } else { format!("{instance}/") };
            let read = Download::parse(&format!("{prefix}blobs/{HASH}/12")).unwrap();
            assert_eq!((&*read.instance, read.packing, read.digest.size), (instance, Packing::Identity, 12));
            assert_eq!(read.digest.function, Function::Sha256);
            let read = Download::parse(&format!("{prefix}compressed-blobs/zstd/blake3/{HASH}/0")).unwrap();
            assert_eq!((read.packing, read.digest.function), (Packing::Zstd, Function::Blake3));
            let write = Upload::parse(&format!("{prefix}uploads/id/blobs/{HASH}/7/file.o/x")).unwrap();
            assert_eq!((&*write.instance, &*write.id, write.digest.size), (instance, "id", 7));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(name in "([a-z0-9]{0,4}|blobs|uploads|blake3|zstd|compressed-blobs|/){0,12}") {
            let _ = (Download::parse(&name), Upload::parse(&name));
        }
    }
}
