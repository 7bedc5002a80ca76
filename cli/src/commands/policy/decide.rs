//! `policy decide`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use stele_trust::digest::{Blake3, Digests, Sha256};
use stele_trust::edge::gpgv;
use stele_trust::foreign::stagex;
use stele_trust::name::OutputName;
use stele_trust::policy::Policy;
use stele_trust::time::Time;
use stele_trust::verdict::{Inquiry, decide};
use stele_trust::vote::{Evidence, Subject, pieces};

use crate::args::Global;
use crate::commands::agreement::policy_file::with;
use crate::render;
use stele::failure::{Failure, Kind};

/// `stele policy decide FILE --action DIGEST --output NAME EVIDENCE…`
#[derive(Args, Debug)]
pub struct Decide {
    /// The policy
    file: PathBuf,
    /// The digest of the action
    #[arg(long, value_name = "DIGEST", required_unless_present = "artifact")]
    action: Option<String>,
    /// The output of the action
    #[arg(long, value_name = "NAME", default_value = "out")]
    output: String,
    /// In place of an action, what other projects sign: an artifact by its name and SHA-256
    #[arg(long, value_name = "NAME@sha256:DIGEST", conflicts_with_all = ["action", "output", "digest"])]
    artifact: Option<String>,
    /// The output's digest that has to be agreed [default: whichever is]
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// The highest version of this policy that was ever used: a lower one decides nothing
    #[arg(long, value_name = "VERSION")]
    seen: Option<u64>,
    /// OpenPGP keys, as a file of `gpg --export`, armoured or not; `gpgv` then verifies signed messages. May be
    /// repeated
    #[arg(long, value_name = "FILE")]
    keyring: Vec<PathBuf>,
    /// Envelopes, Sigstore bundles and in-toto links; and with --keyring, StageX's signatures in their folders
    evidence: Vec<PathBuf>,
}

impl Decide {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let (subject, asked) = self.subject()?;
        let keyring = keyring(&self.keyring)?;
        let mut files = Vec::new();
        for file in &self.evidence {
            collect(file, &mut files)?;
        }
        with(&self.file, |policy, _| {
            let mut evidence = Vec::new();
            for file in &files {
                evidence.extend(read_evidence(file, policy, keyring.as_deref())?);
            }
            let verdict = decide(&Inquiry {
                policy,
                highest_policy_seen: self.seen,
                subject,
                digest: asked,
                evidence: &evidence,
                now: Time::from_seconds(stele_store::now()),
            });
            if global.json {
                render::json(&verdict.to_json())?;
            } else {
                render::out(verdict.explain().as_bytes())?;
            }
            Ok(ExitCode::from(verdict.kind.exit_code()))
        })
    }

    /// What is decided about, and the digest that is asked for.
    fn subject(&self) -> Result<(Subject, Option<Digests>), Failure> {
        let usage = |reason: String| Failure::new(Kind::Usage, reason);
        if let Some(artifact) = &self.artifact {
            let wrong = || usage(format!("{artifact:?} is not NAME@sha256:DIGEST"));
            let (name, sha256) = artifact.rsplit_once("@sha256:").ok_or_else(wrong)?;
            let sha256: Sha256 = sha256.parse().map_err(|_| wrong())?;
            let asked = Digests { blake3: None, sha256: Some(sha256) };
            return Ok((Subject::Artifact { name: name.to_owned(), sha256 }, Some(asked)));
        }
        let digest =
            |text: &str| text.parse::<Blake3>().map_err(|e| usage(format!("{text:?} is not a digest: {e}")));
        let output: OutputName = self.output.parse().map_err(|e| usage(format!("{e}")))?;
        let action = digest(self.action.as_deref().unwrap_or_default())?;
        let asked = self.digest.as_deref().map(digest).transpose()?;
        let asked = asked.map(|blake3| Digests { blake3: Some(blake3), sha256: None });
        Ok((Subject::Output { action, output }, asked))
    }
}

/// The files of a folder, in the order of their names, or a file.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let fails = |e: &std::io::Error| Failure::io(&format!("{} could not be read", path.display()), e);
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut inside = Vec::new();
    for entry in fs::read_dir(path).map_err(|e| fails(&e))? {
        let entry = entry.map_err(|e| fails(&e))?.path();
        if entry.is_file() {
            inside.push(entry);
        }
    }
    inside.sort();
    files.extend(inside);
    Ok(())
}

/// The evidence in a file. With a keyring, what is no JSON document is taken for a signed message, about the image
/// after which its folder is called.
fn read_evidence(file: &Path, policy: &Policy, keyring: Option<&Path>) -> Result<Vec<Evidence>, Failure> {
    let bytes =
        fs::read(file).map_err(|e| Failure::io(&format!("{} could not be read", file.display()), &e))?;
    // JSON, also several documents, begins with a brace; OpenPGP never does.
    let Some(keyring) = keyring.filter(|_| !bytes.trim_ascii_start().starts_with(b"{")) else {
        let parse = |bytes: &[u8]| Evidence::parse(bytes, policy.public_keys());
        return Ok(match std::str::from_utf8(&bytes) {
            Ok(text) => pieces(text).into_iter().flat_map(|piece| parse(piece.as_bytes())).collect(),
            Err(_) => parse(&bytes),
        });
    };
    let unreadable = |reason: String| vec![Evidence::Unreadable { digest: Sha256::of(&bytes), reason }];
    let home = tempfile::tempdir().map_err(|e| Failure::io("no folder for gpgv", &e))?;
    let opened = match gpgv::open(file, keyring, home.path()) {
        Ok(opened) => opened,
        Err(gpgv::GpgvError::TooLarge) => return Ok(unreadable(gpgv::GpgvError::TooLarge.to_string())),
        Err(error) => {
            return Err(Failure::new(Kind::Failed, error.to_string()).hint("Debian's package is gpgv"));
        }
    };
    let absolute = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = absolute.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    Ok(stagex::evidence(&bytes, &folder.unwrap_or_default(), &opened.payload, &opened.status))
}

/// All keys in one file, as `gpgv` wants it; in a folder that ends with the command.
fn keyring(files: &[PathBuf]) -> Result<Option<Keyring>, Failure> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut keys = Vec::new();
    for file in files {
        let bytes =
            fs::read(file).map_err(|e| Failure::io(&format!("{} could not be read", file.display()), &e))?;
        let wrong = || Failure::new(Kind::Usage, format!("{} holds no OpenPGP keys", file.display()));
        keys.extend(gpgv::unarmoured(&bytes).ok_or_else(wrong)?);
    }
    let fails = |e: &std::io::Error| Failure::io("no file for the keyring", e);
    let folder = tempfile::tempdir().map_err(|e| fails(&e))?;
    let path = folder.path().join("keys.gpg");
    fs::write(&path, keys).map_err(|e| fails(&e))?;
    Ok(Some(Keyring { _folder: folder, path }))
}

struct Keyring {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl std::ops::Deref for Keyring {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}
