//! Packages, files and sources, and how they relate.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::elements::{Elements, hash, hashes};
use crate::bill::{Bill, Checksum, Deliverable, File, FileKind, Package, Source};
use crate::facts::{self, UNKNOWN};
use crate::names;

/// Individuals of the model.
const NO_ASSERTION: &str = "https://spdx.org/rdf/3.0.1/terms/Core/NoAssertionElement";
const NONE: &str = "https://spdx.org/rdf/3.0.1/terms/Core/NoneElement";
const NO_LICENSE_KNOWN: &str = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertionLicense";

/// Writes everything in the image and returns the image's identifier.
pub(super) fn write(elements: &mut Elements, bill: &Bill) -> String {
    let image = image(elements, bill);
    let ids: Vec<String> = bill.packages.iter().map(|it| package(elements, bill, it)).collect();
    let mut files: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for it in &bill.files {
        let id = elements.put("File", facts::file_name(&it.path), file(it));
        files.entry(it.package).or_default().push(id);
    }
    let contained: Vec<&String> = bill.contained().map(|(number, _)| &ids[number]).collect();
    relate(elements, &image, "contains", &contained, Some("complete"));
    relate(elements, &image, "dependsOn", &contained, Some("complete"));
    for (number, package) in bill.packages.iter().enumerate() {
        let id = &ids[number];
        if let Some(files) = files.get(&number) {
            relate(elements, id, "contains", files, Some("complete"));
        }
        let tools: Vec<&str> =
            package.tools.iter().filter_map(|it| ids.get(*it)).map(String::as_str).collect();
        needs(elements, id, tools, bill.tools_listed && package.is_transparent());
        for it in &package.sources {
            let source = source(elements, it);
            if it.patch {
                relate(elements, id, "patchedBy", &[source], None);
            } else {
                relate(elements, &source, "generates", &[id], None);
            }
        }
    }
    image
}

fn relate(
    elements: &mut Elements,
    from: &str,
    kind: &str,
    to: &[impl AsRef<str>],
    completeness: Option<&str>,
) {
    let to: Vec<&str> = to.iter().map(AsRef::as_ref).collect();
    if to.is_empty() {
        return;
    }
    let mut relation = json!({ "type": "Relationship", "from": from, "relationshipType": kind, "to": to });
    if let Some(completeness) = completeness {
        relation["completeness"] = completeness.into();
    }
    elements.put("Relationship", kind, relation);
}

/// What a package is built with. That it is nothing, or not known, is said too.
fn needs(elements: &mut Elements, package: &str, tools: Vec<&str>, all_known: bool) {
    let to = match (tools.is_empty(), all_known) {
        (false, _) => tools,
        (true, true) => vec![NONE],
        (true, false) => vec![NO_ASSERTION],
    };
    elements.put(
        "Relationship",
        "dependsOn",
        json!({
            "type": "LifecycleScopedRelationship",
            "scope": "build",
            "from": package,
            "relationshipType": "dependsOn",
            "to": to,
            "completeness": if all_known { "complete" } else { "incomplete" },
        }),
    );
}

fn image(elements: &mut Elements, bill: &Bill) -> String {
    let image = &bill.image;
    let supplier = elements.party(bill.supplier.as_ref());
    let mut value = json!({
        "type": "software_Package",
        "name": image.name,
        "software_packageVersion": format!("sha256:{}", image.manifest.sha256),
        "software_primaryPurpose": "container",
        "suppliedBy": supplier,
        "originatedBy": [supplier],
        "builtTime": image.created,
        "verifiedUsing": hashes(&image.manifest),
        "comment": format!("{}; content digest sha256:{}", image.platform, image.content),
    });
    locate(&mut value, names::image(&image.name, &image.manifest.sha256));
    let id = elements.put("Image", &image.name, value);
    handed_out(elements, &id, &image.manifest, "container");
    licensed(elements, bill, &id, bill.license().as_deref());
    id
}

