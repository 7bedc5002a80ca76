//! One bill in all formats.

use serde_json::Value;

use super::*;

fn bill() -> Bill {
    let source = Source {
        name: "it-1.tar.gz".to_owned(),
        checksum: Checksum::Sha256("a".repeat(64)),
        from: Some("gnu:it/it-1.tar.gz".to_owned()),
        opaque: false,
        patch: false,
    };
    let patch = Source {
        name: "fix.patch".to_owned(),
        checksum: Checksum::Sha256("b".repeat(64)),
        from: None,
        opaque: false,
        patch: true,
    };
    let it = Package {
        name: "it+more".to_owned(),
        version: Some("1+git".to_owned()),
        license: Some("GPL-2.0-only AND LicenseRef-own".to_owned()),
        sources: vec![source.clone(), patch],
        tools: vec![1],
        layer: Some(Deliverable { sha256: "e".repeat(64), sha512: "e".repeat(128) }),
        homepage: Some("https://it.example/".to_owned()),
        ..Package::default()
    };
    let tool =
        Package { name: "cc".to_owned(), role: Role::Tool, sources: vec![source], ..Package::default() };
    let image = Image {
        name: "box".to_owned(),
        manifest: Deliverable { sha256: "c".repeat(64), sha512: "c".repeat(128) },
        content: "d".repeat(64),
        platform: "linux/amd64".to_owned(),
        created: "1970-01-01T00:00:01Z".to_owned(),
    };
    let file = |path: &str, digit: &str| File {
        path: path.to_owned(),
        sha256: digit.repeat(64),
        sha1: digit.repeat(40),
        sha512: digit.repeat(128),
        kind: FileKind::Executable,
        package: 0,
    };
    let files = vec![file("/bin/it", "2"), file("/bin/that", "1")];
    Bill {
        image,
        packages: vec![it, tool],
        files,
        made_by: "0".to_owned(),
        tools_listed: true,
        author: None,
        supplier: None,
    }
}

fn related(document: &Value, kind: &str) -> usize {
    let all = document["relationships"].as_array().unwrap();
    all.iter().filter(|it| it["relationshipType"] == kind).count()
}

#[test]
fn spdx_relates_the_image_its_packages_files_sources_and_tools() {
    let document: Value = serde_json::from_str(&spdx::text(&bill())).unwrap();
    for (kind, count) in
        [("DESCRIBES", 1), ("CONTAINS", 3), ("GENERATED_FROM", 2), ("PATCH_APPLIED", 1), ("BUILD_TOOL_OF", 1)]
    {
        assert_eq!(related(&document, kind), count, "{kind}");
    }
    // The source that both share occurs once.
    let sources = document["packages"].as_array().unwrap().iter().filter(|it| it["name"] == "it-1.tar.gz");
    assert_eq!(sources.count(), 1);
    assert_eq!(document["hasExtractedLicensingInfos"][0]["licenseId"], "LicenseRef-own");
    let it = document["packages"].as_array().unwrap().iter().find(|it| it["name"] == "it+more").unwrap();
    // What Python's hashlib computes from the sorted sums.
    assert_eq!(
        it["packageVerificationCode"]["packageVerificationCodeValue"],
        "059418a39cbb749e88520f86dcaf723f1e86abc1"
    );
    assert_eq!(it["externalRefs"][0]["referenceLocator"], "pkg:generic/it%2Bmore@1%2Bgit");
}

#[test]
fn cyclonedx_tells_runtime_components_from_build_tools() {
    let document: Value = serde_json::from_str(&cyclonedx::text(&bill())).unwrap();
    let components = document["components"].as_array().unwrap();
    assert_eq!(
        (components[0]["scope"].as_str(), components[1]["scope"].as_str()),
        (Some("required"), Some("excluded"))
    );
    assert_eq!(components[0]["pedigree"]["ancestors"][0]["hashes"][0]["content"], "a".repeat(64));
    assert_eq!(components[0]["components"].as_array().unwrap().len(), 2);
    assert_eq!(document["dependencies"][0]["dependsOn"], serde_json::json!(["package:it+more"]));
    assert_eq!(document["dependencies"][1]["dependsOn"], serde_json::json!(["package:cc"]));
}

