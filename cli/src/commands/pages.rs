//! `completions` and `man`: pages made from the grammar itself.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use stele::failure::Failure;

/// `stele completions`
#[derive(Args, Debug)]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

/// `stele man`
#[derive(Args, Debug)]
pub struct Man {
    /// Where the pages go: a folder, made when it is not there
    folder: PathBuf,
}

impl Completions {
    /// Prints the script.
    pub fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "stele", &mut script);
        crate::render::out(&script)
    }
}

impl Man {
    /// Writes one page a command.
    pub fn run(&self) -> Result<(), Failure> {
        let failed =
            |e| Failure::io(&format!("the pages could not be written to {}", self.folder.display()), &e);
        fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(Cli::command(), &self.folder).map_err(failed)
    }
}
