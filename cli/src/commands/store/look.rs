//! `store ls`, `store tree`, `store info`

use std::ffi::OsString;

use clap::Args;

use super::{Context, print, unexpected, wire};
use crate::args::Ref;
use crate::render::{self, Listing};
use stele::Request;
use stele::answers::Answer;
use stele::failure::Failure;

/// `stele store ls REF`
#[derive(Args, Debug)]
pub struct Ls {
    #[command(flatten)]
    what: Ref,
    /// Show full digests, and sizes in bytes
    #[arg(short, long)]
    long: bool,
    /// List recursively, with paths
    #[arg(short, long)]
    recursive: bool,
}

/// `stele store tree REF`
#[derive(Args, Debug)]
pub struct Tree {
    #[command(flatten)]
    what: Ref,
    /// Maximum depth of directories
    #[arg(short, long, value_name = "N")]
    depth: Option<usize>,
}

/// `stele store du`
#[derive(Args, Debug)]
#[command(
    after_help = "Each line: bytes of all that it reaches, each item counted once; those of them that none of the \
                        others reaches; name."
)]
pub struct Du {
    /// What to measure [default: all roots]
    #[arg(value_name = "REF")]
    references: Vec<OsString>,
}

impl Du {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let references = self.references.iter().map(|it| wire(it)).collect();
        let Answer::Usage(usage) = context.ask(Request::Usage { references })? else {
            return Err(unexpected());
        };
        print(context, &usage, |usage| render::usage(usage))
    }
}

impl Ls {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        context.terminal.list(if self.long { Listing::Long } else { Listing::Short });
        let reference = wire(&self.what.reference);
        context.ask(Request::List { reference, recursive: self.recursive, depth: None }).map(drop)
    }
}

impl Tree {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        context.terminal.list(Listing::Tree);
        let reference = wire(&self.what.reference);
        context.ask(Request::List { reference, recursive: true, depth: self.depth }).map(drop)
    }
}

pub fn info(context: &mut Context, what: &Ref) -> Result<(), Failure> {
    let Answer::Info(info) = context.ask(Request::Info { reference: wire(&what.reference) })? else {
        return Err(unexpected());
    };
    print(context, &info, render::info)
}
