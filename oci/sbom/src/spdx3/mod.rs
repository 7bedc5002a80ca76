//! SPDX 3.0.1 as JSON-LD, of the profiles Core, Software and SimpleLicensing. The model's classes and properties are
//! named as its specification names them; `software_` and `simplelicensing_` are the prefixes of its context.

mod elements;
mod relations;

use serde_json::{Value, json};

use crate::bill::Bill;
use crate::names;
use elements::Elements;

const CONTEXT: &str = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld";
const VERSION: &str = "3.0.1";
/// The blank node of the one `CreationInfo`.
const CREATION: &str = "_:creation";

/// The document, as text.
pub fn text(bill: &Bill) -> String {
    // Identifiers begin with the document's name, which is derived from everything else in it.
    let name = names::uuid(&document(bill, "urn:uuid:").to_string());
    // Pretty, for people read it; maps are sorted by their keys.
    format!("{:#}\n", document(bill, &format!("urn:uuid:{name}")))
}

fn document(bill: &Bill, namespace: &str) -> Value {
    let mut elements = Elements::new(namespace);
    let tool =
        elements.put("Tool", "stele", json!({ "type": "Tool", "name": format!("stele-{}", bill.made_by) }));
    let author = match &bill.author {
        Some(author) => elements.party(Some(author)),
        // Nobody stands for it: the program wrote it unattended.
        None => elements.put("Agent", "stele", json!({ "type": "SoftwareAgent", "name": "stele" })),
    };
    let data_license = elements.license("CC0-1.0");
    let image = relations::write(&mut elements, bill);
    let parts: Vec<Value> = elements.identifiers();
    let sbom = elements.put(
        "Sbom",
        &bill.image.name,
        json!({
            "type": "software_Sbom",
            "software_sbomType": ["build"],
            "rootElement": [image],
            "element": parts,
        }),
    );
    let mut graph = vec![
        json!({
            "type": "CreationInfo",
            "@id": CREATION,
            "specVersion": VERSION,
            "created": bill.image.created,
            "createdBy": [author],
            "createdUsing": [tool],
            "comment": "From the recipes and their sources; nothing was scanned. The time is the image's.",
        }),
        json!({
            "type": "SpdxDocument",
            "spdxId": format!("{namespace}#Document"),
            "creationInfo": CREATION,
            "name": bill.image.name,
            "dataLicense": data_license,
            "profileConformance": ["core", "software", "simpleLicensing"],
            "rootElement": [sbom],
            "element": elements.identifiers(),
        }),
    ];
    graph.extend(elements.into_list());
    json!({ "@context": CONTEXT, "@graph": graph })
}
