//! `image`: OCI images of build outputs.

pub mod attach;
mod build;
mod diff;
mod export;
mod import;
mod look;
mod names;
pub mod push;
mod run;
mod sbom;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::context::Context;
use super::unexpected;
use crate::args::Global;
use stele::Request;
use stele::answers::Answer;
use stele::failure::Failure;
use stele::images::{ImageAnswer, ImageRequest, Shown};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Build images and their inputs; print the digest of each image
    Build(build::Build),
    /// List images
    Ls,
    /// Show an image's details
    Inspect(Which),
    /// List the contents of an image's layers, with owners and modes
    Tree(look::Tree),
    /// Compare two images
    Diff(diff::Diff),
    /// Run an image by the container engine that is here
    Run(run::Run),
    /// Write an image to a folder or file, or to stdout
    Export(export::Export),
    /// Push an image; only missing blobs are sent
    Push(push::Push),
    /// Generate an image's SBOM: SPDX or CycloneDX
    Sbom(sbom::Sbom),
    /// Attach files to an image, such as an SBOM or an attestation
    Attach(attach::Attach),
    /// List an image's referrers
    Referrers(attach::Referrers),
    /// Remove a referrer from an image
    Detach(attach::Detach),
    /// Import a third-party image
    Import(import::Import),
    /// Give an image a further name
    Tag(names::Tag),
    /// Remove names of images; what nothing else keeps stays until the next garbage collection
    Rm(names::Rm),
}

/// An image.
#[derive(Args, Debug)]
pub struct Which {
    /// Its name, or `sha256:` with 8 or more digits of its manifest's or content digest
    #[arg(value_name = "IMAGE")]
    image: String,
}

pub fn run(global: &Global, command: Command) -> Result<ExitCode, Failure> {
    if let Command::Build(args) = command {
        return args.run(global).map(|()| ExitCode::SUCCESS);
    }
    // Only commands that add content create a missing store.
    let mut context = Context::new(global, !matches!(command, Command::Import(_)))?;
    let done = match command {
        Command::Run(args) => return args.run(&mut context),
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
        Command::Tag(args) => args.run(&mut context),
        Command::Rm(args) => args.run(&mut context),
        Command::Build(_) => Ok(()),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn ask(context: &mut Context, ask: ImageRequest) -> Result<ImageAnswer, Failure> {
    match context.ask(Request::Image { ask })? {
        Answer::Image(told) => Ok(told),
        _ => Err(unexpected()),
    }
}

fn one(told: ImageAnswer) -> Result<Shown, Failure> {
    match told {
        ImageAnswer::One(shown) => Ok(*shown),
        _ => Err(unexpected()),
    }
}
