//! Keys that sign attestations: Ed25519 (RFC 8032) and ECDSA on P-256 with SHA-256 (FIPS 186-5).
//!
//! The algorithm belongs to the key. Nothing that is signed can choose it, so there is none to confuse.

mod openssh;
mod pem;
mod public;
mod signing;
#[cfg(test)]
mod tests;

pub use public::{Algorithm, KeyId, PublicKey};
pub use signing::{Signer, SigningKey};

/// Why a text is not a key that is understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither PEM nor OpenSSH.
    #[error("it is neither one PEM block nor an OpenSSH key")]
    Format,
    /// PEM, but of something else.
    #[error("its PEM block is {label:?}; {expected}")]
    Label {
        /// What the block says it is.
        label: String,
        /// What would be read.
        expected: &'static str,
    },
    /// The base64 of a block or of an OpenSSH key is not one.
    #[error("its base64 is not valid")]
    Base64,
    /// The structure in it is cut off or is another one.
    #[error("its encoding as {format} is not valid")]
    Encoding {
        /// The format.
        format: &'static str,
    },
    /// A key of another kind.
    #[error("it is a key of another algorithm; Ed25519 and ECDSA P-256 are understood")]
    Algorithm,
    /// A private key with a passphrase.
    #[error("it is encrypted: use a copy without a passphrase, or an external signer")]
    Encrypted,
    /// An Ed25519 key under which anybody can make signatures.
    #[error("it is a point of small order: anybody can make signatures that match it")]
    SmallOrder,
    /// A compressed point, or one with other numbers of bytes.
    #[error("its point is not an uncompressed one on P-256")]
    Point,
    /// A private key of P-256 that does not have its public key in it.
    #[error("it does not include its public key")]
    NoPublicKey,
    /// The parts of a private key do not belong together.
    #[error("its public key belongs to another private key")]
    Mismatch,
}

/// Why something could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
    /// An external signer failed.
    #[error("the external signer {program:?} failed: {reason}")]
    External {
        /// The program.
        program: String,
        /// Its reason, or the system's.
        reason: String,
    },
    /// An external signer signed something else, or with another key.
    #[error("the external signer {program:?} returned a signature that does not match the public key")]
    WrongSignature {
        /// The program.
        program: String,
    },
}
