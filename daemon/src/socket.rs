//! The socket in the store's folder.
//!
//! A socket's path has at most 107 bytes (unix(7), `sun_path`). If that of a store's folder is longer, the socket is
//! reached through a descriptor of the folder.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};

/// The daemon's socket, in the store's folder.
pub const NAME: &str = "socket";

/// The identity of the socket of that name: its inode.
pub fn number(store: &Path, name: &str) -> Option<u64> {
    number_at(&store.join(name))
}

/// Removes the socket, unless it has been replaced by that of a process that took over, or of another store at the
/// same path.
pub fn remove(store: &Path, name: &str, own: Option<u64>) {
    if let Some(own) = own {
        remove_at(&store.join(name), own);
    }
}

/// The identity of the socket at a path: its inode.
pub(crate) fn number_at(path: &Path) -> Option<u64> {
    std::fs::symlink_metadata(path).ok().map(|meta| meta.ino())
}

/// Removes the socket at a path, unless another has taken its place.
pub(crate) fn remove_at(path: &Path, own: u64) {
    if number_at(path) == Some(own) {
        drop(std::fs::remove_file(path));
    }
}

/// Calls `with` with a short enough path of the file `name` in `store`.
fn short<T>(store: &Path, name: &str, with: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let plain = store.join(name);
    if plain.as_os_str().len() < 100 {
        return with(&plain);
    }
    let folder = File::open(store)?;
    with(Path::new(&format!("/proc/self/fd/{}/{name}", folder.as_raw_fd())))
}

/// Connects to the daemon, if one listens.
pub(crate) fn connect(store: &Path) -> io::Result<UnixStream> {
    connect_to(store, NAME)
}

/// Connects to the socket of that name, when it is this user who listens there: the path may lead elsewhere by now than
/// when its owner was looked at.
pub fn connect_to(store: &Path, name: &str) -> io::Result<UnixStream> {
    let stream = short(store, name, |path| UnixStream::connect(path))?;
    match other_user(&stream)? {
        None => Ok(stream),
        Some(user) => {
            let message =
                format!("the process that listens on {} is of user {user}", store.join(name).display());
            Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
        }
    }
}

/// Takes the next connection. One of another user is hung up on: the socket's mode keeps others out, and this does when
/// somebody has changed it.
pub fn accept(listener: &UnixListener) -> io::Result<Option<UnixStream>> {
    match accept_any(listener)? {
        (stream, None) => Ok(Some(stream)),
        (_, Some(user)) => {
            tracing::warn!("a connection of user {user} was refused");
            Ok(None)
        }
    }
}

/// Takes the next connection, and says of which other user it is, if it is of another one.
pub(crate) fn accept_any(listener: &UnixListener) -> io::Result<(UnixStream, Option<u32>)> {
    let (stream, _) = listener.accept()?;
    let user = other_user(&stream)?;
    Ok((stream, user))
}

/// Connects to a socket on which another user may listen: to one that was named by its own path, not by a store's.
pub(crate) fn connect_to_any(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

/// Listens on a path for all users of the machine, replacing a socket that nobody listens on any more.
pub(crate) fn listen_for_readers(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
    }
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// The user at the other end, as the kernel knows it (unix(7), SO_PEERCRED), when it is another one.
fn other_user(stream: &UnixStream) -> io::Result<Option<u32>> {
    let user = rustix::net::sockopt::socket_peercred(stream)?.uid;
    Ok((user != rustix::process::geteuid()).then(|| user.as_raw()))
}

/// Listens for the daemon's clients. Only the holder of the store's lock may call this: an existing socket is a dead
/// daemon's, and is replaced.
pub(crate) fn listen_for_clients(store: &Path) -> io::Result<UnixListener> {
    listen(store, NAME)
}

/// Listens on the socket of that name, replacing any existing one.
pub fn listen(store: &Path, name: &str) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    // Under another name first, so that no client connects before the permissions are set.
    let new = format!("{name}.new");
    let _ = std::fs::remove_file(store.join(&new));
    let listener = short(store, &new, |path| UnixListener::bind(path))?;
    std::fs::set_permissions(store.join(&new), std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(store.join(&new), store.join(name))?;
    Ok(listener)
}

/// Whether the other side has disconnected.
pub(crate) fn hung_up(stream: &UnixStream) -> bool {
    is_now(stream, PollFlags::RDHUP)
}

/// Whether the socket has room for a small message.
pub(crate) fn takes_more(stream: &UnixStream) -> bool {
    is_now(stream, PollFlags::OUT)
}

fn is_now(stream: &UnixStream, what: PollFlags) -> bool {
    let mut fds = [PollFd::new(stream, what)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok_and(|n| n > 0)
}
