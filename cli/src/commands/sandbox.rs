//! `sandbox`: what every build sees; and, which nobody types, the processes between the daemon and a build.

use clap::Subcommand;

use crate::failure::Failure;

/// `stele sandbox`
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Print what every build sees that is not of its recipe: canonical JSON, whose BLAKE3 names the sandbox profile
    Profile,
    /// Make the namespaces that builds begin in: what the daemon starts
    #[command(hide = true)]
    Hold,
    /// Supervise a build: what the daemon starts
    #[command(hide = true)]
    Supervise,
}

/// Runs what the builder asks for.
///
/// # Errors
/// When stdin is not what the builder makes it.
pub fn run(command: &Command) -> Result<(), Failure> {
    let done = match command {
        Command::Profile => return crate::render::out(&stele_builder::profile::text()),
        Command::Hold => stele_builder::hold::help(),
        Command::Supervise => stele_builder::sandbox::supervise(),
    };
    done.map_err(|e| Failure::io("the sandbox cannot be made", &e))
}
