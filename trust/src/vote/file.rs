//! Evidence from the bytes of a file: whichever of the formats it is in.

use serde_json::Value;

use super::Evidence;
use crate::bundle::{Bundle, Material};
use crate::digest::Sha256;
use crate::dsse::Envelope;
use crate::foreign::intoto_link::Link;
use crate::json;
use crate::keys::PublicKey;

/// The pieces of evidence in a text: one document, or one a line (JSON Lines), as bundles are often kept together.
pub fn pieces(text: &str) -> Vec<&str> {
    match json::parse(text.as_bytes()) {
        Err(_) if text.trim().contains('\n') => text.lines().filter(|line| !line.trim().is_empty()).collect(),
        _ => vec![text],
    }
}

impl Evidence {
    /// Reads an envelope, a Sigstore bundle of one, or an in-toto link. `keys` are those that a link is verified with.
    /// What is in no such format is evidence too, which is not counted, so that a report can name it.
    pub fn parse<'k>(bytes: &[u8], keys: impl IntoIterator<Item = &'k PublicKey>) -> Vec<Self> {
        let unreadable = |reason: String| vec![Self::Unreadable { digest: Sha256::of(bytes), reason }];
        let value = match json::parse(bytes) {
            Ok(value) => value,
            Err(error) => return unreadable(error.to_string()),
        };
        let envelope = if value.get("mediaType").is_some() {
            in_bundle(bytes)
        } else if value.get("signed").is_some() {
            return Link::parse(bytes).map_or_else(|e| unreadable(e.to_string()), |link| link.evidence(keys));
        } else {
            in_envelope(&value)
        };
        envelope.map_or_else(unreadable, |envelope| vec![Self::Envelope { envelope, witnessed: None }])
    }
}

fn in_envelope(value: &Value) -> Result<Envelope, String> {
    Envelope::from_json(value).map_err(|e| e.to_string())
}

fn in_bundle(bytes: &[u8]) -> Result<Envelope, String> {
    let bundle = Bundle::parse(bytes).map_err(|e| e.to_string())?;
    if matches!(bundle.material, Material::Certificates(_)) {
        return Err("it is signed with a certificate, and policies name keys".to_owned());
    }
    bundle.envelope().cloned().map_err(|e| e.to_string())
}
