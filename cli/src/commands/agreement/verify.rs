//! `verify`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use stele_trust::policy::Policy;
use stele_trust::time::Time;

use super::{PolicyFile, Which, ask};
use crate::args::Global;
use crate::commands::context::Context;
use crate::commands::unexpected;
use crate::render;
use stele::agreement::{AgreementAnswer, AgreementRequest, Decision, offline};
use stele::failure::Failure;

/// Decide by a policy whether an output or image is agreed, and with --closure everything that it was made from
///
/// Nothing is fetched: what counts is the evidence in the store, and that of --evidence. With --offline no store is
/// needed either.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 AGREED, 10 INSUFFICIENT, 11 CONTESTED, 12 EQUIVOCATION, 13 STALE, 14 REVOKED, 15 INVALID; of a closure, \
that of the weakest. docs/policy.md has the format of policies and defines the verdicts.")]
pub struct Verify {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    policy: PolicyFile,
    /// Also decide about everything that it was made from, down to the seed
    #[arg(long)]
    closure: bool,
    /// Further evidence: bundles or envelopes, also several in a file, one a line. May be repeated
    #[arg(long, value_name = "FILE")]
    evidence: Vec<PathBuf>,
    /// Decide from this file of evidence alone, without a store; REF is then the digest of an output, or `sha256:`
    /// and that of a manifest. May be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "evidence")]
    offline: Vec<PathBuf>,
    /// With --offline, the highest version of this policy that was ever used: a lower one decides nothing
    #[arg(long, value_name = "VERSION", requires = "offline")]
    seen: Option<u64>,
}

impl Verify {
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        self.policy.with(|policy, text| {
            let decision = match self.offline.is_empty() {
                true => self.online(global, text)?,
                false => self.offline(policy)?,
            };
            match global.json {
                true => render::json(&decision)?,
                false => render::out(decision.explanation.as_bytes())?,
            }
            Ok(ExitCode::from(decision.exit_code))
        })
    }

    fn online(&self, global: &Global, policy: &str) -> Result<Decision, Failure> {
        let mut context = Context::new(global, true)?;
        let request = AgreementRequest::Decide {
            reference: self.which.reference.clone(),
            tree: self.which.tree()?,
            policy: policy.to_owned(),
            closure: self.closure,
            evidence: read(&self.evidence)?,
        };
        match ask(&mut context, request)? {
            AgreementAnswer::Decided(decision) => Ok(*decision),
            _ => Err(unexpected()),
        }
    }

    fn offline(&self, policy: &Policy) -> Result<Decision, Failure> {
        let now = Time::from_seconds(stele_store::now());
        offline(&self.which.reference, policy, &read(&self.offline)?, self.closure, self.seen, now)
    }
}

/// Files of evidence. What is not text is evidence that cannot be read, and is reported as that.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let read = |file: &PathBuf| {
        let bytes =
            fs::read(file).map_err(|e| Failure::io(&format!("{} could not be read", file.display()), &e))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    files.iter().map(read).collect()
}
