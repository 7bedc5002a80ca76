//! The order of the checks: the signer and its certificate, then log entries and timestamps, then the certificate
//! at those moments, then the signature and what it is of.

use serde_json::Value;

use super::certificate::{CODE_SIGNING, Certificate};
use super::entry::{self, Of};
use super::root::TrustedRoot;
use super::{SigstoreError, log, timestamp};
use crate::bundle::{Bundle, BundleError, Content, Material};
use crate::digest::Sha256;
use crate::dsse::{Envelope, IN_TOTO};
use crate::json;
use crate::keys::PublicKey;
use crate::time::Time;

/// Who is expected to have signed.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// The holder of this key.
    Key(&'a PublicKey),
    /// Whom an issuer of identities told Fulcio about.
    Identity {
        /// An e-mail address or a URI.
        identity: &'a str,
        /// The issuer.
        issuer: &'a str,
    },
}

/// A bundle that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The moments at which somebody else saw the signature, the earliest first; none if it is by a key and brought
    /// none.
    pub times: Vec<Time>,
}

/// Verifies a bundle of `artifact`: its signature, or an envelope with a statement about it. Log entries and
/// timestamps dated after `now` are refused.
pub fn verify(
    bundle: &Bundle,
    artifact: &[u8],
    root: &TrustedRoot,
    expected: &Expected<'_>,
    now: Time,
) -> Result<Verified, SigstoreError> {
    let (signature, message, envelope) = match &bundle.content {
        Content::Message { digest, signature } => {
            if digest.is_some_and(|digest| digest != Sha256::of(artifact)) {
                return Err(BundleError::OtherArtifact.into());
            }
            (signature, artifact.to_vec(), None)
        }
        Content::Envelope(envelope) => {
            let [signature] = &envelope.signatures[..] else { return Err(SigstoreError::Signature) };
            about(envelope, artifact)?;
            (&signature.bytes, envelope.signed_bytes(), Some(envelope))
        }
    };
    let certificates = match (&bundle.material, expected) {
        (Material::PublicKey { .. }, Expected::Key(_)) => &[][..],
        (Material::Certificates(certificates), Expected::Identity { .. }) => &certificates[..],
        (Material::PublicKey { .. }, Expected::Identity { .. }) => {
            return Err(SigstoreError::Material { found: "with a key", expected: "a certificate" });
        }
        (Material::Certificates(_), Expected::Key(_)) => {
            return Err(SigstoreError::Material { found: "with a certificate", expected: "a key" });
        }
    };
    let chain = certificates.iter().map(|it| Certificate::parse(it)).collect::<Result<Vec<_>, _>>()?;
    if chain.iter().any(Certificate::is_self_issued) {
        return Err(SigstoreError::Certificate("a root is among the bundle's certificates".to_owned()));
    }
    let leaf = chain.first();
    let key = match expected {
        Expected::Key(key) => Some((*key, key.spki())),
        Expected::Identity { .. } => None,
    };
    let verifier = key.as_ref().map(|(_, spki)| &spki[..]).or(leaf.map(|it| it.der)).unwrap_or_default();
    let of = Of { signed: Sha256::of(&message), envelope, signature, verifier };
    let times = times(bundle, &of, root, now)?;
    if let (Some(leaf), Expected::Identity { identity, issuer }) = (leaf, expected) {
        if times.is_empty() {
            return Err(SigstoreError::NoTime);
        }
        for time in &times {
            let authority = leaf.verify_chain(&root.authorities, CODE_SIGNING, *time)?;
            leaf.verify_logged(authority, &root.certificate_logs)?;
        }
        if !leaf.identities().contains(identity) || leaf.identity_issuer() != Some(issuer) {
            return Err(SigstoreError::Identity { found: leaf.identities().join(", ") });
        }
    }
    let matches = match (&key, leaf) {
        (Some((key, _)), _) => key.verifies(&message, signature),
        (None, Some(leaf)) => leaf.verifies(&message, signature),
        (None, None) => false,
    };
    matches.then_some(Verified { times }).ok_or(SigstoreError::Signature)
}

/// Verifies a bundle of an envelope that `key` signed, and when others saw it: the earliest moment
/// is what a policy calls witnessed.
pub fn witnessed(
    bundle: &Bundle,
    key: &PublicKey,
    root: &TrustedRoot,
    now: Time,
) -> Result<Verified, SigstoreError> {
    let envelope = bundle.envelope()?;
    let [signature] = &envelope.signatures[..] else { return Err(SigstoreError::Signature) };
    if !matches!(bundle.material, Material::PublicKey { .. }) {
        return Err(SigstoreError::Material { found: "with a certificate", expected: "a key" });
    }
    let message = envelope.signed_bytes();
    if !key.verifies(&message, &signature.bytes) {
        return Err(SigstoreError::Signature);
    }
    let (signed, verifier) = (Sha256::of(&message), key.spki());
    let of = Of { signed, envelope: Some(envelope), signature: &signature.bytes, verifier: &verifier };
    Ok(Verified { times: times(bundle, &of, root, now)? })
}

/// Verifies all log entries and timestamps. The moments that they show.
fn times(bundle: &Bundle, of: &Of<'_>, root: &TrustedRoot, now: Time) -> Result<Vec<Time>, SigstoreError> {
    let stamped = bundle.timestamps.iter().map(|it| timestamp::verify(it, of.signature, root));
    let mut times = stamped.collect::<Result<Vec<_>, _>>()?;
    let by_certificate = matches!(bundle.material, Material::Certificates(_));
    if by_certificate && bundle.log_entries.is_empty() {
        return Err(SigstoreError::Log("a signature by a certificate has to be logged"));
    }
    for logged in &bundle.log_entries {
        let found = log::verify(logged, root)?;
        entry::check(logged, of)?;
        if times.iter().any(|time| !found.trusted_at(*time)) {
            return Err(SigstoreError::Log("the log was not trusted when the signature was stamped"));
        }
        times.extend(found.time);
    }
    if times.iter().any(|time| *time > now) {
        return Err(SigstoreError::Log("it is dated in the future"));
    }
    times.sort_unstable();
    Ok(times)
}

/// Whether the statement in an envelope is about an artifact. Both versions of in-toto's statements say it alike.
fn about(envelope: &Envelope, artifact: &[u8]) -> Result<(), SigstoreError> {
    let payload = envelope.payload_of(IN_TOTO).map_err(BundleError::from)?;
    let statement = json::parse(payload)?;
    let digest = Sha256::of(artifact).to_string();
    let subjects = statement["subject"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_it = |subject: &Value| subject["digest"]["sha256"].as_str() == Some(&digest);
    let known =
        statement["_type"].as_str().is_some_and(|it| it.starts_with("https://in-toto.io/Statement/v"));
    (known && subjects.iter().any(is_it)).then_some(()).ok_or(SigstoreError::OtherArtifact)
}
