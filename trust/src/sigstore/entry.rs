//! Whether the body of a log entry is of this bundle: the same bytes, signature and signer. Rekor 1 has
//! `hashedrekord`, `dsse` and `intoto`, each in a version of its own; Rekor 2 has `hashedrekord` and `dsse` 0.0.2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::SigstoreError;
use crate::bundle::LogEntry;
use crate::digest::{Sha256, hex};
use crate::dsse::Envelope;
use crate::json;

/// What an entry has to be of.
pub(super) struct Of<'a> {
    /// What the signature is of: the artifact, or an envelope's encoding.
    pub(super) signed: Sha256,
    pub(super) envelope: Option<&'a Envelope>,
    pub(super) signature: &'a [u8],
    /// The signer's certificate, or its key as SubjectPublicKeyInfo.
    pub(super) verifier: &'a [u8],
}

/// Compares.
pub(super) fn check(entry: &LogEntry, of: &Of<'_>) -> Result<(), SigstoreError> {
    let body = json::parse(&entry.body).map_err(|_| SigstoreError::Log("its body is not JSON"))?;
    let (kind, version) = (entry.kind.as_str(), entry.kind_version.as_str());
    if body["kind"] != kind || body["apiVersion"] != version {
        return Err(SigstoreError::Log("its body is of another kind"));
    }
    let spec = &body["spec"];
    let same = match (kind, version) {
        ("hashedrekord", "0.0.1") => hashedrekord(spec, of),
        ("hashedrekord", "0.0.2") => hashedrekord_v2(&spec["hashedRekordV002"], of),
        ("dsse", "0.0.1") => of.envelope.and_then(|envelope| dsse(spec, envelope, of)),
        ("dsse", "0.0.2") => of.envelope.and_then(|envelope| dsse_v2(&spec["dsseV002"], envelope, of)),
        ("intoto", "0.0.2") => of.envelope.and_then(|envelope| intoto(&spec["content"], envelope, of)),
        _ => return Err(SigstoreError::Log("its kind is not known")),
    };
    match same {
        Some(true) => Ok(()),
        Some(false) => Err(SigstoreError::Log("it is of another artifact, signature or signer")),
        None => Err(SigstoreError::Log("its body is not what its kind has")),
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}

/// The bytes of the PEM block that is in base64 again.
fn pem(value: &Value) -> Option<Vec<u8>> {
    let text = String::from_utf8(bytes(value)?).ok()?;
    let (_, rest) = text.trim().strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()
}

/// A SHA-256 in hexadecimal digits.
fn is_sha256(value: &Value, expected: &Sha256) -> Option<bool> {
    Some(value["algorithm"].as_str()? == "sha256" && value["value"].as_str()? == hex(&expected.0))
}

fn hashedrekord(spec: &Value, of: &Of<'_>) -> Option<bool> {
    let signature = &spec["signature"];
    Some(
        is_sha256(&spec["data"]["hash"], &of.signed)?
            && bytes(&signature["content"])? == of.signature
            && pem(&signature["publicKey"]["content"])? == of.verifier,
    )
}

/// The verifier of Rekor 2.
fn verifier_v2(value: &Value) -> Option<Vec<u8>> {
    let found = [&value["x509Certificate"]["rawBytes"], &value["publicKey"]["rawBytes"]];
    found.into_iter().find_map(bytes)
}

fn hashedrekord_v2(spec: &Value, of: &Of<'_>) -> Option<bool> {
    let (data, signature) = (&spec["data"], &spec["signature"]);
    Some(
        data["algorithm"].as_str()? == "SHA2_256"
            && bytes(&data["digest"])? == of.signed.0
            && bytes(&signature["content"])? == of.signature
            && verifier_v2(&signature["verifier"])? == of.verifier,
    )
}

/// The only element of an array: a bundle's envelope has one signature.
fn only(value: &Value) -> Option<&Value> {
    match value.as_array()?.as_slice() {
        [one] => Some(one),
        _ => None,
    }
}

fn dsse(spec: &Value, envelope: &Envelope, of: &Of<'_>) -> Option<bool> {
    // The hash of the whole envelope depends on how its JSON was written, and says nothing more than these.
    let signature = only(&spec["signatures"])?;
    Some(
        is_sha256(&spec["payloadHash"], &Sha256::of(&envelope.payload))?
            && bytes(&signature["signature"])? == of.signature
            && pem(&signature["verifier"])? == of.verifier,
    )
}

fn dsse_v2(spec: &Value, envelope: &Envelope, of: &Of<'_>) -> Option<bool> {
    let signature = only(&spec["signatures"])?;
    let hash = &spec["payloadHash"];
    Some(
        hash["algorithm"].as_str()? == "SHA2_256"
            && bytes(&hash["digest"])? == Sha256::of(&envelope.payload).0
            && bytes(&signature["content"])? == of.signature
            && verifier_v2(&signature["verifier"])? == of.verifier,
    )
}

fn intoto(content: &Value, envelope: &Envelope, of: &Of<'_>) -> Option<bool> {
    let logged = &content["envelope"];
    let signature = only(&logged["signatures"])?;
    // Its signatures are base64 of base64.
    let bytes_of = bytes(&signature["sig"]).and_then(|it| STANDARD.decode(it).ok())?;
    Some(
        logged["payloadType"].as_str()? == envelope.payload_type
            && is_sha256(&content["payloadHash"], &Sha256::of(&envelope.payload))?
            && bytes_of == of.signature
            && pem(&signature["publicKey"])? == of.verifier,
    )
}
