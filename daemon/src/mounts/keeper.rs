//! The keeper: a process that holds the FUSE devices of the mounts across restarts of the daemon.
//!
//! The kernel ends a mount when the last descriptor of its device is closed, and aborts the requests that were read
//! from a descriptor when that one is closed. So the keeper holds every descriptor that the daemon reads from. It
//! is small on purpose: it opens no store and reads no request. When the daemon is gone, it makes the kernel resend
//! unanswered requests, and starts another daemon as soon as a request is waiting.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::{Record, receive, send};
use crate::process::{begin_anew, leave_terminal, log_to};
use crate::{client, socket};
use stele::failure::Failure;

/// The keeper's socket, in the store's folder.
pub const SOCKET: &str = "keeper.socket";
/// After a daemon ended in good order, how long to wait for a new one: the command that ended it may start it.
const GRACE: Duration = Duration::from_secs(2);
/// How long after a failed start the next daemon is tried.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a keeper that holds nothing waits for a mount.
const EMPTY: Duration = Duration::from_secs(10);

/// A journal and a device.
const LEAST: usize = 2;

/// Messages of the daemon. Their format is stable: a daemon may be newer than the keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupervisorRequest {
    /// Hold this mount; its descriptors are attached: the journal, then those of the device.
    Keep {
        /// Its number.
        id: u64,
        /// The mount.
        record: Record,
    },
    /// A mount has ended.
    Drop {
        /// Its number.
        id: u64,
    },
    /// Send everything that you hold.
    Take {},
    /// The daemon ends in good order.
    Bye {},
}

/// Answers of the keeper: to `Take`, any number of the first, then the second; to `Keep`, the second, once it holds
/// the mount.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupervisorReply {
    /// With descriptors as in [`SupervisorRequest::Keep`].
    Mount {
        /// Its number.
        id: u64,
        /// The mount.
        record: Record,
    },
    /// The end of the answer.
    End {},
}

struct Held {
    record: Record,
    /// The journal's, then the device's.
    fds: Vec<OwnedFd>,
}

struct Keeper<'a> {
    store: &'a Path,
    held: BTreeMap<u64, Held>,
    daemon: Option<UnixStream>,
    /// Connections that have sent nothing yet.
    callers: Vec<UnixStream>,
    /// When a daemon may be started, while none is running.
    start_from: Instant,
    /// Whether a daemon is needed even if the kernel has no requests.
    wanted: bool,
    idle_since: Instant,
    /// When the kernel was last asked to resend unanswered requests.
    resent: Instant,
    /// There is nothing left to hold.
    done: bool,
}

/// Runs until there is nothing left to hold.
///
/// # Errors
/// When the socket cannot be made.
pub fn run(store: &Path) -> Result<(), Failure> {
    begin_anew()?;
    let _ = rustix::thread::set_name(c"stele-keeper");
    log_to(store, true);
    // Two keepers would each wait for a daemon that connects to the other.
    if socket::connect_to(store, SOCKET).is_ok() {
        return Ok(());
    }
    let listener = socket::listen(store, SOCKET)
        .map_err(|e| Failure::io("the keeper's socket could not be made", &e))?;
    let own = socket::number(store, SOCKET);
    leave_terminal();
    let now = Instant::now();
    let mut keeper = Keeper {
        store,
        held: BTreeMap::new(),
        daemon: None,
        callers: Vec::new(),
        start_from: now,
        wanted: false,
        idle_since: now,
        resent: now,
        done: false,
    };
    while keeper.turn(&listener) {
        // Reap the daemons that it started and that have ended.
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
    }
    socket::remove(store, SOCKET, own);
    Ok(())
}

