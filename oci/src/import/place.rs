//! Where an image comes from: a layout in a folder or tar, or an archive of Docker's.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, MediaType};
use rustix::fs::{CWD, Mode, OFlags};
use serde::Deserialize;

use super::untar::{Kind, Untar};
use super::{ImportError, unpack};
use crate::document::{digest_text, parse_digest, sum};
use crate::layout::{INDEX_MOST, REF_NAME};
use crate::measure::Sum;
use crate::record::{DOCUMENT_MOST, Referrer};

/// Files that an archive may have.
const MEMBERS_MOST: usize = 100_000;
/// Referrers that a layout may have.
const REFERRERS_MOST: usize = 1000;
/// Links from one file of an archive to another.
const HOPS_MOST: usize = 10;
/// The most bytes of an archive that has to be unpacked before it can be read.
const SPOOL_MOST: u64 = 64 << 30;

/// An open layout or archive.
pub(super) enum Place {
    Folder(PathBuf),
    Archive { path: PathBuf, file: File, members: HashMap<Vec<u8>, Member> },
}

/// The bytes of a file, and how many there are.
type Opened = (Box<dyn Read>, u64);

pub(super) enum Member {
    File { at: u64, size: u64 },
    Link(Vec<u8>),
}

/// A blob, by the file that holds it.
pub(super) struct Named {
    pub(super) file: String,
    /// What is said of it. Docker's archives say nothing.
    pub(super) sum: Option<Sum>,
}

impl Named {
    /// A blob of a layout.
    pub(super) fn blob(sum: Sum) -> Self {
        Self { file: format!("blobs/sha256/{}", sum.sha256), sum: Some(sum) }
    }
}

/// A manifest.
pub(super) struct Manifest {
    /// As it is; none in an archive of Docker's.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) config: Named,
    pub(super) layers: Vec<Named>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// What was chosen.
pub(super) struct Choice {
    pub(super) reference: Option<String>,
    pub(super) manifests: Vec<Manifest>,
    /// The index that names them, when one does.
    pub(super) index: Option<Vec<u8>>,
    /// Whether all that the index names is among them.
    pub(super) whole: bool,
    /// What lies beside them and refers to something, without its payloads.
    pub(super) referrers: Vec<Referrer>,
}

#[derive(Deserialize)]
struct DockerImage {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

fn document(what: &str, why: impl std::fmt::Display) -> ImportError {
    ImportError::Document { what: what.to_owned(), why: why.to_string() }
}

impl Place {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let fails = |source: io::Error| ImportError::File { path: path.to_owned(), source };
        let meta = std::fs::metadata(path).map_err(fails)?;
        if meta.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let unknown = |what: String| ImportError::Unknown { path: path.to_owned(), what };
        if !meta.is_file() {
            return Err(unknown("neither a folder nor a file".to_owned()));
        }
        let mut file = File::open(path).map_err(fails)?;
        let packed = unpack::sniff(&mut unpack::buffered(&file)).map_err(fails)?;
        file.rewind().map_err(fails)?;
        if packed != crate::encode::Compression::None {
            let mut spool = tempfile::tempfile().map_err(fails)?;
            let (_, bytes) = unpack::unpacked(unpack::buffered(&file), 128 << 20).map_err(fails)?;
            let copied = io::copy(&mut bytes.take(SPOOL_MOST + 1), &mut spool);
            let copied = copied.map_err(|e| unknown(format!("packed, and cannot be unpacked: {e}")))?;
            if copied > SPOOL_MOST {
                return Err(unknown(format!("packed, and unpacks to more than {SPOOL_MOST} bytes")));
            }
            file = spool;
            file.rewind().map_err(fails)?;
        }
        let mut members = HashMap::new();
        // Through a reader that can skip: what is in the members is not looked at.
        let mut tar = Untar::new(unpack::buffered(&file));
        loop {
            let found =
                tar.step().map_err(|e| unknown(format!("no layout and no archive of images: {e}")))?;
            let Some(found) = found else { break };
            let member = match found.kind {
                Kind::File => Member::File { at: tar.position(), size: found.size },
                Kind::Link(target) => Member::Link(target),
                Kind::Hard(to) => Member::Link([b"/", to.as_bytes()].concat()),
                Kind::Directory | Kind::Special(_) => continue,
            };
            members.insert(found.path.as_bytes().to_vec(), member);
            if members.len() > MEMBERS_MOST {
                return Err(unknown(format!("an archive of more than {MEMBERS_MOST} files")));
            }
        }
        Ok(Self::Archive { path: path.to_owned(), file, members })
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::Archive { path, .. } => path,
        }
    }

