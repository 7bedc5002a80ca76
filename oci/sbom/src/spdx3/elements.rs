//! The elements of a document: each has an identifier, and what is the same is one element.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::CREATION;
use crate::bill::{Contact, Deliverable, Party};
use crate::facts::{self, UNKNOWN};

/// The elements, in the order in which they were first needed.
pub(super) struct Elements {
    namespace: String,
    list: Vec<Value>,
    /// How many there are of each kind.
    counts: BTreeMap<&'static str, usize>,
    /// The identifiers of those that several others name, by their kind and content.
    shared: BTreeMap<(&'static str, String), String>,
}

impl Elements {
    pub(super) fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            list: Vec::new(),
            counts: BTreeMap::new(),
            shared: BTreeMap::new(),
        }
    }

    /// Adds an element, and returns its identifier.
    pub(super) fn put(&mut self, kind: &'static str, name: &str, mut element: Value) -> String {
        let count = self.counts.entry(kind).or_default();
        let id = format!("{}#{kind}-{count}{}", self.namespace, fragment(name));
        *count += 1;
        element["spdxId"] = id.as_str().into();
        element["creationInfo"] = CREATION.into();
        self.list.push(element);
        id
    }

    /// The same, once for each `content`.
    pub(super) fn put_once(
        &mut self,
        kind: &'static str,
        name: &str,
        content: String,
        element: impl FnOnce(&mut Self) -> Value,
    ) -> String {
        let key = (kind, content);
        if let Some(id) = self.shared.get(&key) {
            return id.clone();
        }
        let element = element(self);
        let id = self.put(kind, name, element);
        self.shared.insert(key, id.clone());
        id
    }

    /// A party as an organisation; that nobody knows which is one, too.
    pub(super) fn party(&mut self, party: Option<&Party>) -> String {
        let name = party.map_or(UNKNOWN, |it| it.name.as_str());
        self.put_once("Agent", name, format!("{party:?}"), |_| {
            let mut agent = json!({ "type": "Organization", "name": name });
            let identifier = |kind: &str, value: &str| {
                json!([{
                    "type": "ExternalIdentifier", "externalIdentifierType": kind, "identifier": value,
                }])
            };
            match party.map(|it| &it.contact) {
                Some(Some(Contact::Email(address))) => {
                    agent["externalIdentifier"] = identifier("email", address);
                }
                Some(Some(Contact::Url(site))) => {
                    agent["externalIdentifier"] = identifier("urlScheme", site);
                }
                Some(None) => {}
                None => agent["comment"] = "not known to the author of this SBOM".into(),
            }
            agent
        })
    }

    /// A licence expression, with the texts of licences that are not in SPDX's list.
    pub(super) fn license(&mut self, expression: &str) -> String {
        self.put_once("License", "", expression.to_owned(), |this| {
            let own = facts::unlisted(expression).into_iter().map(|name| {
                let text = this.put_once("LicenseText", &name, name.clone(), |_| {
                    json!({
                        "type": "simplelicensing_SimpleLicensingText",
                        "name": name,
                        "simplelicensing_licenseText":
                            "The recipe names this licence; its text is with the sources.",
                    })
                });
                json!({ "type": "DictionaryEntry", "key": name, "value": text })
            });
            let own: Vec<Value> = own.collect();
            let mut license = json!({
                "type": "simplelicensing_LicenseExpression",
                "simplelicensing_licenseExpression": expression,
            });
            if !own.is_empty() {
                license["simplelicensing_customIdToUri"] = own.into();
            }
            license
        })
    }

    pub(super) fn identifiers(&self) -> Vec<Value> {
        self.list.iter().map(|it| it["spdxId"].clone()).collect()
    }

    pub(super) fn into_list(self) -> Vec<Value> {
        self.list
    }
}

/// A name as the end of an identifier, for people who read it.
fn fragment(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    let known = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!("-{}", name.chars().map(known).collect::<String>())
}

pub(super) fn hash(algorithm: &str, digits: &str) -> Value {
    json!({ "type": "Hash", "algorithm": algorithm, "hashValue": digits })
}

pub(super) fn hashes(of: &Deliverable) -> Value {
    json!([hash("sha256", &of.sha256), hash("sha512", &of.sha512)])
}
