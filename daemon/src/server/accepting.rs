//! Opening the store, and taking connections: by the store's own socket, and by one for all users.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use tracing::{error, info, warn};

use stele_store::{OpenError, Store};

use super::Server;
use super::rights::Rights;
use crate::client::existing;
use crate::socket;

/// The pause after a connection could not be accepted.
const TICK: Duration = Duration::from_millis(100);
/// How long a service waits for the daemon before it.
const TAKEOVER: Duration = Duration::from_secs(60);

/// A socket for the other users of the machine.
pub enum Door {
    /// It is made at this path.
    Path(PathBuf),
    /// The program that started this one, such as systemd, listens on it already: descriptor 3 (sd_listen_fds(3)).
    Inherited,
}

impl Door {
    pub(super) fn listen(&self) -> io::Result<UnixListener> {
        match self {
            Self::Path(path) => socket::listen_for_readers(path),
            Self::Inherited => crate::sys::inherited_listener(),
        }
    }
}

/// Opens the store. A service takes it over from a daemon that a command started, when that has nothing to do.
pub(super) fn open(path: &Path, is_service: bool) -> Result<Store, OpenError> {
    let begun = Instant::now();
    loop {
        match Store::open(path) {
            Err(OpenError::Locked { .. }) if is_service && begun.elapsed() < TAKEOVER => {
                // Not while it works for its owner: a stranger may have woken this service.
                if let Ok(Some(daemon)) = existing(path)
                    && daemon.welcome.working == 0
                {
                    let _ = daemon.stop(false);
                }
                thread::sleep(TICK);
            }
            opened => return opened,
        }
    }
}

pub(super) fn accept(
    server: &Arc<Server>,
    listener: &UnixListener,
    public: Option<&UnixListener>,
    woken: &UnixStream,
) {
    while !server.ending.load(Ordering::SeqCst) {
        let left = server.until_idle();
        if left.is_zero() {
            info!("idle for {} s: ending", server.idle.as_secs());
            break;
        }
        let mut fds = vec![
            PollFd::new(listener, PollFlags::IN),
            PollFd::from_borrowed_fd(woken.as_fd(), PollFlags::IN),
        ];
        fds.extend(public.map(|public| PollFd::new(public, PollFlags::IN)));
        let timeout = rustix::event::Timespec::try_from(left.min(Duration::from_secs(3600))).ok();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => {
                error!("poll failed: {e}");
                break;
            }
        }
        let (called, waiting) = (!fds[1].revents().is_empty(), fds[0].revents().contains(PollFlags::IN));
        let other = fds.get(2).is_some_and(|fd| fd.revents().contains(PollFlags::IN));
        if called {
            // Only that there was a wake-up counts, not how many.
            while matches!((&mut &*woken).read(&mut [0; 64]), Ok(1..)) {}
        }
        let accepted = match (waiting, public.filter(|_| other)) {
            (true, _) => socket::accept(listener)
                .map(|stream| stream.into_iter().for_each(|it| server.serve(it, Rights::Owner, None))),
            (false, Some(public)) => server.admit(public),
            (false, None) => Ok(()),
        };
        if let Err(e) = accepted {
            // Most likely too many descriptors are open: wait until a connection ends.
            warn!("a connection could not be accepted: {e}");
            thread::sleep(TICK);
        }
    }
    server.ending.store(true, Ordering::SeqCst);
}

impl Server {
    /// Takes a connection by the socket for all users. One too many of a user is hung up on.
    fn admit(self: &Arc<Self>, public: &UnixListener) -> io::Result<()> {
        let (stream, user) = socket::accept_any(public)?;
        match user.map(|user| (user, self.readers.enter(user))) {
            None => self.serve(stream, Rights::Owner, None),
            Some((_, Some(reading))) => {
                let rights = self.groups.rights(&stream)?;
                self.serve(stream, rights, Some(reading));
            }
            Some((user, None)) => warn!("user {user} has too many connections"),
        }
        Ok(())
    }
}
