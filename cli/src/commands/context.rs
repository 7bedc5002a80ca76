//! The context of a command that sends requests to the daemon.

use std::path::PathBuf;

use stele_store::Layout;

use crate::args::Global;
use crate::render::{Noted, Terminal};
use crate::where_store;
use stele::answers::Answer;
use stele::failure::Failure;
use stele::{Api, Gathered, Request};
use stele_daemon::client::Client;

/// The daemon of the chosen store, and the terminal.
pub struct Context {
    client: Client,
    store: PathBuf,
    pub terminal: Terminal,
}

impl Context {
    /// Connects; with `existing`, only to an existing store.
    ///
    /// # Errors
    /// When there is no store, or no daemon can be reached.
    pub fn new(global: &Global, existing: bool) -> Result<Self, Failure> {
        let store = where_store::find(global.store.clone())?;
        let mut terminal = Terminal::new(global.json);
        let client = Client::connect(&store, existing, &mut terminal)?;
        Ok(Self { client, store, terminal })
    }

    /// The folder of downloads on the store's disk.
    pub fn downloads(&self) -> PathBuf {
        Layout::new(&self.store).fetch()
    }

    /// Sends a request, and shows what comes before its answer.
    ///
    /// # Errors
    /// The daemon's failure, or when stdout cannot be written.
    pub fn ask(&mut self, request: Request) -> Result<Answer, Failure> {
        let answer = self.client.ask(request, &mut self.terminal);
        let told = self.terminal.finish();
        let answer = answer?;
        // Output that could not be written is a failure: a full disk behind stdout must not pass for success.
        told.map(|()| answer)
    }

    /// Sends a request, and collects the bytes that come before its answer.
    ///
    /// # Errors
    /// The daemon's failure.
    pub fn gather(&mut self, request: Request) -> Result<Vec<u8>, Failure> {
        let mut gathered = Noted(Gathered::default());
        self.client.ask(request, &mut gathered)?;
        Ok(gathered.0.bytes)
    }
}
