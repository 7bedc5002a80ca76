//! `completions` and `man`: generated from the command line's grammar.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::complete::VARIABLE;
use crate::manual;
use stele::failure::{Failure, Kind};

/// `stele completions`
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// `stele man`
#[derive(Args, Debug)]
pub struct Man {
    /// Destination folder, created when missing
    folder: PathBuf,
}

impl Completions {
    /// Prints the script.
    pub fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        let shells = clap_complete::env::Shells::builtins();
        let shell = self.shell.to_string();
        let written = match shells.completer(&shell) {
            Some(shell) => shell.write_registration(VARIABLE, "stele", "stele", "stele", &mut script),
            None => return Err(Failure::new(Kind::Usage, format!("there is no completion for {shell}"))),
        };
        written.map_err(|e| Failure::io("the script could not be made", &e))?;
        crate::render::exact(&script)
    }
}

impl Man {
    /// Writes one page for each command, and that of the configuration.
    pub fn run(&self) -> Result<(), Failure> {
        manual::write_all(&self.folder).map_err(|e| {
            Failure::io(&format!("the pages could not be written to {}", self.folder.display()), &e)
        })
    }
}
