//! `completions` and `man`: generated from the command line's grammar.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use stele::failure::Failure;

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
        clap_complete::generate(self.shell, &mut Cli::command(), "stele", &mut script);
        crate::render::exact(&script)
    }
}

impl Man {
    /// Writes one page for each command.
    pub fn run(&self) -> Result<(), Failure> {
        let failed =
            |e| Failure::io(&format!("the pages could not be written to {}", self.folder.display()), &e);
        fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(Cli::command(), &self.folder).map_err(failed)
    }
}
