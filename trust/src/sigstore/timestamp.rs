//! RFC 3161 timestamps: that an authority saw a signature at a moment. The token is a CMS message (RFC 5652).

use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};

use super::SigstoreError;
use super::certificate::{Certificate, TIME_STAMPING};
use super::root::TrustedRoot;
use crate::der::{Reader, encode, tag};
use crate::time::{self, Time};

const OID_SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const OID_TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
const OID_CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const OID_MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const OID_SIGNING_CERTIFICATE_V2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];

/// A response, taken apart.
struct Token<'a> {
    /// The signed content, in DER.
    content: &'a [u8],
    /// Certificates that came with it.
    certificates: Vec<&'a [u8]>,
    /// The issuer and serial number of the signer's certificate.
    signer: (&'a [u8], &'a [u8]),
    /// The digest of the content and of the attributes.
    algorithm: &'static Algorithm,
    /// The signed attributes, with the tag under which they are signed.
    attributes: Vec<u8>,
    signature: &'a [u8],
}

fn algorithm(mut identifier: Reader<'_>) -> Option<&'static Algorithm> {
    const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
    match identifier.expect(tag::OID)?.strip_prefix(SHA2)? {
        [1] => Some(&SHA256),
        [2] => Some(&SHA384),
        [3] => Some(&SHA512),
        _ => None,
    }
}

fn token(response: &[u8]) -> Option<Token<'_>> {
    let mut outer = Reader::new(response);
    let mut response = outer.enter(tag::SEQUENCE)?;
    outer.end()?;
    // Granted, or granted with modifications.
    let status = response.enter(tag::SEQUENCE)?.expect(tag::INTEGER)?;
    if !matches!(status, [0 | 1]) {
        return None;
    }
    let mut info = response.enter(tag::SEQUENCE)?;
    if info.expect(tag::OID)? != OID_SIGNED_DATA {
        return None;
    }
    let mut data = info.enter(tag::context(0))?.enter(tag::SEQUENCE)?;
    data.expect(tag::INTEGER)?;
    data.expect(tag::SET)?;
    let mut encapsulated = data.enter(tag::SEQUENCE)?;
    if encapsulated.expect(tag::OID)? != OID_TST_INFO {
        return None;
    }
    let content = encapsulated.enter(tag::context(0))?.expect(tag::OCTET_STRING)?;
    let mut certificates = Vec::new();
    if let Some(list) = data.optional(tag::context(0)) {
        let mut list = Reader::new(list.content);
        while !list.is_empty() {
            certificates.push(list.any()?.whole);
        }
    }
    data.optional(tag::context(1));
    let mut signers = data.enter(tag::SET)?;
    let mut signer = signers.enter(tag::SEQUENCE)?;
    // A timestamp has one signer (RFC 3161 §2.4.2).
    signers.end()?;
    signer.expect(tag::INTEGER)?;
    let mut id = signer.enter(tag::SEQUENCE)?;
    let issuer = id.any()?.whole;
    let serial = id.expect(tag::INTEGER)?;
    let algorithm = algorithm(signer.enter(tag::SEQUENCE)?)?;
    let attributes = encode(tag::SET, signer.expect(tag::context(0))?);
    signer.expect(tag::SEQUENCE)?;
    let signature = signer.expect(tag::OCTET_STRING)?;
    Some(Token { content, certificates, signer: (issuer, serial), algorithm, attributes, signature })
}

