//! Digests as the protocol has them: a function, a hash and a size.

use std::fmt;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use sha2::Digest as _;

/// A hash function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Function {
    /// SHA-256.
    Sha256,
    /// BLAKE3, of 256 bits.
    Blake3,
}

/// The digest of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Digest {
    /// The hash function.
    pub function: Function,
    /// The hash.
    pub hash: [u8; 32],
    /// The number of bytes.
    pub size: u64,
}

/// Why something is no digest.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DigestError {
    /// The function is another one.
    #[error("the digest function {0} is not one of SHA256 and BLAKE3")]
    Function(i32),
    /// There is no digest where one must be.
    #[error("a digest is missing")]
    Absent,
    /// The hash is no hash.
    #[error("a hash has 64 lower-case hexadecimal digits")]
    Hash,
    /// The size is no size.
    #[error("a size is a number of bytes, from 0 to 2^63-1")]
    Size,
}

impl Function {
    /// From a message's field; a client that leaves it out means the function by the hash's length, SHA-256.
    pub(crate) fn of_field(field: i32) -> Result<Self, DigestError> {
        use api::digest_function::Value;
        match Value::try_from(field) {
            Ok(Value::Unknown | Value::Sha256) => Ok(Self::Sha256),
            Ok(Value::Blake3) => Ok(Self::Blake3),
            _ => Err(DigestError::Function(field)),
        }
    }

    /// The hash of some bytes.
    pub fn hash(self, bytes: &[u8]) -> [u8; 32] {
        match self {
            Self::Sha256 => sha2::Sha256::digest(bytes).into(),
            Self::Blake3 => *blake3::hash(bytes).as_bytes(),
        }
    }

    /// The digest of some bytes.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        Digest { function: self, hash: self.hash(bytes), size: bytes.len() as u64 }
    }
}

impl Digest {
    /// From its parts as text.
    pub(crate) fn parse(function: Function, hash: &str, size: &str) -> Result<Self, DigestError> {
        if size.is_empty() || !size.bytes().all(|it| it.is_ascii_digit()) {
            return Err(DigestError::Size);
        }
        let size = size.parse::<i64>().map_err(|_| DigestError::Size)?;
        Self::new(function, hash, size)
    }

    fn new(function: Function, hash: &str, size: i64) -> Result<Self, DigestError> {
        let size = u64::try_from(size).map_err(|_| DigestError::Size)?;
        let (mut bytes, text) = ([0; 32], hash.as_bytes());
        if text.len() != 64 {
            return Err(DigestError::Hash);
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(DigestError::Hash),
        };
        for (to, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *to = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self { function, hash: bytes, size })
    }

    /// From a message.
    pub(crate) fn of(function: Function, message: Option<&api::Digest>) -> Result<Self, DigestError> {
        let message = message.ok_or(DigestError::Absent)?;
        Self::new(function, &message.hash, message.size_bytes)
    }

    /// As a message.
    pub(crate) fn message(&self) -> api::Digest {
        // It was one, or is of bytes in memory.
        api::Digest { hash: self.hash_text(), size_bytes: i64::try_from(self.size).unwrap_or(i64::MAX) }
    }

    /// The hash's digits.
    pub fn hash_text(&self) -> String {
        self.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether it is that of no bytes, which are always there.
    pub fn is_empty(&self) -> bool {
        self.size == 0 && self.hash == self.function.hash(b"")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.hash_text(), self.size)
    }
}
