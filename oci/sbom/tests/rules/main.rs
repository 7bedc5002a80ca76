//! SBOMs that today's rules accept, and rules that notice whatever is missing.

mod bills;
mod facts;
mod peers;
mod standards;

use std::collections::BTreeSet;

use serde_json::Value;
use stele_sbom::{Bill, cyclonedx, spdx3};

use facts::Facts;
use standards::{BSI, Broken, CISA_2026, NTIA, broken};

fn cyclonedx_of(bill: &Bill) -> Value {
    serde_json::from_str(&cyclonedx::text(bill)).unwrap()
}

fn spdx3_of(bill: &Bill) -> Value {
    serde_json::from_str(&spdx3::text(bill)).unwrap()
}

fn both(bill: &Bill) -> [Facts; 2] {
    [Facts::of_cyclonedx(&cyclonedx_of(bill)), Facts::of_spdx3(&spdx3_of(bill))]
}

fn rules(broken: &[Broken]) -> BTreeSet<&'static str> {
    broken.iter().map(|(rule, _)| *rule).collect()
}

/// Each rule is broken by taking out the one field that it is about. The first of several entries is that of the image.
#[test]
fn a_cyclonedx_document_without_a_field_breaks_the_rule_about_it_and_no_other_of_the_standard() {
    let whole = cyclonedx_of(&bills::signed_for());
    let cases = [
        ("/metadata/authors", CISA_2026, "SBOM author"),
        ("/metadata/tools/components/0/name", CISA_2026, "tool name"),
        ("/metadata/tools/components/0/version", CISA_2026, "tool version"),
        ("/metadata/timestamp", CISA_2026, "timestamp"),
        ("/version", CISA_2026, "SBOM version"),
        ("/specVersion", CISA_2026, "data format"),
        ("/metadata/lifecycles", CISA_2026, "generation context"),
        ("/compositions", CISA_2026, "coverage"),
        ("/components/0/name", CISA_2026, "component name"),
        ("/components/0/version", CISA_2026, "component version"),
        ("/components/0/manufacturer", CISA_2026, "software producer"),
        ("/components/0/purl", CISA_2026, "software identifier"),
        ("/components/0/hashes/0", CISA_2026, "component hash algorithm"),
        ("/components/0/licenses", CISA_2026, "licence"),
        ("/dependencies/1", CISA_2026, "dependency relationship"),
        ("/metadata/supplier", NTIA, ""),
        ("/components/1/supplier", NTIA, "supplier name"),
        ("/components/1/version", NTIA, "version of the component"),
        ("/components/1/purl", NTIA, "other unique identifiers"),
        ("/dependencies/0", NTIA, "dependency relationship"),
        ("/specVersion", BSI, "format"),
        ("/metadata/timestamp", BSI, "timestamp"),
        ("/serialNumber", BSI, "SBOM-URI"),
        ("/metadata/component/manufacturer/url", BSI, "component creator"),
        ("/components/0/properties/1", BSI, "filename"),
        ("/components/0/properties/2", BSI, "executable property"),
        ("/components/0/properties/3", BSI, "archive property"),
        ("/components/0/components/0/properties/3", BSI, "structured property"),
        ("/components/0/components/0/hashes/1", BSI, "hash of the deployable component"),
        ("/components/1/licenses/0/acknowledgement", BSI, "distribution licences"),
        ("/compositions/2", BSI, "dependencies with completeness"),
    ];
    for (place, standard, rule) in cases {
        let mut without = whole.clone();
        remove(&mut without, place);
        let expected: BTreeSet<&str> = Some(rule).filter(|it| !it.is_empty()).into_iter().collect();
        assert_eq!(rules(&broken(standard, &Facts::of_cyclonedx(&without))), expected, "{place}");
    }
    // What an author without an address, a wrong digest and a vulnerability break.
    for (place, value, rule) in [
        ("/metadata/manufacturer", Value::Null, "creator of the SBOM"),
        ("/components/0/hashes/1/content", "ABC".into(), "hash of the deployable component"),
        ("/vulnerabilities", serde_json::json!([]), "no vulnerabilities"),
    ] {
        let mut changed = whole.clone();
        changed["metadata"]["authors"][0].as_object_mut().unwrap().remove("email");
        put(&mut changed, place, value);
        assert_eq!(rules(&broken(BSI, &Facts::of_cyclonedx(&changed))), BTreeSet::from([rule]), "{place}");
    }
}

