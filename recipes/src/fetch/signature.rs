//! Upstream's detached OpenPGP signatures, verified by the machine's `gpgv`.
//!
//! `gpgv` verifies against exactly the given keys, and every machine with apt has it. An implementation in Rust would
//! add some hundred crates to the trusted code for a check that only supplements the pin. `gpgv` reports its findings
//! in status lines (GnuPG's `doc/DETAILS`); this module decides which are good.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Why a signature is not good.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The machine lacks the program.
    #[error("its signature cannot be verified: this machine has no `gpgv`")]
    NoGpgv,
    /// The program could not be run, or its files could not be written.
    #[error("its signature cannot be verified: {0}")]
    Run(io::Error),
    /// The keys are not valid.
    #[error("its signature cannot be verified: the keys are not OpenPGP certificates")]
    Keys,
    /// The signature is of other bytes.
    #[error("its signature by the key {key} is of other bytes")]
    Wrong {
        /// The key's number.
        key: String,
    },
    /// Another key made the signature.
    #[error("its signature is by the key {key}, which is not among the given ones")]
    Unknown {
        /// The key's number.
        key: String,
    },
    /// The key was revoked.
    #[error("its signature is by the key {key}, which was revoked")]
    Revoked {
        /// The key's number.
        key: String,
    },
    /// Made when the key had expired.
    #[error("its signature was made when the key {key} had expired")]
    KeyExpired {
        /// The key's number.
        key: String,
    },
    /// The signature itself has expired.
    #[error("its signature by the key {key} has expired")]
    Expired {
        /// The key's number.
        key: String,
    },
    /// The digest is weak, so the signature could be forged.
    #[error("its signature by the key {key} uses {algorithm}, which allows two files with one signature")]
    Weak {
        /// The key's number.
        key: String,
        /// The digest.
        algorithm: &'static str,
    },
    /// The file has no signature, or one that `gpgv` does not understand.
    #[error("`gpgv` cannot verify its signature: {said}")]
    Unreadable {
        /// The last line of its output.
        said: String,
    },
}

/// Verifies that one of `keys` made the detached `signature` of `file`. `home` is an empty folder for this alone.
pub(super) fn verify(file: &Path, signature: &Path, keys: &[u8], home: &Path) -> Result<(), SignatureError> {
    let keyring = home.join("keys.gpg");
    fs::write(&keyring, unarmoured(keys).ok_or(SignatureError::Keys)?).map_err(SignatureError::Run)?;
    let output = Command::new("gpgv")
        .arg("--homedir")
        .arg(home)
        .arg("--keyring")
        .arg(&keyring)
        .args(["--status-fd", "1", "--"])
        .arg(signature)
        .arg(file)
        .env("LC_ALL", "C")
        .env_remove("GNUPGHOME")
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(SignatureError::NoGpgv),
        Err(e) => return Err(SignatureError::Run(e)),
    };
    let status = String::from_utf8_lossy(&output.stdout);
    match judge(&status) {
        Some(verdict) => verdict,
        None => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output");
            Err(SignatureError::Unreadable { said: said.trim_start_matches("gpgv: ").to_owned() })
        }
    }
}

/// One good signature is enough; otherwise the first error is returned. `None` when there is no signature.
fn judge(status: &str) -> Option<Result<(), SignatureError>> {
    let lines: Vec<Vec<&str>> = status
        .lines()
        .filter_map(|line| Some(line.strip_prefix("[GNUPG:] ")?.split(' ').collect()))
        .collect();
    let mut verdicts = lines.split(|line| line.first() == Some(&"NEWSIG")).filter_map(judge_one);
    let first = verdicts.next()?;
    Some(match first {
        Ok(()) => Ok(()),
        Err(error) => verdicts.find(Result::is_ok).unwrap_or(Err(error)),
    })
}

fn judge_one(lines: &[Vec<&str>]) -> Option<Result<(), SignatureError>> {
    let find = |keyword: &str| lines.iter().find(|line| line.first() == Some(&keyword));
    let field =
        |keyword: &str, at: usize| find(keyword).and_then(|line| line.get(at)).map(|it| (*it).to_owned());
    // ERRSIG: key, public key algorithm, hash algorithm, class, time, reason.
    if let Some(key) = field("ERRSIG", 1) {
        let reason = field("ERRSIG", 6).unwrap_or_default();
        return Some(Err(match weak(&field("ERRSIG", 3).unwrap_or_default()) {
            _ if reason == "9" => SignatureError::Unknown { key },
            Some(algorithm) => SignatureError::Weak { key, algorithm },
            None => SignatureError::Unreadable { said: format!("reason {reason}, key {key}") },
        }));
    }
    if let Some(key) = field("BADSIG", 1) {
        return Some(Err(SignatureError::Wrong { key }));
    }
    if let Some(key) = field("REVKEYSIG", 1) {
        return Some(Err(SignatureError::Revoked { key }));
    }
    if let Some(key) = field("EXPSIG", 1) {
        return Some(Err(SignatureError::Expired { key }));
    }
    let key = field("GOODSIG", 1).or_else(|| field("EXPKEYSIG", 1))?;
    // VALIDSIG: fingerprint, day, second, expiry, version, reserved, public key algorithm, hash algorithm.
    let (Some(made), Some(hash)) = (field("VALIDSIG", 3), field("VALIDSIG", 8)) else {
        return Some(Err(SignatureError::Unreadable { said: "it is not valid".to_owned() }));
    };
    if let Some(algorithm) = weak(&hash) {
        return Some(Err(SignatureError::Weak { key, algorithm }));
    }
    if find("EXPKEYSIG").is_some() {
        // A key that expired since is accepted: upstream's old releases are signed by such keys.
        let seconds = |text: Option<String>| text.and_then(|it| it.parse::<u64>().ok());
        let then_valid = seconds(Some(made)).zip(seconds(field("KEYEXPIRED", 1))).is_some_and(|(m, e)| m < e);
        if !then_valid {
            return Some(Err(SignatureError::KeyExpired { key }));
        }
    }
    Some(Ok(()))
}

