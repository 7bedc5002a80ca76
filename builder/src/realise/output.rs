//! What a build left in an output, looked at before it is stored: a tree holds files, directories and links, and an
//! output holds nothing that is of the machine that it was built on.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use stele_store::{Cancelled, Progress};

/// Why an output is refused. Paths are as the build sees them.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Nothing is in it.
    #[error("output {output} is empty: nothing was put into {path}")]
    Empty {
        /// Which.
        output: String,
        /// Where the build should have put something.
        path: String,
    },
    /// A tree has no such thing.
    #[error("{path} is {kind}, which no output can have")]
    Kind {
        /// Where.
        path: PathBuf,
        /// What.
        kind: &'static str,
    },
    /// It would run with the rights of its owner or group.
    #[error("{path} is {kind} (mode {mode:o}), which no output can be")]
    Privileged {
        /// Where.
        path: PathBuf,
        /// What: set-user-ID or set-group-ID.
        kind: &'static str,
        /// Its mode.
        mode: u32,
    },
    /// A link leads out of the output, or to where nothing is afterwards.
    #[error("{path} links to {target}, which {why}")]
    Link {
        /// Where.
        path: PathBuf,
        /// What it says.
        target: PathBuf,
        /// Why it must not.
        why: &'static str,
    },
    /// It is no directory, or lies behind something that is none.
    #[error("{path} is {kind}, and an output is a directory")]
    NoDirectory {
        /// Where.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// To read it would take too long.
    #[error("{path} and what was looked at before it are more than {} GiB, holes included", max >> 30)]
    Large {
        /// Where the limit was met.
        path: PathBuf,
        /// The most bytes of an output.
        max: u64,
    },
    /// It names a place of this machine.
    #[error("{path} holds the path of the build's folder on this machine")]
    Host {
        /// Where.
        path: PathBuf,
    },
    /// It is deeper than a path can say (PATH_MAX).
    #[error("below {path} directories lie in each other deeper than a path can say")]
    Deep {
        /// Where it begins.
        path: PathBuf,
    },
    /// The request was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// It cannot be looked at.
    #[error("{path} cannot be looked at: {source}")]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The most bytes of all outputs of a build. A file with holes takes no room, and all of it is hashed.
pub(super) const MAX_BYTES: u64 = 64 << 30;

/// Looks at the outputs of one build.
pub(super) struct Check<'a> {
    /// The build's folder on this machine, whose path nothing may hold.
    host: &'a Path,
    progress: &'a Progress,
    /// The sizes of all files so far.
    bytes: u64,
}

impl<'a> Check<'a> {
    /// Nothing was looked at yet.
    pub fn new(host: &'a Path, progress: &'a Progress) -> Self {
        Self { host, progress, bytes: 0 }
    }

    /// Looks at the output `name`, which the build sees at `shown`. Makes readable what its owner may not read: modes
    /// are no part of an output.
    ///
    /// No process of the build is left, so what was looked at stays as it is. Links do not go away: none is followed.
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

/// What something is that is no file.
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
            // The whole of it would fill a screen and say no more.
            io::ErrorKind::InvalidFilename => {
                Refused::Deep { path: self.shown(path).components().take(4).collect() }
            }
            _ => Refused::Read { path: self.shown(path), source },
        }
    }

    /// How many entries it has.
    fn directory(&mut self, path: &Path, depth: usize) -> Result<usize, Refused> {
        // The import says that it is too deep; here only the stack counts.
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
            // An absolute link is to be followed in the root that the output is merged into.
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

/// The end of a build's folder, which is in whatever a build can learn of it: proc_pid_mountinfo(5) says where
/// something is within its file system, and the store may have one of its own.
fn end(host: &Path) -> PathBuf {
    let parent = host.parent().and_then(Path::file_name).unwrap_or_default();
    Path::new(parent).join(host.file_name().unwrap_or_default())
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(text, wanted).is_some()
}

/// Whether `wanted` is among all bytes of a file; no, once that is not wanted any more.
fn holds(mut file: File, wanted: &[u8], progress: &Progress) -> io::Result<bool> {
    let finder = memchr::memmem::Finder::new(wanted);
    let mut window = vec![0; 1 << 18];
    let mut kept = 0;
    while progress.check().is_ok() {
        // Holes hold nothing. Where the file system does not tell where they are, they are read.
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
        // What may be its beginning is looked at again with what follows.
        let tail = read.min(wanted.len().saturating_sub(1));
        window.copy_within(read - tail..read, 0);
        kept = tail;
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
