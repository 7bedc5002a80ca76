//! `shell`

use std::process::ExitCode;

use clap::Args;

use super::{CODES, Command, Sandbox};
use crate::args::Global;

/// Run a shell in the sandbox of a recipe, with the state of its failed build if that was kept.
///
/// The shell is `sh` from the recipe's inputs; `--with` adds one: `stele shell hex1 --with busybox`.
/// The steps of the build are what `stele recipe show NAME` prints.
#[derive(Args, Debug)]
#[command(after_help = CODES)]
pub struct Shell {
    /// The recipe
    name: String,
    #[command(flatten)]
    sandbox: Sandbox,
}

impl Shell {
    pub fn run(self, global: &Global) -> ExitCode {
        let env = vec![("PS1".to_owned(), format!("{}$ ", self.name))];
        self.sandbox.run(global, Command { recipe: self.name, argv: vec!["sh".to_owned()], env })
    }
}