/// The digests with practical collisions (RFC 9580, §9.5 has the numbers).
fn weak(number: &str) -> Option<&'static str> {
    match number {
        "1" => Some("MD5"),
        "2" => Some("SHA-1"),
        "3" => Some("RIPEMD-160"),
        _ => None,
    }
}

/// Certificates as bytes, decoded from armour (RFC 9580, §6.2) if necessary. `None` when they are malformed.
fn unarmoured(keys: &[u8]) -> Option<Vec<u8>> {
    // Every packet begins with a set bit, and no text does.
    if keys.first()? & 0x80 != 0 {
        return Some(keys.to_vec());
    }
    let text = std::str::from_utf8(keys).ok()?;
    let mut bytes = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while lines.any(|line| line == "-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        // Headers, up to an empty line.
        lines.by_ref().find(|line| line.is_empty())?;
        let body = lines.by_ref().take_while(|line| !line.starts_with('=') && !line.starts_with('-'));
        bytes.extend(BASE64.decode(body.collect::<String>()).ok()?);
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(lines: &[&str]) -> String {
        let status: String = lines.iter().map(|line| format!("[GNUPG:] {line}\n")).collect();
        match judge(&status) {
            None => "nothing".to_owned(),
            Some(Ok(())) => "good".to_owned(),
            Some(Err(error)) => error.to_string(),
        }
    }

    const VALID: &str = "VALIDSIG F 2024-01-01 1000 0 4 0 22 10 00 F";

    #[test]
    fn a_bad_signature_is_refused_with_its_reason() {
        for (lines, said) in [
            (&["NEWSIG"][..], "nothing"),
            (&["NEWSIG", "BADSIG K name"], "of other bytes"),
            (&["NEWSIG", "ERRSIG K 22 10 00 1000 9 F", "NO_PUBKEY K"], "not among the given"),
            (&["NEWSIG", "ERRSIG K 1 1 00 1000 5 F"], "MD5"),
            (&["NEWSIG", "REVKEYSIG K name", VALID], "revoked"),
            (&["NEWSIG", "EXPSIG K name", VALID], "has expired"),
            (&["NEWSIG", "GOODSIG K name"], "not valid"),
            (&["NEWSIG", "GOODSIG K name", "VALIDSIG F 2024-01-01 1000 0 4 0 17 2 00 F"], "SHA-1"),
            (&["NEWSIG", "KEYEXPIRED 999", "EXPKEYSIG K name", VALID], "had expired"),
            (&["NEWSIG", "EXPKEYSIG K name", VALID], "had expired"),
        ] {
            let found = verdict(lines);
            assert!(found.contains(said), "{lines:?}: {found}");
        }
    }

    #[test]
    fn one_good_signature_is_enough_even_among_others_and_by_an_expired_key() {
        assert_eq!(verdict(&["NEWSIG", "GOODSIG K name", VALID]), "good");
        assert_eq!(verdict(&["NEWSIG", "KEYEXPIRED 1001", "EXPKEYSIG K name", VALID]), "good");
        let unknown = "ERRSIG L 22 10 00 1000 9 F";
        assert_eq!(verdict(&["NEWSIG", unknown, "NEWSIG", "GOODSIG K name", VALID]), "good");
    }

    #[test]
    fn armour_is_decoded_and_a_malformed_key_is_refused() {
        let armoured = "text before\n-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\nmQEN\nAQ==\n=abcd\n\
                        -----END PGP PUBLIC KEY BLOCK-----\n";
        assert_eq!(unarmoured(armoured.as_bytes()).unwrap(), [0x99, 0x01, 0x0d, 0x01]);
        assert_eq!(unarmoured(armoured.repeat(2).as_bytes()).unwrap().len(), 8);
        assert_eq!(unarmoured(&[0x99, 1]).unwrap(), [0x99, 1]);
        for text in ["", "no key", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n*\n"] {
            assert!(unarmoured(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
