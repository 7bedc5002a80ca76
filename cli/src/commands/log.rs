//! `log`

use clap::Args;

use super::context::Context;
use super::unexpected;
use crate::args::Global;
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::failure::Failure;
use stele::recipes::name;

/// Print the log of a recipe's running build, or of its last one, failed or not.
///
/// The bytes are exactly those that the build wrote. With `--json`, print the log's metadata instead.
#[derive(Args, Debug)]
pub struct Log {
    /// The recipe
    name: String,
    /// Follow the log until the build finishes
    #[arg(long, short)]
    follow: bool,
}

impl Log {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let recipe = name(&self.name)?.to_string();
        let mut context = Context::new(global, true)?;
        context.terminal.text();
        if self.follow {
            context.terminal.live();
        }
        let about = global.json;
        match context.ask(Request::Log { recipe, follow: self.follow && !about, about })? {
            Answer::Log(log) => render::json(&log),
            Answer::Done {} => Ok(()),
            _ => Err(unexpected()),
        }
    }
}
