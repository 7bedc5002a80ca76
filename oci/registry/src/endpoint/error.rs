//! Errors in the specification's format ("Error Codes").

/// A code of the specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// There is no such blob.
    BlobUnknown,
    /// Not a digest.
    DigestInvalid,
    /// There is no such manifest.
    ManifestUnknown,
    /// Not a repository name.
    NameInvalid,
    /// There is no such repository.
    NameUnknown,
    /// The store does not answer now. The specification has no code for it; this is the one of Docker's registry.
    Unavailable,
    /// This endpoint does not support the operation.
    Unsupported,
}

impl Code {
    fn text(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unsupported => "UNSUPPORTED",
        }
    }
}

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The code.
    pub code: Code,
    /// For the user.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: u16, code: Code, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The body.
    pub fn body(&self) -> String {
        serde_json::json!({ "errors": [{ "code": self.code.text(), "message": self.message }] }).to_string()
    }
}
