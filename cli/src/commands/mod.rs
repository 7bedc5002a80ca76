//! One file for each command: its arguments, its help, what it does.

pub mod agreement;
pub mod build;
pub mod bundle;
pub mod check;
pub mod config;
pub mod context;
pub mod copy;
pub mod daemon;
pub mod diff;
pub mod doctor;
pub mod exec;
pub mod explain;
pub mod graph;
pub mod image;
pub mod info;
pub mod init;
pub mod key;
pub mod lineage;
pub mod log;
pub mod mount;
pub mod page;
pub mod pages;
pub mod policy;
pub mod recipe;
pub mod report;
pub mod sandbox;
pub mod search;
pub mod seed;
pub mod serve;
pub mod source;
pub mod store;
pub mod trace;
pub mod umount;

use std::process::ExitCode;

use crate::args::{Cli, Command};
use stele::failure::Failure;

pub use stele::api::unexpected;

/// The failure to give several things one root: of a kind, and what to do with them instead.
fn unnamed_root(kind: &str, instead: &str) -> Failure {
    Failure::new(stele::Kind::Usage, format!("--root is for one {kind}, and there are several"))
        .hint(format!("{instead} one by one, or name each with `stele store root add`"))
}

/// Runs a command.
///
/// # Errors
/// The failure to show.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Store(command) => store::run(&cli.global, command),
        Command::Source(command) => source::run(&cli.global, command).map(|()| ExitCode::SUCCESS),
        Command::Daemon(command) => daemon::run(&cli.global, command).map(|()| ExitCode::SUCCESS),
        Command::Mount(args) => args.run(&cli.global),
        Command::Umount(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Build(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Image(command) => image::run(&cli.global, command),
        Command::Attest(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Approve(args) => args.run(&cli.global),
        Command::Audit(args) => args.run(&cli.global),
        Command::Evidence(command) => {
            agreement::evidence::run(&cli.global, command).map(|()| ExitCode::SUCCESS)
        }
        Command::Verify(args) => args.run(&cli.global),
        Command::Undo(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Copy(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Bundle(command) => bundle::run(&cli.global, command).map(|()| ExitCode::SUCCESS),
        Command::Check(args) => args.run(&cli.global),
        Command::Explain(args) => args.run(&cli.global),
        Command::Report(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Page(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Diff(args) => args.run(&cli.global),
        Command::Init(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Info(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Lineage(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Serve(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Seed(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Log(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Run(args) => Ok(args.run(&cli.global)),
        Command::Shell(args) => Ok(args.run(&cli.global)),
        Command::Trace(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Graph(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Why(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Search(args) => args.run(&cli.global).map(|()| ExitCode::SUCCESS),
        Command::Doctor(args) => args.run(&cli.global),
        Command::Recipe(command) => recipe::run(&cli.global, command),
        Command::Sandbox(command) => sandbox::run(&command).map(|()| ExitCode::SUCCESS),
        Command::Key(command) => key::run(&cli.global, command).map(|()| ExitCode::SUCCESS),
        Command::Policy(command) => policy::run(&cli.global, command),
        Command::Config(command) => config::run(&cli.global, command).map(|()| ExitCode::SUCCESS),
        Command::Completions(args) => args.run().map(|()| ExitCode::SUCCESS),
        Command::Man(args) => args.run().map(|()| ExitCode::SUCCESS),
    }
}
