//! The files of a layout or archive that an image comes from.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use stele_store::{Scratch, Store};

use super::choose::Named;
use super::untar::{Kind, Untar};
use super::{ImportError, unpack};
use crate::document::{digest_text, sum};
use crate::record::MAX_DOCUMENT;

/// Files that an archive may have.
const MAX_MEMBERS: usize = 100_000;
/// Links from one file of an archive to another.
const MAX_HOPS: usize = 10;
/// The most bytes of an archive that has to be unpacked before it can be read.
const MAX_SPOOL: u64 = 64 << 30;

/// An open layout or archive.
pub(super) enum OpenLayout {
    Folder { path: PathBuf, folder: OwnedFd },
    Archive { path: PathBuf, file: File, members: HashMap<Vec<u8>, Member> },
}

/// The bytes of a file, and how many there are.
type Opened = (Box<dyn Read>, u64);

pub(super) enum Member {
    File { at: u64, size: u64 },
    Link(Vec<u8>),
}

fn document(what: &str, why: impl std::fmt::Display) -> ImportError {
    ImportError::Document { what: what.to_owned(), why: why.to_string() }
}

impl OpenLayout {
    /// Opens the layout or archive at `path`. What has to be unpacked before it can be read goes to a scratch
    /// file of the store.
    pub(super) fn open(path: &Path, store: &Store) -> Result<Self, ImportError> {
        let fails = |source: io::Error| ImportError::File { path: path.to_owned(), source };
        let meta = std::fs::metadata(path).map_err(fails)?;
        if meta.is_dir() {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let folder = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|e| fails(e.into()))?;
            return Ok(Self::Folder { path: path.to_owned(), folder });
        }
        let unknown = |what: String| ImportError::Unknown { path: path.to_owned(), what };
        if !meta.is_file() {
            return Err(unknown("neither a folder nor a file".to_owned()));
        }
        let mut file = File::open(path).map_err(fails)?;
        let packed = unpack::sniff(&mut unpack::buffered(&file)).map_err(fails)?;
        file.rewind().map_err(fails)?;
        if packed != crate::encode::Compression::None {
            let mut spool = store.scratch()?;
            let (_, bytes) = unpack::unpacked(unpack::buffered(&file), 128 << 20).map_err(fails)?;
            let copied = spooled(&mut bytes.take(MAX_SPOOL + 1), &mut spool, &unknown)?;
            if copied > MAX_SPOOL {
                return Err(unknown(format!("packed, and unpacks to more than {MAX_SPOOL} bytes")));
            }
            file = spool.into_file();
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
            if members.len() > MAX_MEMBERS {
                return Err(unknown(format!("an archive of more than {MAX_MEMBERS} files")));
            }
        }
        Ok(Self::Archive { path: path.to_owned(), file, members })
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder { path, .. } | Self::Archive { path, .. } => path,
        }
    }

    /// A file in it, and its size. None when it is not there.
    pub(super) fn file(&self, name: &str) -> Result<Option<Opened>, ImportError> {
        let fails = |source: io::Error| ImportError::File { path: self.path().join(name), source };
        match self {
            Self::Folder { folder, .. } => {
                // What is elsewhere, behind a link, or never ends, is not of the layout.
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
                let file = match rustix::fs::openat2(folder, name, flags, Mode::empty(), within) {
                    Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
                    Err(rustix::io::Errno::XDEV) => {
                        return Err(fails(io::Error::other("its name leads out of the folder")));
                    }
                    file => File::from(file.map_err(|e| fails(e.into()))?),
                };
                let meta = file.metadata().map_err(fails)?;
                if !meta.is_file() {
                    return Err(fails(io::Error::other("it is no file")));
                }
                Ok(Some((Box::new(file), meta.len())))
            }
            Self::Archive { file, members, .. } => {
                // `./` in front means nothing, as in the names of the members themselves.
                let mut wanted = beside(b"", name.as_bytes());
                for _ in 0..MAX_HOPS {
                    match members.get(&wanted) {
                        None => return Ok(None),
                        Some(Member::Link(target)) => wanted = beside(&wanted, target),
                        Some(Member::File { at, size }) => {
                            let file = file.try_clone().map_err(fails)?;
                            return Ok(Some((Box::new(Slice { file, at: *at, left: *size }), *size)));
                        }
                    }
                }
                Err(fails(io::Error::other("it is a link that leads nowhere")))
            }
        }
    }

    pub(super) fn read(&self, name: &str, max: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let Some((file, size)) = self.file(name)? else { return Ok(None) };
        if size > max {
            return Err(document(name, format!("it has {size} bytes, more than {max}")));
        }
        let mut bytes = Vec::new();
        let fails = |source| ImportError::File { path: self.path().join(name), source };
        file.take(max).read_to_end(&mut bytes).map_err(fails)?;
        Ok(Some(bytes))
    }

    /// A document, compared with what is said of it.
    pub(super) fn document(&self, named: &Named) -> Result<Vec<u8>, ImportError> {
        let bytes = self.read(&named.file, MAX_DOCUMENT)?;
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
}

/// Copies all of `bytes`, and tells whose fault it is when that fails: the archive's, or the disk's.
fn spooled(
    bytes: &mut dyn Read,
    spool: &mut Scratch,
    unknown: &dyn Fn(String) -> ImportError,
) -> Result<u64, ImportError> {
    let (mut buffer, mut copied) = (vec![0; 256 << 10], 0);
    loop {
        let count = match bytes.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(unknown(format!("packed, and cannot be unpacked: {e}"))),
        };
        spool.write_all(&buffer[..count]).map_err(ImportError::Scratch)?;
        copied += count as u64;
    }
}

/// A part of a file. Whoever else reads the file is not disturbed: it has no place of its own.
struct Slice {
    file: File,
    at: u64,
    left: u64,
}

impl Read for Slice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.file.read_at(&mut buffer[..room], self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
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
