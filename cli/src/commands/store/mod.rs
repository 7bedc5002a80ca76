//! `store`: import, inspect and keep content.

mod add;
mod collect;
mod look;
mod rebuild;
pub mod root;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::args::{Global, Ref};
use crate::commands::context::Context;
use crate::commands::unexpected;
use crate::render;
use crate::umask;
use stele::Request;
use stele::failure::Failure;
use stele::reference::to_wire;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Import files and directories; print the digest of each
    Add(add::Add),
    /// List the entries of a directory
    Ls(look::Ls),
    /// Write a blob's bytes, or a tree's canonical text, to stdout
    Cat(Ref),
    /// List a directory recursively, as a tree
    Tree(look::Tree),
    /// Show details of a tree or blob
    Info(Ref),
    /// Copy a tree to a new folder, or a blob to a new file
    Export(Export),
    /// Manage roots: names that keep content from garbage collection
    #[command(subcommand)]
    Root(root::Command),
    /// Show how much roots or other content uses: in all, and alone
    Du(look::Du),
    /// Garbage-collect: remove what no root and no lease keeps
    Gc(collect::Gc),
    /// Rehash everything; corrupt content goes to quarantine
    Verify,
    /// Show counts, sizes, and what deduplication saved
    Stats,
    /// Rebuild the database from the payload files, the old database and exported trees
    RebuildIndex(rebuild::RebuildIndex),
}

#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    from: Ref,
    /// Destination: a new path, or an empty folder
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

pub fn run(global: &Global, command: Command) -> Result<ExitCode, Failure> {
    if let Command::RebuildIndex(args) = command {
        return args.run(global);
    }
    // Only `add` creates a missing store.
    let mut context = Context::new(global, !matches!(command, Command::Add(_)))?;
    let done = match command {
        Command::Add(args) => args.run(&mut context),
        Command::Ls(args) => args.run(&mut context),
        Command::Tree(args) => args.run(&mut context),
        Command::Cat(args) => {
            context.terminal.raw();
            context.ask(Request::Cat { reference: wire(&args.reference) }).map(drop)
        }
        Command::Info(args) => look::info(&mut context, &args),
        Command::Export(args) => {
            let to = std::path::absolute(&args.to).map_err(|e| Failure::io("invalid path", &e))?;
            // The daemon writes it, with the rights that this command would give it.
            let (reference, to) = (wire(&args.from.reference), to_wire(to.as_os_str()));
            let request = Request::Export { reference, to, umask: umask::get() };
            context.ask(request).map(drop)
        }
        Command::Root(command) => root::run(&mut context, command),
        Command::Du(args) => args.run(&mut context),
        Command::Gc(args) => args.run(&mut context),
        Command::Verify => return collect::verify(&mut context),
        Command::Stats => collect::stats(&mut context),
        Command::RebuildIndex(_) => Ok(()),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// A REF for the daemon. A relative path that begins with `./` or `../` is made absolute: the daemon is
/// elsewhere.
fn wire(reference: &OsStr) -> String {
    use std::os::unix::ffi::OsStrExt;
    let relative = reference.as_bytes().starts_with(b"./") || reference.as_bytes().starts_with(b"../");
    match std::path::absolute(reference) {
        Ok(path) if relative => to_wire(path.as_os_str()),
        _ => to_wire(reference),
    }
}

fn print<T: serde::Serialize>(
    context: &Context,
    value: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    if context.terminal.json { render::json(value) } else { render::out(text(value).as_bytes()) }
}
