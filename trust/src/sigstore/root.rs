//! The trusted root (`sigstore_trustroot.proto` in its JSON form): logs, authorities, and when each was trusted.

use serde::Deserialize;

use super::SigstoreError;
use crate::bundle::document::Bytes;
use crate::json;
use crate::keys::PublicKey;
use crate::time::Time;

/// Whom a verifier trusts.
#[derive(Clone, Debug)]
pub struct TrustedRoot {
    pub(super) logs: Vec<Log>,
    pub(super) certificate_logs: Vec<Log>,
    pub(super) authorities: Vec<Authority>,
    pub(super) timestamp_authorities: Vec<Authority>,
}

/// A log's key.
#[derive(Clone, Debug)]
pub(super) struct Log {
    /// The host of its address: the origin of its checkpoints.
    pub(super) host: String,
    pub(super) id: Vec<u8>,
    /// None if it is of an algorithm that is not understood: nothing by it verifies.
    pub(super) key: Option<PublicKey>,
    pub(super) valid: Range,
}

/// A certificate or timestamp authority.
#[derive(Clone, Debug)]
pub(super) struct Authority {
    /// In DER, the root last.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) valid: Range,
}

/// A closed interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    start: Time,
    end: Option<Time>,
}

impl Range {
    pub(super) fn contains(&self, time: Time) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RootText {
    media_type: String,
    #[serde(default)]
    tlogs: Vec<LogText>,
    #[serde(default)]
    certificate_authorities: Vec<AuthorityText>,
    #[serde(default)]
    ctlogs: Vec<LogText>,
    #[serde(default)]
    timestamp_authorities: Vec<AuthorityText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogText {
    #[serde(default)]
    base_url: String,
    public_key: KeyText,
    log_id: IdText,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdText {
    key_id: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyText {
    raw_bytes: Bytes,
    valid_for: RangeText,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityText {
    cert_chain: ChainText,
    valid_for: RangeText,
}

#[derive(Deserialize)]
struct ChainText {
    certificates: Vec<CertificateText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CertificateText {
    raw_bytes: Bytes,
}

#[derive(Deserialize)]
struct RangeText {
    start: Option<Time>,
    end: Option<Time>,
}

fn range(text: &RangeText) -> Result<Range, SigstoreError> {
    // An interval without a beginning would make a key valid before anybody vouched for it.
    let start = text.start.ok_or(SigstoreError::Root("a validity has no start"))?;
    Ok(Range { start, end: text.end })
}

fn log(text: LogText) -> Result<Log, SigstoreError> {
    let address = text.base_url.split_once("://").map_or(text.base_url.as_str(), |(_, rest)| rest);
    let host = address.split('/').next().unwrap_or_default().to_owned();
    Ok(Log {
        host,
        id: text.log_id.key_id.0,
        key: PublicKey::from_spki(&text.public_key.raw_bytes.0).ok(),
        valid: range(&text.public_key.valid_for)?,
    })
}

fn authority(text: AuthorityText) -> Result<Authority, SigstoreError> {
    let chain: Vec<Vec<u8>> = text.cert_chain.certificates.into_iter().map(|it| it.raw_bytes.0).collect();
    if chain.is_empty() {
        return Err(SigstoreError::Root("an authority has no certificates"));
    }
    Ok(Authority { chain, valid: range(&text.valid_for)? })
}

impl TrustedRoot {
    /// Reads a trusted root. Where it comes from is for the caller to secure, as by TUF.
    pub fn parse(bytes: &[u8]) -> Result<Self, SigstoreError> {
        let text: RootText = json::typed(json::parse(bytes)?)?;
        if !text.media_type.starts_with("application/vnd.dev.sigstore.trustedroot") {
            return Err(SigstoreError::Root("its media type is another"));
        }
        Ok(Self {
            logs: text.tlogs.into_iter().map(log).collect::<Result<_, _>>()?,
            certificate_logs: text.ctlogs.into_iter().map(log).collect::<Result<_, _>>()?,
            authorities: text.certificate_authorities.into_iter().map(authority).collect::<Result<_, _>>()?,
            timestamp_authorities: text
                .timestamp_authorities
                .into_iter()
                .map(authority)
                .collect::<Result<_, _>>()?,
        })
    }
}