#[test]
fn the_same_bill_gives_the_same_bytes_and_another_one_another_name() {
    assert_eq!(spdx::text(&bill()), spdx::text(&bill()));
    assert_eq!(spdx3::text(&bill()), spdx3::text(&bill()));
    assert_eq!(cyclonedx::text(&bill()), cyclonedx::text(&bill()));
    let mut other = bill();
    other.files[0].sha256 = "3".repeat(64);
    let name = |text: &str, place: &str| {
        let document: Value = serde_json::from_str(text).unwrap();
        document.pointer(place).unwrap().as_str().unwrap().to_owned()
    };
    for (place, write) in [
        ("/documentNamespace", spdx::text as fn(&Bill) -> String),
        ("/serialNumber", cyclonedx::text),
        ("/@graph/1/spdxId", spdx3::text),
    ] {
        let (one, two) = (name(&write(&bill()), place), name(&write(&other), place));
        assert_ne!(one, two);
        // RFC 9562: version 8, variant 10.
        let digits = one.strip_prefix("urn:uuid:").unwrap().trim_end_matches("#Document");
        let is_right = digits.len() == 36
            && digits.as_bytes()[14] == b'8'
            && matches!(digits.as_bytes()[19], b'8' | b'9' | b'a' | b'b');
        assert!(is_right, "{one}");
    }
}

#[test]
fn a_party_without_a_name_or_with_a_strange_contact_is_refused() {
    for text in [
        "",
        " ",
        "<a@b.example>",
        "A <>",
        "A <a@b.example",
        "A <a@b.example> B",
        "A <a>",
        "A <@b>",
        "A <a@>",
        "A <a@b@c>",
        "A <https://>",
        "A <ftp://a.example/>",
        "A <a b@c.example>",
        "A (a@b.example)",
        "A\nB",
    ] {
        assert_eq!(text.parse::<Party>(), Err(NotAParty), "{text:?}");
    }
    let party = |name: &str, contact| Ok(Party { name: name.to_owned(), contact });
    assert_eq!("A. B".parse(), party("A. B", None));
    assert_eq!("A <a@b.example>".parse(), party("A", Some(Contact::Email("a@b.example".to_owned()))));
    assert_eq!(
        " A <https://a.example> ".parse(),
        party("A", Some(Contact::Url("https://a.example".to_owned())))
    );
}

/// A reference that changed with a neighbour would make two documents differ in everything.
#[test]
fn references_are_names_and_stay_when_another_package_comes_before() {
    let reference = |bill: &Bill| -> Vec<String> {
        let document: Value = serde_json::from_str(&cyclonedx::text(bill)).unwrap();
        let all = document["components"].as_array().unwrap().iter();
        all.map(|it| it["bom-ref"].as_str().unwrap().to_owned()).collect()
    };
    let mut other = bill();
    other.packages.insert(0, Package { name: "before".to_owned(), ..Package::default() });
    assert_eq!(reference(&other)[1..], reference(&bill()));
    // Two of one name are still two.
    other.packages[0].name = "cc".to_owned();
    let found = reference(&other);
    assert_eq!(found.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{found:?}");
}

#[test]
fn the_licence_of_an_image_is_that_of_all_that_is_in_it() {
    let mut bill = bill();
    assert_eq!(bill.license().unwrap(), "GPL-2.0-only AND LicenseRef-own");
    let more = Package { license: Some("MIT".to_owned()), ..Package::default() };
    bill.packages.push(more);
    assert_eq!(bill.license().unwrap(), "(GPL-2.0-only AND LicenseRef-own) AND MIT");
    bill.packages.push(Package::default());
    assert_eq!(bill.license(), None);
}
