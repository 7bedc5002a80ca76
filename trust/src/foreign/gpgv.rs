//! What `gpgv` says of OpenPGP signatures: its status lines (GnuPG's `doc/DETAILS`), as values.
//!
//! This module does not run it; [`edge`](crate::edge) does.

use crate::principal::Fingerprint;
use crate::time::{Time, digits};

/// A signature that matches its bytes and a key of the keyring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Valid {
    /// The key that signed, often a subkey.
    pub key: Fingerprint,
    /// The primary key of its certificate: whose signature it is.
    pub primary: Fingerprint,
    /// When, as it says itself.
    pub made: Time,
    /// When the key expired, if it has.
    pub key_expired: Option<Time>,
    /// Whether the key was revoked.
    pub key_revoked: bool,
}

/// Why a signature is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The bytes are others.
    #[error("the signature by the key {0} is of other bytes")]
    Wrong(String),
    /// The key is not in the keyring.
    #[error("the signature is by the key {0}, which is not in the keyring")]
    UnknownKey(String),
    /// The signature itself has expired.
    #[error("the signature by the key {0} has expired")]
    Expired(String),
    /// Made with a digest for which collisions can be made.
    #[error("the signature by the key {0} uses MD5, SHA-1 or RIPEMD-160")]
    Weak(String),
    /// Something else.
    #[error("the signature cannot be verified: {0}")]
    Unreadable(String),
}

/// What the status lines say, a signature each. None means that there is no signature at all.
pub fn read(status: &str) -> Vec<Result<Valid, Invalid>> {
    let fields = status.lines().filter_map(|line| line.strip_prefix("[GNUPG:] "));
    let lines: Vec<Vec<&str>> = fields.map(|line| line.split(' ').collect()).collect();
    lines.split(|line| line.first() == Some(&"NEWSIG")).skip(1).map(read_one).collect()
}

fn read_one(lines: &[Vec<&str>]) -> Result<Valid, Invalid> {
    let find = |keyword: &str| lines.iter().find(|line| line.first() == Some(&keyword));
    let field = |keyword: &str, at: usize| find(keyword).and_then(|line| line.get(at)).copied();
    let owned = |keyword: &str| field(keyword, 1).map(str::to_owned);
    // ERRSIG: key, public key algorithm, hash algorithm, class, time, reason.
    if let Some(key) = owned("ERRSIG") {
        return Err(match field("ERRSIG", 6) {
            Some("9") => Invalid::UnknownKey(key),
            _ if weak(field("ERRSIG", 3)) => Invalid::Weak(key),
            reason => Invalid::Unreadable(format!("reason {}, key {key}", reason.unwrap_or("unknown"))),
        });
    }
    if let Some(key) = owned("BADSIG") {
        return Err(Invalid::Wrong(key));
    }
    if let Some(key) = owned("EXPSIG") {
        return Err(Invalid::Expired(key));
    }
    // VALIDSIG: fingerprint, day, second, expiry, version, reserved, public key algorithm, hash algorithm, class,
    // primary.
    let unreadable = || Invalid::Unreadable("the status lines do not say that it is valid".to_owned());
    let kinds =
        ["GOODSIG", "EXPKEYSIG", "REVKEYSIG"].iter().filter(|keyword| find(keyword).is_some()).count();
    let key: Fingerprint = field("VALIDSIG", 1).and_then(|it| it.parse().ok()).ok_or_else(unreadable)?;
    if kinds != 1 || lines.iter().filter(|line| line.first() == Some(&"VALIDSIG")).count() != 1 {
        return Err(unreadable());
    }
    if weak(field("VALIDSIG", 8)) {
        return Err(Invalid::Weak(key.to_string()));
    }
    let primary = field("VALIDSIG", 10).and_then(|it| it.parse().ok()).ok_or_else(unreadable)?;
    let made = field("VALIDSIG", 3).and_then(digits).map(Time).ok_or_else(unreadable)?;
    // Of several keys of a certificate the one that expired first.
    let expired = lines.iter().filter(|line| line.first() == Some(&"KEYEXPIRED"));
    let expired = expired.filter_map(|line| line.get(1).and_then(|it| digits(it)).map(Time)).min();
    let key_expired = match find("EXPKEYSIG") {
        Some(_) => Some(expired.ok_or_else(unreadable)?),
        None => None,
    };
    Ok(Valid { key, primary, made, key_expired, key_revoked: find("REVKEYSIG").is_some() })
}

/// The digests for which collisions can be made (RFC 9580, §9.5 has the numbers). What is not stated is one of
/// them.
fn weak(number: Option<&str>) -> bool {
    matches!(number, None | Some("1" | "2" | "3"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const PRIMARY: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

    fn status(lines: &[&str]) -> String {
        let valid = format!("VALIDSIG {KEY} 2024-01-01 1000 0 4 0 22 10 00 {PRIMARY}");
        let line = |line: &&str| if *line == "VALID" { valid.clone() } else { (*line).to_owned() };
        lines.iter().map(|it| format!("[GNUPG:] {}\n", line(it))).collect()
    }

    fn one(lines: &[&str]) -> Result<Valid, Invalid> {
        let mut all = read(&status(lines));
        assert_eq!(all.len(), 1, "{lines:?}");
        all.remove(0)
    }

    #[test]
    fn what_is_not_said_to_be_valid_is_refused() {
        assert!(read("").is_empty());
        assert!(read("NEWSIG\nGOODSIG x\nVALIDSIG y").is_empty());
        for lines in [
            &["NEWSIG"][..],
            &["NEWSIG", "BADSIG K name"],
            &["NEWSIG", "BADSIG K name", "GOODSIG K name", "VALID"],
            &["NEWSIG", "ERRSIG K 22 10 00 1000 9 F", "NO_PUBKEY K"],
            &["NEWSIG", "EXPSIG K name", "VALID"],
            &["NEWSIG", "GOODSIG K name"],
            &["NEWSIG", "VALID"],
            &["NEWSIG", "GOODSIG K name", "VALID", "VALID"],
            &["NEWSIG", "EXPKEYSIG K name", "VALID"],
            &["NEWSIG", "GOODSIG K name", "VALIDSIG x 2024-01-01 1000 0 4 0 22 2 00 y"],
        ] {
            assert!(one(lines).is_err(), "{lines:?}");
        }
        let sha1 = format!("VALIDSIG {KEY} 2024-01-01 1000 0 4 0 22 2 00 {PRIMARY}");
        assert!(matches!(one(&["NEWSIG", "GOODSIG K name", &sha1]), Err(Invalid::Weak(_))));
    }

    #[test]
    fn a_signature_by_a_subkey_is_its_primary_keys() {
        let valid = one(&["NEWSIG", "GOODSIG K name", "VALID"]).unwrap();
        assert_eq!((valid.key.to_string().as_str(), valid.primary.to_string().as_str()), (KEY, PRIMARY));
        assert_eq!((valid.made, valid.key_expired, valid.key_revoked), (Time(1000), None, false));
        let expired =
            one(&["NEWSIG", "KEYEXPIRED 999", "KEYEXPIRED 998", "EXPKEYSIG K name", "VALID"]).unwrap();
        assert_eq!(expired.key_expired, Some(Time(998)));
        assert!(one(&["NEWSIG", "REVKEYSIG K name", "VALID"]).unwrap().key_revoked);
        let two = status(&["NEWSIG", "GOODSIG K n", "VALID", "NEWSIG", "BADSIG K n"]);
        assert_eq!(read(&two).iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
    }
}