impl Token<'_> {
    /// The only value of the only attribute of that kind.
    fn attribute(&self, oid: &[u8]) -> Option<Reader<'_>> {
        let mut list = Reader::new(&self.attributes).enter(tag::SET)?;
        let mut found = None;
        while !list.is_empty() {
            let mut attribute = list.enter(tag::SEQUENCE)?;
            if attribute.expect(tag::OID)? == oid {
                let value = attribute.enter(tag::SET)?;
                if found.replace(value).is_some() {
                    return None;
                }
            }
        }
        found
    }

    /// Whether the attributes are of this content.
    fn binds_content(&self) -> bool {
        let kind = self.attribute(OID_CONTENT_TYPE).and_then(|mut it| it.expect(tag::OID));
        let stated = self.attribute(OID_MESSAGE_DIGEST).and_then(|mut it| it.expect(tag::OCTET_STRING));
        let computed = digest(self.algorithm, self.content);
        kind == Some(OID_TST_INFO) && stated == Some(computed.as_ref())
    }

    /// Whether the attributes name this certificate, where they name one by SHA-2 (RFC 5816).
    fn binds_certificate(&self, certificate: &[u8]) -> bool {
        let named = |mut value: Reader<'_>| {
            let mut id = value.enter(tag::SEQUENCE)?.enter(tag::SEQUENCE)?.enter(tag::SEQUENCE)?;
            let algorithm = match id.optional(tag::SEQUENCE) {
                Some(identifier) => algorithm(Reader::new(identifier.content))?,
                None => &SHA256,
            };
            Some(id.expect(tag::OCTET_STRING)? == digest(algorithm, certificate).as_ref())
        };
        match self.attribute(OID_SIGNING_CERTIFICATE_V2) {
            Some(value) => named(value).unwrap_or(false),
            // The older attribute is by SHA-1, and proves little.
            None => true,
        }
    }
}

/// What is stated: the digest of the stamped bytes, and when.
fn stated(content: &[u8]) -> Option<(&'static Algorithm, &[u8], Time)> {
    let mut outer = Reader::new(content);
    let mut info = outer.enter(tag::SEQUENCE)?;
    outer.end()?;
    if info.expect(tag::INTEGER)? != [1] {
        return None;
    }
    info.expect(tag::OID)?;
    let mut imprint = info.enter(tag::SEQUENCE)?;
    let algorithm = algorithm(imprint.enter(tag::SEQUENCE)?)?;
    let value = imprint.expect(tag::OCTET_STRING)?;
    info.expect(tag::INTEGER)?;
    let time = std::str::from_utf8(info.expect(tag::GENERALIZED_TIME)?).ok()?;
    Some((algorithm, value, generalized(time)?))
}

/// `YYYYMMDDHHMMSS`, perhaps a fraction, `Z`.
fn generalized(text: &str) -> Option<Time> {
    let text = text.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    if whole.len() != 14 || fraction.is_some_and(|it| time::digits(it).is_none()) {
        return None;
    }
    let field = |at: usize, length: usize| time::digits(whole.get(at..at + length)?);
    time::of_fields([field(0, 4)?, field(4, 2)?, field(6, 2)?], [field(8, 2)?, field(10, 2)?, field(12, 2)?])
}

/// Verifies that a trusted authority stamped `signature`, and when.
pub(super) fn verify(response: &[u8], signature: &[u8], root: &TrustedRoot) -> Result<Time, SigstoreError> {
    let refused = |reason: &'static str| SigstoreError::Timestamp(reason);
    let token = token(response).ok_or(refused("it is not a granted RFC 3161 response"))?;
    let (algorithm, imprint, time) = stated(token.content).ok_or(refused("its content is not a TSTInfo"))?;
    if digest(algorithm, signature).as_ref() != imprint {
        return Err(refused("it is of another signature"));
    }
    if !token.binds_content() {
        return Err(refused("its attributes are of another content"));
    }
    // Only certificates that the trusted root leads to count, wherever they were found.
    let known = root.timestamp_authorities.iter().flat_map(|it| &it.chain).map(Vec::as_slice);
    let certificates = known.chain(token.certificates.iter().copied());
    let certificates = certificates.filter_map(|der| Certificate::parse(der).ok());
    let by_signer = certificates.filter(|it| (it.issuer, it.serial) == token.signer);
    let mut reason = "the authority is not trusted";
    for certificate in by_signer {
        if certificate.verify_chain(&root.timestamp_authorities, TIME_STAMPING, time).is_err() {
            reason = "the authority's certificate is not trusted, or was not valid at that time";
        } else if !token.binds_certificate(certificate.der)
            || !certificate.verifies(&token.attributes, token.signature)
        {
            reason = "its signature is not by the authority";
        } else {
            return Ok(time);
        }
    }
    Err(refused(reason))
}