#[test]
fn an_spdx_document_without_a_property_breaks_the_rule_about_it() {
    let whole = spdx3_of(&bills::signed_for());
    let cases = [
        ("CreationInfo", "createdUsing", CISA_2026, "tool name"),
        ("CreationInfo", "created", CISA_2026, "timestamp"),
        ("CreationInfo", "createdBy", NTIA, "author of SBOM data"),
        ("CreationInfo", "specVersion", BSI, "format"),
        ("software_Sbom", "software_sbomType", CISA_2026, "generation context"),
        ("SpdxDocument", "spdxId", BSI, "SBOM-URI"),
        ("software_Package", "name", NTIA, "component name"),
        ("software_Package", "software_packageVersion", BSI, "component version"),
        ("software_Package", "originatedBy", CISA_2026, "software producer"),
        ("software_Package", "suppliedBy", NTIA, "supplier name"),
        ("software_Package", "externalIdentifier", NTIA, "other unique identifiers"),
        ("software_File", "verifiedUsing", BSI, "hash of the deployable component"),
        ("software_File", "name", BSI, "filename"),
        ("Organization", "externalIdentifier", BSI, "component creator"),
        ("LifecycleScopedRelationship", "completeness", BSI, "dependencies with completeness"),
        ("LifecycleScopedRelationship", "from", NTIA, "dependency relationship"),
    ];
    for (class, property, standard, rule) in cases {
        let mut without = whole.clone();
        for element in without["@graph"].as_array_mut().unwrap() {
            if element["type"] == class {
                element.as_object_mut().unwrap().remove(property);
            }
        }
        let broken = rules(&broken(standard, &Facts::of_spdx3(&without)));
        assert!(broken.contains(rule), "{class} without {property} breaks {broken:?}");
    }
}

#[test]
fn what_somebody_stands_for_breaks_no_rule_in_either_format() {
    for facts in both(&bills::signed_for()) {
        for standard in [CISA_2026, NTIA, BSI] {
            assert_eq!(broken(standard, &facts), [], "{:?}", facts.format);
        }
        // The control: there is something to be judged.
        assert_eq!(facts.parts.len(), 6, "{:?}", facts.format);
    }
}

/// CISA accepts that something is not known where that is said; the BSI wants somebody who can be reached.
#[test]
fn what_nobody_stands_for_says_so_and_is_not_what_the_bsi_accepts() {
    for facts in both(&bills::anonymous()) {
        assert_eq!(broken(CISA_2026, &facts), []);
        assert_eq!(broken(NTIA, &facts), []);
        let expected = BTreeSet::from(["creator of the SBOM", "component creator", "distribution licences"]);
        assert_eq!(rules(&broken(BSI, &facts)), expected, "{:?}", facts.format);
    }
}

#[test]
fn a_tool_of_which_nothing_is_known_is_listed_with_that_word() {
    for facts in both(&bills::with_a_tool()) {
        let tool = facts.parts.iter().find(|it| it.name.as_deref() == Some("cc")).unwrap();
        assert_eq!(tool.version.as_deref(), Some("unknown"));
        assert_eq!(tool.producer.as_ref().unwrap().name, "unknown");
        assert!(!tool.delivered && tool.licensed);
        for standard in [CISA_2026, NTIA, BSI] {
            assert_eq!(broken(standard, &facts), [], "{:?}", facts.format);
        }
    }
}

/// A package with a prebuilt source cannot be known down to the seed, nor can any when tools are not listed.
#[test]
fn completeness_is_claimed_only_of_what_is_known() {
    let of = |bill: &Bill| {
        both(bill).map(|facts| {
            let part = |name: &str| facts.parts.iter().find(|it| it.name.as_deref() == Some(name)).unwrap();
            ["box", "it", "that"].map(|name| part(name).completeness.clone().unwrap())
        })
    };
    for found in of(&bills::anonymous()) {
        assert_eq!(found, ["complete", "complete", "incomplete"]);
    }
    for found in of(&Bill { tools_listed: false, ..bills::anonymous() }) {
        assert_eq!(found, ["complete", "incomplete", "incomplete"]);
    }
}

fn remove(document: &mut Value, place: &str) {
    let (parent, last) = place.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(object) => {
            object.remove(last).unwrap();
        }
        Value::Array(array) => {
            array.remove(last.parse().unwrap());
        }
        other => panic!("{other} at {parent}"),
    }
}

fn put(document: &mut Value, place: &str, value: Value) {
    let (parent, last) = place.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[last] = value;
}
