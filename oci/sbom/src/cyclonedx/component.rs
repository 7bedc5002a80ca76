//! Components: packages with their files, and the sources that they descend from.

use serde_json::{Map, Value, json};

use super::{distribution, entity, hashes, licenses, property};
use crate::bill::{Bill, Checksum, Deliverable, File, FileKind, Package, Role, Source};
use crate::facts::{self, UNKNOWN};
use crate::names;

/// What the property taxonomy of TR-03183-2 asks of bytes that are handed out.
#[derive(Clone, Copy)]
pub(super) struct Traits {
    executable: bool,
    archive: bool,
}

impl Traits {
    pub(super) const ARCHIVE: Self = Self { executable: false, archive: true };

    fn of(kind: FileKind) -> Self {
        Self { executable: kind == FileKind::Executable, archive: kind == FileKind::Archive }
    }
}

/// Each occurs exactly once in a component. What is no archive has no parts to list, and is called unstructured.
pub(super) fn file_properties(name: &str, traits: Traits) -> [Value; 4] {
    let Traits { executable, archive } = traits;
    [
        property("bsi:component:filename", name),
        property("bsi:component:executable", if executable { "executable" } else { "non-executable" }),
        property("bsi:component:archive", if archive { "archive" } else { "no archive" }),
        property("bsi:component:structured", if archive { "structured" } else { "unstructured" }),
    ]
}

pub(super) fn of(bill: &Bill, number: usize, package: &Package, reference: &str) -> Value {
    let mut value = Map::new();
    let mut put = |key: &str, it: Value| value.insert(key.to_owned(), it);
    put("type", "library".into());
    put("bom-ref", reference.into());
    put("name", package.name.as_str().into());
    // Tools are excluded from what runs.
    put("scope", if package.role == Role::Contained { "required" } else { "excluded" }.into());
    put("version", package.version.as_deref().unwrap_or(UNKNOWN).into());
    put("supplier", entity(bill.supplier.as_ref()));
    put("manufacturer", entity(bill.producer(package).as_ref()));
    put("licenses", licenses(bill, package.license.as_deref()));
    if let Some(text) = &package.description {
        put("description", text.as_str().into());
    }
    if let Some(url) = names::generic(&package.name, package.version.as_deref()) {
        put("purl", url.into());
    }
    let mut properties: Vec<Value> = package.outputs.iter().map(|it| property("stele:output", it)).collect();
    if let Some(layer) = &package.layer {
        put("hashes", hashes(layer));
        properties.extend(file_properties(&layer.sha256, Traits::ARCHIVE));
    }
    for (key, list) in [("properties", properties), ("externalReferences", references(package))] {
        if !list.is_empty() {
            put(key, list.into());
        }
    }
    let pedigree = pedigree(package);
    if !pedigree.is_empty() {
        put("pedigree", pedigree.into());
    }
    let files: Vec<Value> = bill.files.iter().filter(|file| file.package == number).map(file).collect();
    if !files.is_empty() {
        put("components", files.into());
    }
    value.into()
}

fn references(package: &Package) -> Vec<Value> {
    let mut references: Vec<Value> = Vec::new();
    references.extend(package.homepage.iter().map(|site| json!({ "type": "website", "url": site })));
    references.extend(package.layer.iter().map(distribution));
    for source in package.sources.iter().filter(|it| !it.patch) {
        let Some(address) = facts::address(source.from.as_deref()) else { continue };
        let mut reference = json!({ "type": "source-distribution", "url": address });
        if let Checksum::Sha256(digits) = &source.checksum {
            reference["hashes"] = json!([{ "alg": "SHA-256", "content": digits }]);
        }
        references.push(reference);
    }
    references
}

fn pedigree(package: &Package) -> Map<String, Value> {
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
    pedigree
}

fn file(file: &File) -> Value {
    let of = Deliverable { sha256: file.sha256.clone(), sha512: file.sha512.clone() };
    json!({
        "type": "file",
        "name": file.path,
        "hashes": hashes(&of),
        "properties": file_properties(facts::file_name(&file.path), Traits::of(file.kind)),
    })
}

fn source(source: &Source) -> Value {
    let mut value = json!({ "type": "file", "name": source.name });
    let mut properties = Vec::new();
    match &source.checksum {
        Checksum::Sha256(digits) => value["hashes"] = json!([{ "alg": "SHA-256", "content": digits }]),
        Checksum::Tree(digits) => properties.push(property("stele:tree", digits)),
    }
    if let Some(from) = &source.from {
        properties.push(property("stele:from", from));
    }
    if source.opaque {
        properties.push(property("stele:opaque", "prebuilt: its build cannot be inspected"));
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
