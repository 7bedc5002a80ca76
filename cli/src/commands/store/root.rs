//! `store root`

use clap::{Args, Subcommand};

use super::{Context, print, unexpected, wire};
use crate::args::{Global, Ref};
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::failure::{Failure, Kind};
use stele::keep::PastAnswer;

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
    Ls {
        /// With the time when each was made, in UTC
        #[arg(long, short)]
        long: bool,
    },
    /// List what roots were before they were moved or removed, the last change first
    Log,
}

/// Bring back a root as it was before it was last moved or removed
///
/// Without a name, the root that was changed last. What a garbage collection removed meanwhile cannot be brought back.
#[derive(Args, Debug)]
pub struct Undo {
    /// The root; `stele store root log` lists what can be brought back
    name: Option<String>,
}

impl Undo {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let mut context = Context::new(global, true)?;
        let past = past(&mut context)?;
        let wanted = |it: &&PastAnswer| self.name.as_ref().is_none_or(|name| it.name == *name);
        let Some(last) = past.iter().find(wanted) else {
            let what = self.name.map_or_else(String::new, |name| format!(" of {name}"));
            return Err(Failure::new(Kind::NotFound, format!("no change{what} is remembered"))
                .hint("`stele store root log` lists those that are"));
        };
        if !last.there {
            let message = format!("{} kept {}, which was garbage-collected", last.name, last.digest);
            return Err(Failure::new(Kind::NotFound, message).hint("build or import it again"));
        }
        let request = Request::RootAdd { name: last.name.clone(), reference: last.digest.to_string() };
        let Answer::Root(root) = context.ask(request)? else { return Err(unexpected()) };
        print(&context, &root, |root| format!("{}  {}\n", root.digest, root.name))
    }
}

fn past(context: &mut Context) -> Result<Vec<PastAnswer>, Failure> {
    match context.ask(Request::RootsPast {})? {
        Answer::PastRoots(past) => Ok(past),
        _ => Err(unexpected()),
    }
}

pub fn run(context: &mut Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add { name, what } => {
            let request = Request::RootAdd { name, reference: wire(&what.reference) };
            let Answer::Root(root) = context.ask(request)? else { return Err(unexpected()) };
            print(context, &root, |root| format!("{}\n", root.digest))
        }
        Command::Rm { name } => context.ask(Request::RootRemove { name }).map(drop),
        Command::Log => {
            let past = past(context)?;
            print(context, &past, |past| render::past_roots(past))
        }
        Command::Ls { long } => {
            let Answer::Roots(roots) = context.ask(Request::RootList {})? else { return Err(unexpected()) };
            print(context, &roots, |roots| render::roots(roots, long))
        }
    }
}
