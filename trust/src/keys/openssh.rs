//! OpenSSH's formats: the line of a public key (RFC 4253 §6.6, RFC 5656, RFC 8709) and an unencrypted private key
//! (OpenSSH's `PROTOCOL.key`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Algorithm, KeyError, PublicKey};

const ED25519: &str = "ssh-ed25519";
const P256: &str = "ecdsa-sha2-nistp256";
const CURVE: &[u8] = b"nistp256";
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// The parts of a private key.
pub(super) struct Private {
    pub(super) public: PublicKey,
    /// The seed of Ed25519, or the scalar of P-256 in 32 bytes.
    pub(super) secret: [u8; 32],
}

struct Wire<'a>(&'a [u8]);

impl<'a> Wire<'a> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }
}

/// Reads `TYPE BASE64 [COMMENT]`.
pub(super) fn public(text: &str) -> Result<PublicKey, KeyError> {
    let line = text.trim();
    if line.lines().count() != 1 {
        return Err(KeyError::Format);
    }
    let mut words = line.split_ascii_whitespace();
    let (Some(kind), Some(blob)) = (words.next(), words.next()) else { return Err(KeyError::Format) };
    if !kind.starts_with("ssh-") && !kind.starts_with("ecdsa-") && !kind.starts_with("sk-") {
        return Err(KeyError::Format);
    }
    let blob = STANDARD.decode(blob).map_err(|_| KeyError::Base64)?;
    if kind != ED25519 && kind != P256 {
        return Err(KeyError::Algorithm);
    }
    let mut wire = Wire(&blob);
    if wire.string() != Some(kind.as_bytes()) {
        return Err(KeyError::Encoding { format: "an OpenSSH key" });
    }
    let key = public_fields(kind, &mut wire)?;
    wire.0.is_empty().then_some(key).ok_or(KeyError::Encoding { format: "an OpenSSH key" })
}

fn public_fields(kind: &str, wire: &mut Wire<'_>) -> Result<PublicKey, KeyError> {
    let wrong = KeyError::Encoding { format: "an OpenSSH key" };
    let algorithm = match kind {
        ED25519 => Algorithm::Ed25519,
        P256 if wire.string() == Some(CURVE) => Algorithm::EcdsaP256,
        P256 => return Err(wrong),
        _ => return Err(KeyError::Algorithm),
    };
    PublicKey::from_raw(algorithm, wire.string().ok_or(wrong)?)
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// The line of a public key.
pub(super) fn write_public(key: &PublicKey) -> String {
    format!("{} {}\n", kind(key), STANDARD.encode(public_blob(key)))
}

fn kind(key: &PublicKey) -> &'static str {
    match key.algorithm() {
        Algorithm::Ed25519 => ED25519,
        Algorithm::EcdsaP256 => P256,
    }
}

/// The key as it is on the wire, which is what fingerprints are of.
pub(super) fn public_blob(key: &PublicKey) -> Vec<u8> {
    let kind = string(kind(key).as_bytes());
    match key.algorithm() {
        Algorithm::Ed25519 => [kind, string(key.raw())].concat(),
        Algorithm::EcdsaP256 => [kind, string(CURVE), string(key.raw())].concat(),
    }
}

/// Reads the bytes of a block `OPENSSH PRIVATE KEY`.
pub(super) fn private(bytes: &[u8]) -> Result<Private, KeyError> {
    let wrong = || KeyError::Encoding { format: "an OpenSSH private key" };
    let mut outer = Wire(bytes.strip_prefix(MAGIC).ok_or_else(wrong)?);
    let cipher = outer.string().ok_or_else(wrong)?;
    if cipher != b"none" {
        return Err(KeyError::Encrypted);
    }
    let (_kdf, _options) = (outer.string().ok_or_else(wrong)?, outer.string().ok_or_else(wrong)?);
    if outer.number() != Some(1) {
        return Err(wrong());
    }
    let _public = outer.string().ok_or_else(wrong)?;
    let mut wire = Wire(outer.string().ok_or_else(wrong)?);
    if !outer.0.is_empty() {
        return Err(wrong());
    }
    let checks = (wire.number().ok_or_else(wrong)?, wire.number().ok_or_else(wrong)?);
    let kind = wire.string().and_then(|kind| std::str::from_utf8(kind).ok()).ok_or_else(wrong)?;
    if checks.0 != checks.1 {
        return Err(wrong());
    }
    let public = public_fields(kind, &mut wire)?;
    let secret = wire.string().ok_or_else(wrong)?;
    let secret = match public.algorithm() {
        // The seed, and the public key once more.
        Algorithm::Ed25519 => secret.strip_suffix(public.raw()).ok_or(KeyError::Mismatch)?.to_vec(),
        Algorithm::EcdsaP256 => scalar(secret).ok_or_else(wrong)?,
    };
    let _comment = wire.string().ok_or_else(wrong)?;
    if (1..=u8::MAX).zip(wire.0).any(|(expected, found)| expected != *found) {
        return Err(wrong());
    }
    Ok(Private { public, secret: secret.try_into().map_err(|_| wrong())? })
}

/// An `mpint` of at most 256 bits, in 32 bytes.
fn scalar(mpint: &[u8]) -> Option<Vec<u8>> {
    let digits = mpint.strip_prefix(&[0]).unwrap_or(mpint);
    let missing = 32_usize.checked_sub(digits.len())?;
    Some([&vec![0; missing][..], digits].concat())
}
