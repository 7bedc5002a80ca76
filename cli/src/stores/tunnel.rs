//! A socket here that leads to a daemon on another machine, by way of ssh: for a daemon that asks other stores and has
//! no network of its own.

use std::fs::{DirBuilder, File};
use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use tempfile::TempDir;

use stele::Quiet;
use stele::failure::{Failure, Kind};
use stele_daemon::client::Client;
use stele_daemon::socket::{NAME, connect_to};

use super::far::begin;
use super::location::Ssh;
use crate::relay::relay;
use crate::render::{self, Noted};

/// Such a socket. Connections to it go on until this process ends; new ones need it.
#[derive(Debug)]
pub struct Tunnel {
    _folder: TempDir,
    socket: PathBuf,
}

impl Tunnel {
    /// Begins to listen. ssh is run for each connection.
    ///
    /// # Errors
    /// When no socket can be made.
    pub fn to(far: &Ssh) -> Result<Self, Failure> {
        let failed = |error: &io::Error| Failure::io("no socket for ssh could be made", error);
        let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
        // Its name is shown; this user alone may connect.
        let own = folder.path().join("ssh");
        DirBuilder::new().mode(0o700).create(&own).map_err(|error| failed(&error))?;
        let name: String = far.host.chars().map(|c| if c == '/' { '_' } else { c }).take(40).collect();
        let socket = own.join(name);
        let listener = UnixListener::bind(&socket).map_err(|error| failed(&error))?;
        let far = far.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let far = far.clone();
                thread::spawn(move || {
                    if let Err(failure) = lead(&far, stream) {
                        render::note(&failure.message);
                    }
                });
            }
        });
        Ok(Self { _folder: folder, socket })
    }

    /// The socket's path.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

/// Connects a stream to the daemon there.
fn lead(far: &Ssh, stream: UnixStream) -> Result<(), Failure> {
    let other = stream.try_clone().map_err(|error| Failure::io("no descriptor", &error))?;
    let (stdin, stdout) = (OwnedFd::from(stream), OwnedFd::from(other));
    let mut child = begin(far, "daemon connect", Stdio::from(stdin), Stdio::from(stdout))?;
    let _ = child.wait();
    Ok(())
}

/// Connects stdin and stdout to the daemon of a store, which is started if none runs, until it ends the connection.
///
/// # Errors
/// When there is no store, or no daemon can be reached.
pub fn connect_streams(store: &Path) -> Result<(), Failure> {
    let client = Client::connect(store, true, &mut Noted(Quiet))?;
    if let Client::Here(_) = client {
        return Err(Failure::new(Kind::Failed, "a store on a read-only disk has no daemon"));
    }
    let failed = |error: io::Error| Failure::io("the daemon does not answer", &error);
    let to = connect_to(store, NAME).map_err(failed)?;
    drop(client);
    let from = to.try_clone().map_err(failed)?;
    thread::spawn(move || {
        relay(io::stdin().lock(), &to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let out = File::from(rustix::io::dup(rustix::stdio::stdout()).map_err(|e| failed(e.into()))?);
    // Either side may end it.
    relay(from, out);
    Ok(())
}
