//! `source(...)`, `local(...)` and `hex0(...)`.

use std::sync::Arc;

use starlark::values::Value;
use stele_archive::Form;
use stele_store::model::{BlobId, Digest, Node, Sha256, TreeId};

use super::super::context::{Context, Refused};
use super::super::error::{ArgumentError, Label};
use super::super::files::MAX_STARLARK;
use super::super::values::SourceValue;
use super::sandbox_paths;
use crate::hex0;
use crate::paths::TreePath;
use crate::recipe::{ForeignImage, LocalInput, PatchFile, SourceInput, Span, UnpackSource};
use crate::source::{FileName, Mirror, Sha512, Signature, Source};

/// The maximum size in bytes of a file with keys.
const MAX_KEYS: usize = 4 << 20;
/// The suffixes of archives' names.
const ARCHIVES: &[&str] = &[
    ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst",
    ".tar.lz", ".tlz", ".zip",
];

/// The arguments of `source`, as given.
pub(in super::super) struct Given<'a, 'v> {
    pub sha256: &'a str,
    pub mirrors: Vec<&'v str>,
    pub name: Option<&'v str>,
    pub at: Option<&'v str>,
    pub unpack: Option<bool>,
    pub inner: Option<&'v str>,
    pub strip: i64,
    pub subdir: Option<&'v str>,
    pub patches: Vec<&'v str>,
    pub patch_strip: i64,
    pub executable: bool,
    pub sha512: Option<&'v str>,
    pub size: Option<i64>,
    pub signature: Option<Value<'v>>,
    pub keys: Option<&'v str>,
}

/// The source of these arguments.
pub(in super::super) fn define(
    given: Given<'_, '_>,
    context: &Context<'_>,
    at: Span,
) -> Result<Arc<SourceInput>, Refused> {
    let mirrors =
        given.mirrors.iter().map(|text| Mirror::new(text).map_err(|why| Refused::new("mirrors", why)));
    let mirrors = mirrors.collect::<Result<Vec<_>, _>>()?;
    let file = file_name(given.name, &mirrors)?;
    let source = Source {
        sha256: digest::<Sha256>("sha256", given.sha256, "SHA-256")?,
        sha512: given.sha512.map(|text| digest::<Sha512>("sha512", text, "SHA-512")).transpose()?,
        size: given.size.map(|size| number("size", size, "bytes")).transpose()?,
        signature: signature(given.signature, given.keys, context)?,
        file,
        mirrors,
    };
    let is_archive = ARCHIVES.iter().any(|end| source.file.as_str().to_ascii_lowercase().ends_with(end));
    let unpack = match given.unpack.unwrap_or(is_archive) {
        true if given.executable => {
            return Err(Refused::new(
                "executable",
                ArgumentError::Both { one: "unpack", other: "executable" },
            ));
        }
        true => Some(UnpackSource {
            form: Form::Archive,
            inner: given.inner.map(|text| tree_path("inner", text)).transpose()?,
            strip: usize::try_from(number("strip", given.strip, "components")?).unwrap_or(usize::MAX),
            subdir: given.subdir.map(|text| tree_path("subdir", text)).transpose()?,
            patches: patches(&given.patches, given.patch_strip, context)?,
        }),
        false => {
            let needless = [
                ("inner", given.inner.is_some()),
                ("strip", given.strip != 0),
                ("subdir", given.subdir.is_some()),
                ("patches", !given.patches.is_empty()),
            ];
            if let Some((one, _)) = needless.into_iter().find(|(_, there)| *there) {
                return Err(Refused::new(one, ArgumentError::Without { one, other: "unpack" }));
            }
            None
        }
    };
    let usual = if unpack.is_some() { "/src".to_owned() } else { format!("/src/{}", source.file) };
    let place = sandbox_paths::parse("at", given.at.unwrap_or(&usual))?;
    Ok(Arc::new(SourceInput { source, unpack, place, executable: given.executable, opaque: false, at }))
}

