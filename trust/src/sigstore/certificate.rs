//! Certificates: chains by webpki, and the fields of Fulcio's that it does not know.

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::SigstoreError;
use super::root::{Authority, Log};
use crate::der::{self, Reader, tag};
use crate::digest::Sha256;
use crate::time::Time;

/// The purposes of certificates (RFC 5280 §4.2.1.12): code signing and timestamping.
pub(super) const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
pub(super) const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

const OID_SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const OID_SCT_LIST: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02];
/// Fulcio's issuer: 1.3.6.1.4.1.57264.1.1, bare text, and 1.3.6.1.4.1.57264.1.8, in DER.
const OID_ISSUER_V1: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x01];
const OID_ISSUER_V2: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x08];
const UTF8_STRING: u8 = 0x0c;

/// The fields of a certificate that are needed here.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    pub(super) der: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) serial: &'a [u8],
    pub(super) spki: &'a [u8],
    /// The values of the TBSCertificate before its extensions.
    fields: Vec<&'a [u8]>,
    /// Each extension: its object identifier, its value, and all of its bytes.
    extensions: Vec<(&'a [u8], &'a [u8], &'a [u8])>,
}

fn parts(der: &[u8]) -> Option<Certificate<'_>> {
    let mut outer = Reader::new(der);
    let mut certificate = outer.enter(tag::SEQUENCE)?;
    outer.end()?;
    let mut tbs = certificate.enter(tag::SEQUENCE)?;
    let mut fields = Vec::new();
    let mut extensions = Vec::new();
    while !tbs.is_empty() {
        let element = tbs.any()?;
        if element.tag != tag::context(3) {
            fields.push(element.whole);
            continue;
        }
        let mut list = Reader::new(element.content).enter(tag::SEQUENCE)?;
        while !list.is_empty() {
            let extension = list.any()?;
            let mut parts = Reader::new(extension.content);
            let oid = parts.expect(tag::OID)?;
            parts.optional(tag::BOOLEAN);
            let value = parts.expect(tag::OCTET_STRING)?;
            parts.end()?;
            extensions.push((oid, value, extension.whole));
        }
        tbs.end()?;
    }
    // Version, serial, algorithm, issuer, validity, subject, key.
    let [_, serial, _, issuer, _, subject, spki, ..] = fields[..] else { return None };
    let serial = Reader::new(serial).expect(tag::INTEGER)?;
    Some(Certificate { der, issuer, subject, serial, spki, fields, extensions })
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, SigstoreError> {
        parts(der).ok_or_else(|| SigstoreError::Certificate("it is not a certificate in DER".to_owned()))
    }

    /// Whether it is one that signed itself: a root, which a bundle has no business to bring.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    fn extension(&self, oid: &[u8]) -> Option<&'a [u8]> {
        let mut found = self.extensions.iter().filter(|it| it.0 == oid);
        // Twice is none: readers would choose differently.
        let (value, more) = (found.next()?.1, found.next());
        more.is_none().then_some(value)
    }

    /// The identities: e-mail addresses and URIs of the subject's alternative names.
    pub(super) fn identities(&self) -> Vec<&'a str> {
        let Some(value) = self.extension(OID_SUBJECT_ALT_NAME) else { return Vec::new() };
        let mut names = Vec::new();
        if let Some(mut list) = Reader::new(value).enter(tag::SEQUENCE) {
            while let Some(name) = list.any() {
                // rfc822Name and uniformResourceIdentifier.
                if matches!(name.tag, 0x81 | 0x86) {
                    names.extend(std::str::from_utf8(name.content));
                }
            }
        }
        names
    }

    /// Who told Fulcio who it is.
    pub(super) fn identity_issuer(&self) -> Option<&'a str> {
        let text = match self.extension(OID_ISSUER_V2) {
            Some(value) => Reader::new(value).expect(UTF8_STRING)?,
            None => self.extension(OID_ISSUER_V1)?,
        };
        std::str::from_utf8(text).ok()
    }

    /// Whether `signature` is of `message` by this certificate's key.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let der = CertificateDer::from(self.der);
        EndEntityCert::try_from(&der).is_ok_and(|certificate| {
            ALL_VERIFICATION_ALGS
                .iter()
                .any(|it| certificate.verify_signature(*it, message, signature).is_ok())
        })
    }

    /// Verifies that at `time` the certificate was valid, for `purpose`, under an authority that was trusted then.
    /// Intermediate certificates are the authority's own.
    pub(super) fn verify_chain<'r>(
        &self,
        authorities: &'r [Authority],
        purpose: &'static [u8],
        time: Time,
    ) -> Result<&'r Authority, SigstoreError> {
        let refused = |reason: String| SigstoreError::Certificate(reason);
        let seconds = u64::try_from(time.0).map_err(|_| refused("the time is before 1970".to_owned()))?;
        let moment = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let der = CertificateDer::from(self.der);
        let leaf = EndEntityCert::try_from(&der).map_err(|e| refused(e.to_string()))?;
        let mut last = "no authority was trusted at that time".to_owned();
        for authority in authorities.iter().filter(|it| it.valid.contains(time)) {
            let certificates: Vec<CertificateDer<'_>> =
                authority.chain.iter().map(|it| CertificateDer::from(&it[..])).collect();
            let Some((root, intermediates)) = certificates.split_last() else { continue };
            let anchor = match anchor_from_trusted_cert(root) {
                Ok(anchor) => [anchor],
                Err(error) => {
                    last = error.to_string();
                    continue;
                }
            };
            match verify(&leaf, &anchor, intermediates, moment, purpose) {
                Ok(()) => return Ok(authority),
                Err(reason) => last = reason,
            }
        }
        Err(refused(last))
    }

    /// Verifies that a certificate log saw it before it was issued (RFC 6962): at least one of its timestamps
    /// holds.
    pub(super) fn verify_logged(&self, authority: &Authority, logs: &[Log]) -> Result<(), SigstoreError> {
        let list = self.extension(OID_SCT_LIST).and_then(|it| Reader::new(it).expect(tag::OCTET_STRING));
        let list = list.ok_or(SigstoreError::CertificateLog("it has none"))?;
        let timestamps = sct_list(list).ok_or(SigstoreError::CertificateLog("it cannot be read"))?;
        let issuers =
            authority.chain.iter().filter_map(|it| parts(it)).filter(|it| it.subject == self.issuer);
        let issuers: Vec<Sha256> = issuers.map(|it| Sha256::of(it.spki)).collect();
        let tbs = self.without_timestamps();
        let holds = |sct: &Sct<'_>| {
            let time = Time(i64::try_from(sct.milliseconds / 1000).unwrap_or(i64::MAX));
            let mut logs = logs.iter().filter(|log| log.id == sct.log && log.valid.contains(time));
            logs.any(|log| {
                let verifies = |issuer: &Sha256| {
                    let message = sct.message(issuer, &tbs);
                    log.key.as_ref().is_some_and(|key| key.verifies(&message, sct.signature))
                };
                issuers.iter().any(verifies)
            })
        };
        timestamps
            .iter()
            .any(holds)
            .then_some(())
            .ok_or(SigstoreError::CertificateLog("no trusted log signed it"))
    }

    /// The TBSCertificate as it was before it got the timestamps (RFC 6962 §3.2).
    fn without_timestamps(&self) -> Vec<u8> {
        let others = self.extensions.iter().filter(|it| it.0 != OID_SCT_LIST).map(|it| it.2);
        let extensions = der::encode(tag::SEQUENCE, &others.collect::<Vec<_>>().concat());
        let fields = [self.fields.concat(), der::encode(tag::context(3), &extensions)].concat();
        der::encode(tag::SEQUENCE, &fields)
    }
}

