//! A store on this machine, through its daemon.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use stele::answers::{Answer, Entry};
use stele::copies::{CopyAnswer, CopyRequest};
use stele::failure::Failure;
use stele::service::Sink;
use stele::{Api, Observer, Request};
use stele_daemon::client::{Client, at_socket};
use stele_remote::{End, Found, Item, Keeping, Received, Wanted};

use crate::commands::unexpected;
use crate::render::Noted;
use crate::where_store;

/// A store, and what is told meanwhile.
pub struct Here {
    client: Client,
    observer: Box<dyn Observer>,
}

impl Here {
    /// The store in `folder`; its daemon is started if none runs. Without a store there, one is made if `create`.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn open(folder: &Path, create: bool, mut observer: Box<dyn Observer>) -> Result<Self, Failure> {
        let folder = where_store::find(Some(folder.to_owned()))?;
        let client = Client::connect(&folder, !create, &mut *observer)?;
        Ok(Self { client, observer })
    }

    /// The store of a daemon that listens on `socket`, which may be another user's.
    ///
    /// # Errors
    /// When none listens.
    pub fn of_socket(socket: &Path, observer: Box<dyn Observer>) -> Result<Self, Failure> {
        let at = |failure: Failure| Failure {
            message: format!("{}: {}", socket.display(), failure.message),
            ..failure
        };
        let client = Client::Socket(at_socket(socket).map_err(at)?);
        Ok(Self { client, observer })
    }

    fn ask(&mut self, ask: CopyRequest) -> Result<CopyAnswer, Failure> {
        answered(&mut self.client, ask, &mut *self.observer)
    }
}

fn answered(
    client: &mut Client,
    ask: CopyRequest,
    observer: &mut dyn Observer,
) -> Result<CopyAnswer, Failure> {
    match client.ask(Request::Copy { ask }, observer)? {
        Answer::Copy(answer) => Ok(answer),
        _ => Err(unexpected()),
    }
}

/// Passes the bytes that precede an answer on to a pipe.
struct Passed(PipeWriter);

impl Sink for Passed {
    fn entry(&mut self, _: Entry) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

impl Observer for Passed {}

/// The path by which this process opens a pipe that it holds.
fn path_of(pipe: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", pipe.as_fd().as_raw_fd())
}

impl End<Failure> for Here {
    fn find(&mut self, reference: &str) -> Result<Found, Failure> {
        match self.ask(CopyRequest::Find { reference: reference.to_owned() })? {
            CopyAnswer::Found(found) => Ok(found),
            _ => Err(unexpected()),
        }
    }

    fn lacking(&mut self, items: &[Item]) -> Result<Vec<Item>, Failure> {
        match self.ask(CopyRequest::Lacking { items: items.to_vec() })? {
            CopyAnswer::Lacking(lacking) => Ok(lacking),
            _ => Err(unexpected()),
        }
    }

    fn send(&mut self, wanted: &Wanted, to: PipeWriter) -> Result<(), Failure> {
        let wanted = wanted.clone();
        let answer = match &mut self.client {
            // Another user's daemon touches no pipe of this one.
            client @ Client::Socket(_) => {
                answered(client, CopyRequest::Send { wanted, to: None }, &mut Noted(Passed(to)))?
            }
            _ => self.ask(CopyRequest::Send { wanted, to: Some(path_of(&to)) })?,
        };
        match answer {
            CopyAnswer::Sent {} => Ok(()),
            _ => Err(unexpected()),
        }
    }

    fn receive(&mut self, from: PipeReader, keeping: &Keeping) -> Result<Received, Failure> {
        let answer = match &mut self.client {
            Client::Socket(connection) => {
                match connection.give(keeping, from, || {}, &mut *self.observer)? {
                    Answer::Copy(answer) => answer,
                    _ => return Err(unexpected()),
                }
            }
            _ => self.ask(CopyRequest::Receive { from: Some(path_of(&from)), keeping: keeping.clone() })?,
        };
        match answer {
            CopyAnswer::Received(received) => Ok(received),
            _ => Err(unexpected()),
        }
    }
}
