//! Reaching a daemon that runs, and the first messages in each direction.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use stele::failure::{Failure, Kind};

use super::{Connection, PATIENCE};
use crate::protocol::{Hello, MAX_ANSWER, receive_message, send};
use crate::socket;

/// The most bytes of an answer of a daemon that may be another user's.
const MAX_OTHERS: usize = 64 << 20;

/// The daemon that listens on a socket, of any user.
///
/// # Errors
/// When none does, or one of another build.
pub fn at_socket(path: &Path) -> Result<Connection, Failure> {
    let greeted = socket::connect_to_any(path).and_then(greet_on);
    let connection = greeted.map_err(|e| match e.kind() {
        io::ErrorKind::PermissionDenied => Failure::io("the socket is not for this user", &e),
        _ if is_nobody(&e) => Failure::new(Kind::Failed, "no daemon listens on its socket")
            .hint("name the store's folder: then its daemon is started"),
        _ => Failure::io("the daemon does not answer", &e),
    })?;
    Ok(of_this_build(connection)?.bounded(MAX_OTHERS))
}

/// The same connection, if the daemon is of this same build.
///
/// # Errors
/// When it is of another.
pub(crate) fn of_this_build(connection: Connection) -> Result<Connection, Failure> {
    if connection.welcome.is_of_this_build() {
        return Ok(connection);
    }
    let other = stele::Untrusted(&connection.welcome.stele).to_string();
    Err(Failure::new(
        Kind::Failed,
        format!("its daemon is another build of stele ({other:.40}) than this one"),
    )
    .or_hint("install the same one for both"))
}

/// Connects to a running daemon and exchanges versions.
pub(super) fn greet(store: &Path) -> io::Result<Connection> {
    greet_on(socket::connect(store)?)
}

fn greet_on(mut stream: UnixStream) -> io::Result<Connection> {
    // A daemon that hangs must not block its clients.
    stream.set_read_timeout(Some(PATIENCE))?;
    send(&mut stream, &Hello::of_this_build())?;
    let welcome = receive_message(&mut stream)?;
    stream.set_read_timeout(None)?;
    Ok(Connection { stream, welcome, max: MAX_ANSWER })
}

/// Whether the error means that no daemon is running, or that it is just ending.
pub(super) fn is_nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe | UnexpectedEof)
}

/// The running daemon of `store`, of any version.
pub fn existing(store: &Path) -> Result<Option<Connection>, Failure> {
    match greet(store) {
        Ok(connection) => Ok(Some(connection)),
        Err(e) if is_nobody(&e) => Ok(None),
        Err(e) => Err(Failure::io("the daemon does not answer", &e)),
    }
}