fn verify(
    leaf: &EndEntityCert<'_>,
    anchor: &[TrustAnchor<'_>],
    intermediates: &[CertificateDer<'_>],
    moment: UnixTime,
    purpose: &'static [u8],
) -> Result<(), String> {
    let usage = KeyUsage::required(purpose);
    let path = leaf.verify_for_usage(ALL_VERIFICATION_ALGS, anchor, intermediates, moment, usage, None, None);
    path.map(drop).map_err(|e| e.to_string())
}

/// A signed certificate timestamp, version 1.
struct Sct<'a> {
    log: &'a [u8],
    milliseconds: u64,
    extensions: &'a [u8],
    signature: &'a [u8],
}

impl Sct<'_> {
    fn message(&self, issuer: &Sha256, tbs: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8], digits: usize| bytes.len().to_be_bytes()[8 - digits..].to_vec();
        [
            // Version 1, a certificate's timestamp.
            vec![0, 0],
            self.milliseconds.to_be_bytes().to_vec(),
            // Of a precertificate.
            vec![0, 1],
            issuer.0.to_vec(),
            length(tbs, 3),
            tbs.to_vec(),
            length(self.extensions, 2),
            self.extensions.to_vec(),
        ]
        .concat()
    }
}

/// A vector of TLS with a length of two bytes, and what follows it.
fn vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn sct_list(bytes: &[u8]) -> Option<Vec<Sct<'_>>> {
    let (mut list, rest) = vector(bytes)?;
    let mut found = Vec::new();
    while !list.is_empty() {
        let (sct, next) = vector(list)?;
        list = next;
        let (version, sct) = sct.split_first()?;
        let (log, sct) = sct.split_at_checked(32)?;
        let (milliseconds, sct) = sct.split_first_chunk::<8>()?;
        let (extensions, sct) = vector(sct)?;
        let (_algorithms, sct) = sct.split_at_checked(2)?;
        let (signature, sct) = vector(sct)?;
        if *version != 0 || !sct.is_empty() {
            return None;
        }
        found.push(Sct { log, milliseconds: u64::from_be_bytes(*milliseconds), extensions, signature });
    }
    rest.is_empty().then_some(found)
}
