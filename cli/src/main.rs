//! `stele`: the command line, and the daemon that owns a store.
//!
//! Answers go to stdout, everything else to stderr. Exit codes: 0 done; 1 failed; 2 wrong usage; 3 not found, or not
//! unique; 4 something is corrupt; 5 disk full; 130 cancelled.

mod args;
mod commands;
mod complete;
mod config;
mod manual;
mod modules;
mod picture;
mod quantity;
mod recipe_tree;
mod registries;
mod render;
mod replace;
mod stores;
mod sys;
mod timeline;
mod umask;
mod where_store;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Some(code) = stele::reexec::run_if_asked() {
        return code;
    }
    // Answers and ends, if a shell asks what could be typed next.
    clap_complete::CompleteEnv::with_factory(complete::grammar).var(complete::VARIABLE).complete();
    let cli = args::Cli::parse();
    let json = cli.global.json;
    render::manner::set(cli.global.color, cli.global.volume());
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => {
            render::failure(&failure, json);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}
