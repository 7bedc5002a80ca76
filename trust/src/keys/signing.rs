//! Private keys, and whatever else signs.

use std::fmt;

use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

use super::public::{OID_EC, OID_ED25519, OID_P256};
use super::{Algorithm, KeyError, PublicKey, SignError, openssh, pem};
use crate::der::{self, Reader, tag};

/// Who signs: a key in memory, or a program that asks hardware or a service.
pub trait Signer {
    /// The key that verifies what this signs.
    fn public(&self) -> &PublicKey;

    /// Signs a message: 64 bytes of Ed25519, or ECDSA in DER.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// A private key in memory.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    EcdsaP256(EcdsaKeyPair),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.id())
    }
}

impl SigningKey {
    /// A new key from the system's random bytes, and its PEM (`PRIVATE KEY`, PKCS#8), which OpenSSL reads.
    pub fn generate(algorithm: Algorithm) -> Result<(Self, String), SignError> {
        let random = SystemRandom::new();
        let der = match algorithm {
            Algorithm::Ed25519 => {
                let mut seed = [0; 32];
                random.fill(&mut seed).map_err(|_| SignError::Random)?;
                ed25519_pkcs8(&seed)
            }
            Algorithm::EcdsaP256 => {
                let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random);
                document.map_err(|_| SignError::Random)?.as_ref().to_vec()
            }
        };
        let key = Self::from_pkcs8(&der).map_err(|_| SignError::Random)?;
        Ok((key, pem::encode("PRIVATE KEY", &der)))
    }

    /// The Ed25519 key of a seed: for vectors that have to be the same each time.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed);
        Self::ed25519(pair.map_err(|_| KeyError::Encoding { format: "Ed25519" })?)
    }

    /// Reads PEM: `PRIVATE KEY` (PKCS#8), `EC PRIVATE KEY` (SEC 1) or `OPENSSH PRIVATE KEY`, without a passphrase.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (label, bytes) = pem::decode(text)?;
        match label {
            "PRIVATE KEY" => Self::from_pkcs8(&bytes),
            "EC PRIVATE KEY" => {
                let (scalar, point) = sec1(&bytes)?;
                Self::p256(&scalar, &point)
            }
            "OPENSSH PRIVATE KEY" => Self::from_openssh(&bytes),
            "ENCRYPTED PRIVATE KEY" | "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                Err(KeyError::Encrypted)
            }
            _ => Err(KeyError::Label {
                label: label.to_owned(),
                expected: "a private key is in a block `PRIVATE KEY`, `EC PRIVATE KEY` or `OPENSSH PRIVATE KEY`",
            }),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let wrong = KeyError::Encoding { format: "PKCS#8" };
        let (kind, curve, inner) = pkcs8(der).ok_or(wrong.clone())?;
        match (kind, curve) {
            (OID_ED25519, _) => {
                Self::ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| wrong)?)
            }
            (OID_EC, Some(OID_P256)) => {
                let (scalar, point) = sec1(inner)?;
                Self::p256(&scalar, &point)
            }
            _ => Err(KeyError::Algorithm),
        }
    }

    fn from_openssh(bytes: &[u8]) -> Result<Self, KeyError> {
        let private = openssh::private(bytes)?;
        match private.public.algorithm() {
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&private.secret, private.public.raw());
                Self::ed25519(pair.map_err(|_| KeyError::Mismatch)?)
            }
            Algorithm::EcdsaP256 => Self::p256(&private.secret, private.public.raw()),
        }
    }

    fn ed25519(pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let public = PublicKey::from_raw(Algorithm::Ed25519, pair.public_key().as_ref())?;
        Ok(Self { pair: Pair::Ed25519(pair), public })
    }

    fn p256(scalar: &[u8], point: &[u8]) -> Result<Self, KeyError> {
        let public = PublicKey::from_raw(Algorithm::EcdsaP256, point)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            scalar,
            point,
            &SystemRandom::new(),
        );
        let key = Self { pair: Pair::EcdsaP256(pair.map_err(|_| KeyError::Mismatch)?), public };
        // The library does not compare the two: a key whose halves differ would make signatures that match nothing.
        let signature = key.sign(b"").map_err(|_| KeyError::Mismatch)?;
        key.public.verifies(b"", &signature).then_some(key).ok_or(KeyError::Mismatch)
    }
}

impl Signer for SigningKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::EcdsaP256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| SignError::Random)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

/// The PKCS#8 of an Ed25519 seed (RFC 8410 §7), version 1: OpenSSL 3.0 does not read the version with a public key.
fn ed25519_pkcs8(seed: &[u8; 32]) -> Vec<u8> {
    let version = der::encode(tag::INTEGER, &[0]);
    let algorithm = der::encode(tag::SEQUENCE, &der::encode(tag::OID, OID_ED25519));
    let key = der::encode(tag::OCTET_STRING, &der::encode(tag::OCTET_STRING, seed));
    der::encode(tag::SEQUENCE, &[version, algorithm, key].concat())
}

type Pkcs8<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

/// The algorithm, its curve, and the private key inside.
fn pkcs8(der: &[u8]) -> Option<Pkcs8<'_>> {
    let mut outer = Reader::new(der);
    let mut info = outer.enter(tag::SEQUENCE)?;
    outer.end()?;
    info.expect(tag::INTEGER)?;
    let mut algorithm = info.enter(tag::SEQUENCE)?;
    let kind = algorithm.expect(tag::OID)?;
    let curve = algorithm.optional(tag::OID).map(|it| it.content);
    Some((kind, curve, info.expect(tag::OCTET_STRING)?))
}

/// The scalar and the point of an ECPrivateKey (RFC 5915).
fn sec1(der: &[u8]) -> Result<(Vec<u8>, Vec<u8>), KeyError> {
    let wrong = || KeyError::Encoding { format: "ECPrivateKey" };
    let mut outer = Reader::new(der);
    let mut key = outer.enter(tag::SEQUENCE).ok_or_else(wrong)?;
    outer.end().ok_or_else(wrong)?;
    let version = key.expect(tag::INTEGER).ok_or_else(wrong)?;
    let scalar = key.expect(tag::OCTET_STRING).ok_or_else(wrong)?;
    if version != [1] || scalar.len() != 32 {
        return Err(wrong());
    }
    if let Some(curve) = key.optional(tag::context(0))
        && Reader::new(curve.content).expect(tag::OID) != Some(OID_P256)
    {
        return Err(KeyError::Algorithm);
    }
    let point = key.optional(tag::context(1)).ok_or(KeyError::NoPublicKey)?;
    let point = Reader::new(point.content).bits().ok_or_else(wrong)?;
    Ok((scalar.to_vec(), point.to_vec()))
}
