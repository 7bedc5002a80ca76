//! Who signs: a key in a file, or a program that asks hardware or a service.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use stele_trust::edge::signer::ExternalSigner;
use stele_trust::keys::{Signer, SigningKey};

use crate::commands::key;
use stele::failure::{Failure, Kind};

/// `--key FILE`, `--signer PROGRAM`
#[derive(Args, Debug)]
pub struct SignerArgs {
    /// The private key that signs, in PEM or as OpenSSH writes it; with --signer, the public key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A program that signs in place of a private key: it reads the bytes from stdin and writes the signature to stdout
    #[arg(long, value_name = "PROGRAM")]
    signer: Option<String>,
    /// An argument of that program; may be repeated
    #[arg(long = "signer-arg", value_name = "ARGUMENT", requires = "signer", allow_hyphen_values = true)]
    signer_args: Vec<String>,
}

impl SignerArgs {
    /// The signer.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn signer(&self) -> Result<Box<dyn Signer>, Failure> {
        if let Some(program) = &self.signer {
            let public = key::read(&self.key)?;
            return Ok(Box::new(ExternalSigner::new(program.clone(), self.signer_args.clone(), public)));
        }
        Ok(Box::new(signing_key(&self.key)?))
    }
}

/// The private key in a file.
///
/// # Errors
/// When it cannot be read.
pub fn signing_key(file: &Path) -> Result<SigningKey, Failure> {
    let named = file.display();
    let text =
        fs::read_to_string(file).map_err(|e| Failure::io(&format!("{named} could not be read"), &e))?;
    SigningKey::parse(&text).map_err(|e| {
        let failure = Failure::new(Kind::Usage, format!("{named} is not a private key that can sign: {e}"));
        failure.hint("`stele key new FILE` makes one; --signer names a program for a key elsewhere")
    })
}
