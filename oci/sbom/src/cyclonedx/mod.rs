//! CycloneDX 1.6 as JSON, with the properties that TR-03183-2 adds to it.

mod component;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::bill::{Bill, Contact, Deliverable, Party};
use crate::facts::UNKNOWN;
use crate::names;

/// The image's reference within the document.
const IMAGE: &str = "image";

/// The document, as text.
pub fn text(bill: &Bill) -> String {
    let references = references(bill);
    let components = bill.packages.iter().enumerate();
    let components: Vec<Value> =
        components.map(|(number, it)| component::of(bill, number, it, &references[number])).collect();
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata(bill),
        "components": components,
        "dependencies": dependencies(bill, &references),
        "compositions": compositions(bill, &references),
    });
    let name = names::uuid(&document.to_string());
    document["serialNumber"] = format!("urn:uuid:{name}").into();
    // Pretty, for people read it; maps are sorted by their keys.
    format!("{document:#}\n")
}

fn metadata(bill: &Bill) -> Value {
    let mut metadata = json!({
        "timestamp": bill.image.created,
        "lifecycles": [{ "phase": "build" }],
        "tools": { "components": [{ "type": "application", "name": "stele", "version": bill.made_by }] },
        "authors": [{ "name": bill.author.as_ref().map_or(UNKNOWN, |it| it.name.as_str()) }],
        "supplier": entity(bill.supplier.as_ref()),
        "component": image(bill),
    });
    if let Some(author) = &bill.author {
        if let Some(Contact::Email(address)) = &author.contact {
            metadata["authors"][0]["email"] = address.as_str().into();
        }
        // "The organization that created the BOM", where an author has no room for a site.
        metadata["manufacturer"] = entity(Some(author));
    }
    metadata
}

fn image(bill: &Bill) -> Value {
    let image = &bill.image;
    let mut about = json!({
        "type": "container",
        "bom-ref": IMAGE,
        "name": image.name,
        "version": format!("sha256:{}", image.manifest.sha256),
        "supplier": entity(bill.supplier.as_ref()),
        "manufacturer": entity(bill.supplier.as_ref()),
        "licenses": licenses(bill, bill.license().as_deref()),
        "hashes": hashes(&image.manifest),
        "externalReferences": [distribution(&image.manifest)],
    });
    let mut properties = vec![
        property("stele:platform", &image.platform),
        property("stele:content", &format!("sha256:{}", image.content)),
    ];
    properties.extend(component::file_properties(&image.manifest.sha256, component::Traits::ARCHIVE));
    about["properties"] = properties.into();
    if let Some(url) = names::image(&image.name, &image.manifest.sha256) {
        about["purl"] = url.into();
    }
    about
}

/// The reference of each package within the document: its name, so that another package more or less changes none.
fn references(bill: &Bill) -> Vec<String> {
    let mut used = BTreeSet::new();
    let packages = bill.packages.iter().enumerate();
    let reference = packages.map(|(number, package)| {
        let plain = format!("package:{}", package.name);
        if used.insert(plain.clone()) { plain } else { format!("{plain}#{number}") }
    });
    reference.collect()
}

fn dependencies(bill: &Bill, references: &[String]) -> Value {
    let contained: Vec<&String> = bill.contained().map(|(number, _)| &references[number]).collect();
    let mut dependencies = vec![json!({ "ref": IMAGE, "dependsOn": contained })];
    for (package, reference) in bill.packages.iter().zip(references) {
        let with: Vec<&String> = package.tools.iter().filter_map(|tool| references.get(*tool)).collect();
        dependencies.push(json!({ "ref": reference, "dependsOn": with }));
    }
    dependencies.into()
}

/// How far the document can be taken to be complete. Every file of the image is listed, so its parts always are; what
/// they were built with is listed on request, and of what is prebuilt nobody here knows it.
fn compositions(bill: &Bill, references: &[String]) -> Value {
    let all = || bill.packages.iter().zip(references);
    let of = |known: bool| -> Vec<&str> {
        let chosen = all().filter(|(it, _)| (bill.tools_listed && it.is_transparent()) == known);
        chosen.map(|(_, reference)| reference.as_str()).collect()
    };
    let parts: Vec<&str> =
        [IMAGE].into_iter().chain(bill.contained().map(|(number, _)| references[number].as_str())).collect();
    let known: Vec<&str> = [IMAGE].into_iter().chain(of(true)).collect();
    let mut compositions = vec![
        json!({ "aggregate": "complete", "assemblies": parts }),
        json!({ "aggregate": "complete", "dependencies": known }),
    ];
    let unknown = of(false);
    if !unknown.is_empty() {
        compositions.push(json!({ "aggregate": "incomplete", "dependencies": unknown }));
    }
    compositions.into()
}

fn entity(party: Option<&Party>) -> Value {
    let Some(party) = party else { return json!({ "name": UNKNOWN }) };
    let mut entity = json!({ "name": party.name });
    match &party.contact {
        Some(Contact::Email(address)) => entity["contact"] = json!([{ "email": address }]),
        Some(Contact::Url(site)) => entity["url"] = json!([site]),
        None => {}
    }
    entity
}

/// A licence is the recipe's claim, until an author stands for the document.
fn licenses(bill: &Bill, license: Option<&str>) -> Value {
    let Some(license) = license else { return json!([{ "license": { "name": UNKNOWN } }]) };
    let how = if bill.author.is_some() { "concluded" } else { "declared" };
    json!([{ "expression": license, "acknowledgement": how }])
}

fn hashes(of: &Deliverable) -> Value {
    json!([
        { "alg": "SHA-256", "content": of.sha256 },
        { "alg": "SHA-512", "content": of.sha512 },
    ])
}

/// Where the bytes are in an OCI layout of the image.
fn distribution(of: &Deliverable) -> Value {
    json!({
        "type": "distribution",
        "url": format!("blobs/sha256/{}", of.sha256),
        "comment": "within an OCI layout of the image",
        "hashes": hashes(of),
    })
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}
