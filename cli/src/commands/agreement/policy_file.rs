//! A policy from a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use stele_trust::policy::Policy;

use super::ask;
use crate::commands::context::Context;
use crate::commands::unexpected;
use crate::render;
use stele::agreement::{AgreementAnswer, AgreementRequest};
use stele::failure::{Failure, Kind};
use stele::images::ROOT_PREFIX;

/// The exit code of a policy that is not valid, as of a verdict INVALID.
const INVALID: u8 = 15;

/// `--policy FILE`
#[derive(Args, Debug)]
pub struct PolicyFile {
    /// The policy
    #[arg(long = "policy", value_name = "FILE", env = "STELE_POLICY", hide_env_values = true)]
    pub file: PathBuf,
}

impl PolicyFile {
    /// Does something with the policy and its text.
    ///
    /// # Errors
    /// When the file cannot be read. A policy that is not valid ends the command with a code of its own.
    pub fn with(
        &self,
        then: impl FnOnce(&Policy, &str) -> Result<ExitCode, Failure>,
    ) -> Result<ExitCode, Failure> {
        with(&self.file, then)
    }
}

/// Does something with the policy in a file, and its text.
///
/// # Errors
/// As of [`PolicyFile::with`].
pub fn with(
    file: &Path,
    then: impl FnOnce(&Policy, &str) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let bytes =
        fs::read(file).map_err(|e| Failure::io(&format!("{} could not be read", file.display()), &e))?;
    let policy = match std::str::from_utf8(&bytes) {
        Ok(text) => Policy::parse(text).map(|policy| (policy, text)).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match policy {
        Ok((policy, text)) => then(&policy, text),
        Err(reason) => {
            let text = format!("{} is not a valid policy: {reason}", file.display());
            render::failure(&Failure::new(Kind::Usage, text).hint("docs/policy.md has the format"), false);
            Ok(ExitCode::from(INVALID))
        }
    }
}

/// `--policy FILE` of commands that hand an image on.
#[derive(Args, Debug)]
pub struct ImageGate {
    /// Refuse unless this policy agrees to the image, by the evidence in the store
    #[arg(long, value_name = "FILE", env = "STELE_POLICY", hide_env_values = true)]
    policy: Option<PathBuf>,
    /// And to everything that it was made from
    #[arg(long = "policy-closure", requires = "policy")]
    closure: bool,
}

impl ImageGate {
    /// Goes on if there is no policy, or if it agrees.
    ///
    /// # Errors
    /// When the policy is not valid or does not agree.
    pub fn require(&self, context: &mut Context, image: &str) -> Result<(), Failure> {
        let Some(file) = &self.policy else { return Ok(()) };
        let policy = fs::read_to_string(file)
            .map_err(|e| Failure::io(&format!("{} could not be read", file.display()), &e))?;
        let reference = match image.strip_prefix("sha256:") {
            Some(_) => image.to_owned(),
            None => format!("{ROOT_PREFIX}{image}"),
        };
        let request = AgreementRequest::Decide {
            reference,
            tree: None,
            policy,
            closure: self.closure,
            evidence: Vec::new(),
        };
        let AgreementAnswer::Decided(decision) = ask(context, request)? else { return Err(unexpected()) };
        if decision.exit_code == 0 {
            return Ok(());
        }
        let explanation = decision.explanation.trim_end();
        Err(Failure::new(
            Kind::Failed,
            format!("the policy does not agree to image `{image}`\n{explanation}"),
        )
        .hint("`stele evidence pull` fetches what others state; `stele verify image-NAME` only decides"))
    }
}
