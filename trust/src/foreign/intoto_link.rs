//! in-toto links as rebuilderd signs them: that a package, built again, came out as published. It signs only that;
//! what differs it does not sign, so these are votes in favour and never dissent.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::digest::{Sha256, unhex};
use crate::json::{self, JsonError};
use crate::keys::PublicKey;
use crate::principal::Material;
use crate::vote::{Evidence, ForeignVote};

/// The maximum number of signatures of a link.
const MAX_SIGNATURES: usize = 64;

/// A link that was read; its signatures are not verified.
#[derive(Clone, PartialEq, Debug)]
pub struct Link {
    /// The name of the step.
    pub name: String,
    /// What came out: a file's name, and its SHA-256.
    pub products: BTreeMap<String, Sha256>,
    /// SHA-256 of the file.
    pub digest: Sha256,
    signed: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

/// Why bytes are not a link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not a JSON document.
    #[error("it is not an in-toto link: {0}")]
    Json(#[from] JsonError),
    /// Of another shape.
    #[error("it is not an in-toto link: {0}")]
    Invalid(&'static str),
}

impl Link {
    /// Reads a link.
    pub fn parse(bytes: &[u8]) -> Result<Self, LinkError> {
        let value = json::parse(bytes)?;
        let object = value.as_object().ok_or(LinkError::Invalid("it is not an object"))?;
        json::refuse_case_twins(object)?;
        let signed = &value["signed"];
        json::refuse_case_twins(signed.as_object().ok_or(LinkError::Invalid("`signed` is not an object"))?)?;
        if signed["_type"].as_str() != Some("link") {
            return Err(LinkError::Invalid("its type is not `link`"));
        }
        let name = signed["name"].as_str().ok_or(LinkError::Invalid("it has no name"))?;
        let list = value["signatures"].as_array().filter(|list| (1..=MAX_SIGNATURES).contains(&list.len()));
        let list = list.ok_or(LinkError::Invalid("it has no signatures, or too many"))?;
        let signature = |it: &Value| it["sig"].as_str().and_then(unhex);
        let signatures: Option<Vec<Vec<u8>>> = list.iter().map(signature).collect();
        let mut encoded = Vec::new();
        write(signed, &mut encoded).ok_or(LinkError::Invalid("a number in it has a fraction"))?;
        Ok(Self {
            name: name.to_owned(),
            products: products(&signed["products"])
                .ok_or(LinkError::Invalid("its products are not valid"))?,
            digest: Sha256::of(bytes),
            signed: encoded,
            signatures: signatures.ok_or(LinkError::Invalid("a signature is not hexadecimal"))?,
        })
    }

    /// Those of `keys` that signed it, each once; key ids decide nothing.
    pub fn signed_by<'k>(&self, keys: impl IntoIterator<Item = &'k PublicKey>) -> Vec<&'k PublicKey> {
        let mut found = Vec::new();
        for key in keys {
            let matches = |signature: &Vec<u8>| key.verifies(&self.signed, signature);
            if !found.contains(&key) && self.signatures.iter().any(matches) {
                found.push(key);
            }
        }
        found
    }

    /// A vote for each product and each of `keys` that signed.
    pub fn evidence<'k>(&self, keys: impl IntoIterator<Item = &'k PublicKey>) -> Vec<Evidence> {
        let signed_by = self.signed_by(keys);
        if signed_by.is_empty() {
            let reason = "none of the keys signed it".to_owned();
            return vec![Evidence::Unreadable { digest: self.digest, reason }];
        }
        let vote = |key: &PublicKey, (name, sha256): (&String, &Sha256)| {
            Evidence::Foreign(ForeignVote {
                evidence: self.digest,
                signer: Material::Public(key.clone()),
                name: name.clone(),
                sha256: *sha256,
                signed: None,
                key_expired: None,
                key_revoked: false,
            })
        };
        signed_by.iter().flat_map(|key| self.products.iter().map(|product| vote(key, product))).collect()
    }
}

fn products(value: &Value) -> Option<BTreeMap<String, Sha256>> {
    let product =
        |(name, digests): (&String, &Value)| Some((name.clone(), digests["sha256"].as_str()?.parse().ok()?));
    let products: BTreeMap<_, _> = value.as_object()?.iter().map(product).collect::<Option<_>>()?;
    (!products.is_empty()).then_some(products)
}

