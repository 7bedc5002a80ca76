//! `key`: keys that sign attestations. No store is needed.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use stele_trust::keys::{Algorithm, PublicKey, Signer as _, SigningKey};

use crate::args::Global;
use crate::render;
use stele::failure::{Failure, Kind};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a key: FILE is the private key, FILE.pub the public one
    New(New),
    /// Show the id and the public key of a file, as PEM and as OpenSSH writes it
    Show(Show),
}

/// What a new key signs with.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum Kinds {
    /// Ed25519
    Ed25519,
    /// ECDSA on P-256, which more hardware has
    P256,
}

/// `stele key new FILE`
#[derive(Args, Debug)]
pub struct New {
    /// The file of the private key, which must not exist; its owner alone can read it
    file: PathBuf,
    /// What it signs with
    #[arg(long, value_enum, default_value = "ed25519")]
    algorithm: Kinds,
}

/// `stele key show FILE`
#[derive(Args, Debug)]
pub struct Show {
    /// A public or private key, in PEM or as OpenSSH writes it
    file: PathBuf,
}

/// Runs one of the `key` commands.
///
/// # Errors
/// The failure to show.
pub fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::New(new) => new.run(global),
        Command::Show(show) => show_key(global, &read(&show.file)?),
    }
}

impl New {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let algorithm = match self.algorithm {
            Kinds::Ed25519 => Algorithm::Ed25519,
            Kinds::P256 => Algorithm::EcdsaP256,
        };
        let (key, private) =
            SigningKey::generate(algorithm).map_err(|e| Failure::new(Kind::Failed, e.to_string()))?;
        let mut public_file = self.file.clone().into_os_string();
        public_file.push(".pub");
        create(&self.file, 0o600, &private)?;
        create(Path::new(&public_file), 0o644, &key.public().to_pem())?;
        show_key(global, key.public())
    }
}

/// Writes a file that does not exist yet: a private key is never overwritten.
fn create(file: &Path, mode: u32, text: &str) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    let written = opened.and_then(|mut it| it.write_all(text.as_bytes()).and_then(|()| it.sync_all()));
    written.map_err(|e| Failure::io(&format!("{} could not be written", file.display()), &e))
}

/// The public key of a file.
pub(super) fn read(file: &Path) -> Result<PublicKey, Failure> {
    let named = file.display();
    let text =
        fs::read_to_string(file).map_err(|e| Failure::io(&format!("{named} could not be read"), &e))?;
    let public = match PublicKey::parse(&text) {
        Err(_) if text.contains("PRIVATE KEY") => SigningKey::parse(&text).map(|key| key.public().clone()),
        other => other,
    };
    public.map_err(|e| Failure::new(Kind::Usage, format!("{named} is not a key that can be used: {e}")))
}

fn show_key(global: &Global, key: &PublicKey) -> Result<(), Failure> {
    let (pem, openssh) = (key.to_pem(), key.to_openssh());
    let algorithm = match key.algorithm() {
        Algorithm::Ed25519 => "ed25519",
        Algorithm::EcdsaP256 => "p256",
    };
    if global.json {
        let openssh = openssh.trim_end();
        return render::json(
            &json!({ "id": key.id().to_string(), "fingerprint": key.fingerprint(), "algorithm": algorithm, "pem": pem,
                "openssh": openssh }),
        );
    }
    render::out(format!("{}\n{algorithm} {}\n{openssh}{pem}", key.id(), key.fingerprint()).as_bytes())
}
