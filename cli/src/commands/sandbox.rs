//! `sandbox`: what every build sees.

use clap::Subcommand;

use stele::failure::Failure;

/// `stele sandbox`
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Print what every build sees besides its recipe's inputs: canonical JSON, whose BLAKE3 names the sandbox profile
    Profile,
}

/// Prints the profile.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Profile => crate::render::exact(&stele_builder::profile::text()),
    }
}
