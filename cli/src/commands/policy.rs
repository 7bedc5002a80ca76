//! `policy`: whose attestations count. No store is needed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde_json::json;

use stele_trust::digest::{Blake3, Digests};
use stele_trust::name::{Label, OutputName};
use stele_trust::policy::Policy;
use stele_trust::time::Time;
use stele_trust::verdict::{Inquiry, decide};
use stele_trust::vote::{Evidence, Subject};

use super::agreement::policy_file::with;
use super::key;
use crate::args::Global;
use crate::render;
use stele::failure::{Failure, Kind};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Print a policy in which more than half of the given principals have to agree
    Init(Init),
    /// Check a policy; print what is allowed in it and probably not meant
    Check(File),
    /// Say in words what a policy demands
    Explain(File),
    /// Decide from files whether an output is agreed
    ///
    /// Exit codes: 0 AGREED, 10 INSUFFICIENT, 11 CONTESTED, 12 EQUIVOCATION, 13 STALE, 14 REVOKED, 15 INVALID.
    Decide(Decide),
}

/// `stele policy init NAME=KEY…`
#[derive(Args, Debug)]
pub struct Init {
    /// A principal and a file with its public key
    #[arg(value_name = "PRINCIPAL=FILE", required = true)]
    principals: Vec<String>,
    /// The policy's name
    #[arg(long, default_value = "agreement")]
    name: String,
}

/// A policy.
#[derive(Args, Debug)]
pub struct File {
    /// The policy
    file: PathBuf,
}

/// `stele policy decide FILE --action DIGEST --output NAME EVIDENCE…`
#[derive(Args, Debug)]
pub struct Decide {
    /// The policy
    file: PathBuf,
    /// The digest of the action
    #[arg(long, value_name = "DIGEST")]
    action: String,
    /// The output of the action
    #[arg(long, value_name = "NAME", default_value = "out")]
    output: String,
    /// The output's digest that has to be agreed [default: whichever is]
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// The highest version of this policy that was ever used: a lower one decides nothing
    #[arg(long, value_name = "VERSION")]
    seen: Option<u64>,
    /// Envelopes, Sigstore bundles and in-toto links
    evidence: Vec<PathBuf>,
}

/// Runs one of the `policy` commands.
///
/// # Errors
/// The failure to show.
pub fn run(global: &Global, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Init(init) => init.run().map(|()| ExitCode::SUCCESS),
        Command::Check(file) => check(global, &file.file),
        Command::Explain(file) => with(&file.file, |policy, _| {
            render::out(render::clean(&policy.explain()).as_bytes()).map(|()| ExitCode::SUCCESS)
        }),
        Command::Decide(args) => args.run(global),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|e| Failure::io(&format!("{} could not be read", file.display()), &e))
}

fn check(global: &Global, file: &Path) -> Result<ExitCode, Failure> {
    with(file, |policy, _| {
        let warnings: Vec<String> = policy.warnings().iter().map(ToString::to_string).collect();
        if global.json {
            let digest = policy.digest;
            render::json(&json!({
                "name": policy.name, "version": policy.version, "sha256": digest, "warnings": warnings,
                "principals": policy.principals.len(), "fewest": policy.fewest(),
            }))?;
        } else {
            for warning in &warnings {
                render::tell(&format!("note: {warning}"));
            }
            render::out(format!("{} {} {}\n", policy.name, policy.version, policy.digest).as_bytes())?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

impl Init {
    fn run(self) -> Result<(), Failure> {
        let usage = |reason: String| Failure::new(Kind::Usage, reason);
        let mut names = Vec::new();
        let mut principals = String::new();
        for argument in &self.principals {
            let wrong = || usage(format!("{argument:?} is not PRINCIPAL=FILE"));
            let (name, file) = argument.split_once('=').ok_or_else(wrong)?;
            let name: Label = name.parse().map_err(|e| usage(format!("{e}")))?;
            let public = key::read(Path::new(file))?.to_openssh();
            // Writing to a string cannot fail.
            let _ = write!(
                principals,
                "\n[principals.{name}]\n# owner = \"\"\n# organisation = \"\"\n# country = \"\"\n# cpu_vendor = \"\"\n\
                 # kernel = \"\"\n# builder = \"stele\"\n\n[[principals.{name}.keys]]\npublic = \"{}\"\n",
                public.trim_end()
            );
            names.push(format!("\"{name}\""));
        }
        let (least, list) = (names.len() / 2 + 1, names.join(", "));
        let text = format!(
            "policy = 1\nname = \"{}\"\nversion = 1\nrule = {{ at_least = {least}, of = [{list}] }}\n\n[dissent]\n\
             tolerate = 0\nfailed = \"ignore\"\n\n[keys]\nexpired = \"at-verification\"\n{principals}",
            self.name
        );
        // What is printed is a policy, or the reason why it cannot be one.
        Policy::parse(&text).map_err(|e| usage(format!("these make no policy: {e}")))?;
        render::out(text.as_bytes())
    }
}

impl Decide {
    fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let digest = |text: &str| {
            let wrong = |e| Failure::new(Kind::Usage, format!("{text:?} is not a digest: {e}"));
            text.parse::<Blake3>().map_err(wrong)
        };
        let output: Result<OutputName, _> = self.output.parse();
        let output = output.map_err(|e| Failure::new(Kind::Usage, e.to_string()))?;
        let subject = Subject::Output { action: digest(&self.action)?, output };
        let asked = self.digest.as_deref().map(digest).transpose()?;
        let mut files = Vec::new();
        for file in &self.evidence {
            files.push(read(file)?);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
        with(&self.file, |policy, _| {
            let evidence: Vec<Evidence> =
                files.iter().flat_map(|bytes| Evidence::parse(bytes, policy.public_keys())).collect();
            let verdict = decide(&Inquiry {
                policy,
                highest_policy_seen: self.seen,
                subject,
                digest: asked.map(|blake3| Digests { blake3: Some(blake3), sha256: None }),
                evidence: &evidence,
                now: Time(i64::try_from(now).unwrap_or(i64::MAX)),
            });
            if global.json {
                render::json(&verdict.to_json())?;
            } else {
                render::out(render::clean(&verdict.explain()).as_bytes())?;
            }
            Ok(ExitCode::from(verdict.kind.exit_code()))
        })
    }
}
