//! What is signed of a container image where an engine enforces signatures: containers/image's "simple signing"
//! (`containers-signature(5)`), and cosign's payload, which has the same form.

use serde_json::{Map, Value, json};

use crate::digest::Sha256;
use crate::json::{self, JsonError};

/// Whose form it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// containers/image: podman, skopeo, cri-o.
    Atomic,
    /// cosign and what reads its signatures.
    Cosign,
}

impl Kind {
    /// The value of `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Atomic => "atomic container signature",
            Self::Cosign => "cosign container image signature",
        }
    }
}

/// A payload: that a reference is an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload {
    /// Whose form.
    pub kind: Kind,
    /// The reference under which the image may be used, such as `registry.example/app:1`.
    pub reference: String,
    /// SHA-256 of the image's manifest.
    pub manifest: Sha256,
    /// What is not critical.
    pub optional: Map<String, Value>,
}

/// Why bytes are not such a payload.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Not a JSON document.
    #[error("it is not a signature of an image: {0}")]
    Json(#[from] JsonError),
    /// Something is missing, more than there may be, or of another form. Critical fields are all understood or
    /// refused.
    #[error("it is not a signature of an image: {0}")]
    Invalid(&'static str),
}

impl Payload {
    /// The bytes that are signed.
    pub fn encode(&self) -> Result<Vec<u8>, PayloadError> {
        Ok(json::canonical(&json!({
            "critical": {
                "identity": { "docker-reference": self.reference },
                "image": { "docker-manifest-digest": format!("sha256:{}", self.manifest) },
                "type": self.kind.name(),
            },
            "optional": self.optional,
        }))?)
    }

    /// Reads a payload whose signature was verified.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let value = json::parse(bytes)?;
        let (critical, optional) = parts(&value)?;
        let kind = match critical.kind {
            kind if kind == Kind::Atomic.name() => Kind::Atomic,
            kind if kind == Kind::Cosign.name() => Kind::Cosign,
            _ => return Err(PayloadError::Invalid("its type is not known")),
        };
        let digest = critical.digest.strip_prefix("sha256:").and_then(|digest| digest.parse().ok());
        let manifest = digest.ok_or(PayloadError::Invalid("its digest is not `sha256:` and 64 digits"))?;
        let optional = match optional {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(optional)) => optional.clone(),
            Some(_) => return Err(PayloadError::Invalid("`optional` is not an object")),
        };
        Ok(Self { kind, reference: critical.reference.to_owned(), manifest, optional })
    }
}

/// The texts of the critical part.
pub(crate) struct Critical<'a> {
    pub(crate) kind: &'a str,
    pub(crate) reference: &'a str,
    pub(crate) digest: &'a str,
}

/// The two parts of a payload, with every critical field known.
pub(crate) fn parts(value: &Value) -> Result<(Critical<'_>, Option<&Value>), PayloadError> {
    let wrong =
        PayloadError::Invalid("it has other fields than `critical` and `optional`, or than their own");
    let exactly = |value: &Value, keys: &[&str]| {
        value
            .as_object()
            .is_some_and(|it| it.len() == keys.len() && keys.iter().all(|key| it.contains_key(*key)))
    };
    let critical = &value["critical"];
    let known = (exactly(value, &["critical", "optional"]) || exactly(value, &["critical"]))
        && exactly(critical, &["identity", "image", "type"])
        && exactly(&critical["identity"], &["docker-reference"])
        && exactly(&critical["image"], &["docker-manifest-digest"]);
    let text = |value: &'_ Value| value.as_str().map(str::len);
    let (kind, reference, digest) = (
        &critical["type"],
        &critical["identity"]["docker-reference"],
        &critical["image"]["docker-manifest-digest"],
    );
    if !known || [kind, reference, digest].into_iter().any(|it| text(it).is_none()) {
        return Err(wrong);
    }
    let critical = Critical {
        kind: kind.as_str().unwrap_or_default(),
        reference: reference.as_str().unwrap_or_default(),
        digest: digest.as_str().unwrap_or_default(),
    };
    Ok((critical, value.get("optional")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(kind: Kind) -> Payload {
        let reference = "registry.example/app:1".to_owned();
        Payload { kind, reference, manifest: Sha256([1; 32]), optional: Map::new() }
    }

    #[test]
    fn what_is_written_is_what_containers_signature_5_shows() {
        let bytes = String::from_utf8(payload(Kind::Atomic).encode().unwrap()).unwrap();
        let digest = "01".repeat(32);
        let expected = format!(
            "{{\"critical\":{{\"identity\":{{\"docker-reference\":\"registry.example/app:1\"}},\
             \"image\":{{\"docker-manifest-digest\":\"sha256:{digest}\"}},\
             \"type\":\"atomic container signature\"}},\"optional\":{{}}}}"
        );
        assert_eq!(bytes, expected);
        for kind in [Kind::Atomic, Kind::Cosign] {
            assert_eq!(Payload::parse(&payload(kind).encode().unwrap()).unwrap(), payload(kind));
        }
    }

    #[test]
    fn critical_fields_that_are_not_understood_are_refused() {
        let good: Value = serde_json::from_slice(&payload(Kind::Cosign).encode().unwrap()).unwrap();
        for (pointer, value) in [
            ("/critical/more", json!(1)),
            ("/critical/image/more", json!(1)),
            ("/critical/identity/more", json!(1)),
            ("/more", json!(1)),
            ("/critical/type", json!("Atomic container signature")),
            ("/critical/type", json!(null)),
            ("/critical/image/docker-manifest-digest", json!("01".repeat(32))),
            ("/critical/image/docker-manifest-digest", json!(format!("sha512:{}", "01".repeat(32)))),
            ("/critical/identity/docker-reference", json!(["x"])),
            ("/optional", json!([])),
        ] {
            let mut changed = good.clone();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            changed.pointer_mut(parent).unwrap()[key] = value;
            assert!(Payload::parse(changed.to_string().as_bytes()).is_err(), "{pointer}");
        }
        assert!(Payload::parse(format!("[{good}]").as_bytes()).is_err());
    }
}
