//! Other programs read what this crate writes, refuse it when it was changed, and the other way round. None of them
//! is optional: `tools/install-deps test` installs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use stele_trust::digest::Sha256;
use stele_trust::dsse::{Envelope, IN_TOTO};
use stele_trust::edge::gpgv;
use stele_trust::edge::signer::ExternalSigner;
use stele_trust::foreign::stagex;
use stele_trust::keys::{Algorithm, KeyError, PublicKey, Signer, SigningKey};
use stele_trust::principal::Material;
use stele_trust::statement::{Resource, Statement};
use stele_trust::vote::Evidence;
use tempfile::TempDir;

fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    output.unwrap_or_else(|e| panic!("{program}, which tools/install-deps installs: {e}"))
}

#[track_caller]
fn peer(program: &str, args: &[&str]) -> String {
    let output = run(program, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// The Python that has what the tests need of PyPI.
fn python() -> PathBuf {
    let cache = std::env::var_os("STELE_CACHE").map(PathBuf::from);
    let user = || std::env::var_os("XDG_CACHE_HOME").map(|it| PathBuf::from(it).join("stele"));
    let home = || std::env::var_os("HOME").map(|it| PathBuf::from(it).join(".cache/stele"));
    cache.or_else(user).or_else(home).expect("a cache").join("peers-python/bin/python")
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

fn statement() -> Vec<u8> {
    let digests = stele_trust::digest::Digests { blake3: None, sha256: Some(Sha256::of(b"artifact")) };
    let statement = Statement {
        subjects: vec![Resource::named("artifact", &digests)],
        predicate_type: "urn:example:predicate".to_owned(),
        predicate: [("said".to_owned(), serde_json::json!(true))].into_iter().collect(),
    };
    statement.encode().unwrap()
}

#[test]
fn openssl_verifies_a_raw_signature_and_refuses_it_for_other_bytes() {
    let folder = Folder::new();
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256] {
        let (key, private) = SigningKey::generate(algorithm).unwrap();
        let envelope = Envelope::sign(IN_TOTO, statement(), &key).unwrap();
        let public = folder.write("key.pub", key.public().to_pem());
        let signature = folder.write("signature", &envelope.signatures[0].bytes);
        let verify = |message: &str| {
            let ed25519 =
                ["pkeyutl", "-verify", "-pubin", "-inkey", &public, "-rawin", "-in", message, "-sigfile"];
            let p256 = ["dgst", "-sha256", "-verify", &public, "-signature", &signature, message];
            match algorithm {
                Algorithm::Ed25519 => run("openssl", &[&ed25519[..], &[&signature]].concat()),
                Algorithm::EcdsaP256 => run("openssl", &p256),
            }
        };
        let good = folder.write("message", envelope.signed_bytes());
        let output = verify(&good);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let bad = folder.write("other", stele_trust::dsse::pae("application/json", &envelope.payload));
        assert!(!verify(&bad).status.success());
        // And it reads the private key, and finds the same public one.
        let private = folder.write("key", private);
        assert_eq!(peer("openssl", &["pkey", "-in", &private, "-pubout"]), key.public().to_pem().trim_end());
    }
}

#[test]
fn keys_of_openssl_and_openssh_are_read_and_encrypted_ones_refused() {
    let folder = Folder::new();
    let openssl = [
        &["genpkey", "-algorithm", "ed25519"][..],
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        &["ecparam", "-name", "prime256v1", "-genkey", "-noout"],
    ];
    for (at, args) in openssl.iter().enumerate() {
        let private = folder.path(&format!("openssl-{at}"));
        peer("openssl", &[args, &["-out", &private][..]].concat());
        let public = peer("openssl", &["pkey", "-in", &private, "-pubout"]);
        let key = SigningKey::parse(&fs::read_to_string(&private).unwrap()).unwrap();
        assert_eq!(key.public(), &PublicKey::parse(&public).unwrap());
        let signature = key.sign(b"message").unwrap();
        assert!(key.public().verifies(b"message", &signature));
    }
    for args in [
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"][..],
        &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        &["genpkey", "-algorithm", "x25519"],
    ] {
        let private = peer("openssl", args);
        assert_eq!(SigningKey::parse(&private).unwrap_err(), KeyError::Algorithm, "{args:?}");
        let file = folder.write("other", private);
        let public = peer("openssl", &["pkey", "-in", &file, "-pubout"]);
        assert_eq!(PublicKey::parse(&public).unwrap_err(), KeyError::Algorithm, "{args:?}");
    }
    for (kind, passphrase) in [("ed25519", ""), ("ecdsa", ""), ("ed25519", "secret"), ("rsa", "")] {
        let name = format!("ssh-{kind}-{passphrase}");
        let private = folder.path(&name);
        peer("ssh-keygen", &["-q", "-t", kind, "-N", passphrase, "-C", "a comment", "-f", &private]);
        let read = SigningKey::parse(&folder.text(&name));
        let public = PublicKey::parse(&folder.text(&format!("{name}.pub")));
        match (kind, passphrase) {
            ("rsa", _) => assert_eq!(
                (read.unwrap_err(), public.unwrap_err()),
                (KeyError::Algorithm, KeyError::Algorithm)
            ),
            (_, "secret") => assert_eq!(read.unwrap_err(), KeyError::Encrypted),
            _ => {
                let (key, public) = (read.unwrap(), public.unwrap());
                assert_eq!(key.public(), &public);
                assert!(public.verifies(b"m", &key.sign(b"m").unwrap()));
                // What is written is what it reads.
                let ours = folder.write("ours.pub", public.to_openssh());
                let (ours, theirs) = (["-l", "-f", &ours], ["-l", "-f", &format!("{private}.pub")]);
                let digest = |line: String| line.split(' ').nth(1).map(str::to_owned);
                assert_eq!(digest(peer("ssh-keygen", &ours)), digest(peer("ssh-keygen", &theirs)));
            }
        }
    }
}

#[test]
fn an_external_signer_signs_and_one_that_signs_something_else_is_refused() {
    let folder = Folder::new();
    let (key, private) = SigningKey::generate(Algorithm::EcdsaP256).unwrap();
    let private = folder.write("key", private);
    let signer = |program: &str, args: &[&str], public: &PublicKey| {
        let args = args.iter().map(|it| (*it).to_owned()).collect();
        ExternalSigner::new(program.to_owned(), args, public.clone()).sign(b"message")
    };
    let args = ["dgst", "-sha256", "-sign", &private];
    let signature = signer("openssl", &args, key.public()).unwrap();
    assert!(key.public().verifies(b"message", &signature));
    let script = format!("openssl dgst -sha256 -sign {private} | base64 --wrap 0");
    assert!(key.public().verifies(b"message", &signer("sh", &["-c", &script], key.public()).unwrap()));
    let (other, _) = SigningKey::generate(Algorithm::EcdsaP256).unwrap();
    assert!(signer("openssl", &args, other.public()).is_err());
    assert!(signer("cat", &[], key.public()).is_err());
    assert!(signer("false", &[], key.public()).is_err());
    assert!(signer("/nonexistent", &[], key.public()).is_err());
}

const ACCEPTS: &str = r#"
import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from in_toto.models.metadata import Envelope as InTotoEnvelope
from in_toto_attestation.v1.statement import Statement
from google.protobuf.json_format import Parse
from in_toto_attestation.v1 import statement_pb2
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

text = open(sys.argv[1]).read()
key_id = sys.argv[3]
key = SSlibKey.from_crypto(load_pem_public_key(open(sys.argv[2], 'rb').read()), key_id)
for kind in (Envelope, InTotoEnvelope):
    kind.from_dict(json.loads(text)).verify([key], 1)
envelope = Envelope.from_dict(json.loads(text))
assert envelope.payload_type == 'application/vnd.in-toto+json'
message = Parse(envelope.payload, statement_pb2.Statement())
Statement.copy_from_pb(message).validate()
"#;

#[test]
fn securesystemslib_and_in_toto_accept_an_envelope_and_refuse_a_changed_one() {
    let folder = Folder::new();
    let script = folder.write("accepts.py", ACCEPTS);
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256] {
        let (key, _) = SigningKey::generate(algorithm).unwrap();
        let public = folder.write("key.pub", key.public().to_pem());
        let id = key.public().fingerprint();
        let accepts = |envelope: &Envelope| {
            let file = folder.write("envelope.json", envelope.encode());
            run(python().to_str().unwrap(), &[&script, &file, &public, &id])
        };
        let good = Envelope::sign(IN_TOTO, statement(), &key).unwrap();
        let output = accepts(&good);
        assert!(output.status.success(), "{algorithm:?}: {}", String::from_utf8_lossy(&output.stderr));
        let mut payload = good.clone();
        let at = payload.payload.len() / 2;
        payload.payload[at] ^= 1;
        let mut retyped = good.clone();
        retyped.payload_type.push(' ');
        let mut signature = good.clone();
        signature.signatures[0].bytes[9] ^= 1;
        for changed in [payload, retyped, signature] {
            let output = accepts(&changed);
            assert!(String::from_utf8_lossy(&output.stderr).contains("VerificationError"), "{algorithm:?}");
        }
    }
}

/// A keyring with a primary key and a subkey that signs, as people have them.
fn gpg(home: &Path, args: &[&str]) -> String {
    let fixed = [
        "--homedir",
        home.to_str().unwrap(),
        "--batch",
        "--yes",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
    ];
    peer("gpg", &[&fixed[..], args].concat())
}

#[test]
fn images_that_gpg_signed_by_a_subkey_count_for_the_primary_key_and_cut_off_or_empty_files_for_nobody() {
    let folder = Folder::new();
    let home = folder.0.path().join("gpg");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    gpg(&home, &["--quick-generate-key", "one@example.org", "ed25519", "cert", "never"]);
    let listing = gpg(&home, &["--with-colons", "--list-keys"]);
    let primary =
        listing.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap().trim_end_matches(':');
    gpg(&home, &["--quick-add-key", primary, "ed25519", "sign", "never"]);
    let keyring = folder.path("keyring.gpg");
    gpg(&home, &["--output", &keyring, "--export"]);
    let digest = "ab".repeat(32);
    let identity = serde_json::json!({ "docker-reference": "stagex/gcc:1" });
    let of = serde_json::json!({ "docker-manifest-digest": format!("sha256:{digest}") });
    let critical =
        serde_json::json!({ "identity": identity, "image": of, "type": "atomic container signature" });
    let payload = serde_json::json!({ "critical": critical, "optional": {} });
    let payload = folder.write("payload", payload.to_string());
    let image = format!("gcc@sha256={digest}");
    let mut files = Vec::new();
    for (name, compress) in [("plain", "0"), ("compressed", "9")] {
        let file = folder.path(name);
        gpg(&home, &["--output", &file, "--compress-level", compress, "--sign", &payload]);
        files.push(file);
    }
    let votes = |file: &str| {
        let gpgv_home = tempfile::tempdir().unwrap();
        let opened = gpgv::open(Path::new(file), Path::new(&keyring), gpgv_home.path()).unwrap();
        stagex::evidence(&fs::read(file).unwrap(), &image, &opened.payload, &opened.status)
    };
    for file in &files {
        let all = votes(file);
        let [Evidence::Foreign(vote)] = &all[..] else { panic!("{all:?}") };
        assert_eq!(vote.signer, Material::OpenPgp(primary.parse().unwrap()));
        assert_eq!((vote.name.as_str(), vote.key_expired, vote.key_revoked), ("stagex/gcc", None, false));
    }
    // Neither in part nor changed: each length, and each byte.
    let bytes = fs::read(&files[0]).unwrap();
    let none = |bytes: &[u8]| {
        let file = folder.write("changed", bytes);
        let all = votes(&file);
        assert!(!all.iter().any(|it| matches!(it, Evidence::Foreign(_))), "{} bytes: {all:?}", bytes.len());
    };
    for length in [0, 1, 10, bytes.len() / 2, bytes.len() - 1] {
        none(&bytes[..length]);
    }
    let at = bytes.windows(6).position(|window| window == b"stagex").unwrap();
    for at in [at, at + 40] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        none(&changed);
    }
    none(&[&bytes[..], &bytes[..]].concat());
    none(&fs::read(&payload).unwrap());
}

#[test]
fn a_message_that_unpacks_to_more_than_a_signature_is_refused() {
    let folder = Folder::new();
    let home = folder.0.path().join("gpg");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    gpg(&home, &["--quick-generate-key", "one@example.org", "ed25519", "sign", "never"]);
    let keyring = folder.path("keyring.gpg");
    gpg(&home, &["--output", &keyring, "--export"]);
    let zeros = folder.write("zeros", vec![0; 30 << 20]);
    let file = folder.path("bomb");
    gpg(&home, &["--output", &file, "--compress-level", "9", "--sign", &zeros]);
    assert!(fs::metadata(&file).unwrap().len() < 64 << 10);
    let opened = gpgv::open(Path::new(&file), Path::new(&keyring), folder.0.path());
    assert!(matches!(opened, Err(gpgv::GpgvError::TooLarge)), "{opened:?}");
}
