//! `policy`: whose attestations count. No store is needed.

mod decide;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use stele_trust::name::Label;
use stele_trust::policy::Policy;

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
    Decide(decide::Decide),
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

/// Runs one of the `policy` commands.
///
/// # Errors
/// The failure to show.
pub fn run(global: &Global, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Init(init) => init.run().map(|()| ExitCode::SUCCESS),
        Command::Check(file) => check(global, &file.file),
        Command::Explain(file) => {
            with(&file.file, |policy, _| render::out(policy.explain().as_bytes()).map(|()| ExitCode::SUCCESS))
        }
        Command::Decide(args) => args.run(global),
    }
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
