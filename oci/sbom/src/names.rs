//! Identifiers derived from content.

use packageurl::PackageUrl;
use sha2::{Digest, Sha256};

/// A UUID of version 8 (RFC 9562, section 5.8), derived from the SHA-256 of `text`.
pub(crate) fn uuid(text: &str) -> String {
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(text)[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

/// The package URL of a package that is in no package registry.
pub(crate) fn generic(name: &str, version: Option<&str>) -> Option<String> {
    let mut url = PackageUrl::new("generic", name.to_owned()).ok()?;
    if let Some(version) = version {
        url.with_version(version.to_owned()).ok()?;
    }
    Some(url.to_string())
}

/// The package URL of an image.
pub(crate) fn image(name: &str, digest: &str) -> Option<String> {
    let mut url = PackageUrl::new("oci", name.to_lowercase()).ok()?;
    url.with_version(format!("sha256:{digest}")).ok()?;
    Some(url.to_string())
}
