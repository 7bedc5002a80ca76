//! Verifying Sigstore bundles against a trusted root that the caller supplies: certificates, transparency logs and
//! timestamps, all offline.
//!
//! A certificate of Fulcio lives for minutes, so it is looked at for the moment at which it signed; that moment has
//! to be shown by somebody else: a log's signed entry timestamp or a timestamping authority. Everything that a
//! bundle brings has to hold, also what is not needed.

mod certificate;
mod entry;
mod log;
mod root;
#[cfg(test)]
mod tests;
mod timestamp;
mod verify;

pub use root::TrustedRoot;
pub use verify::{Expected, Verified, verify, witnessed};

use crate::bundle::BundleError;
use crate::json::JsonError;

/// Why a bundle does not verify.
#[derive(Debug, thiserror::Error)]
pub enum SigstoreError {
    /// The bundle itself.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The trusted root is not a JSON document of that shape.
    #[error("the trusted root is not valid: {0}")]
    RootJson(#[from] JsonError),
    /// The trusted root contradicts its format.
    #[error("the trusted root is not valid: {0}")]
    Root(&'static str),
    /// The signer's certificate.
    #[error("the signer's certificate is not valid: {0}")]
    Certificate(String),
    /// The certificate's proof that it was logged.
    #[error("the certificate's timestamp of a certificate log does not hold: {0}")]
    CertificateLog(&'static str),
    /// Another identity.
    #[error("the certificate is of {found}, and another identity was expected")]
    Identity {
        /// Whose it is.
        found: String,
    },
    /// The signature.
    #[error("the signature does not match the artifact and the signer's key")]
    Signature,
    /// Signed with a key where a certificate is expected, or the other way round.
    #[error("the bundle is signed {found}, and {expected} was expected")]
    Material {
        /// With what.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The statement in the envelope is about something else.
    #[error("the statement in the envelope is not about the artifact")]
    OtherArtifact,
    /// The entry of a transparency log.
    #[error("the entry of the transparency log does not hold: {0}")]
    Log(&'static str),
    /// A timestamp.
    #[error("a timestamp does not hold: {0}")]
    Timestamp(&'static str),
    /// Nothing shows when it was signed.
    #[error("nothing that can be trusted shows when it was signed")]
    NoTime,
}
