//! Runs the bundle cases of sigstore-conformance: `sigstore_conformance DIR ROOT`.
//!
//! DIR is its folder `test/assets/bundle-verify`, and ROOT the trusted root of the public instance, for the cases that
//! bring none. A case whose name ends in `_fail` has to be refused, every other one verified.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use stele_trust::bundle::Bundle;
use stele_trust::keys::PublicKey;
use stele_trust::sigstore::{Expected, TrustedRoot, verify};
use stele_trust::time::Time;

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/\
                        workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The verdict on a case, with the reason of a refusal.
fn case(folder: &Path, root: &[u8], now: Time) -> Result<(), String> {
    let read = |name: &str| fs::read(folder.join(name)).ok();
    let text = |name: &str, default: &str| {
        let found = read(name).and_then(|bytes| String::from_utf8(bytes).ok());
        found.map_or_else(|| default.to_owned(), |text| text.trim().to_owned())
    };
    let artifact = read("artifact").map_or_else(|| fs::read(folder.join("../a.txt")), Ok);
    let artifact = artifact.map_err(|e| e.to_string())?;
    let root = read("trusted_root.json").unwrap_or_else(|| root.to_vec());
    let root = TrustedRoot::parse(&root).map_err(|e| e.to_string())?;
    let bundle =
        Bundle::parse(&read("bundle.sigstore.json").unwrap_or_default()).map_err(|e| e.to_string())?;
    let (identity, issuer) = (text("identity", IDENTITY), text("issuer", ISSUER));
    let key = match read("key.pub") {
        Some(_) => Some(PublicKey::parse(&text("key.pub", "")).map_err(|e| e.to_string())?),
        None => None,
    };
    let by_identity = Expected::Identity { identity: &identity, issuer: &issuer };
    let expected = key.as_ref().map_or(by_identity, Expected::Key);
    verify(&bundle, &artifact, &root, &expected, now).map(drop).map_err(|e| e.to_string())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), Some(root), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        eprintln!("usage: sigstore_conformance DIR ROOT");
        return ExitCode::from(2);
    };
    let (Ok(entries), Ok(root)) = (fs::read_dir(PathBuf::from(folder)), fs::read(root)) else {
        eprintln!("error: the folder or the trusted root cannot be read");
        return ExitCode::FAILURE;
    };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|it| it.path()).filter(|it| it.is_dir()).collect();
    folders.sort();
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let now = Time(i64::try_from(seconds).unwrap_or(i64::MAX));
    let mut wrong = 0;
    for folder in &folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let verdict = case(folder, &root, now);
        let right = verdict.is_ok() != name.ends_with("_fail");
        wrong += usize::from(!right);
        let mark = if right { "right" } else { "WRONG" };
        println!("{mark} {name}: {}", verdict.err().unwrap_or_else(|| "verified".to_owned()));
    }
    println!("{} of {} cases get the verdict that their names say", folders.len() - wrong, folders.len());
    if wrong == 0 && !folders.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