fn package(elements: &mut Elements, bill: &Bill, package: &Package) -> String {
    let supplier = elements.party(bill.supplier.as_ref());
    let producer = elements.party(bill.producer(package).as_ref());
    let mut value = json!({
        "type": "software_Package",
        "name": package.name,
        "software_packageVersion": package.version.as_deref().unwrap_or(UNKNOWN),
        "suppliedBy": supplier,
        "originatedBy": [producer],
    });
    for (key, text) in [("software_homePage", &package.homepage), ("summary", &package.description)] {
        if let Some(text) = text {
            value[key] = text.as_str().into();
        }
    }
    if !package.outputs.is_empty() {
        value["comment"] = format!("output {}", package.outputs.join(", ")).into();
    }
    locate(&mut value, names::generic(&package.name, package.version.as_deref()));
    let id = elements.put("Package", &package.name, value);
    if let Some(layer) = &package.layer {
        handed_out(elements, &id, layer, "archive");
    }
    licensed(elements, bill, &id, package.license.as_deref());
    id
}

fn locate(package: &mut Value, url: Option<String>) {
    let Some(url) = url else { return };
    package["externalIdentifier"] = json!([{
        "type": "ExternalIdentifier", "externalIdentifierType": "packageUrl", "identifier": url,
    }]);
    package["software_packageUrl"] = url.into();
}

/// The blob that brings a package to its user, under its name in an OCI layout. What TR-03183-2 calls an archive and
/// structured are additional purposes.
fn handed_out(elements: &mut Elements, package: &str, blob: &Deliverable, purpose: &str) {
    let file = elements.put_once("Blob", "", blob.sha256.clone(), |_| {
        json!({
            "type": "software_File",
            "name": blob.sha256,
            "software_primaryPurpose": purpose,
            "software_additionalPurpose": ["archive", "container"],
            "verifiedUsing": hashes(blob),
        })
    });
    relate(elements, package, "hasDistributionArtifact", &[file], Some("complete"));
}

/// A licence is the recipe's claim, until an author stands for the document.
fn licensed(elements: &mut Elements, bill: &Bill, package: &str, license: Option<&str>) {
    let id = license.map_or_else(|| NO_LICENSE_KNOWN.to_owned(), |license| elements.license(license));
    relate(elements, package, "hasDeclaredLicense", &[id.as_str()], None);
    let concluded = if bill.author.is_some() { id.as_str() } else { NO_LICENSE_KNOWN };
    relate(elements, package, "hasConcludedLicense", &[concluded], None);
}

fn file(file: &File) -> Value {
    let of = Deliverable { sha256: file.sha256.clone(), sha512: file.sha512.clone() };
    let mut value = json!({
        "type": "software_File",
        "name": file.path,
        "verifiedUsing": hashes(&of),
    });
    let (purpose, additional) = match file.kind {
        FileKind::Data => return value,
        FileKind::Executable => ("executable", json!(["executable"])),
        FileKind::Archive => ("archive", json!(["archive", "container"])),
    };
    value["software_primaryPurpose"] = purpose.into();
    value["software_additionalPurpose"] = additional;
    value
}

/// A source; several packages may share one.
fn source(elements: &mut Elements, source: &Source) -> String {
    elements.put_once("Source", &source.name, format!("{source:?}"), |_| {
        let purpose = match (source.patch, source.opaque) {
            (true, _) => "patch",
            (false, true) => "archive",
            (false, false) => "source",
        };
        let mut comments = Vec::new();
        let mut value = json!({
            "type": "software_File",
            "name": source.name,
            "software_primaryPurpose": purpose,
        });
        match &source.checksum {
            Checksum::Sha256(digits) => value["verifiedUsing"] = json!([hash("sha256", digits)]),
            Checksum::Tree(digits) => {
                value["software_fileKind"] = "directory".into();
                comments.push(format!("{digits} in the store"));
            }
        }
        let from = source.from.as_deref();
        match (facts::address(from), from) {
            (Some(address), _) => {
                value["externalRef"] = json!([{
                    "type": "ExternalRef", "externalRefType": "sourceArtifact", "locator": [address],
                }]);
            }
            (None, Some(alias)) => comments.push(format!("from {alias}")),
            (None, None) => {}
        }
        if source.opaque {
            comments.push("prebuilt: its build cannot be inspected".to_owned());
        }
        if !comments.is_empty() {
            value["comment"] = comments.join("; ").into();
        }
        value
    })
}
