//! Public keys: their formats, their ids, and what they verify.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::signature;

use super::{KeyError, openssh, pem};
use crate::der::{self, Reader, tag};
use crate::digest::Sha256;

/// The object identifiers that tell the kinds of keys apart (RFC 8410, RFC 5480).
pub(super) const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];
pub(super) const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(super) const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// What a key signs with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
}

/// SHA-256 of a public key's SubjectPublicKeyInfo in DER, so that a key has one id whatever file it came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyId(pub Sha256);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A public key. Equal keys are equal values, from whichever format they were read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PublicKey {
    algorithm: Algorithm,
    /// 32 bytes of Ed25519, or the 65 of an uncompressed point.
    bytes: Vec<u8>,
}

impl PublicKey {
    /// A key from its raw bytes: 32 of Ed25519, or an uncompressed point of P-256.
    pub fn from_raw(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Ed25519 => {
                let key: &[u8; 32] =
                    bytes.try_into().map_err(|_| KeyError::Encoding { format: "Ed25519" })?;
                refuse_small_order(key)?;
            }
            Algorithm::EcdsaP256 if bytes.len() != 65 || bytes[0] != 4 => return Err(KeyError::Point),
            Algorithm::EcdsaP256 => {}
        }
        Ok(Self { algorithm, bytes: bytes.to_vec() })
    }

    /// Reads PEM (`PUBLIC KEY`, RFC 5480 and 8410) or a line of OpenSSH (`ssh-ed25519 AAAA…`).
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if !text.trim_start().starts_with("-----BEGIN") {
            return openssh::public(text);
        }
        let (label, der) = pem::decode(text)?;
        if label != "PUBLIC KEY" {
            let expected = "a public key is in a block `PUBLIC KEY`";
            return Err(KeyError::Label { label: label.to_owned(), expected });
        }
        Self::from_spki(&der)
    }

    /// Reads a SubjectPublicKeyInfo in DER.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let (kind, parameters, bytes) =
            spki_parts(der).ok_or(KeyError::Encoding { format: "SubjectPublicKeyInfo" })?;
        match (kind, parameters) {
            (OID_ED25519, None) => Self::from_raw(Algorithm::Ed25519, bytes),
            (OID_EC, Some(OID_P256)) => Self::from_raw(Algorithm::EcdsaP256, bytes),
            _ => Err(KeyError::Algorithm),
        }
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its raw bytes, as [`PublicKey::from_raw`] takes them.
    pub fn raw(&self) -> &[u8] {
        &self.bytes
    }

    /// Its SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> Vec<u8> {
        let algorithm = match self.algorithm {
            Algorithm::Ed25519 => der::encode(tag::OID, OID_ED25519),
            Algorithm::EcdsaP256 => [der::encode(tag::OID, OID_EC), der::encode(tag::OID, OID_P256)].concat(),
        };
        let bits = der::encode(tag::BIT_STRING, &[&[0], &self.bytes[..]].concat());
        der::encode(tag::SEQUENCE, &[der::encode(tag::SEQUENCE, &algorithm), bits].concat())
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        KeyId(Sha256::of(&self.spki()))
    }

    /// As PEM, which OpenSSL, cosign and securesystemslib read.
    pub fn to_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.spki())
    }

    /// As a line of OpenSSH, without a comment.
    pub fn to_openssh(&self) -> String {
        openssh::write_public(self)
    }

    /// The fingerprint that OpenSSH shows: `SHA256:` and base64 without padding. In envelopes it is the hint which key
    /// signed, since that is what Go's DSSE library, and with it cosign, compares.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::of(&openssh::public_blob(self));
        format!("SHA256:{}", STANDARD_NO_PAD.encode(digest.0))
    }

    /// Whether `signature` is of `message` by this key. ECDSA signatures are the DER that OpenSSL and Sigstore
    /// write, or the 64 bytes of IEEE P1363 that some signers of DSSE use.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let by = |algorithm: &'static dyn signature::VerificationAlgorithm| {
            signature::UnparsedPublicKey::new(algorithm, &self.bytes).verify(message, signature).is_ok()
        };
        match self.algorithm {
            Algorithm::Ed25519 => by(&signature::ED25519),
            Algorithm::EcdsaP256 => {
                by(&signature::ECDSA_P256_SHA256_ASN1)
                    || (signature.len() == 64 && by(&signature::ECDSA_P256_SHA256_FIXED))
            }
        }
    }
}

type SpkiParts<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

/// The algorithm, its parameter if that is an object identifier, and the key's bits.
fn spki_parts(der: &[u8]) -> Option<SpkiParts<'_>> {
    let mut outer = Reader::new(der);
    let mut spki = outer.enter(tag::SEQUENCE)?;
    outer.end()?;
    let mut algorithm = spki.enter(tag::SEQUENCE)?;
    let kind = algorithm.expect(tag::OID)?;
    let parameters = algorithm.any();
    algorithm.end()?;
    let bytes = spki.bits()?;
    spki.end()?;
    Some((kind, parameters.filter(|it| it.tag == tag::OID).map(|it| it.content), bytes))
}

/// The y coordinates of the points of order 1, 2, 4 and 8. Under such a key a signature matches any message, so
/// its publisher can deny everything that it signed.
const SMALL_ORDER: [[u8; 32]; 5] = {
    let mut zero = [0; 32];
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    minus_one[31] = 0x7f;
    zero[31] = 0;
    [
        zero,
        one,
        minus_one,
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ]
};

fn refuse_small_order(key: &[u8; 32]) -> Result<(), KeyError> {
    let mut y = *key;
    y[31] &= 0x7f;
    // p is 2^255 - 19, and a y of p or more has a second, smaller spelling.
    let not_canonical = y[0] >= 0xed && y[1..31].iter().all(|byte| *byte == 0xff) && y[31] == 0x7f;
    if not_canonical || SMALL_ORDER.contains(&y) {
        return Err(KeyError::SmallOrder);
    }
    Ok(())
}
