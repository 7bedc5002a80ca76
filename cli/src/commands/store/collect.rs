//! `store gc`, `store verify`, `store stats`

use std::process::ExitCode;

use clap::Args;

use super::{Context, print, unexpected};
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::failure::{Failure, Kind};

/// `stele store gc`
#[derive(Args, Debug)]
pub struct Gc {
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
    /// End all temporary leases first, so that only roots keep content
    #[arg(long)]
    end_leases: bool,
}

impl Gc {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let request = Request::Collect { dry_run: self.dry_run, end_leases: self.end_leases };
        let Answer::Collected(collected) = context.ask(request)? else { return Err(unexpected()) };
        print(context, &collected, render::collected)
    }
}

/// `stele store verify`: exit code 4 when there are findings.
pub fn verify(context: &mut Context) -> Result<ExitCode, Failure> {
    let Answer::Verified(verified) = context.ask(Request::Verify {})? else { return Err(unexpected()) };
    print(context, &verified, render::verified)?;
    let wrong = !verified.findings.is_empty();
    Ok(if wrong { ExitCode::from(Kind::Corrupt.exit_code()) } else { ExitCode::SUCCESS })
}

pub fn stats(context: &mut Context) -> Result<(), Failure> {
    let Answer::Counts(counts) = context.ask(Request::Stats {})? else { return Err(unexpected()) };
    print(context, &counts, render::counts)
}
