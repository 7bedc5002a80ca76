//! What a build left in an output, looked at before it is stored: a tree holds files, directories and links, and an
//! output holds nothing that is of the machine that it was built on.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

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
    /// It names a place of this machine.
    #[error("{path} holds the path of the build's folder on this machine")]
    Host {
        /// Where.
        path: PathBuf,
    },
    /// It cannot be looked at.
    #[error("{path} cannot be looked at: {source}")]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Looks at the output `name`, which lies in `folder` and which the build sees at `shown`. `host` is the path of the
/// build's folder on this machine, which nothing may hold. Makes readable what its owner may not read: modes are no
/// part of an output.
///
/// # Errors
/// See [`Refused`].
pub fn check(name: &str, folder: &Path, shown: &str, host: &Path) -> Result<(), Refused> {
    let mut looking = Looking { folder, shown, host: host.as_os_str().as_bytes() };
    let empty = looking.directory(Path::new(""), 0)? == 0;
    match empty {
        true => Err(Refused::Empty { output: name.to_owned(), path: shown.to_owned() }),
        false => Ok(()),
    }
}

struct Looking<'a> {
    folder: &'a Path,
    shown: &'a str,
    host: &'a [u8],
}

impl Looking<'_> {
    fn shown(&self, path: &Path) -> PathBuf {
        Path::new(self.shown).join(path)
    }

    fn failed<'a>(&'a self, path: &'a Path) -> impl Fn(io::Error) -> Refused + 'a {
        move |source| Refused::Read { path: self.shown(path), source }
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
        let kind = meta.file_type();
        if kind.is_dir() {
            return self.directory(path, depth + 1).map(drop);
        }
        if kind.is_symlink() {
            let target = fs::read_link(self.folder.join(path)).map_err(self.failed(path))?;
            return self.link(path, target);
        }
        if !kind.is_file() {
            let kind = match kind {
                kind if kind.is_socket() => "a socket",
                kind if kind.is_fifo() => "a named pipe",
                kind if kind.is_block_device() => "a block device",
                _ => "a character device",
            };
            return Err(Refused::Kind { path: self.shown(path), kind });
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
        match holds(file, self.host).map_err(self.failed(path))? {
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

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(text, wanted).is_some()
}

/// Whether `wanted` is among all bytes of a file.
fn holds(mut file: File, wanted: &[u8]) -> io::Result<bool> {
    let finder = memchr::memmem::Finder::new(wanted);
    let mut window = vec![0; 1 << 18];
    let mut kept = 0;
    loop {
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
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const HOST: &str = "/somewhere/builds/0123456789abcdef";

    fn refused(make: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        check("out", folder.path(), "/out", Path::new(HOST)).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_output_is_refused() {
        assert_eq!(refused(|_| {}), "output out is empty: nothing was put into /out");
    }

    #[test]
    fn what_no_tree_can_hold_is_refused_by_name() {
        let socket = |at: &Path| drop(std::os::unix::net::UnixListener::bind(at.join("s")).unwrap());
        assert_eq!(refused(socket), "/out/s is a socket, which no output can have");
        let pipe = |at: &Path| {
            nix::unistd::mkfifo(&at.join("p"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        };
        assert_eq!(refused(pipe), "/out/p is a named pipe, which no output can have");
        for (mode, kind) in [(0o4755, "set-user-ID"), (0o2755, "set-group-ID")] {
            let said = refused(|at| {
                fs::write(at.join("x"), "x").unwrap();
                fs::set_permissions(at.join("x"), fs::Permissions::from_mode(mode)).unwrap();
            });
            assert_eq!(said, format!("/out/x is {kind} (mode {mode:o}), which no output can be"));
        }
    }

    #[test]
    fn links_that_lead_out_are_refused_and_others_are_not() {
        for (target, why) in [
            ("..", "leads out of the output"),
            ("../x", "leads out of the output"),
            ("a/../../x", "leads out of the output"),
            ("/out/x", "is there only while it is built"),
            ("/build", "is there only while it is built"),
            ("/tmp/x", "is there only while it is built"),
        ] {
            let said = refused(|at| symlink(target, at.join("link")).unwrap());
            assert_eq!(said, format!("/out/link links to {target}, which {why}"));
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("d")).unwrap();
        for (at, target) in [("a", "b"), ("b", "/usr/bin/b"), ("d/c", "../b"), ("d/e", "/dev/null")] {
            symlink(target, folder.path().join(at)).unwrap();
        }
        check("out", folder.path(), "/out", Path::new(HOST)).unwrap();
    }

    #[test]
    fn the_builds_folder_on_this_machine_is_found_wherever_it_stands() {
        for before in [0, 1, (1 << 18) - 5, 1 << 18, 600_000] {
            let said = refused(|at| {
                let text = [&vec![b'x'; before][..], HOST.as_bytes(), b"/build/x"].concat();
                fs::write(at.join("file"), text).unwrap();
            });
            assert_eq!(said, "/out/file holds the path of the build's folder on this machine", "{before}");
        }
        let said = refused(|at| symlink(format!("{HOST}/out/x"), at.join("link")).unwrap());
        assert_eq!(said, "/out/link holds the path of the build's folder on this machine");
    }

    #[test]
    fn what_may_not_be_read_is_made_readable() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("d");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("x"), "x").unwrap();
        fs::set_permissions(inner.join("x"), fs::Permissions::from_mode(0o100)).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0)).unwrap();
        check("out", folder.path(), "/out", Path::new(HOST)).unwrap();
        assert_eq!(fs::metadata(inner.join("x")).unwrap().mode() & 0o700, 0o500);
    }
}
