//! What a command needs that asks the daemon.

use std::io;

use crate::args::Global;
use crate::render::{self, Terminal};
use crate::where_store;
use stele::Observer;
use stele::answers::{Answer, Entry, Progress};
use stele::failure::Failure;
use stele::service::Sink;
use stele::{Api, Request};
use stele_daemon::client::Client;

/// The daemon of the store that is meant, and the terminal.
pub struct Context {
    client: Client,
    pub terminal: Terminal,
}

/// Keeps bytes for a command.
struct Gathered(Vec<u8>);

impl Sink for Gathered {
    fn entry(&mut self, _: Entry) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl Observer for Gathered {
    fn progress(&mut self, _: Progress) {}

    fn note(&mut self, text: &str) {
        render::note(text);
    }
}

impl Context {
    /// Connects; with `existing`, only to a store that is there.
    ///
    /// # Errors
    /// When there is no store, or no daemon can be had.
    pub fn new(global: &Global, existing: bool) -> Result<Self, Failure> {
        let store = where_store::find(global.store.clone())?;
        let mut terminal = Terminal::new(global.json);
        let client = Client::connect(&store, existing, &mut terminal)?;
        Ok(Self { client, terminal })
    }

    /// Asks, and shows what comes before the answer.
    ///
    /// # Errors
    /// With what the daemon says, and when stdout did not take what was to be shown.
    pub fn ask(&mut self, request: Request) -> Result<Answer, Failure> {
        let answer = self.client.ask(request, &mut self.terminal);
        let told = self.terminal.finish();
        let answer = answer?;
        // An answer that did not arrive is none: a full disk behind stdout must not pass for success.
        told.map(|()| answer)
    }

    /// Asks, and keeps the bytes that come before the answer.
    ///
    /// # Errors
    /// With what the daemon says.
    pub fn gather(&mut self, request: Request) -> Result<Vec<u8>, Failure> {
        let mut gathered = Gathered(Vec::new());
        self.client.ask(request, &mut gathered)?;
        Ok(gathered.0)
    }
}
