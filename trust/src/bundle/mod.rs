//! Sigstore bundles (`sigstore_bundle.proto` in its JSON form): one file with what is signed and what verifies it.
//!
//! Read are the versions 0.1 to 0.3, with a key or a certificate; written is 0.3, with a key. Fields that the
//! format does not have are errors: a bundle that says more than is understood is not evidence of what is.

pub(crate) mod document;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::digest::Sha256;
use crate::dsse::{Envelope, EnvelopeError};
use crate::json::{self, JsonError};
use crate::keys::{PublicKey, SignError, Signer};

/// The media type that is written.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// How many log entries, timestamps or certificates a bundle may have.
pub const MAX_PARTS: usize = 32;

/// A bundle that was read; nothing in it is verified yet.
#[derive(Clone, PartialEq, Debug)]
pub struct Bundle {
    /// The version of the format.
    pub version: Version,
    /// What verifies the signature.
    pub material: Material,
    /// Entries of transparency logs.
    pub log_entries: Vec<LogEntry>,
    /// RFC 3161 timestamps of the signature, in DER.
    pub timestamps: Vec<Vec<u8>>,
    /// What is signed.
    pub content: Content,
}

/// The version of the format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// 0.1: entries have a promise, and perhaps a proof.
    V01,
    /// 0.2: entries have a proof.
    V02,
    /// 0.3: one certificate in place of a chain.
    V03,
}

/// What verifies the signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Material {
    /// A key that the verifier has; this hints which.
    PublicKey {
        /// The hint; not signed.
        hint: String,
    },
    /// Certificates in DER, the signer's first.
    Certificates(Vec<Vec<u8>>),
}

/// What is signed.
#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    /// An envelope.
    Envelope(Envelope),
    /// The bytes of an artifact, which is not in the bundle.
    Message {
        /// The artifact's SHA-256, as a hint; not signed.
        digest: Option<Sha256>,
        /// The signature.
        signature: Vec<u8>,
    },
}

/// An entry of a transparency log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogEntry {
    /// Its place in the log, over all of the log's trees.
    pub index: u64,
    /// SHA-256 of the log's key.
    pub log_id: Vec<u8>,
    /// The kind of the entry, such as `hashedrekord`.
    pub kind: String,
    /// The version of the kind.
    pub kind_version: String,
    /// When the log took it, as the promise says.
    pub integrated_time: Option<i64>,
    /// The log's signature that it will include it.
    pub promise: Option<Vec<u8>>,
    /// That it is included.
    pub proof: Option<InclusionProof>,
    /// The entry.
    pub body: Vec<u8>,
}

/// That an entry is in a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InclusionProof {
    /// Its place in the tree.
    pub index: u64,
    /// The tree's root.
    pub root: Vec<u8>,
    /// How many entries the tree has.
    pub size: u64,
    /// The hashes between.
    pub hashes: Vec<Vec<u8>>,
    /// The root, signed by the log. Only bundles of version 0.1 can lack it, and then the proof proves nothing.
    pub checkpoint: Option<String>,
}

/// Why bytes are not a bundle, or not a valid one.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not a JSON document, or one of another shape.
    #[error("it is not a Sigstore bundle: {0}")]
    Json(#[from] JsonError),
    /// An invalid envelope.
    #[error("the bundle's envelope is not valid: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Another version, or something else.
    #[error("it is of the media type {found:?}, which is not a known version of a Sigstore bundle")]
    MediaType {
        /// What it says.
        found: String,
    },
    /// The parts do not make a bundle of its version.
    #[error("it is not a valid Sigstore bundle: {0}")]
    Invalid(&'static str),
    /// A signature of other bytes or by another key.
    #[error("the bundle's signature does not match the artifact and the key")]
    Signature,
    /// It says what artifact it is of, and that is another.
    #[error("the bundle is of an artifact with another digest")]
    OtherArtifact,
    /// It is of an envelope where an artifact's signature is expected, or the other way round.
    #[error("the bundle holds {found}, and {expected} was expected")]
    Content {
        /// What it holds.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
}

impl Bundle {
    /// Reads a bundle.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        document::read(json::parse(bytes)?)
    }

    /// A bundle of an envelope that this key signed.
    pub fn of_envelope(envelope: Envelope, key: &PublicKey) -> Self {
        Self::with(Content::Envelope(envelope), key)
    }

    /// Signs an artifact.
    pub fn sign(artifact: &[u8], signer: &dyn Signer) -> Result<Self, SignError> {
        let content =
            Content::Message { digest: Some(Sha256::of(artifact)), signature: signer.sign(artifact)? };
        Ok(Self::with(content, signer.public()))
    }

    fn with(content: Content, key: &PublicKey) -> Self {
        let material = Material::PublicKey { hint: STANDARD.encode(key.id().0.0) };
        Self { version: Version::V03, material, log_entries: Vec::new(), timestamps: Vec::new(), content }
    }

    /// The envelope. Whether a key signed it, [`Envelope::signed_by`] says.
    pub fn envelope(&self) -> Result<&Envelope, BundleError> {
        match &self.content {
            Content::Envelope(envelope) => Ok(envelope),
            Content::Message { .. } => {
                Err(BundleError::Content { found: "an artifact's signature", expected: "an envelope" })
            }
        }
    }

    /// Whether the bundle is a signature of `artifact` by `key`.
    pub fn verify_artifact(&self, artifact: &[u8], key: &PublicKey) -> Result<(), BundleError> {
        let Content::Message { digest, signature } = &self.content else {
            return Err(BundleError::Content { found: "an envelope", expected: "an artifact's signature" });
        };
        if digest.is_some_and(|digest| digest != Sha256::of(artifact)) {
            return Err(BundleError::OtherArtifact);
        }
        key.verifies(artifact, signature).then_some(()).ok_or(BundleError::Signature)
    }

    /// As a JSON document of version 0.3. Only bundles with a key are written.
    pub fn to_json(&self) -> Result<Value, BundleError> {
        let Material::PublicKey { hint } = &self.material else {
            return Err(BundleError::Invalid("bundles with certificates are only read"));
        };
        if !self.log_entries.is_empty() || !self.timestamps.is_empty() {
            return Err(BundleError::Invalid("bundles with log entries or timestamps are only read"));
        }
        let mut bundle = json!({
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": { "publicKey": { "hint": hint }, "tlogEntries": [] },
        });
        match &self.content {
            Content::Envelope(envelope) => bundle["dsseEnvelope"] = envelope.to_json(),
            Content::Message { digest, signature } => {
                bundle["messageSignature"] = json!({ "signature": STANDARD.encode(signature) });
                if let Some(digest) = digest {
                    bundle["messageSignature"]["messageDigest"] =
                        json!({ "algorithm": "SHA2_256", "digest": STANDARD.encode(digest.0) });
                }
            }
        }
        Ok(bundle)
    }

    /// The canonical bytes of [`Bundle::to_json`].
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        Ok(json::canonical(&self.to_json()?)?)
    }
}
