//! `recipe lsp`: what an editor shows while recipes are written.
//!
//! It follows the Language Server Protocol 3.17 on stdin and stdout, and writes nothing, fetches nothing and starts no
//! daemon. Recipes are evaluated as `recipe check` does it: in a process with limits.

mod address;
mod answers;
mod checks;
mod completion;
mod diagnostics;
mod documents;
mod lines;
mod server;
mod wire;

use std::io::{BufReader, Stdin};
use std::process::ExitCode;
use std::sync::mpsc::{self, SyncSender};

use clap::Args;

use server::{Event, Server};
use stele::failure::{Failure, Kind};

/// How many messages are read before the first of them is answered.
const MAX_WAITING: usize = 8;

/// `stele recipe lsp`
#[derive(Args, Debug)]
pub struct Lsp {
    /// Many editors add this; there is no other way anyway
    #[arg(long, hide = true)]
    stdio: bool,
}

impl Lsp {
    /// Serves until the editor says `exit`, or closes stdin.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let Self { stdio: _ } = self;
        // A panic of the parser or of the linter, on threads of their own, is an error that the editor shows.
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() == Some("main") {
                usual(panic);
            }
        }));
        let (sender, events) = mpsc::sync_channel(MAX_WAITING);
        let from_editor = sender.clone();
        std::thread::spawn(move || read(std::io::stdin(), &from_editor));
        Server::new(sender, std::io::stdout()).run(&events)
    }
}

/// Hands on what the editor sends.
fn read(stdin: Stdin, events: &SyncSender<Event>) {
    let mut stdin = BufReader::new(stdin);
    loop {
        let event = match wire::read(&mut stdin) {
            Ok(Some(message)) => Event::Message(message),
            Ok(None) => Event::Closed,
            Err(error) => {
                let message = format!("stdin has no message of the Language Server Protocol: {error}");
                let hint = "this command is started by an editor; docs/recipes.md says how to set one up";
                Event::Broken(Failure::new(Kind::Usage, message).hint(hint))
            }
        };
        let ends = !matches!(event, Event::Message(_));
        if events.send(event).is_err() || ends {
            return;
        }
    }
}
