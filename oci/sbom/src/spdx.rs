//! SPDX 2.3 as JSON. The specification's sections are named by their titles.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use crate::bill::{Bill, Checksum, Contact, Deliverable, File, Package, Party, Role, Source};
use crate::{facts, names};

/// Unknown here.
const UNKNOWN: &str = "NOASSERTION";
/// The document itself.
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
/// The image.
const IMAGE: &str = "SPDXRef-Image";

/// The document being written.
#[derive(Default)]
struct Writing {
    packages: Vec<Value>,
    files: Vec<Value>,
    relationships: Vec<Value>,
    /// Licences that are not in SPDX's list.
    others: BTreeSet<String>,
    /// The identifiers of sources: several packages may share one.
    sources: BTreeMap<Source, String>,
}

/// The document, as text.
pub fn text(bill: &Bill) -> String {
    let mut writing = Writing::default();
    writing.relate(DOCUMENT, "DESCRIBES", IMAGE);
    writing.packages.push(image(bill));
    let ids: Vec<String> =
        bill.packages.iter().enumerate().map(|(n, it)| id("Package", n, &it.name)).collect();
    for (number, package) in bill.packages.iter().enumerate() {
        let files = bill.files.iter().enumerate().filter(|(_, file)| file.package == number);
        writing.package(bill, package, &ids[number], &files.collect::<Vec<_>>());
        for tool in package.tools.iter().filter_map(|tool| ids.get(*tool)) {
            writing.relate(tool, "BUILD_TOOL_OF", &ids[number]);
        }
    }
    let others = writing.others.iter().map(|name| {
        json!({
            "licenseId": name,
            "extractedText": "The recipe names this licence; its text is with the sources.",
        })
    });
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": bill.image.name,
        "creationInfo": {
            "created": bill.image.created,
            "creators": creators(bill),
            "comment": "From the recipes and their sources; nothing was scanned. The time is the image's.",
        },
        "packages": writing.packages,
        "files": writing.files,
        "hasExtractedLicensingInfos": others.collect::<Vec<_>>(),
        "relationships": writing.relationships,
    });
    let name = names::uuid(&document.to_string());
    document["documentNamespace"] = format!("urn:uuid:{name}").into();
    // Pretty, for people read it; maps are sorted by their keys.
    format!("{document:#}\n")
}

/// An identifier of an element: letters, digits, `.` and `-` ("SPDX identifier field").
fn id(kind: &str, number: usize, name: &str) -> String {
    let known = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!("SPDXRef-{kind}-{number}-{}", name.chars().map(known).collect::<String>())
}

fn creators(bill: &Bill) -> Vec<String> {
    let tool = format!("Tool: stele-{}", bill.made_by);
    [tool].into_iter().chain(bill.author.as_ref().map(organization)).collect()
}

/// As a creator, supplier or originator is written ("Creator field"): what is in parentheses is an address.
fn organization(party: &Party) -> String {
    let Party { name, contact } = party;
    match contact {
        Some(Contact::Email(address)) => format!("Organization: {name} ({address})"),
        Some(Contact::Url(site)) => format!("Organization: {name} ({site})"),
        None => format!("Organization: {name}"),
    }
}

fn agent(party: Option<&Party>) -> Value {
    party.map_or_else(|| UNKNOWN.to_owned(), organization).into()
}

fn checksums(of: &Deliverable) -> Value {
    json!([
        { "algorithm": "SHA256", "checksumValue": of.sha256 },
        { "algorithm": "SHA512", "checksumValue": of.sha512 },
    ])
}

fn image(bill: &Bill) -> Value {
    let image = &bill.image;
    let mut value = json!({
        "SPDXID": IMAGE,
        "name": image.name,
        "versionInfo": format!("sha256:{}", image.manifest.sha256),
        "supplier": agent(bill.supplier.as_ref()),
        "originator": agent(bill.supplier.as_ref()),
        "primaryPackagePurpose": "CONTAINER",
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": bill.license().as_deref().unwrap_or(UNKNOWN),
        "copyrightText": UNKNOWN,
        "checksums": checksums(&image.manifest),
        "comment": format!("{}; content digest sha256:{}", image.platform, image.content),
    });
    if let Some(url) = names::image(&image.name, &image.manifest.sha256) {
        value["externalRefs"] = json!([package_url(&url)]);
    }
    value
}

fn package_url(url: &str) -> Value {
    json!({ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url })
}

impl Writing {
    fn relate(&mut self, from: &str, kind: &str, to: &str) {
        self.relationships.push(json!({
            "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to,
        }));
    }