impl Keeper<'_> {
    /// Waits for events and handles them. Whether there is more to do.
    fn turn(&mut self, listener: &UnixListener) -> bool {
        if !self.held.is_empty() || self.daemon.is_some() {
            self.idle_since = Instant::now();
        } else if self.done || self.idle_since.elapsed() > EMPTY {
            return false;
        }
        let mut fds = vec![PollFd::new(listener, PollFlags::IN)];
        fds.extend(self.callers.iter().map(|caller| PollFd::new(caller, PollFlags::IN)));
        let first = fds.len();
        let mut ids = Vec::new();
        if let Some(daemon) = &self.daemon {
            fds.push(PollFd::new(daemon, PollFlags::IN));
        } else {
            for (id, held) in &self.held {
                // A readable device has a request; one with an error is no longer mounted.
                for device in held.fds.iter().skip(1) {
                    ids.push(*id);
                    fds.push(PollFd::new(device, PollFlags::IN));
                }
            }
        }
        let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => {
                warn!("the keeper cannot wait: {e}");
                thread::sleep(AGAIN);
            }
        }
        let called = !fds[0].revents().is_empty();
        let speaks = fds[1..first].iter().position(|caller| !caller.revents().is_empty());
        let heard: Vec<PollFlags> = fds[first..].iter().map(PollFd::revents).collect();
        drop(fds);
        if called {
            self.welcome(listener);
        } else if let Some(at) = speaks {
            let caller = self.callers.remove(at);
            self.first_word(caller);
        } else if self.daemon.is_some() {
            if heard.first().is_some_and(|it| !it.is_empty()) {
                self.listen();
            }
        } else {
            self.without_daemon(&ids, &heard);
        }
        true
    }

    fn welcome(&mut self, listener: &UnixListener) {
        match listener.accept() {
            Ok((stream, _)) => {
                let timeout = Some(Duration::from_secs(10));
                let _ = stream.set_read_timeout(timeout).and_then(|()| stream.set_write_timeout(timeout));
                self.callers.push(stream);
            }
            Err(e) => warn!("a daemon's connection could not be accepted: {e}"),
        }
    }

    /// A client that sends a daemon's message is the daemon from then on: only one at a time owns the store.
    fn first_word(&mut self, caller: UnixStream) {
        match receive::<SupervisorRequest>(&caller) {
            said @ Ok(Some(_)) => {
                self.daemon = Some(caller);
                self.wanted = false;
                self.heard(said);
            }
            Ok(None) => {}
            Err(e) => warn!("a client sent a malformed message: {e}"),
        }
    }

    fn listen(&mut self) {
        let Some(daemon) = &self.daemon else { return };
        let heard = receive(daemon);
        self.heard(heard);
    }

    fn heard(&mut self, heard: io::Result<Option<(SupervisorRequest, Vec<OwnedFd>)>>) {
        let Some(daemon) = &self.daemon else { return };
        match heard {
            Ok(Some((SupervisorRequest::Keep { id, record }, fds))) => {
                if fds.len() < LEAST {
                    // Too many open descriptors: without an answer the daemon knows that this mount is not held.
                    warn!("the mount at {} came with {} descriptors", record.path, fds.len());
                    self.daemon = None;
                    return;
                }
                self.held.insert(id, Held { record, fds });
                if let Err(e) = send(daemon, &SupervisorReply::End {}, &[]) {
                    warn!("the confirmation that a mount is held could not be sent: {e}");
                }
            }
            Ok(Some((SupervisorRequest::Drop { id }, _))) => drop(self.held.remove(&id)),
            Ok(Some((SupervisorRequest::Take {}, _))) => {
                if let Err(e) = self.give(daemon) {
                    warn!("the mounts could not be sent to a daemon: {e}");
                    self.daemon = None;
                }
            }
            Ok(Some((SupervisorRequest::Bye {}, _))) => {
                // It still answers the requests that it has read; when it is gone the stream ends.
                self.start_from = Instant::now() + GRACE;
                let _ = daemon.set_read_timeout(None);
                while let Ok(Some(_)) = receive::<SupervisorRequest>(daemon) {}
                self.lost(false);
            }
            Ok(None) => self.lost(true),
            Err(e) => {
                warn!("a daemon sent a malformed message: {e}");
                self.lost(true);
            }
        }
    }

    fn give(&self, daemon: &UnixStream) -> io::Result<()> {
        for (id, held) in &self.held {
            let fds: Vec<_> = held.fds.iter().map(OwnedFd::as_fd).collect();
            send(daemon, &SupervisorReply::Mount { id: *id, record: held.record.clone() }, &fds)?;
        }
        send(daemon, &SupervisorReply::End {}, &[])
    }

    /// The daemon is gone; `killed` when it did not announce its end.
    fn lost(&mut self, killed: bool) {
        self.daemon = None;
        self.wanted = killed;
        if killed {
            self.start_from = Instant::now();
            if !self.held.is_empty() {
                warn!("the daemon is gone: starting another for {} mounts", self.held.len());
            }
            return;
        }
        if self.held.is_empty() {
            // Ends together with the daemon: the disk of the store may be about to be unmounted.
            self.done = true;
        }
        self.resend();
    }

    /// Makes the kernel resend requests that the daemon read and did not answer: their callers are waiting.
    fn resend(&mut self) {
        self.resent = Instant::now();
        for device in self.held.values().filter_map(|held| held.fds.get(1)) {
            let _ = stele_fs::transport::resend(device.as_fd());
        }
    }

    fn without_daemon(&mut self, ids: &[u64], heard: &[PollFlags]) {
        for (id, heard) in ids.iter().zip(heard) {
            if heard.contains(PollFlags::ERR) && self.held.remove(id).is_some() {
                info!("a mount ended while no daemon ran");
            }
            self.wanted |= heard.contains(PollFlags::IN);
        }
        // A daemon that announced its end may still have read a request.
        if !self.wanted && self.resent.elapsed() >= AGAIN {
            self.resend();
        }
        if !self.wanted || self.held.is_empty() || Instant::now() < self.start_from {
            // Pending requests of the kernel would end each wait at once.
            if self.wanted {
                thread::sleep(Duration::from_millis(20));
            }
            return;
        }
        // In a thread of its own: before the daemon is ready it asks for the mounts.
        let store = self.store.to_owned();
        let started =
            thread::Builder::new().name("start".to_owned()).spawn(move || match client::start(&store) {
                Ok(client::Started::Ready | client::Started::Busy) => {}
                Ok(client::Started::Failed(failure)) | Err(failure) => {
                    warn!("no daemon could be started: {}", failure.message);
                }
            });
        if let Err(e) = started {
            warn!("no daemon could be started: {e}");
        }
        // It connects, or another start is tried.
        self.start_from = Instant::now() + AGAIN;
    }
}
