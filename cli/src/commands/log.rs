//! `log`

use clap::Args;

use super::context::Context;
use crate::args::Global;
use crate::failure::Failure;
use crate::recipes::name;
use crate::service::Request;

/// Print the log of a recipe's build: of the one that runs, or of the last one, failed or not.
///
/// The bytes are those that the build wrote, as they are.
#[derive(Args, Debug)]
pub struct Log {
    /// The recipe
    name: String,
}

impl Log {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let recipe = name(&self.name)?.to_string();
        let mut context = Context::new(global, true)?;
        context.terminal.raw();
        context.ask(Request::Log { recipe }).map(drop)
    }
}