    fn package(&mut self, bill: &Bill, package: &Package, id: &str, files: &[(usize, &File)]) {
        let mut value = Map::new();
        let mut put = |key: &str, it: Value| value.insert(key.to_owned(), it);
        put("SPDXID", id.into());
        put("name", package.name.as_str().into());
        put("supplier", agent(bill.supplier.as_ref()));
        put("originator", agent(bill.producer(package).as_ref()));
        if let Some(layer) = &package.layer {
            put("packageFileName", layer.sha256.as_str().into());
            put("checksums", checksums(layer));
        }
        put("downloadLocation", UNKNOWN.into());
        let concluded = package.license.as_deref().filter(|_| bill.author.is_some());
        put("licenseConcluded", concluded.unwrap_or(UNKNOWN).into());
        put("licenseDeclared", package.license.as_deref().unwrap_or(UNKNOWN).into());
        put("copyrightText", UNKNOWN.into());
        put("filesAnalyzed", (!files.is_empty()).into());
        if !files.is_empty() {
            put("packageVerificationCode", json!({ "packageVerificationCodeValue": code(files) }));
        }
        let texts = [
            ("versionInfo", &package.version),
            ("homepage", &package.homepage),
            ("summary", &package.description),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                put(key, text.as_str().into());
            }
        }
        if let Some(url) = names::generic(&package.name, package.version.as_deref()) {
            put("externalRefs", json!([package_url(&url)]));
        }
        if !package.outputs.is_empty() {
            put("comment", format!("output {}", package.outputs.join(", ")).into());
        }
        self.packages.push(value.into());
        self.others.extend(package.license.iter().flat_map(|text| facts::unlisted(text)));
        if package.role == Role::Contained {
            self.relate(IMAGE, "CONTAINS", id);
        }
        for (number, file) in files {
            let file_id = format!("SPDXRef-File-{number}");
            self.files.push(json!({
                "SPDXID": file_id,
                "fileName": format!(".{}", file.path),
                "checksums": [
                    { "algorithm": "SHA1", "checksumValue": file.sha1 },
                    { "algorithm": "SHA256", "checksumValue": file.sha256 },
                    { "algorithm": "SHA512", "checksumValue": file.sha512 },
                ],
                "licenseConcluded": UNKNOWN,
                "licenseInfoInFiles": [UNKNOWN],
                "copyrightText": UNKNOWN,
            }));
            self.relate(id, "CONTAINS", &file_id);
        }
        for source in &package.sources {
            let of = self.source(source);
            if source.patch {
                self.relate(&of, "PATCH_APPLIED", id);
            } else {
                self.relate(id, "GENERATED_FROM", &of);
            }
        }
    }

    /// Writes a source, once; returns its identifier.
    fn source(&mut self, source: &Source) -> String {
        if let Some(id) = self.sources.get(source) {
            return id.clone();
        }
        let id = id("Source", self.sources.len(), &source.name);
        self.sources.insert(source.clone(), id.clone());
        let mut comments = Vec::new();
        let mut value = json!({
            "SPDXID": id,
            "name": source.name,
            "primaryPackagePurpose": if source.opaque { "ARCHIVE" } else { "SOURCE" },
            "filesAnalyzed": false,
            "licenseConcluded": UNKNOWN,
            "licenseDeclared": UNKNOWN,
            "copyrightText": UNKNOWN,
        });
        let from = source.from.as_deref();
        let address = facts::address(from);
        value["downloadLocation"] = address.unwrap_or(UNKNOWN).into();
        if let (Some(from), None) = (from, address) {
            comments.push(format!("from {from}"));
        }
        match &source.checksum {
            Checksum::Sha256(digits) => {
                value["checksums"] = json!([{ "algorithm": "SHA256", "checksumValue": digits }]);
            }
            Checksum::Tree(digits) => comments.push(format!("a folder, {digits} in the store")),
        }
        if source.opaque {
            comments.push("prebuilt: its build cannot be inspected".to_owned());
        }
        if !comments.is_empty() {
            value["comment"] = comments.join("; ").into();
        }
        self.packages.push(value);
        id
    }
}

/// The SHA-1 of the sorted SHA-1s of the files ("Package verification code field").
fn code(files: &[(usize, &File)]) -> String {
    let mut sums: Vec<&str> = files.iter().map(|(_, file)| file.sha1.as_str()).collect();
    sums.sort_unstable();
    Sha1::digest(sums.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}
