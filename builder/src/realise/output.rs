//! Checks a build's outputs before they are stored: a tree holds files, directories and links, and an output
//! contains nothing that depends on the machine that built it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use stele_store::{Cancelled, Progress};

/// Why an output is refused. Paths are as in the sandbox.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is empty.
    #[error("output {output} is empty: nothing was put into {path}")]
    Empty {
        /// The output.
        output: String,
        /// The path that the build should have filled.
        path: String,
    },
    /// A tree cannot hold this kind.
    #[error("{path} is {kind}, which no output can have")]
    Kind {
        /// The path.
        path: PathBuf,
        /// The kind.
        kind: &'static str,
    },
    /// It would run with its owner's or group's privileges.
    #[error("{path} is {kind} (mode {mode:o}), which no output can be")]
    Privileged {
        /// The path.
        path: PathBuf,
        /// The kind: set-user-ID or set-group-ID.
        kind: &'static str,
        /// Its mode.
        mode: u32,
    },
    /// A link leads out of the output, or to a target that exists only during the build.
    #[error("{path} links to {target}, which {why}")]
    Link {
        /// The path.
        path: PathBuf,
        /// The target.
        target: PathBuf,
        /// The reason.
        why: &'static str,
    },
    /// It is not a directory, or lies below something that is not.
    #[error("{path} is {kind}, and an output is a directory")]
    NoDirectory {
        /// The path.
        path: PathBuf,
        /// The kind.
        kind: &'static str,
    },
    /// Reading it would take too long.
    #[error("{path} and the files before it exceed {} GiB, holes included", max >> 30)]
    Large {
        /// Where the limit was reached.
        path: PathBuf,
        /// The maximum size of all outputs.
        max: u64,
    },
    /// It contains a path of this machine.
    #[error("{path} holds the path of the build's folder on this machine")]
    Host {
        /// The path.
        path: PathBuf,
    },
    /// It is deeper than any path can name (PATH_MAX).
    #[error("below {path} directories are nested deeper than any path can name")]
    Deep {
        /// The topmost directories.
        path: PathBuf,
    },
    /// The request was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// It cannot be examined.
    #[error("{path} cannot be examined: {source}")]
    Read {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// The maximum size of all outputs of a build, in bytes. A file with holes takes no space, but is hashed as a
/// whole.
pub(super) const MAX_BYTES: u64 = 64 << 30;

/// Checks the outputs of one build.
pub(super) struct Check<'a> {
    /// The build's folder on this machine, whose path no output may contain.
    host: &'a Path,
    progress: &'a Progress,
    /// The sizes of all files so far.
    bytes: u64,
}

impl<'a> Check<'a> {
    /// Nothing was checked yet.
    pub fn new(host: &'a Path, progress: &'a Progress) -> Self {
        Self { host, progress, bytes: 0 }
    }

    /// Checks the output `name`, which is at `shown` in the sandbox. Makes unreadable files readable: modes are
    /// not part of an output.
    ///
    /// No process of the build is left, so what was checked stays unchanged. Links stay as well: none is
    /// followed.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn output(&mut self, name: &str, shown: &str) -> Result<(), Refused> {
        let host = self.host;
        let folder = host.join(shown.trim_start_matches('/'));
        let empty = || Refused::Empty { output: name.to_owned(), path: shown.to_owned() };
        let mut at = host.to_owned();
        for part in Path::new(shown).components().filter(|it| matches!(it, Component::Normal(_))) {
            at.push(part);
            let seen = || Path::new("/").join(at.strip_prefix(host).unwrap_or(&at));
            match fs::symlink_metadata(&at) {
                Ok(meta) if meta.is_dir() => {}
                Ok(meta) => return Err(Refused::NoDirectory { path: seen(), kind: kind(meta.file_type()) }),
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(empty()),
                Err(source) => return Err(Refused::Read { path: seen(), source }),
            }
        }
        let name = end(host);
        let host = name.as_os_str().as_bytes();
        let mut looking =
            Looking { folder: &folder, shown, host, bytes: self.bytes, progress: self.progress };
        let is_empty = looking.directory(Path::new(""), 0)? == 0;
        self.bytes = looking.bytes;
        match is_empty {
            true => Err(empty()),
            false => Ok(()),
        }
    }
}

/// The name of a kind other than a directory.
fn kind(kind: fs::FileType) -> &'static str {
    match kind {
        kind if kind.is_file() => "a file",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_block_device() => "a block device",
        _ => "a character device",
    }
}

struct Looking<'a> {
    folder: &'a Path,
    shown: &'a str,
    host: &'a [u8],
    bytes: u64,
    progress: &'a Progress,
}

