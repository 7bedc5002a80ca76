//! A Sigstore of our own: an authority, a certificate log, a transparency log and a timestamping authority, whose
//! keys the tests have. Certificates and tokens are put together from DER by hand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::der::{encode, tag};
use crate::digest::{Sha256, hex};
use crate::json;
use crate::keys::{Algorithm, Signer as _, SigningKey};
use crate::time::Time;

pub(super) const IDENTITY: &str = "builder@example.org";
pub(super) const ISSUER: &str = "https://issuer.example";
/// When the signature is made; certificates hold ten minutes before and after.
pub(super) const SIGNED: Time = Time(1_796_000_000);

const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const HOST: &str = "log.example";

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    encode(tag::SEQUENCE, &parts.concat())
}

fn oid(bytes: &[u8]) -> Vec<u8> {
    encode(tag::OID, bytes)
}

fn algorithm(bytes: &[u8]) -> Vec<u8> {
    sequence(&[oid(bytes)])
}

fn name(text: &str) -> Vec<u8> {
    let attribute = sequence(&[oid(COMMON_NAME), encode(0x0c, text.as_bytes())]);
    sequence(&[encode(tag::SET, &attribute)])
}

fn generalized(time: Time) -> Vec<u8> {
    let text: String = time.to_string().chars().filter(char::is_ascii_digit).collect();
    encode(tag::GENERALIZED_TIME, format!("{text}Z").as_bytes())
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { encode(tag::BOOLEAN, &[0xff]) } else { Vec::new() };
    sequence(&[oid(id), critical, encode(tag::OCTET_STRING, value)])
}

/// What a certificate is of.
pub(super) struct Fields<'a> {
    pub(super) serial: u8,
    pub(super) subject: &'a str,
    pub(super) key: &'a SigningKey,
    pub(super) valid: [Time; 2],
}

fn tbs(fields: &Fields<'_>, issuer: &str, extensions: &[Vec<u8>]) -> Vec<u8> {
    sequence(&[
        encode(tag::context(0), &encode(tag::INTEGER, &[2])),
        encode(tag::INTEGER, &[fields.serial]),
        algorithm(ECDSA_SHA256),
        name(issuer),
        sequence(&fields.valid.map(generalized)),
        name(fields.subject),
        fields.key.public().spki(),
        encode(tag::context(3), &sequence(extensions)),
    ])
}

fn signed(tbs: Vec<u8>, by: &SigningKey) -> Vec<u8> {
    let signature = by.sign(&tbs).unwrap();
    sequence(&[tbs, algorithm(ECDSA_SHA256), encode(tag::BIT_STRING, &[vec![0], signature].concat())])
}

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];

fn authority_extensions() -> Vec<Vec<u8>> {
    vec![
        extension(BASIC_CONSTRAINTS, true, &sequence(&[encode(tag::BOOLEAN, &[0xff])])),
        extension(KEY_USAGE, true, &[tag::BIT_STRING, 2, 2, 4]),
    ]
}

fn purpose(purpose: &[u8]) -> Vec<u8> {
    extension(EXTENDED_KEY_USAGE, true, &sequence(&[oid(purpose)]))
}

/// All of its keys.
pub(super) struct Instance {
    authority: SigningKey,
    certificate_log: SigningKey,
    log: SigningKey,
    stamper: SigningKey,
    pub(super) signer: SigningKey,
}

fn around(time: Time, seconds: i64) -> [Time; 2] {
    [Time(time.0 - seconds), Time(time.0 + seconds)]
}

fn range(times: [Time; 2]) -> Value {
    json!({ "start": times[0], "end": times[1] })
}

impl Instance {
    pub(super) fn new() -> Self {
        let p256 = || SigningKey::generate(Algorithm::EcdsaP256).unwrap().0;
        Self { authority: p256(), certificate_log: p256(), log: p256(), stamper: p256(), signer: p256() }
    }

    fn authority_certificate(&self) -> Vec<u8> {
        let valid = around(SIGNED, 1_000_000);
        let fields = Fields { serial: 1, subject: "authority", key: &self.authority, valid };
        signed(tbs(&fields, "authority", &authority_extensions()), &self.authority)
    }

    fn stamper_certificate(&self) -> Vec<u8> {
        let valid = around(SIGNED, 1_000_000);
        let extensions = [purpose(super::super::certificate::TIME_STAMPING)];
        let fields = Fields { serial: 3, subject: "stamper", key: &self.stamper, valid };
        signed(tbs(&fields, "authority", &extensions), &self.authority)
    }

    /// The signer's certificate, logged.
    pub(super) fn certificate(&self, logged_by: &SigningKey) -> Vec<u8> {
        let identity = sequence(&[encode(0x81, IDENTITY.as_bytes())]);
        let issuer = encode(0x0c, ISSUER.as_bytes());
        let mut extensions = vec![
            purpose(super::super::certificate::CODE_SIGNING),
            extension(&[0x55, 0x1d, 0x11], true, &identity),
            extension(&[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x08], false, &issuer),
        ];
        let valid = around(SIGNED, 600);
        let fields = Fields { serial: 2, subject: "signer", key: &self.signer, valid };
        let precertificate = tbs(&fields, "authority", &extensions);
        let milliseconds = u64::try_from(SIGNED.0).unwrap() * 1000;
        let issuer_key = Sha256::of(&self.authority.public().spki());
        let length = u32::try_from(precertificate.len()).unwrap().to_be_bytes();
        let message = [
            &[0, 0][..],
            &milliseconds.to_be_bytes(),
            &[0, 1],
            &issuer_key.0,
            &length[1..],
            &precertificate,
            &[0, 0],
        ];
        let signature = logged_by.sign(&message.concat()).unwrap();
        let vector = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
        let log = self.certificate_log.public().id().0;
        let sct =
            [&[0][..], &log.0, &milliseconds.to_be_bytes(), &[0, 0, 4, 3], &vector(&signature)].concat();
        let list = encode(tag::OCTET_STRING, &vector(&vector(&sct)));
        let id = [0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02];
        extensions.push(extension(&id, false, &list));
        signed(tbs(&fields, "authority", &extensions), &self.authority)
    }