    /// A file in it, and its size. None when it is not there.
    pub(super) fn file(&self, name: &str) -> Result<Option<Opened>, ImportError> {
        let fails = |source: io::Error| ImportError::File { path: self.path().join(name), source };
        match self {
            Self::Folder(folder) => {
                // What is behind a link, or never ends, is not of the layout.
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let file = match rustix::fs::openat(CWD, folder.join(name), flags, Mode::empty()) {
                    Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
                    file => File::from(file.map_err(|e| fails(e.into()))?),
                };
                let meta = file.metadata().map_err(fails)?;
                if !meta.is_file() {
                    return Err(fails(io::Error::other("it is no file")));
                }
                Ok(Some((Box::new(file), meta.len())))
            }
            Self::Archive { file, members, .. } => {
                let mut wanted = name.as_bytes().to_vec();
                for _ in 0..HOPS_MOST {
                    match members.get(&wanted) {
                        None => return Ok(None),
                        Some(Member::Link(target)) => wanted = beside(&wanted, target),
                        Some(Member::File { at, size }) => {
                            let mut file = file.try_clone().map_err(fails)?;
                            file.seek(SeekFrom::Start(*at)).map_err(fails)?;
                            return Ok(Some((Box::new(file.take(*size)), *size)));
                        }
                    }
                }
                Err(fails(io::Error::other("it is a link that leads nowhere")))
            }
        }
    }

    fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let Some((file, size)) = self.file(name)? else { return Ok(None) };
        if size > most {
            return Err(document(name, format!("it has {size} bytes, more than {most}")));
        }
        let mut bytes = Vec::new();
        let fails = |source| ImportError::File { path: self.path().join(name), source };
        file.take(most).read_to_end(&mut bytes).map_err(fails)?;
        Ok(Some(bytes))
    }

    /// A document, compared with what is said of it.
    pub(super) fn document(&self, named: &Named) -> Result<Vec<u8>, ImportError> {
        let bytes = self.read(&named.file, DOCUMENT_MOST)?;
        let bytes = bytes.ok_or_else(|| ImportError::Missing { blob: named.file.clone() })?;
        let found = sum(&bytes);
        match named.sum {
            Some(wanted) if wanted.size != found.size => {
                let (found, wanted) = (found.size, wanted.size);
                Err(ImportError::Size { blob: named.file.clone(), found, wanted })
            }
            Some(wanted) if wanted.sha256 != found.sha256 => {
                Err(ImportError::Digest { blob: named.file.clone(), found: digest_text(&found.sha256) })
            }
            _ => Ok(bytes),
        }
    }

    /// The image that is called `wanted`, or the only one.
    pub(super) fn choose(&self, wanted: Option<&str>) -> Result<Choice, ImportError> {
        if let Some(text) = self.read("oci-layout", DOCUMENT_MOST)? {
            let layout: serde_json::Value =
                serde_json::from_slice(&text).map_err(|e| document("oci-layout", e))?;
            match layout.get("imageLayoutVersion").and_then(serde_json::Value::as_str) {
                Some(version) if version.starts_with("1.") => return self.layout(wanted),
                _ => return Err(document("oci-layout", "it does not say version 1")),
            }
        }
        if let Some(text) = self.read("manifest.json", DOCUMENT_MOST)? {
            return docker(&text, wanted);
        }
        let what = "neither an OCI layout (it has no file oci-layout) nor an archive of Docker's".to_owned();
        Err(ImportError::Unknown { path: self.path().to_owned(), what })
    }

    fn layout(&self, wanted: Option<&str>) -> Result<Choice, ImportError> {
        let text = self.read("index.json", INDEX_MOST)?;
        let text = text.ok_or_else(|| ImportError::Missing { blob: "index.json".to_owned() })?;
        let index: ImageIndex = serde_json::from_slice(&text).map_err(|e| document("index.json", e))?;
        let name = |entry: &Descriptor| entry.annotations().as_ref().and_then(|it| it.get(REF_NAME).cloned());
        let (mut images, mut referrers) = (Vec::new(), Vec::new());
        for entry in index.manifests() {
            match name(entry).is_none().then(|| self.referrer(entry)).transpose()?.flatten() {
                Some(_) if referrers.len() == REFERRERS_MOST => {
                    return Err(document(
                        "index.json",
                        format!("it has more than {REFERRERS_MOST} referrers"),
                    ));
                }
                Some(manifest) => referrers.push(manifest),
                None => images.push(entry),
            }
        }
        let entry = *pick(&images, wanted, |entry| name(entry).into_iter().collect())?;
        let reference = name(entry);
        let bytes = self.document(&named(entry)?)?;
        if !is_index(entry, &bytes) {
            let manifests = vec![manifest(&bytes)?];
            return Ok(Choice { reference, manifests, index: None, whole: true, referrers });
        }
        let inner: ImageIndex = serde_json::from_slice(&bytes).map_err(|e| document("the index", e))?;
        let mut manifests = Vec::new();
        let mut whole = true;
        for entry in inner.manifests() {
            // Attestations and the like lie beside images, for no platform.
            let runs = entry.platform().as_ref().is_none_or(|it| it.os().to_string() != "unknown");
            let there = runs && self.file(&named(entry)?.file)?.is_some();
            whole &= there;
            if there {
                let bytes = self.document(&named(entry)?)?;
                if is_index(entry, &bytes) {
                    return Err(document("the index", "it names another index"));
                }
                manifests.push(manifest(&bytes)?);
            }
        }
        Ok(Choice { reference, manifests, index: Some(bytes), whole, referrers })
    }

    /// What an entry without a name means, if it is there and refers to something.
    fn referrer(&self, entry: &Descriptor) -> Result<Option<Referrer>, ImportError> {
        let named = named(entry)?;
        if self.file(&named.file)?.is_none() {
            return Ok(None);
        }
        let bytes = self.document(&named)?;
        // An index that refers to something is none of those that are kept.
        if is_index(entry, &bytes) {
            return Ok(None);
        }
        // What is no manifest is nobody's referrer.
        Ok(Referrer::of(bytes).unwrap_or_default())
    }
}

