//! Principals: who votes. A principal has keys, any of which speaks for it, and facts by which independence is
//! counted.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::keys::PublicKey;
use crate::name::Label;
use crate::time::Time;

/// Who votes, once, however many keys and machines it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// Its name in the policy.
    pub name: Label,
    /// What the policy knows of it.
    pub facts: BTreeMap<Fact, Label>,
    /// At least one.
    pub keys: Vec<Key>,
}

/// A kind of fact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The person or body that holds the keys.
    Owner,
    /// The organisation that runs the machine.
    Organisation,
    /// The country under whose law it runs.
    Country,
    /// The maker of the CPU.
    CpuVendor,
    /// The kernel.
    Kernel,
    /// The implementation of the builder.
    Builder,
}

impl Fact {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::Organisation, Self::Country, Self::CpuVendor, Self::Kernel, Self::Builder];

    /// Its key in a policy.
    pub fn key(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Organisation => "organisation",
            Self::Country => "country",
            Self::CpuVendor => "cpu_vendor",
            Self::Kernel => "kernel",
            Self::Builder => "builder",
        }
    }

    /// What several of it are called.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Owner => "owners",
            Self::Organisation => "organisations",
            Self::Country => "countries",
            Self::CpuVendor => "CPU vendors",
            Self::Kernel => "kernels",
            Self::Builder => "builder implementations",
        }
    }
}

/// A key of a principal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The key.
    pub material: Material,
    /// It is not valid before.
    pub valid_from: Option<Time>,
    /// It has expired from here on.
    pub valid_until: Option<Time>,
    /// It was revoked.
    pub revoked: Option<Revocation>,
}

/// What verifies a principal's signatures.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Material {
    /// A key that this crate verifies with.
    Public(PublicKey),
    /// An OpenPGP certificate, by the fingerprint of its primary key; `gpgv` verifies.
    OpenPgp(Fingerprint),
}

/// The fingerprint of an OpenPGP key: 40 (version 4) or 64 (version 6) hexadecimal digits in upper case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(String);

/// Why a text is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the fingerprint of an OpenPGP key: 40 or 64 hexadecimal digits")]
pub struct FingerprintError {
    text: String,
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Spaces, as `gpg` prints them, and lower case are accepted.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits: String = text.split(' ').collect::<String>().to_ascii_uppercase();
        let valid = matches!(digits.len(), 40 | 64) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        valid
            .then_some(Self(digits))
            .ok_or_else(|| FingerprintError { text: text.chars().take(80).collect() })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// That a key was revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Revocation {
    /// From when on.
    pub at: Time,
    /// Why: it decides whether older signatures still count.
    pub reason: RevocationReason,
}

/// Why a key was revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevocationReason {
    /// Somebody else may have it, and could date signatures as they like: none of its signatures counts.
    Compromised,
    /// It is no longer used: like a key that expired then.
    Retired,
}

/// What a policy takes for the moment at which a key has to be valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// When the verdict is asked for: an expired key's signatures do not count at all.
    #[default]
    AtVerification,
    /// When it signed, as the signature or statement says. A stolen expired key can date back.
    AtSigning,
    /// When it signed, as a timestamp of a third party shows.
    AtSigningWitnessed,
}

/// Why a signature that matches a key does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyProblem {
    /// The key was revoked.
    Revoked,
    /// The key has expired, or had when it signed.
    Expired,
    /// The key is not valid yet, or was not when it signed.
    NotYetValid,
}

/// When something was signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SigningTime {
    /// As the signer says.
    pub claimed: Option<Time>,
    /// As a third party's timestamp shows; verified by the caller.
    pub witnessed: Option<Time>,
}

impl SigningTime {
    /// The best that is known.
    pub fn best(&self) -> Option<Time> {
        self.witnessed.or(self.claimed)
    }
}

impl Key {
    /// Whether the key's signature counts.
    pub fn problem(&self, signed: SigningTime, now: Time, expiry: Expiry) -> Option<KeyProblem> {
        let signed = match expiry {
            Expiry::AtVerification => None,
            Expiry::AtSigning => signed.best(),
            Expiry::AtSigningWitnessed => signed.witnessed,
        };
        // What is dated after the verdict cannot be older than it; and without a date the verdict's moment decides.
        let moment = signed.map_or(now, |signed| signed.min(now));
        if let Some(revocation) = self.revoked
            && (revocation.reason == RevocationReason::Compromised || moment >= revocation.at)
        {
            return Some(KeyProblem::Revoked);
        }
        if self.valid_until.is_some_and(|until| moment >= until) {
            return Some(KeyProblem::Expired);
        }
        self.valid_from.is_some_and(|from| moment < from).then_some(KeyProblem::NotYetValid)
    }
}
