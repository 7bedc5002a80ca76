//! Upstream's signatures, made here by `gpg`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stele_store::model::Sha256;
use stele_tests::skip;

use super::{Sources, random};

/// A signing key.
struct Signer {
    home: tempfile::TempDir,
    /// The current time for `gpg`.
    time: Option<&'static str>,
}

impl Signer {
    /// `None` where there is no `gpg`. `valid` is `never`, or for how long.
    fn new(algorithm: &str, valid: &str, time: Option<&'static str>) -> Option<Self> {
        let signer = Self { home: tempfile::tempdir().unwrap(), time };
        if Command::new("gpg").arg("--version").output().is_err() {
            skip("no gpg");
            return None;
        }
        signer.gpg(&["--quick-generate-key", "upstream@example.org", algorithm, "sign", valid]);
        Some(signer)
    }

    fn gpg(&self, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.home.path()).args(["--batch", "--quiet", "--passphrase", ""]);
        if let Some(time) = self.time {
            command.args(["--faked-system-time", time]);
        }
        let output = command.args(args).output().unwrap();
        assert!(output.status.success(), "gpg {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn keys(&self, folder: &Path, armour: bool) -> PathBuf {
        let path = folder.join("keys.asc");
        let keys = if armour { self.gpg(&["--armor", "--export"]) } else { self.gpg(&["--export"]) };
        fs::write(&path, keys).unwrap();
        path
    }

    fn sign(&self, bytes: &[u8], more: &[&str]) -> Vec<u8> {
        let path = self.home.path().join("bytes");
        fs::write(&path, bytes).unwrap();
        self.gpg(&[more, &["--output", "-", "--detach-sign", path.to_str().unwrap()]].concat())
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        // Its agent would keep running.
        let _ =
            Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}

/// The arguments that fetch `bytes` with `signature`, both from files.
fn args(sources: &Sources, bytes: &[u8], signature: &[u8], keys: &Path) -> Vec<String> {
    let put = |name: &str, bytes: &[u8]| {
        let path = sources.stele.scratch().join(name);
        fs::write(&path, bytes).unwrap();
        format!("file:{}", path.display())
    };
    let mut args = sources.args(bytes, &[&put("file.tar", bytes)]);
    args.extend(["--signature".to_owned(), put("file.tar.sig", signature)]);
    args.extend(["--signature-sha256".to_owned(), Sha256::of(signature).to_string()]);
    args.extend(["--keys".to_owned(), keys.display().to_string()]);
    args
}

#[track_caller]
fn refused(sources: &Sources, args: &[String], bytes: &[u8]) -> String {
    let said = sources.stele.fails(args, 4);
    sources.stele.fails(&["store", "info", &format!("sha256:{}", Sha256::of(bytes))], 3);
    said
}

#[test]
fn a_signature_by_another_key_or_of_other_bytes_is_refused_and_nothing_kept() {
    let (Some(upstream), Some(other)) =
        (Signer::new("ed25519", "never", None), Signer::new("ed25519", "never", None))
    else {
        return;
    };
    let sources = Sources::new();
    let bytes = random(60, 40_000);
    let keys = upstream.keys(sources.stele.scratch(), true);
    let said = refused(&sources, &args(&sources, &bytes, &other.sign(&bytes, &[]), &keys), &bytes);
    assert!(said.contains("not among the given ones"), "{said}");
    let said = refused(&sources, &args(&sources, &bytes, &upstream.sign(b"other", &[]), &keys), &bytes);
    assert!(said.contains("is of other bytes"), "{said}");
    let said = refused(&sources, &args(&sources, &bytes, b"no signature", &keys), &bytes);
    assert!(said.contains("`gpgv` cannot verify its signature"), "{said}");
    fs::write(&keys, "no keys").unwrap();
    let said = refused(&sources, &args(&sources, &bytes, &upstream.sign(&bytes, &[]), &keys), &bytes);
    assert!(said.contains("not OpenPGP certificates"), "{said}");
}

#[test]
fn a_good_signature_is_accepted_with_armoured_or_binary_keys() {
    let Some(upstream) = Signer::new("ed25519", "never", None) else { return };
    for armour in [true, false] {
        let sources = Sources::new();
        let bytes = random(61, 40_000);
        let keys = upstream.keys(sources.stele.scratch(), armour);
        let more: &[&str] = if armour { &["--armor"] } else { &[] };
        let good = args(&sources, &bytes, &upstream.sign(&bytes, more), &keys);
        sources.stele.ok(&good);
        sources.assert_kept(&bytes);
        assert_eq!(
            sources.stele.json(&["source", "ls"]).as_array().unwrap().len(),
            2,
            "the signature is kept too"
        );
        let mut offline = good;
        offline.push("--offline".to_owned());
        sources.stele.ok(&offline);
    }
}

#[test]
fn a_source_that_is_kept_already_is_checked_when_a_recipe_names_a_signature() {
    let (Some(upstream), Some(other)) =
        (Signer::new("ed25519", "never", None), Signer::new("ed25519", "never", None))
    else {
        return;
    };
    let sources = Sources::new();
    let bytes = random(62, 40_000);
    let keys = upstream.keys(sources.stele.scratch(), true);
    let good = args(&sources, &bytes, &upstream.sign(&bytes, &[]), &keys);
    sources.stele.ok(&sources.args(&bytes, &[&good[good.iter().position(|it| it == "--url").unwrap() + 1]]));
    let wrong = args(&sources, &bytes, &other.sign(&bytes, &[]), &keys);
    let said = sources.stele.fails(&wrong, 4);
    assert!(said.contains("not among the given ones"), "{said}");
}

#[test]
fn an_expired_key_is_valid_for_earlier_signatures() {
    let Some(upstream) = Signer::new("ed25519", "1y", Some("20200101T000000!")) else { return };
    let sources = Sources::new();
    let bytes = random(63, 1000);
    let keys = upstream.keys(sources.stele.scratch(), true);
    sources.stele.ok(&args(&sources, &bytes, &upstream.sign(&bytes, &[]), &keys));
}

#[test]
fn a_signature_with_sha1_is_refused() {
    let Some(upstream) = Signer::new("rsa2048", "never", None) else { return };
    let sources = Sources::new();
    let bytes = random(64, 1000);
    let keys = upstream.keys(sources.stele.scratch(), true);
    let weak = upstream.sign(&bytes, &["--digest-algo", "SHA1"]);
    let said = refused(&sources, &args(&sources, &bytes, &weak, &keys), &bytes);
    assert!(said.contains("SHA-1"), "{said}");
}

#[test]
fn without_gpgv_a_signature_is_not_passed_over() {
    let Some(upstream) = Signer::new("ed25519", "never", None) else { return };
    let mut sources = Sources::new();
    let bytes = random(65, 1000);
    let keys = upstream.keys(sources.stele.scratch(), true);
    let good = args(&sources, &bytes, &upstream.sign(&bytes, &[]), &keys);
    sources.stele.set_env("PATH", "/nowhere");
    let said = sources.stele.fails(&good, 1);
    assert!(said.contains("no `gpgv`") && said.contains("hint: "), "{said}");
    sources.stele.clear_env();
    sources.stele.ok(&good);
}
