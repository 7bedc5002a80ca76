//! Many questions to the daemon at once, by a connection each, also when one daemon follows another.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::render::Quiet;
use stele::Observer;
use stele::answers::{Answer, Entry, Progress};
use stele::failure::{Failure, Kind};
use stele::images::{Ask, Told};
use stele::service::Sink;
use stele::{Api, Request};
use stele_daemon::client::Client;

/// Connections that are kept for the next question.
const KEPT: usize = 16;
/// After so many daemons that ended before they gave anything, it is given up.
const TRIES: usize = 4;
/// Before the next daemon is asked.
const BETWEEN: Duration = Duration::from_millis(100);

/// The daemons of a store, one after the other.
pub struct Daemons {
    store: PathBuf,
    kept: Mutex<Vec<Client>>,
}

/// Why a question has no answer.
#[derive(Debug)]
pub enum Trouble {
    /// Whoever takes the bytes takes no more.
    Untaken,
    /// What the daemon says.
    Failure(Failure),
}

impl Daemons {
    /// Those of the store in that folder.
    pub fn new(store: PathBuf) -> Self {
        Self { store, kept: Mutex::default() }
    }

    /// Asks what is answered without bytes.
    ///
    /// # Errors
    /// With what the daemon says.
    pub fn ask(&self, ask: &Ask) -> Result<Told, Failure> {
        match self.stream(|_| ask.clone(), &mut |_| Ok(())) {
            Ok(Answer::Image(told)) => Ok(told),
            Ok(_) => Err(crate::commands::unexpected()),
            Err(Trouble::Failure(failure)) => Err(failure),
            Err(Trouble::Untaken) => Err(Failure::new(Kind::Cancelled, "nobody takes the answer any more")),
        }
    }

    /// Asks for bytes: `ask` says what for, when so many have come. A daemon that ends before all have come is followed
    /// by another, which is asked for the rest. `to` is given nothing when nothing comes for a while, and when it fails
    /// that is the end.
    ///
    /// # Errors
    /// With what the daemon says, and when `to` failed.
    pub fn stream(
        &self,
        ask: impl Fn(u64) -> Ask,
        to: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<Answer, Trouble> {
        let (mut came, mut tries) = (0, 0);
        loop {
            let mut client = self.client().map_err(Trouble::Failure)?;
            let mut taking = Taking { to, came: 0, lost: false, line: client.line() };
            let answered = client.ask(Request::Image { ask: ask(came) }, &mut taking);
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
                // It ended, or was told to end now.
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
                None => return Client::connect(&self.store, true, &mut Quiet),
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

/// Hands bytes on.
struct Taking<'a> {
    to: &'a mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    came: u64,
    /// Nobody takes them any more.
    lost: bool,
    /// To hang up in the middle.
    line: Option<UnixStream>,
}

impl Sink for Taking<'_> {
    fn entry(&mut self, _: Entry) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        (self.to)(bytes).inspect_err(|_| self.lost = true)?;
        self.came += bytes.len() as u64;
        Ok(())
    }
}

impl Observer for Taking<'_> {
    fn progress(&mut self, _: Progress) {
        if !self.lost && (self.to)(&[]).is_err() {
            self.lost = true;
            // The daemon may have long to work before it has the next bytes.
            if let Some(line) = &self.line {
                let _ = line.shutdown(Shutdown::Both);
            }
        }
    }

    fn note(&mut self, _: &str) {}
}
