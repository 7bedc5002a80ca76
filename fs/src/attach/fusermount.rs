//! `fusermount3`, of libfuse: it mounts for users, and hands the device back through a socket
//! (fusermount3(1); libfuse's util/fusermount.c).

use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::IoSliceMut;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType, recvmsg,
    socketpair,
};

use super::{AttachError, Attached, DetachError, How};

/// Names that the program has had, the best first.
const NAMES: [&str; 2] = ["fusermount3", "fusermount"];

/// Runs the first that exists.
fn run(configure: impl Fn(&mut Command)) -> io::Result<std::process::Output> {
    for name in NAMES {
        let mut command = Command::new(name);
        configure(command.stdin(Stdio::null()));
        match command.output() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

pub(super) fn attach(path: &Path, store: &Path) -> Result<Attached, AttachError> {
    let failed = |e: io::Error| AttachError::Helper { said: e.to_string() };
    // Its end must be open in the helper: no close-on-exec.
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)
        .map_err(|e| failed(e.into()))?;
    let output = run(|command| {
        // Only this user may access it, unless /etc/fuse.conf differs: allow_other is not requested.
        let mut options = OsString::from("ro,nosuid,nodev,default_permissions,subtype=stele,fsname=");
        options.push(OsStr::from_bytes(&escape(store.as_os_str().as_bytes())));
        command
            .arg("-o")
            .arg(options)
            .arg("--")
            .arg(path)
            .env("_FUSE_COMMFD", theirs.as_raw_fd().to_string());
    });
    drop(theirs);
    let output = match output {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(AttachError::NotAllowed),
        other => other.map_err(failed)?,
    };
    let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if !output.status.success() {
        return Err(AttachError::Helper { said: said() });
    }
    let device = receive(&ours).map_err(failed)?;
    Ok(Attached { device: device.ok_or_else(|| AttachError::Helper { said: said() })?, how: How::Helper })
}

/// A comma within an option is escaped with a backslash.
fn escape(text: &[u8]) -> Vec<u8> {
    text.iter()
        .flat_map(|&byte| [Some(b'\\').filter(|_| b",\\".contains(&byte)), Some(byte)])
        .flatten()
        .collect()
}

/// The descriptor that comes with the one byte that the helper sends.
fn receive(socket: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0; 1];
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let rights = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok(rights)
}

pub(super) fn detach(path: &Path, lazy: bool) -> Result<(), DetachError> {
    let failed = |source| DetachError::Unmount { path: path.to_owned(), source };
    let output = run(|command| {
        command.arg(if lazy { "-uz" } else { "-u" }).arg("--").arg(path);
    })
    .map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if said.contains("busy") {
        return Err(DetachError::Busy { path: path.to_owned() });
    }
    Err(failed(io::Error::other(said)))
}
