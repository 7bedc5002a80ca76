//! Descriptors received from a client, one for each path in its request.
//!
//! Each path is replaced by one of `/proc/PID/fd`, which this process and the helpers that it starts resolve to what
//! the client opened. In outgoing messages and events, the client's own path is restored.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use stele::reference::{from_wire, to_wire};
use stele::{PathUse, Request};

/// The descriptors that a client passed for one request.
#[derive(Default)]
pub(super) struct Handed {
    /// The path of each descriptor, and the client's own. The longest first: one may be a prefix of another.
    paths: Vec<(String, String)>,
    _fds: Vec<OwnedFd>,
}

impl Handed {
    /// Replaces the paths of `request` by those of the descriptors, one for each.
    ///
    /// # Errors
    /// When there are more paths than descriptors.
    pub(super) fn take(request: &mut Request, fds: Vec<OwnedFd>) -> io::Result<Self> {
        let mut paths = request.paths_mut();
        if paths.len() != fds.len() {
            return Err(invalid());
        }
        let mut handed = Self::default();
        for ((usage, path), fd) in paths.iter_mut().zip(fds) {
            handed.put(*usage, path, fd)?;
        }
        Ok(handed)
    }

    /// The same for a recipe tree.
    ///
    /// # Errors
    /// When `tree` is not a path.
    pub(super) fn take_tree(tree: &mut String, fd: OwnedFd) -> io::Result<Self> {
        let mut handed = Self::default();
        handed.put(PathUse::Tree, tree, fd)?;
        Ok(handed)
    }

    fn put(&mut self, usage: PathUse, path: &mut String, fd: OwnedFd) -> io::Result<()> {
        let own = from_wire(path).map_err(|_| invalid())?;
        let opened = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd()));
        let (stands, shown): (PathBuf, &Path) = match (usage, own.parent(), own.file_name()) {
            (PathUse::Create, Some(parent), Some(name)) => (opened.join(name), parent),
            _ => (opened.clone(), &own),
        };
        *path = to_wire(OsStr::from_bytes(stands.as_os_str().as_bytes()));
        self.paths.push((opened.display().to_string(), shown.display().to_string()));
        self.paths.sort_by_key(|(opened, _)| std::cmp::Reverse(opened.len()));
        self._fds.push(fd);
        Ok(())
    }

    /// Restores the client's paths in every text of a message.
    pub(super) fn restore(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                for (opened, own) in &self.paths {
                    if text.contains(opened) {
                        *text = text.replace(opened, own);
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.restore(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.restore(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether there is anything to restore.
    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a request lacks a descriptor for each of its paths")
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn add(path: &str) -> Request {
        Request::Add { path: path.to_owned(), root: None, keep_seconds: 0 }
    }

    #[test]
    fn a_request_without_its_descriptors_is_refused() {
        assert!(Handed::take(&mut add("/etc"), Vec::new()).is_err());
        let spare = File::open("/").unwrap().into();
        assert!(Handed::take(&mut Request::Stats {}, vec![spare]).is_err());
    }

    #[test]
    fn a_path_is_that_of_the_descriptor_and_restored_in_replies() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "content").unwrap();
        let mut request = add("/somewhere/else");
        let handed =
            Handed::take(&mut request, vec![File::open(folder.path().join("file")).unwrap().into()]).unwrap();
        let Request::Add { path, .. } = &request else { unreachable!() };
        assert_eq!(std::fs::read(path).unwrap(), b"content");
        let mut message = serde_json::json!({ "message": format!("{path} is a socket"), "list": [path] });
        handed.restore(&mut message);
        assert_eq!(
            message,
            serde_json::json!({ "message": "/somewhere/else is a socket", "list": ["/somewhere/else"] })
        );
    }

    #[test]
    fn new_files_are_created_below_the_folder_that_the_client_opened() {
        let folder = tempfile::tempdir().unwrap();
        let mut request = Request::Export { reference: String::new(), to: "/gone/copy".to_owned(), umask: 0 };
        let handed = Handed::take(&mut request, vec![File::open(folder.path()).unwrap().into()]).unwrap();
        let Request::Export { to, .. } = &request else { unreachable!() };
        std::fs::write(to, "made").unwrap();
        assert_eq!(std::fs::read(folder.path().join("copy")).unwrap(), b"made");
        let mut message = Value::String(format!("{to} is there already"));
        handed.restore(&mut message);
        assert_eq!(message, "/gone/copy is there already");
    }
}
