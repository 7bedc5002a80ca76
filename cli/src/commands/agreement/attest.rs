//! `attest`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use stele_trust::bundle::Bundle;
use stele_trust::dsse::{Envelope, IN_TOTO};

use super::{SignerArgs, Which, ask};
use crate::args::Global;
use crate::commands::context::Context;
use crate::commands::unexpected;
use crate::render;
use stele::Untrusted;
use stele::agreement::{AgreementAnswer, AgreementRequest};
use stele::failure::{Failure, Kind};

/// Sign what this store built: which outputs each action gave
///
/// What another store gave is not attested: only what was built here. An image's attestation is about its manifest;
/// with --closure everything down to the seed is attested too. If the recipe's last build failed, that is attested.
/// The statements are kept as evidence in the store; the key stays with this command.
#[derive(Args, Debug)]
#[command(after_help = "\
Prints a line per statement: the SHA-256 of the evidence, the outcome or `provenance`, what it is about. \
Each is an in-toto statement in a DSSE envelope in a Sigstore bundle: docs/attestations.md.")]
pub struct Attest {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    signer: SignerArgs,
    /// Also of everything that it was made from
    #[arg(long)]
    closure: bool,
    /// The digest that was to be reproduced: where the output differs from it, that is stated
    #[arg(long, value_name = "DIGEST")]
    expected: Option<String>,
    /// Take back what was stated of these outputs, and say why
    #[arg(long, value_name = "REASON", conflicts_with = "expected")]
    revoke: Option<String>,
    /// Also write the evidence to a file, one bundle a line
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Attest {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let signer = self.signer.signer()?;
        let mut context = Context::new(global, true)?;
        let state = AgreementRequest::State {
            reference: self.which.reference.clone(),
            tree: self.which.tree()?,
            closure: self.closure,
            expected: self.expected,
            revoke: self.revoke,
        };
        let AgreementAnswer::Stated(stated) = ask(&mut context, state)? else { return Err(unexpected()) };
        let mut evidence = Vec::new();
        for statement in &stated.statements {
            let fails =
                |e: &dyn std::fmt::Display| Failure::new(Kind::Failed, format!("it cannot be signed: {e}"));
            let envelope = Envelope::sign(IN_TOTO, statement.payload.clone().into_bytes(), signer.as_ref());
            let bundle = Bundle::of_envelope(envelope.map_err(|e| fails(&e))?, signer.public());
            let bytes = bundle.encode().map_err(|e| fails(&e))?;
            evidence.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        if let Some(file) = &self.output {
            let lines = evidence.iter().map(|it| format!("{it}\n")).collect::<String>();
            std::fs::write(file, lines)
                .map_err(|e| Failure::io(&format!("{} could not be written", file.display()), &e))?;
        }
        let AgreementAnswer::Evidence(added) = ask(&mut context, AgreementRequest::Add { evidence })? else {
            return Err(unexpected());
        };
        for name in &stated.left_out {
            render::note(&format!("left out, since it was not built in this store: {}", Untrusted(name)));
        }
        if global.json {
            return render::json(&added);
        }
        let mut text = String::new();
        for (statement, added) in stated.statements.iter().zip(&added) {
            let what = statement.outcome.as_deref().unwrap_or("provenance");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}  {what}  {}", added.sha256, Untrusted(&statement.name));
        }
        render::out(text.as_bytes())
    }
}
