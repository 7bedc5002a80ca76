//! `image`: OCI images of what was built.

mod attach;
mod build;
mod diff;
mod export;
mod import;
mod look;
mod push;
mod sbom;

use clap::{Args, Subcommand};

use super::context::Context;
use super::unexpected;
use crate::args::Global;
use stele::Request;
use stele::answers::Answer;
use stele::failure::Failure;
use stele::images::{Ask, Shown, Told};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Build images, and what they are made of; prints the digest of each
    Build(build::Build),
    /// List the images
    Ls,
    /// Say all that is known of an image
    Inspect(Which),
    /// List what is in the layers of an image, with owners and modes
    Tree(look::Tree),
    /// Say what is different in two images
    Diff(diff::Diff),
    /// Write an image to a folder or file
    Export(export::Export),
    /// Send an image to a registry; only what it has not
    Push(push::Push),
    /// Say what is in an image, and what that was made of: SPDX or CycloneDX
    Sbom(sbom::Sbom),
    /// Attach files to an image, such as an SBOM or an attestation
    Attach(attach::Attach),
    /// List what is attached to an image
    Referrers(attach::Referrers),
    /// Take away what is attached to an image
    Detach(attach::Detach),
    /// Take an image of others into the store, as trees
    Import(import::Import),
}

/// An image.
#[derive(Args, Debug)]
pub struct Which {
    /// Its name, or `sha256:` with 8 or more digits of its manifest's or content digest
    #[arg(value_name = "IMAGE")]
    image: String,
}

pub fn run(global: &Global, command: Command) -> Result<(), Failure> {
    if let Command::Build(args) = command {
        return args.run(global);
    }
    // Only what brings something in makes a store where none is.
    let mut context = Context::new(global, !matches!(command, Command::Import(_)))?;
    match command {
        Command::Ls => look::list(&mut context),
        Command::Inspect(which) => look::inspect(&mut context, which),
        Command::Tree(args) => args.run(&mut context),
        Command::Export(args) => args.run(&mut context),
        Command::Push(args) => args.run(&mut context, global),
        Command::Import(args) => args.run(&mut context),
        Command::Diff(args) => args.run(&mut context),
        Command::Sbom(args) => args.run(&mut context),
        Command::Attach(args) => args.run(&mut context),
        Command::Referrers(args) => args.run(&mut context),
        Command::Detach(args) => args.run(&mut context),
        Command::Build(_) => Ok(()),
    }
}

fn ask(context: &mut Context, ask: Ask) -> Result<Told, Failure> {
    match context.ask(Request::Image { ask })? {
        Answer::Image(told) => Ok(told),
        _ => Err(unexpected()),
    }
}

fn one(told: Told) -> Result<Shown, Failure> {
    match told {
        Told::One(shown) => Ok(*shown),
        _ => Err(unexpected()),
    }
}