impl Looking<'_> {
    fn shown(&self, path: &Path) -> PathBuf {
        Path::new(self.shown).join(path)
    }

    fn failed<'a>(&'a self, path: &'a Path) -> impl Fn(io::Error) -> Refused + 'a {
        move |source| match source.kind() {
            // The whole path would fill a screen and add nothing.
            io::ErrorKind::InvalidFilename => {
                Refused::Deep { path: self.shown(path).components().take(4).collect() }
            }
            _ => Refused::Read { path: self.shown(path), source },
        }
    }

    /// Returns the number of its entries.
    fn directory(&mut self, path: &Path, depth: usize) -> Result<usize, Refused> {
        // The import reports excessive depth; here only the stack matters.
        if depth > stele_store::model::MAX_DEPTH {
            return Ok(1);
        }
        let real = self.folder.join(path);
        let meta = fs::symlink_metadata(&real).map_err(self.failed(path))?;
        if meta.mode() & 0o500 != 0o500 {
            fs::set_permissions(&real, fs::Permissions::from_mode(meta.mode() & 0o777 | 0o700))
                .map_err(self.failed(path))?;
        }
        let mut count = 0;
        for entry in fs::read_dir(&real).map_err(self.failed(path))? {
            let entry = entry.map_err(self.failed(path))?;
            let below = path.join(entry.file_name());
            let meta = entry.metadata().map_err(self.failed(&below))?;
            self.entry(&below, &meta, depth)?;
            count += 1;
        }
        Ok(count)
    }

    fn entry(&mut self, path: &Path, meta: &fs::Metadata, depth: usize) -> Result<(), Refused> {
        self.progress.check()?;
        let file_type = meta.file_type();
        if file_type.is_dir() {
            return self.directory(path, depth + 1).map(drop);
        }
        if file_type.is_symlink() {
            let target = fs::read_link(self.folder.join(path)).map_err(self.failed(path))?;
            return self.link(path, target);
        }
        if !file_type.is_file() {
            return Err(Refused::Kind { path: self.shown(path), kind: kind(file_type) });
        }
        self.bytes = self.bytes.saturating_add(meta.size());
        if self.bytes > MAX_BYTES {
            return Err(Refused::Large { path: self.shown(path), max: MAX_BYTES });
        }
        for (bit, kind) in [(0o4000, "set-user-ID"), (0o2000, "set-group-ID")] {
            if meta.mode() & bit != 0 {
                return Err(Refused::Privileged { path: self.shown(path), kind, mode: meta.mode() & 0o7777 });
            }
        }
        let real = self.folder.join(path);
        if meta.mode() & 0o400 == 0 {
            fs::set_permissions(&real, fs::Permissions::from_mode(meta.mode() & 0o777 | 0o400))
                .map_err(self.failed(path))?;
        }
        let file = File::open(&real).map_err(self.failed(path))?;
        let held = holds(file, self.host, self.progress).map_err(self.failed(path))?;
        self.progress.check()?;
        match held {
            true => Err(Refused::Host { path: self.shown(path) }),
            false => Ok(()),
        }
    }

    fn link(&self, path: &Path, target: PathBuf) -> Result<(), Refused> {
        let refused = |why| Err(Refused::Link { path: self.shown(path), target: target.clone(), why });
        if contains(target.as_os_str().as_bytes(), self.host) {
            return Err(Refused::Host { path: self.shown(path) });
        }
        if let Ok(below) = target.strip_prefix("/") {
            // An absolute link is followed in the root into which the output is merged.
            let top = below.components().next().map(|it| it.as_os_str().as_bytes().to_vec());
            return match top.as_deref() {
                Some(b"build" | b"out" | b"tmp" | b"src") => refused("is there only while it is built"),
                _ => Ok(()),
            };
        }
        let mut depth = path.components().count() - 1;
        for component in target.components() {
            match component {
                Component::ParentDir if depth == 0 => return refused("leads out of the output"),
                Component::ParentDir => depth -= 1,
                Component::Normal(_) => depth += 1,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The end of a build's folder, which is part of every path to it that a build can read: proc_pid_mountinfo(5)
/// shows paths within the filesystem, and the store may have its own filesystem.
fn end(host: &Path) -> PathBuf {
    let parent = host.parent().and_then(Path::file_name).unwrap_or_default();
    Path::new(parent).join(host.file_name().unwrap_or_default())
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(text, wanted).is_some()
}

/// Whether a file contains `wanted`; no, once the request is cancelled.
fn holds(mut file: File, wanted: &[u8], progress: &Progress) -> io::Result<bool> {
    let finder = memchr::memmem::Finder::new(wanted);
    let mut window = vec![0; 1 << 18];
    let mut kept = 0;
    while progress.check().is_ok() {
        // Skip holes. Where the filesystem does not report them, they are read.
        let at = rustix::fs::tell(&file)?;
        match rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(at)) {
            Ok(data) if data > at => kept = 0,
            Err(rustix::io::Errno::NXIO) => return Ok(false),
            _ => {}
        }
        let read = match file.read(&mut window[kept..]) {
            Ok(0) => return Ok(false),
            Ok(read) => kept + read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if finder.find(&window[..read]).is_some() {
            return Ok(true);
        }
        // A possible prefix of a match is searched again with what follows.
        let tail = read.min(wanted.len().saturating_sub(1));
        window.copy_within(read - tail..read, 0);
        kept = tail;
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