    pub(super) fn certificate_log(&self) -> &SigningKey {
        &self.certificate_log
    }

    /// The trusted root; logs are trusted for a day around the signature.
    pub(super) fn root(&self) -> Value {
        let valid = range(around(SIGNED, 86_400));
        let log = |key: &SigningKey| {
            let id = STANDARD.encode(key.public().id().0.0);
            let raw = STANDARD.encode(key.public().spki());
            json!({
                "baseUrl": format!("https://{HOST}/path"),
                "publicKey": { "rawBytes": raw, "validFor": valid },
                "logId": { "keyId": id },
            })
        };
        let chain = |certificates: &[Vec<u8>]| {
            let list: Vec<Value> =
                certificates.iter().map(|it| json!({ "rawBytes": STANDARD.encode(it) })).collect();
            json!({ "certChain": { "certificates": list }, "validFor": valid })
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.log)],
            "ctlogs": [log(&self.certificate_log)],
            "certificateAuthorities": [chain(&[self.authority_certificate()])],
            "timestampAuthorities": [chain(&[self.stamper_certificate(), self.authority_certificate()])],
        })
    }

    /// An entry for a signature of an artifact by a certificate, second of three in the log.
    pub(super) fn entry(&self, artifact: &[u8], signature: &[u8], certificate: &[u8]) -> Value {
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(certificate)
        );
        let body = json::canonical(&json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": { "hash": { "algorithm": "sha256", "value": Sha256::of(artifact) } },
                "signature": {
                    "content": STANDARD.encode(signature),
                    "publicKey": { "content": STANDARD.encode(pem) },
                },
            },
        }));
        let body = body.unwrap();
        let pair = |a: &[u8], b: &[u8]| Sha256::of(&[&[1], a, b].concat()).0;
        let (leaf, first, third) = (Sha256::of(&[&[0], &body[..]].concat()).0, [7; 32], [8; 32]);
        let root = pair(&pair(&first, &leaf), &third);
        let note = format!("{HOST} - 42\n3\n{}\n", STANDARD.encode(root));
        let id = self.log.public().id().0.0;
        let by_log = [&id[..4], &self.log.sign(note.as_bytes()).unwrap()].concat();
        let checkpoint = format!("{note}\n\u{2014} {HOST} {}\n", STANDARD.encode(by_log));
        let promised = json::canonical(&json!({
            "body": STANDARD.encode(&body), "integratedTime": SIGNED.0, "logID": hex(&id), "logIndex": 1001,
        }));
        json!({
            "logIndex": "1001",
            "logId": { "keyId": STANDARD.encode(id) },
            "kindVersion": { "kind": "hashedrekord", "version": "0.0.1" },
            "integratedTime": SIGNED.0.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": STANDARD.encode(self.log.sign(&promised.unwrap()).unwrap()) },
            "inclusionProof": {
                "logIndex": "1", "treeSize": "3", "rootHash": STANDARD.encode(root),
                "hashes": [STANDARD.encode(first), STANDARD.encode(third)],
                "checkpoint": { "envelope": checkpoint },
            },
            "canonicalizedBody": STANDARD.encode(&body),
        })
    }

    /// A timestamp of a signature, by a key that may be another than the authority's.
    pub(super) fn stamp(&self, signature: &[u8], time: Time, by: Option<&SigningKey>) -> Vec<u8> {
        let imprint = sequence(&[algorithm(SHA256), encode(tag::OCTET_STRING, &Sha256::of(signature).0)]);
        let info = sequence(&[
            encode(tag::INTEGER, &[1]),
            oid(&[0x2a, 3]),
            imprint,
            encode(tag::INTEGER, &[9]),
            generalized(time),
        ]);
        let pkcs9 = |rest: &[u8]| oid(&[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09], rest].concat());
        let content_type = pkcs9(&[0x10, 0x01, 0x04]);
        let digest = encode(tag::OCTET_STRING, &Sha256::of(&info).0);
        let attributes = [
            sequence(&[pkcs9(&[3]), encode(tag::SET, &content_type)]),
            sequence(&[pkcs9(&[4]), encode(tag::SET, &digest)]),
        ]
        .concat();
        let signature = by.unwrap_or(&self.stamper).sign(&encode(tag::SET, &attributes)).unwrap();
        let signer = sequence(&[
            encode(tag::INTEGER, &[1]),
            sequence(&[name("authority"), encode(tag::INTEGER, &[3])]),
            algorithm(SHA256),
            encode(tag::context(0), &attributes),
            algorithm(ECDSA_SHA256),
            encode(tag::OCTET_STRING, &signature),
        ]);
        let data = sequence(&[
            encode(tag::INTEGER, &[3]),
            encode(tag::SET, &algorithm(SHA256)),
            sequence(&[content_type, encode(tag::context(0), &encode(tag::OCTET_STRING, &info))]),
            encode(tag::SET, &signer),
        ]);
        let signed_data = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02]);
        let token = sequence(&[signed_data, encode(tag::context(0), &data)]);
        sequence(&[sequence(&[encode(tag::INTEGER, &[0])]), token])
    }
}
