//! `stele`: the command line, and the daemon that owns a store.
//!
//! Answers go to stdout, everything else to stderr. Exit codes: 0 done; 1 failed; 2 wrong usage; 3 not found, or not
//! unique; 4 something is corrupt; 5 disk full; 130 cancelled.

mod args;
mod cache;
mod commands;
mod complete;
mod config;
mod daemons;
mod manual;
mod modules;
mod picture;
mod quantity;
mod recipe_tree;
mod registries;
mod relay;
mod render;
mod replace;
mod stores;
mod sys;
mod timeline;
mod umask;
mod where_store;

use std::process::ExitCode;

use clap::Parser;

use stele::failure::{Failure, Kind};

fn main() -> ExitCode {
    if let Some(code) = stele::reexec::run_if_asked() {
        return code;
    }
    // Answers and ends, if a shell asks what could be typed next.
    clap_complete::CompleteEnv::with_factory(complete::grammar).var(complete::VARIABLE).complete();
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error),
    };
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

/// Prints help, the version, or what is wrong with the command line: with `--json` on it, as a failure.
fn not_parsed(error: &clap::Error) -> ExitCode {
    let arguments = std::env::args_os().skip(1).take_while(|argument| argument != "--");
    let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    if !error.use_stderr() || !arguments.into_iter().any(|argument| argument == "--json") {
        let _ = error.print();
        return code;
    }
    let text = error.render().to_string();
    let (message, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let message = message.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ");
    let tips =
        rest.lines().map(str::trim).filter(|line| line.starts_with("tip: ") || line.starts_with("Usage: "));
    let hint = tips.map(|line| line.trim_start_matches("tip: ")).collect::<Vec<_>>().join("; ");
    render::failure(&Failure::new(Kind::Usage, message).hint(hint), true);
    code
}