/// The canonical JSON of the OLPC project, which in-toto 0.9 and TUF sign: only `"` and `\` are escaped, and
/// numbers are integers. Keys are sorted by code point, as the map's are.
fn write(value: &Value, to: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Null => to.extend(b"null"),
        Value::Bool(value) => to.extend(value.to_string().bytes()),
        Value::Number(number) => to.extend(number.as_i64()?.to_string().bytes()),
        Value::String(text) => write_text(text, to),
        Value::Array(values) => {
            to.push(b'[');
            for (at, value) in values.iter().enumerate() {
                to.extend((at > 0).then_some(b','));
                write(value, to)?;
            }
            to.push(b']');
        }
        Value::Object(object) => {
            to.push(b'{');
            let sorted: BTreeMap<&String, &Value> = object.iter().collect();
            for (at, (key, value)) in sorted.into_iter().enumerate() {
                to.extend((at > 0).then_some(b','));
                write_text(key, to);
                to.push(b':');
                write(value, to)?;
            }
            to.push(b'}');
        }
    }
    Some(())
}

fn write_text(text: &str, to: &mut Vec<u8>) {
    to.push(b'"');
    for byte in text.bytes() {
        to.extend(matches!(byte, b'"' | b'\\').then_some(b'\\'));
        to.push(byte);
    }
    to.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::digest::hex;
    use crate::keys::{Signer as _, SigningKey};

    fn key(number: u8) -> SigningKey {
        SigningKey::from_seed(&[number; 32]).unwrap()
    }

    fn link(by: &[u8]) -> Value {
        let products = json!({ "a.deb": { "sha256": "ab".repeat(32) } });
        let signed =
            json!({ "_type": "link", "name": "rebuild \"a\"\\\n", "products": products, "byproducts": {} });
        let mut bytes = Vec::new();
        write(&signed, &mut bytes).unwrap();
        let sign = |number: &u8| json!({ "keyid": "k", "sig": hex(&key(*number).sign(&bytes).unwrap()) });
        json!({ "signatures": by.iter().map(sign).collect::<Vec<_>>(), "signed": signed })
    }

    fn read(value: &Value) -> Result<Link, LinkError> {
        Link::parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_link_that_was_changed_is_signed_by_nobody() {
        let mut changed = link(&[1]);
        changed["signed"]["products"]["a.deb"]["sha256"] = json!("cd".repeat(32));
        assert!(read(&changed).unwrap().signed_by([key(1).public()]).is_empty());
        assert!(matches!(
            read(&changed).unwrap().evidence([key(1).public()])[0],
            Evidence::Unreadable { .. }
        ));
    }

    #[test]
    fn one_key_that_signs_twice_is_one_vote() {
        let link = read(&link(&[1, 1, 2])).unwrap();
        assert_eq!(link.signed_by([key(1).public(), key(2).public(), key(3).public()]).len(), 2);
        assert_eq!(link.evidence([key(1).public(), key(1).public()]).len(), 1);
    }

    #[test]
    fn what_is_not_exactly_a_link_is_refused() {
        for (pointer, value) in [
            ("/signatures", json!([])),
            ("/signatures", json!([{ "sig": "XY" }])),
            ("/signed/_type", json!("layout")),
            ("/signed/products", json!({})),
            ("/signed/products", json!({ "a": { "sha512": "00" } })),
            ("/signed/extra", json!(0.5)),
            ("/signed/Products", json!({})),
        ] {
            let mut changed = link(&[1]);
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            changed.pointer_mut(parent).unwrap()[key] = value;
            assert!(read(&changed).is_err(), "{pointer}");
        }
        assert!(Link::parse(b"").is_err());
    }

    #[test]
    fn the_encoding_escapes_nothing_but_quotes_and_backslashes() {
        let mut bytes = Vec::new();
        write(&json!({ "b": [1, true, null], "a": "\"\\\n\u{e9}" }), &mut bytes).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "{\"a\":\"\\\"\\\\\n\u{e9}\",\"b\":[1,true,null]}");
    }
}
