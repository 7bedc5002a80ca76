//! `run`

use std::process::ExitCode;

use clap::Args;

use super::{CODES, Command, Sandbox};
use crate::args::Global;

/// Run a program in the sandbox of a recipe.
///
/// Stdin, stdout and stderr are relayed; when those of this command are a terminal, the program gets a new terminal.
#[derive(Args, Debug)]
#[command(after_help = CODES)]
pub struct Run {
    /// The recipe
    name: String,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    argv: Vec<String>,
    #[command(flatten)]
    sandbox: Sandbox,
}

impl Run {
    pub fn run(self, global: &Global) -> ExitCode {
        self.sandbox.run(global, Command { recipe: self.name, argv: self.argv, env: Vec::new() })
    }
}
