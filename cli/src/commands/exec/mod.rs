//! A user command in the sandbox of a recipe: `run` and `shell`.

mod run;
mod shell;
mod streams;

use std::io;
use std::process::ExitCode;

use clap::Args;
use stele_builder::sandbox::Ending;

pub use run::Run;
pub use shell::Shell;

use self::streams::{Interactive, Relay};
use super::build::{self, inputs::Inputs};
use super::unexpected;
use crate::args::Global;
use crate::render::{self, Terminal};
use crate::where_store;
use stele::Observer;
use stele::answers::{Answer, Entry, Progress};
use stele::builds::{Event, ExecRequest};
use stele::failure::{Failure, Kind};
use stele::recipes::{name, names};
use stele::reference::{from_wire, to_wire};
use stele::service::Sink;
use stele_daemon::client::Client;
use stele_daemon::protocol::Call;

/// The exit code when Stele itself failed, before the program ran or apart from it.
const OWN: u8 = 125;
/// The program could not be started.
const UNSTARTED: u8 = 127;
/// A program killed by a signal: this plus the signal's number.
const SIGNALLED: i32 = 128;

const CODES: &str = "\
The program sees what a build of the recipe sees: its inputs, writable `/build`, `/out` and `/tmp`, no network, and \
nothing of this machine. What it writes is discarded when it ends, unless it continues a failed build.\n\
Exit codes: those of the program; 128 plus the number of the signal that killed it; 127 it could not be started; 125 \
Stele itself failed.";

/// Options of both commands.
#[derive(Args, Debug)]
pub struct Sandbox {
    /// Add the outputs of this recipe; the build's own inputs win. May be repeated
    #[arg(long, value_name = "RECIPE")]
    with: Vec<String>,
    /// Start with empty folders, even if `build --keep-failed` kept those of a failed build
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    inputs: Inputs,
}

/// A command to run in a recipe's sandbox.
struct Command {
    recipe: String,
    argv: Vec<String>,
    env: Vec<(String, String)>,
}

impl Sandbox {
    /// Runs a program. The exit code is the program's own, or one of the above.
    fn run(&self, global: &Global, command: Command) -> ExitCode {
        let unstarted =
            format!("check that {} is in the recipe's inputs; `--with` adds others", command.argv[0]);
        match self.executed(global, command) {
            Ok(Ending::Done {}) => ExitCode::SUCCESS,
            Ok(Ending::Status { status, .. }) => ExitCode::from(u8::try_from(status).unwrap_or(OWN)),
            Ok(Ending::Signal { signal, .. }) => {
                ExitCode::from(u8::try_from(SIGNALLED + signal).unwrap_or(OWN))
            }
            Ok(Ending::Unstarted { error, .. }) => {
                let failure =
                    Failure::new(Kind::NotFound, format!("the program could not be started: {error}"));
                render::failure(&failure.hint(unstarted), global.json);
                ExitCode::from(UNSTARTED)
            }
            Ok(ending) => {
                render::failure(&Failure::new(Kind::Failed, ending.to_string()), global.json);
                ExitCode::from(OWN)
            }
            Err(failure) => {
                render::failure(&failure, global.json);
                ExitCode::from(OWN)
            }
        }
    }

    fn executed(&self, global: &Global, command: Command) -> Result<Ending, Failure> {
        let Command { recipe, argv, mut env } = command;
        let (tree, recipe) = (self.inputs.tree(global)?, name(&recipe)?);
        let mut goals = vec![recipe.clone()];
        goals.extend(names(&self.with)?);
        let interactive = streams::is_interactive();
        if interactive {
            // TERM describes the user's terminal.
            env.extend(std::env::var("TERM").ok().map(|term| ("TERM".to_owned(), term)));
        }
        let call = Call::Exec {
            tree: to_wire(tree.as_os_str()),
            recipe: recipe.to_string(),
            order: self.inputs.order()?,
            exec: ExecRequest {
                argv,
                env,
                with: self.with.clone(),
                fresh: self.fresh,
                terminal: interactive,
            },
        };
        let store = where_store::find(global.store.clone())?;
        let mut watcher = Watching::new();
        if self.inputs.print_build_logs {
            watcher.terminal.print_build_logs();
        }
        let mut client = Client::connect(&store, false, &mut watcher)?;
        let answer = self.inputs.ask_by(global, &tree, &goals, &mut 0, || {
            let failed = |e: io::Error| Failure::io("no streams for the program", &e);
            let (relay, theirs) = match interactive {
                true => Interactive::new().map(|(it, theirs)| (Relay::Terminal(it), vec![theirs])),
                false => streams::pipes().map(|(it, theirs)| (Relay::Pipes(it), theirs)),
            }
            .map_err(failed)?;
            watcher.relay = Some(relay);
            let fds: Vec<_> = theirs.iter().map(std::os::fd::AsFd::as_fd).collect();
            let answer = client.exec(&call, &tree, &fds, &mut watcher);
            // The program's output ends when no process can write to it any more.
            drop(fds);
            drop(theirs);
            watcher.finish();
            answer
        });
        match answer? {
            Answer::Left(ending) => Ok(ending),
            Answer::Built(built) => {
                build::answer(global, built)?;
                Err(Failure::new(Kind::Failed, "the recipe's inputs are not all built"))
            }
            _ => Err(unexpected()),
        }
    }
}

/// Shows progress until the program starts; from then on the terminal is the program's.
struct Watching {
    terminal: Terminal,
    relay: Option<Relay>,
    begun: bool,
}

impl Watching {
    /// Never JSON: stdout belongs to the program.
    fn new() -> Self {
        Self { terminal: Terminal::new(false), relay: None, begun: false }
    }

    fn finish(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.finish();
        }
        let _ = self.terminal.finish();
    }
}

impl Sink for Watching {
    fn entry(&mut self, _: Entry) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        let Event::Enters { kept, .. } = event else { return self.terminal.event(event) };
        let _ = self.terminal.finish();
        if let Some(kept) = kept {
            let kept = from_wire(kept).map(|it| it.display().to_string()).unwrap_or_default();
            render::note(&format!("continuing with the state of the failed build in {kept}"));
        }
        self.begun = true;
        match &mut self.relay {
            Some(relay) => relay.begin(),
            None => Ok(()),
        }
    }
}

impl Observer for Watching {
    fn progress(&mut self, progress: Progress) {
        if !self.begun {
            self.terminal.progress(progress);
        }
    }

    fn note(&mut self, text: &str) {
        self.terminal.note(text);
    }
}
