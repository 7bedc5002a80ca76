//! SPDX 2.3 as JSON. The specification's sections are named by their titles.

use std::collections::{BTreeMap, BTreeSet};

use ::spdx::{Expression, LicenseItem};
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use crate::bill::{Bill, Checksum, File, Package, Role, Source};
use crate::names;

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
        writing.package(package, &ids[number], &files.collect::<Vec<_>>());
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
            "creators": [format!("Tool: stele-{}", bill.made_by)],
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

fn image(bill: &Bill) -> Value {
    let image = &bill.image;
    let mut value = json!({
        "SPDXID": IMAGE,
        "name": image.name,
        "versionInfo": format!("sha256:{}", image.digest),
        "primaryPackagePurpose": "CONTAINER",
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "copyrightText": UNKNOWN,
        "checksums": [{ "algorithm": "SHA256", "checksumValue": image.digest }],
        "comment": format!("{}; content digest sha256:{}", image.platform, image.content),
    });
    if let Some(url) = names::image(&image.name, &image.digest) {
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

    fn package(&mut self, package: &Package, id: &str, files: &[(usize, &File)]) {
        let mut value = Map::new();
        let mut put = |key: &str, it: Value| value.insert(key.to_owned(), it);
        put("SPDXID", id.into());
        put("name", package.name.as_str().into());
        put("downloadLocation", UNKNOWN.into());
        put("licenseConcluded", UNKNOWN.into());
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
        self.others.extend(package.license.iter().flat_map(|text| unlisted(text)));
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
        let address = from.filter(|from| from.starts_with("https://") || from.starts_with("http://"));
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

/// The licences of an expression that are not in SPDX's list.
fn unlisted(text: &str) -> Vec<String> {
    let Ok(expression) = Expression::parse(text) else { return Vec::new() };
    let other = |item: &LicenseItem| matches!(item, LicenseItem::Other(_)).then(|| item.to_string());
    expression.requirements().filter_map(|it| other(&it.req.license)).collect()
}
