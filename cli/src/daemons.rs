//! Concurrent requests to the daemon, with a connection each, also across a restart of the daemon.

use std::fs::File;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::render::Noted;
use stele::Observer;
use stele::Quiet;
use stele::answers::{Answer, Entry, Progress};
use stele::failure::{Failure, Kind};
use stele::service::Sink;
use stele::{Api, Request};
use stele_daemon::client::Client;
use stele_registry::serve::{Piece, Taker};

/// How many connections are kept for further requests.
const KEPT: usize = 16;
/// The maximum number of daemons that may end in a row before they send anything.
const TRIES: usize = 4;
/// The pause before the next daemon is asked.
const BETWEEN: Duration = Duration::from_millis(100);

/// The successive daemons of a store.
pub struct Daemons {
    store: PathBuf,
    kept: Mutex<Vec<Client>>,
}

/// Why a request has no answer.
#[derive(Debug)]
pub enum Trouble {
    /// The receiver of the bytes is gone.
    Untaken,
    /// The daemon's failure.
    Failure(Failure),
}

impl Daemons {
    /// The daemons of the store in that folder.
    pub fn new(store: PathBuf) -> Self {
        Self { store, kept: Mutex::default() }
    }

    /// Sends a request whose answer has no bytes.
    ///
    /// # Errors
    /// The daemon's failure.
    pub fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        match self.stream(|_| request.clone(), &mut |_| Ok(())) {
            Ok(answer) => Ok(answer),
            Err(Trouble::Failure(failure)) => Err(failure),
            Err(Trouble::Untaken) => Err(Failure::new(Kind::Cancelled, "the client disconnected")),
        }
    }

    /// The store's folder.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Requests bytes: `ask` makes the request, given how many have arrived. When a daemon ends before all have
    /// arrived, the next one is asked for the rest. `to` gets an empty slice when nothing arrives for a while; its
    /// failure ends the transfer.
    ///
    /// # Errors
    /// The daemon's failure, or that of `to`.
    pub fn stream(
        &self,
        ask: impl Fn(u64) -> Request,
        to: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<Answer, Trouble> {
        self.stream_files(ask, &mut |piece| match piece {
            Piece::Bytes(bytes) => to(bytes),
            Piece::File { .. } => Err(io::Error::other("received a file that was not asked for")),
        })
    }

    /// The same, where the request is for descriptors of large files.
    ///
    /// # Errors
    /// The daemon's failure, or that of `to`.
    pub fn stream_files(&self, ask: impl Fn(u64) -> Request, to: &mut Taker<'_>) -> Result<Answer, Trouble> {
        let (mut came, mut tries) = (0, 0);
        loop {
            let mut client = self.client().map_err(Trouble::Failure)?;
            let mut taking = Taking { to, came: 0, lost: false, line: client.line() };
            let answered = client.ask(ask(came), &mut taking);
            let (more, lost) = (taking.came, taking.lost);
            if lost {
                return Err(Trouble::Untaken);
            }
            came += more;
            let over = client.is_over();
            if !over {
                self.keep(client);
            }
            match answered {
                Ok(answer) => return Ok(answer),
                // It ended, or was told to stop now.
                Err(failure) if over || failure.kind == Kind::Cancelled => {
                    tries = if more > 0 { 1 } else { tries + 1 };
                    if tries >= TRIES {
                        return Err(Trouble::Failure(failure));
                    }
                    thread::sleep(BETWEEN);
                }
                Err(failure) => return Err(Trouble::Failure(failure)),
            }
        }
    }

    fn client(&self) -> Result<Client, Failure> {
        loop {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match kept {
                Some(client) if client.is_over() => {}
                Some(client) => return Ok(client),
                None => return Client::connect(&self.store, true, &mut Noted(Quiet)),
            }
        }
    }

    fn keep(&self, client: Client) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(client);
        }
    }
}

/// A failure as a line of the log.
pub fn said(failure: &Failure) -> String {
    let hint = failure.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}{hint}", failure.message).escape_debug().to_string()
}

/// Passes bytes on.
struct Taking<'a> {
    to: &'a mut Taker<'a>,
    came: u64,
    /// Whether the receiver is gone.
    lost: bool,
    /// Used to hang up in the middle of an answer.
    line: Option<UnixStream>,
}

impl Sink for Taking<'_> {
    fn entry(&mut self, _: Entry) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        (self.to)(Piece::Bytes(bytes)).inspect_err(|_| self.lost = true)?;
        self.came += bytes.len() as u64;
        Ok(())
    }

    fn file(&mut self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        (self.to)(Piece::File { file, offset, length }).inspect_err(|_| self.lost = true)?;
        self.came += length;
        Ok(())
    }
}

impl Observer for Taking<'_> {
    fn progress(&mut self, _: Progress) {
        if !self.lost && (self.to)(Piece::Bytes(&[])).is_err() {
            self.lost = true;
            // The daemon may work for long before it has the next bytes.
            if let Some(line) = &self.line {
                let _ = line.shutdown(Shutdown::Both);
            }
        }
    }

    fn note(&mut self, _: &str) {}
}
