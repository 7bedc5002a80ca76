//! The JSON of a bundle, as protobuf maps it: 64-bit numbers are texts, bytes are base64, null is missing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Bundle, BundleError, Content, InclusionProof, LogEntry, MAX_PARTS, Material, Version};
use crate::digest::Sha256;
use crate::dsse::Envelope;
use crate::json;

/// Bytes in base64.
#[derive(Clone, Debug)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Line breaks are what `base64` writes and what Go's readers ignore; published bundles have them.
        let text = String::deserialize(from)?.replace(['\n', '\r'], "");
        STANDARD.decode(text).map(Self).map_err(|_| D::Error::custom("bytes are not in base64"))
    }
}

/// A number that protobuf writes as a text.
pub(crate) struct Int64(pub(crate) i64);

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(i64),
        }
        match Either::deserialize(from)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Text(text) => text.parse().map(Self).map_err(|_| D::Error::custom("it is not a number")),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct BundleText {
    media_type: String,
    verification_material: MaterialText,
    dsse_envelope: Option<Value>,
    message_signature: Option<MessageText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MaterialText {
    public_key: Option<PublicKeyText>,
    certificate: Option<CertificateText>,
    x509_certificate_chain: Option<ChainText>,
    tlog_entries: Option<Vec<EntryText>>,
    timestamp_verification_data: Option<TimestampsText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PublicKeyText {
    #[serde(default)]
    hint: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CertificateText {
    raw_bytes: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ChainText {
    certificates: Vec<CertificateText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TimestampsText {
    #[serde(default)]
    rfc3161_timestamps: Option<Vec<TimestampText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TimestampText {
    signed_timestamp: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct EntryText {
    log_index: Option<Int64>,
    log_id: LogIdText,
    kind_version: KindText,
    integrated_time: Option<Int64>,
    inclusion_promise: Option<PromiseText>,
    inclusion_proof: Option<ProofText>,
    canonicalized_body: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LogIdText {
    key_id: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindText {
    kind: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PromiseText {
    signed_entry_timestamp: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ProofText {
    log_index: Option<Int64>,
    root_hash: Bytes,
    tree_size: Int64,
    #[serde(default)]
    hashes: Vec<Bytes>,
    checkpoint: Option<CheckpointText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointText {
    envelope: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MessageText {
    message_digest: Option<DigestText>,
    signature: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DigestText {
    algorithm: String,
    digest: Bytes,
}

const fn invalid<T>(reason: &'static str) -> Result<T, BundleError> {
    Err(BundleError::Invalid(reason))
}

pub(super) fn read(value: Value) -> Result<Bundle, BundleError> {
    let text: BundleText = json::typed(value)?;
    let version = match text.media_type.as_str() {
        "application/vnd.dev.sigstore.bundle+json;version=0.1" => Version::V01,
        "application/vnd.dev.sigstore.bundle+json;version=0.2" => Version::V02,
        "application/vnd.dev.sigstore.bundle+json;version=0.3" | super::MEDIA_TYPE => Version::V03,
        _ => return Err(BundleError::MediaType { found: text.media_type }),
    };
    let material = text.verification_material;
    let timestamps =
        material.timestamp_verification_data.and_then(|it| it.rfc3161_timestamps).unwrap_or_default();
    let entries = material.tlog_entries.unwrap_or_default();
    if timestamps.len() > MAX_PARTS || entries.len() > MAX_PARTS {
        return invalid("it has too many log entries or timestamps");
    }
    let bundle = Bundle {
        version,
        material: read_material(
            version,
            material.public_key,
            material.certificate,
            material.x509_certificate_chain,
        )?,
        log_entries: entries.into_iter().map(|it| entry(version, it)).collect::<Result<_, _>>()?,
        timestamps: timestamps.into_iter().map(|it| it.signed_timestamp.0).collect(),
        content: content(text.dsse_envelope, text.message_signature)?,
    };
    Ok(bundle)
}

fn read_material(
    version: Version,
    key: Option<PublicKeyText>,
    certificate: Option<CertificateText>,
    chain: Option<ChainText>,
) -> Result<Material, BundleError> {
    match (key, certificate, chain) {
        (Some(key), None, None) => Ok(Material::PublicKey { hint: key.hint }),
        (None, Some(certificate), None) => Ok(Material::Certificates(vec![certificate.raw_bytes.0])),
        (None, None, Some(_)) if version >= Version::V03 => {
            invalid("version 0.3 has one certificate, not a chain")
        }
        (None, None, Some(chain)) => {
            let certificates: Vec<Vec<u8>> =
                chain.certificates.into_iter().map(|it| it.raw_bytes.0).collect();
            if certificates.is_empty() || certificates.len() > MAX_PARTS {
                return invalid("its certificate chain is empty, or too long");
            }
            Ok(Material::Certificates(certificates))
        }
        _ => invalid("it has to have one of `publicKey`, `certificate` and `x509CertificateChain`"),
    }
}

fn unsigned(number: Option<Int64>) -> Result<u64, BundleError> {
    // Protobuf leaves a zero out.
    let number = number.map_or(0, |it| it.0);
    u64::try_from(number).map_err(|_| BundleError::Invalid("an index or a size is negative"))
}

fn entry(version: Version, text: EntryText) -> Result<LogEntry, BundleError> {
    let proof = text.inclusion_proof.map(|it| {
        if it.hashes.len() > 64 {
            return invalid("a proof has more hashes than a tree has levels");
        }
        Ok(InclusionProof {
            index: unsigned(it.log_index)?,
            root: it.root_hash.0,
            size: unsigned(Some(it.tree_size))?,
            hashes: it.hashes.into_iter().map(|it| it.0).collect(),
            checkpoint: it.checkpoint.map(|it| it.envelope),
        })
    });
    let entry = LogEntry {
        index: unsigned(text.log_index)?,
        log_id: text.log_id.key_id.0,
        kind: text.kind_version.kind,
        kind_version: text.kind_version.version,
        integrated_time: text.integrated_time.map(|it| it.0).filter(|time| *time != 0),
        promise: text.inclusion_promise.map(|it| it.signed_entry_timestamp.0),
        proof: proof.transpose()?,
        body: text.canonicalized_body.0,
    };
    if version == Version::V01 && entry.promise.is_none() {
        return invalid("version 0.1 has a promise in each log entry");
    }
    if version >= Version::V02 && entry.proof.as_ref().is_none_or(|proof| proof.checkpoint.is_none()) {
        return invalid("from version 0.2 on each log entry has an inclusion proof with a checkpoint");
    }
    Ok(entry)
}

fn content(envelope: Option<Value>, message: Option<MessageText>) -> Result<Content, BundleError> {
    match (envelope, message) {
        (Some(envelope), None) => {
            let envelope = Envelope::from_json(&envelope)?;
            if envelope.signatures.len() != 1 {
                return invalid("the envelope of a bundle has one signature");
            }
            Ok(Content::Envelope(envelope))
        }
        (None, Some(message)) => {
            let digest = match message.message_digest {
                None => None,
                Some(digest) if digest.algorithm == "SHA2_256" => {
                    let bytes = digest.digest.0.try_into();
                    Some(Sha256(
                        bytes.map_err(|_| BundleError::Invalid("its digest does not have 32 bytes"))?,
                    ))
                }
                // Other digests are hints too, and none is needed.
                Some(_) => None,
            };
            Ok(Content::Message { digest, signature: message.signature.0 })
        }
        _ => invalid("it has to have one of `dsseEnvelope` and `messageSignature`"),
    }
}