/// `local(path, at)`.
pub(in super::super) fn local(
    path: &str,
    place: Option<&str>,
    context: &Context<'_>,
    at: Span,
) -> Result<Arc<LocalInput>, Refused> {
    let path = recipe_path("path", path, context)?;
    let node = node("path", &path, context)?;
    let place = match place {
        Some("/") if matches!(node, Node::Directory { .. }) => crate::action::SandboxPath::root(),
        Some(place) => sandbox_paths::parse("at", place)?,
        None => {
            sandbox_paths::parse("at", &format!("/src/{}", String::from_utf8_lossy(path.name().as_bytes())))?
        }
    };
    Ok(Arc::new(LocalInput { path, node, place, hex0: false, at }))
}

/// `foreign_image(reference, rootfs, size, at)`.
pub(in super::super) fn foreign_image(
    reference: &str,
    rootfs: &str,
    size: i64,
    place: &str,
    at: Span,
) -> Result<Arc<ForeignImage>, Refused> {
    let plain = |c: char| c.is_ascii_graphic();
    if reference.is_empty() || !reference.chars().all(plain) {
        let why = format!("{reference:?} is not a reference: only ASCII letters, digits and punctuation");
        return Err(Refused::new("reference", ArgumentError::Action(why)));
    }
    Ok(Arc::new(ForeignImage {
        reference: reference.to_owned(),
        rootfs: digest::<TreeId>("rootfs", rootfs, "tree")?,
        size: number("size", size, "bytes")?,
        place: if place == "/" {
            crate::action::SandboxPath::root()
        } else {
            sandbox_paths::parse("at", place)?
        },
        at,
    }))
}

/// `hex0(path, at, sha256)`.
pub(in super::super) fn hex0(
    path: &str,
    place: &str,
    sha256: Option<&str>,
    context: &Context<'_>,
    at: Span,
) -> Result<Arc<LocalInput>, Refused> {
    let pin = sha256.map(|text| digest::<Sha256>("sha256", text, "SHA-256")).transpose()?;
    let path = recipe_path("path", path, context)?;
    // An error shows lines of the file, so the same size limit applies as for files in errors.
    let text = read("path", &path, MAX_STARLARK, context)?;
    let bytes = hex0::decode(&text).map_err(|why| {
        let (line, column) = why.place();
        let span = Span { file: path.to_string().into(), begin: (line, column), end: (line, column + 1) };
        Refused::new("path", ArgumentError::Hex { path: path.clone(), why }).also(vec![Label::new(span, "")])
    })?;
    let found = Sha256::of(&bytes);
    if pin.is_some_and(|pin| pin != found) {
        return Err(Refused::new("sha256", ArgumentError::OtherBytes { path, found }));
    }
    let node = Node::File { blob: BlobId(Digest::of(&bytes)), size: bytes.len() as u64, executable: true };
    Ok(Arc::new(LocalInput { path, node, place: sandbox_paths::parse("at", place)?, hex0: true, at }))
}

/// The given name, or that of the file on the first mirror.
fn file_name(given: Option<&str>, mirrors: &[Mirror]) -> Result<FileName, Refused> {
    let (argument, text) = match (given, mirrors.first()) {
        (Some(name), _) => ("name", name),
        (None, Some(mirror)) => {
            let path = mirror.as_str().split(['?', '#']).next().unwrap_or_default();
            ("mirrors", path.rsplit(['/', ':']).next().unwrap_or_default())
        }
        (None, None) => {
            return Err(Refused::new(
                "name",
                ArgumentError::Action("a source without mirrors needs a `name`".into()),
            ));
        }
    };
    FileName::new(text).map_err(|why| Refused::new(argument, why))
}