/// What a link in an archive says: from the folder that it is in.
fn beside(from: &[u8], target: &[u8]) -> Vec<u8> {
    let folder = from.rsplitn(2, |&byte| byte == b'/').nth(1).unwrap_or_default();
    let from = if target.starts_with(b"/") { &[][..] } else { folder };
    let mut names: Vec<&[u8]> = Vec::new();
    for name in from.split(|&byte| byte == b'/').chain(target.split(|&byte| byte == b'/')) {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            _ => names.push(name),
        }
    }
    names.join(&b'/')
}

fn named(entry: &Descriptor) -> Result<Named, ImportError> {
    let text = entry.digest().to_string();
    let sha256 = parse_digest(&text);
    let sha256 = sha256.ok_or_else(|| document(&text, "only digests by SHA-256 are taken"))?;
    Ok(Named::blob(Sum { sha256, size: entry.size() }))
}

/// Some writers leave the media type out, or have Docker's.
fn is_index(entry: &Descriptor, bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Any {
        manifests: Option<serde::de::IgnoredAny>,
    }
    let by_type = matches!(entry.media_type(), MediaType::ImageIndex);
    by_type || serde_json::from_slice::<Any>(bytes).is_ok_and(|it| it.manifests.is_some())
}

fn manifest(bytes: &[u8]) -> Result<Manifest, ImportError> {
    let manifest: ImageManifest = serde_json::from_slice(bytes).map_err(|e| document("the manifest", e))?;
    let layers = manifest.layers().iter().map(named);
    let annotations = manifest.annotations().clone().unwrap_or_default();
    Ok(Manifest {
        bytes: Some(bytes.to_vec()),
        config: named(manifest.config())?,
        layers: layers.collect::<Result<_, _>>()?,
        annotations: annotations.into_iter().collect(),
    })
}

fn docker(text: &[u8], wanted: Option<&str>) -> Result<Choice, ImportError> {
    let images: Vec<DockerImage> = serde_json::from_slice(text).map_err(|e| document("manifest.json", e))?;
    let image = pick(&images, wanted, |image| image.tags.clone().unwrap_or_default())?;
    let of = |file: &String| Named { file: file.clone(), sum: None };
    let manifest = Manifest {
        bytes: None,
        config: of(&image.config),
        layers: image.layers.iter().map(of).collect(),
        annotations: BTreeMap::new(),
    };
    let reference = image.tags.iter().flatten().next().cloned();
    Ok(Choice { reference, manifests: vec![manifest], index: None, whole: true, referrers: Vec::new() })
}

/// The one that is called `wanted`, or the only one.
fn pick<'a, T>(
    all: &'a [T],
    wanted: Option<&str>,
    names: impl Fn(&T) -> Vec<String>,
) -> Result<&'a T, ImportError> {
    let called = |it: &T| match names(it) {
        names if names.is_empty() => "one without a name".to_owned(),
        names => names.join(", "),
    };
    let shown = || match all.is_empty() {
        true => "none".to_owned(),
        false => all.iter().take(20).map(called).collect::<Vec<_>>().join(", "),
    };
    match (wanted, all) {
        (Some(wanted), _) => {
            let found = all.iter().find(|it| names(it).iter().any(|name| name == wanted));
            found.ok_or_else(|| ImportError::NoImage { wanted: wanted.to_owned(), names: shown() })
        }
        (None, [one]) => Ok(one),
        (None, []) => Err(ImportError::Amount { what: "no manifest" }),
        (None, _) => Err(ImportError::Several { names: shown() }),
    }
}
