//! `sandbox`, which nobody types: the processes between the daemon and a build.

use clap::Subcommand;

use crate::failure::Failure;

/// `stele sandbox`
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make the namespaces that builds begin in
    Hold,
    /// Supervise a build
    Supervise,
}

/// Runs what the builder asks for.
///
/// # Errors
/// When stdin is not what the builder makes it.
pub fn run(command: &Command) -> Result<(), Failure> {
    let done = match command {
        Command::Hold => stele_builder::hold::help(),
        Command::Supervise => stele_builder::sandbox::supervise(),
    };
    done.map_err(|e| Failure::io("the sandbox cannot be made", &e))
}
