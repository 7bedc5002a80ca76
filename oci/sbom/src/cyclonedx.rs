//! CycloneDX 1.6 as JSON.

use serde_json::{Map, Value, json};

use crate::bill::{Bill, Checksum, Package, Role, Source};
use crate::names;

/// The image's reference within the document.
const IMAGE: &str = "image";

/// The document, as text.
pub fn text(bill: &Bill) -> String {
    let image = &bill.image;
    let mut about = json!({
        "type": "container",
        "bom-ref": IMAGE,
        "name": image.name,
        "version": format!("sha256:{}", image.digest),
        "hashes": [{ "alg": "SHA-256", "content": image.digest }],
        "properties": [
            { "name": "stele:platform", "value": image.platform },
            { "name": "stele:content", "value": format!("sha256:{}", image.content) },
        ],
    });
    if let Some(url) = names::image(&image.name, &image.digest) {
        about["purl"] = url.into();
    }
    let packages = bill.packages.iter().enumerate();
    let components: Vec<Value> = packages.map(|(number, it)| component(bill, number, it)).collect();
    let contained = bill.packages.iter().enumerate().filter(|(_, it)| it.role == Role::Contained);
    let mut dependencies =
        vec![json!({ "ref": IMAGE, "dependsOn": contained.map(|(n, _)| reference(n)).collect::<Vec<_>>() })];
    for (number, package) in bill.packages.iter().enumerate().filter(|(_, it)| !it.tools.is_empty()) {
        let with: Vec<String> = package.tools.iter().map(|tool| reference(*tool)).collect();
        dependencies.push(json!({ "ref": reference(number), "dependsOn": with }));
    }
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": image.created,
            "tools": { "components": [{ "type": "application", "name": "stele", "version": bill.made_by }] },
            "component": about,
        },
        "components": components,
        "dependencies": dependencies,
    });
    let name = names::uuid(&document.to_string());
    document["serialNumber"] = format!("urn:uuid:{name}").into();
    // Pretty, for people read it; maps are sorted by their keys.
    format!("{document:#}\n")
}

fn reference(number: usize) -> String {
    format!("package-{number}")
}

fn component(bill: &Bill, number: usize, package: &Package) -> Value {
    let mut value = Map::new();
    let mut put = |key: &str, it: Value| value.insert(key.to_owned(), it);
    put("type", "library".into());
    put("bom-ref", reference(number).into());
    put("name", package.name.as_str().into());
    // Tools are excluded from what runs.
    put("scope", if package.role == Role::Contained { "required" } else { "excluded" }.into());
    if let Some(version) = &package.version {
        put("version", version.as_str().into());
    }
    if let Some(text) = &package.description {
        put("description", text.as_str().into());
    }
    if let Some(license) = &package.license {
        put("licenses", json!([{ "expression": license }]));
    }
    if let Some(url) = names::generic(&package.name, package.version.as_deref()) {
        put("purl", url.into());
    }
    if let Some(homepage) = &package.homepage {
        put("externalReferences", json!([{ "type": "website", "url": homepage }]));
    }
    let outputs = package.outputs.iter().map(|it| json!({ "name": "stele:output", "value": it }));
    let outputs: Vec<Value> = outputs.collect();
    if !outputs.is_empty() {
        put("properties", outputs.into());
    }
    let ancestors: Vec<Value> = package.sources.iter().filter(|it| !it.patch).map(source).collect();
    let patches: Vec<&Source> = package.sources.iter().filter(|it| it.patch).collect();
    let mut pedigree = Map::new();
    if !ancestors.is_empty() {
        pedigree.insert("ancestors".to_owned(), ancestors.into());
    }
    if !patches.is_empty() {
        // A patch's text is not included; its digest is with the recipe.
        let notes: Vec<String> =
            patches.iter().map(|it| format!("{} ({})", it.name, spelled(&it.checksum))).collect();
        pedigree
            .insert("patches".to_owned(), patches.iter().map(|_| json!({ "type": "unofficial" })).collect());
        pedigree.insert("notes".to_owned(), format!("patches: {}", notes.join(", ")).into());
    }
    if !pedigree.is_empty() {
        put("pedigree", pedigree.into());
    }
    let files = bill.files.iter().filter(|file| file.package == number).map(|file| {
        json!({
            "type": "file",
            "name": file.path,
            "hashes": [{ "alg": "SHA-256", "content": file.sha256 }],
        })
    });
    let files: Vec<Value> = files.collect();
    if !files.is_empty() {
        put("components", files.into());
    }
    value.into()
}

fn source(source: &Source) -> Value {
    let mut value = json!({ "type": "file", "name": source.name });
    let mut properties = Vec::new();
    let mut say = |name: &str, value: &str| properties.push(json!({ "name": name, "value": value }));
    match &source.checksum {
        Checksum::Sha256(digits) => value["hashes"] = json!([{ "alg": "SHA-256", "content": digits }]),
        Checksum::Tree(digits) => say("stele:tree", digits),
    }
    if let Some(from) = &source.from {
        say("stele:from", from);
    }
    if source.opaque {
        say("stele:opaque", "prebuilt: its build cannot be inspected");
    }
    if !properties.is_empty() {
        value["properties"] = properties.into();
    }
    value
}

fn spelled(checksum: &Checksum) -> String {
    match checksum {
        Checksum::Sha256(digits) => format!("SHA-256 {digits}"),
        Checksum::Tree(digits) => format!("tree {digits}"),
    }
}
