//! `store root`

use clap::Subcommand;

use super::{Context, print, unexpected, wire};
use crate::args::Ref;
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::failure::Failure;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a root NAME for REF; an existing root of that name is moved
    Add {
        /// Letters, digits and `. _ + @ -`
        name: String,
        #[command(flatten)]
        what: Ref,
    },
    /// Remove a root; what it kept stays until the next garbage collection
    Rm {
        /// Root name
        name: String,
    },
    /// List the roots
    Ls,
}

pub fn run(context: &mut Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add { name, what } => {
            let request = Request::RootAdd { name, reference: wire(&what.reference) };
            let Answer::Root(root) = context.ask(request)? else { return Err(unexpected()) };
            print(context, &root, |root| format!("{}\n", root.digest))
        }
        Command::Rm { name } => context.ask(Request::RootRemove { name }).map(drop),
        Command::Ls => {
            let Answer::Roots(roots) = context.ask(Request::RootList {})? else { return Err(unexpected()) };
            print(context, &roots, |roots| render::roots(roots))
        }
    }
}