pub(super) fn digest<T: std::str::FromStr<Err: std::fmt::Display>>(
    argument: &'static str,
    text: &str,
    what: &'static str,
) -> Result<T, Refused> {
    text.parse().map_err(|why: T::Err| {
        Refused::new(argument, ArgumentError::Digest { text: text.to_owned(), what, why: why.to_string() })
    })
}

pub(super) fn number(argument: &'static str, found: i64, what: &'static str) -> Result<u64, Refused> {
    u64::try_from(found).map_err(|_| Refused::new(argument, ArgumentError::Number { found, what }))
}

fn signature(
    given: Option<Value<'_>>,
    keys: Option<&str>,
    context: &Context<'_>,
) -> Result<Option<Signature>, Refused> {
    let (value, keys) = match (given, keys) {
        (None, None) => return Ok(None),
        (Some(_), None) => {
            return Err(Refused::new(
                "signature",
                ArgumentError::Without { one: "signature", other: "keys" },
            ));
        }
        (None, Some(_)) => {
            return Err(Refused::new("keys", ArgumentError::Without { one: "keys", other: "signature" }));
        }
        (Some(value), Some(keys)) => (value, keys),
    };
    let source = SourceValue::from_value(value)
        .filter(|source| source.0.unpack.is_none() && source.0.source.signature.is_none())
        .ok_or_else(|| {
            let (argument, wanted) =
                ("signature".to_owned(), "a source(...) that is not unpacked, nor signed itself");
            Refused::new(
                "signature",
                ArgumentError::Type { argument, wanted, found: value.get_type().to_owned() },
            )
        })?;
    let path = recipe_path("keys", keys, context)?;
    let bytes = read("keys", &path, MAX_KEYS, context)?;
    Ok(Some(Signature {
        source: Box::new(source.0.source.clone()),
        keys: bytes,
        keys_file: path.to_string(),
    }))
}

fn patches(given: &[&str], strip: i64, context: &Context<'_>) -> Result<Vec<PatchFile>, Refused> {
    let strip = usize::try_from(number("patch_strip", strip, "components")?).unwrap_or(usize::MAX);
    let mut patches = Vec::with_capacity(given.len());
    for text in given {
        let path = recipe_path("patches", text, context)?;
        let node = node("patches", &path, context)?;
        if !matches!(node, Node::File { .. }) {
            return Err(Refused::new("patches", ArgumentError::NoFile { path }));
        }
        patches.push(PatchFile { path, node, strip });
    }
    Ok(patches)
}

/// A path in the archive.
fn tree_path(argument: &'static str, text: &str) -> Result<TreePath, Refused> {
    TreePath::parse(text.as_bytes()).map_err(|why| {
        Refused::new(argument, ArgumentError::Action(format!("{text:?} is not a path in an archive: {why}")))
    })
}

/// A path of the recipe tree.
pub(in super::super) fn recipe_path(
    argument: &'static str,
    text: &str,
    context: &Context<'_>,
) -> Result<TreePath, Refused> {
    context
        .path(text)
        .map_err(|why| Refused::new(argument, ArgumentError::Path { text: text.to_owned(), why }))
}

/// The bytes of an existing file.
fn read(
    argument: &'static str,
    path: &TreePath,
    max: usize,
    context: &Context<'_>,
) -> Result<Vec<u8>, Refused> {
    let bytes = context.files.read(path, max);
    let bytes = bytes
        .map_err(|source| Refused::new(argument, ArgumentError::Unreadable { path: path.clone(), source }))?;
    bytes.ok_or_else(|| Refused::new(argument, ArgumentError::NothingThere { path: path.clone() }))
}

/// The node at a path.
fn node(argument: &'static str, path: &TreePath, context: &Context<'_>) -> Result<Node, Refused> {
    let node = context.files.node(path);
    let node = node
        .map_err(|source| Refused::new(argument, ArgumentError::Unreadable { path: path.clone(), source }))?;
    node.ok_or_else(|| Refused::new(argument, ArgumentError::NothingThere { path: path.clone() }))
}
