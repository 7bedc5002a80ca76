//! `store gc`, `store verify`, `store stats`

use std::process::ExitCode;

use clap::Args;

use super::{Context, print, unexpected};
use crate::quantity;
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::failure::{Failure, Kind};
use stele::keep::Release;

/// `stele store gc`
#[derive(Args, Debug)]
pub struct Gc {
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
    /// End all temporary leases first, so that only roots keep content
    #[arg(long)]
    end_leases: bool,
    /// First remove roots of builds (`build-…`) that were made longer ago: 12h, 30d
    #[arg(long, value_name = "AGE", value_parser = quantity::age)]
    older_than: Option<u64>,
    /// First remove all but the newest N roots of builds
    #[arg(long, value_name = "N")]
    keep_last: Option<usize>,
    /// First remove the oldest roots of builds, until all that roots keep has at most this size: 20G
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    max_size: Option<u64>,
    /// Also remove unfinished downloads, and the folders of failed builds that `build --keep-failed` kept
    #[arg(long)]
    unfinished: bool,
}

impl Gc {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let release =
            Release { older_than: self.older_than, keep_last: self.keep_last, max_bytes: self.max_size };
        let (dry_run, end_leases, unfinished) = (self.dry_run, self.end_leases, self.unfinished);
        let request = Request::Collect { dry_run, end_leases, release, unfinished };
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
