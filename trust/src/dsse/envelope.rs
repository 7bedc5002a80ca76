//! The envelope: a payload, its type, and signatures.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use super::pae;
use crate::json::{self, JsonError};
use crate::keys::{PublicKey, SignError, Signer};

/// How many signatures an envelope may have: each is tried with every key.
pub const MAX_SIGNATURES: usize = 64;

/// A signed payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// What the payload is; it is signed with it.
    pub payload_type: String,
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    /// At least one, each of payload and type.
    pub signatures: Vec<Signature>,
}

/// A signature, and a hint which key made it. The hint is not signed: it may speed a search up, and decides
/// nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// The hint; empty when there is none.
    pub key_id: String,
    /// The signature.
    pub bytes: Vec<u8>,
}

/// Why bytes are not an envelope, or not one of what is expected.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not a JSON document.
    #[error("it is not a DSSE envelope: {0}")]
    Json(#[from] JsonError),
    /// A field is missing or of another type.
    #[error("it is not a DSSE envelope: {field:?} is missing, or is not {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A field that the format does not have.
    #[error("it is not a DSSE envelope: it has a field {field:?}, which the format does not")]
    Unknown {
        /// The field.
        field: String,
    },
    /// No signature, or too many to try.
    #[error("the envelope has {count} signatures; 1 to {MAX_SIGNATURES} are read")]
    Signatures {
        /// How many.
        count: usize,
    },
    /// The payload is of another type.
    #[error("the envelope's payload is {found:?}, and {expected:?} was expected")]
    PayloadType {
        /// Its type.
        found: String,
        /// The expected one.
        expected: String,
    },
}

const fn field(field: &'static str, expected: &'static str) -> EnvelopeError {
    EnvelopeError::Field { field, expected }
}

/// Standard or URL-safe base64, as the specification allows, padded, with no bit that is not the bytes'.
fn base64(value: Option<&Value>, name: &'static str) -> Result<Vec<u8>, EnvelopeError> {
    let text = value.and_then(Value::as_str);
    let bytes = text.and_then(|text| STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok());
    bytes.ok_or(field(name, "base64"))
}

impl Envelope {
    /// Signs a payload.
    pub fn sign(payload_type: &str, payload: Vec<u8>, signer: &dyn Signer) -> Result<Self, SignError> {
        let mut envelope = Self { payload_type: payload_type.to_owned(), payload, signatures: Vec::new() };
        envelope.add_signature(signer)?;
        Ok(envelope)
    }

    /// Adds a signature to those that are there.
    pub fn add_signature(&mut self, signer: &dyn Signer) -> Result<(), SignError> {
        let bytes = signer.sign(&self.signed_bytes())?;
        self.signatures.push(Signature { key_id: signer.public().fingerprint(), bytes });
        Ok(())
    }

    /// What the signatures are of.
    pub fn signed_bytes(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }

    /// Reads an envelope from JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        Self::from_json(&json::parse(bytes)?)
    }

    /// Reads an envelope from a parsed document, as a bundle holds one.
    pub fn from_json(value: &Value) -> Result<Self, EnvelopeError> {
        let object = value.as_object().ok_or(field("payload", "in an object"))?;
        // The specification has no extensions, and a reader that ignores case could take another field for these.
        let known = ["payload", "payloadType", "signatures"];
        if let Some(unknown) = object.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(EnvelopeError::Unknown { field: unknown.clone() });
        }
        let payload_type = object.get("payloadType").and_then(Value::as_str);
        let payload_type = payload_type.filter(|it| !it.is_empty()).ok_or(field("payloadType", "a text"))?;
        let payload = base64(object.get("payload"), "payload")?;
        let list =
            object.get("signatures").and_then(Value::as_array).ok_or(field("signatures", "an array"))?;
        if list.is_empty() || list.len() > MAX_SIGNATURES {
            return Err(EnvelopeError::Signatures { count: list.len() });
        }
        let signatures = list.iter().map(signature).collect::<Result<_, _>>()?;
        Ok(Self { payload_type: payload_type.to_owned(), payload, signatures })
    }

    /// As a JSON document, in canonical encoding.
    pub fn to_json(&self) -> Value {
        let signature = |it: &Signature| {
            let mut object = json!({ "sig": STANDARD.encode(&it.bytes) });
            if !it.key_id.is_empty() {
                object["keyid"] = json!(it.key_id);
            }
            object
        };
        json!({
            "payload": STANDARD.encode(&self.payload),
            "payloadType": self.payload_type,
            "signatures": self.signatures.iter().map(signature).collect::<Vec<_>>(),
        })
    }

    /// The bytes of [`Envelope::to_json`].
    pub fn encode(&self) -> Vec<u8> {
        // Texts and arrays always have a canonical encoding.
        json::canonical(&self.to_json()).unwrap_or_default()
    }

    /// The payload, if it is of that type. Its signatures are another question.
    pub fn payload_of(&self, payload_type: &str) -> Result<&[u8], EnvelopeError> {
        if self.payload_type != payload_type {
            return Err(EnvelopeError::PayloadType {
                found: self.payload_type.clone(),
                expected: payload_type.to_owned(),
            });
        }
        Ok(&self.payload)
    }

    /// Those of `keys` that made a signature, each once and in their order, whatever the hints say.
    pub fn signed_by<'k>(&self, keys: impl IntoIterator<Item = &'k PublicKey>) -> Vec<&'k PublicKey> {
        let message = self.signed_bytes();
        let mut found: Vec<&PublicKey> = Vec::new();
        for key in keys {
            let matches = |it: &Signature| key.verifies(&message, &it.bytes);
            if !found.contains(&key) && self.signatures.iter().any(matches) {
                found.push(key);
            }
        }
        found
    }
}

fn signature(value: &Value) -> Result<Signature, EnvelopeError> {
    let object = value.as_object().ok_or(field("signatures", "an array of objects"))?;
    // `cert` was in drafts, and is written by older tools; verification by keys does not need it.
    if let Some(unknown) = object.keys().find(|key| !["sig", "keyid", "cert"].contains(&key.as_str())) {
        return Err(EnvelopeError::Unknown { field: unknown.clone() });
    }
    let key_id = match object.get("keyid") {
        None | Some(Value::Null) => String::new(),
        Some(text) => text.as_str().ok_or(field("keyid", "a text"))?.to_owned(),
    };
    Ok(Signature { key_id, bytes: base64(object.get("sig"), "sig")? })
}
