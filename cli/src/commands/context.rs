//! What a command needs that asks the daemon.

use crate::answers::Answer;
use crate::args::Global;
use crate::daemon::client::Client;
use crate::failure::Failure;
use crate::render::Terminal;
use crate::service::Request;
use crate::where_store;

/// The daemon of the store that is meant, and the terminal.
pub struct Context {
    client: Client,
    pub terminal: Terminal,
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
}
