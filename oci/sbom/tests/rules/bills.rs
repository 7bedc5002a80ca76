//! Bills to write: one of somebody who stands for it, and one of nobody.

use stele_sbom::{Bill, Checksum, Deliverable, File, FileKind, Image, Package, Role, Source};

fn delivered(digit: &str) -> Deliverable {
    Deliverable { sha256: digit.repeat(64), sha512: digit.repeat(128) }
}

fn source(name: &str, opaque: bool) -> Source {
    Source {
        name: name.to_owned(),
        checksum: Checksum::Sha256("a".repeat(64)),
        from: Some(format!("https://it.example/{name}")),
        opaque,
        patch: false,
    }
}

/// Of an image with two packages. The second was built with the first, and has a prebuilt source.
pub fn anonymous() -> Bill {
    let it = Package {
        name: "it".to_owned(),
        version: Some("1".to_owned()),
        license: Some("GPL-2.0-only AND LicenseRef-own".to_owned()),
        homepage: Some("https://it.example/".to_owned()),
        sources: vec![source("it-1.tar.gz", false), Source { patch: true, ..source("fix.patch", false) }],
        layer: Some(delivered("e")),
        outputs: vec!["d".repeat(64)],
        ..Package::default()
    };
    let that = Package {
        name: "that".to_owned(),
        version: Some("2".to_owned()),
        license: Some("MIT".to_owned()),
        homepage: Some("https://that.example/".to_owned()),
        sources: vec![source("that-2.tar.gz", true)],
        layer: Some(delivered("f")),
        tools: vec![0],
        ..Package::default()
    };
    let file = |path: &str, digit: &str, kind: FileKind, package: usize| File {
        path: path.to_owned(),
        sha256: digit.repeat(64),
        sha1: digit.repeat(40),
        sha512: digit.repeat(128),
        kind,
        package,
    };
    Bill {
        image: Image {
            name: "box".to_owned(),
            manifest: delivered("c"),
            content: "b".repeat(64),
            platform: "linux/amd64".to_owned(),
            created: "1970-01-01T00:00:01Z".to_owned(),
        },
        packages: vec![it, that],
        files: vec![
            file("/bin/it", "2", FileKind::Executable, 0),
            file("/share/it.gz", "1", FileKind::Archive, 0),
            file("/share/that", "3", FileKind::Data, 1),
        ],
        made_by: "0.1.0".to_owned(),
        tools_listed: true,
        author: None,
        supplier: None,
    }
}

/// The same, of somebody who stands for it.
pub fn signed_for() -> Bill {
    Bill {
        author: Some("Example Builders <sbom@builders.example>".parse().expect("a party")),
        supplier: Some("Example Builders <https://builders.example/>".parse().expect("a party")),
        ..anonymous()
    }
}

/// The same with a tool, which is not in the image, and nothing is known of.
pub fn with_a_tool() -> Bill {
    let mut bill = signed_for();
    bill.packages.push(Package { name: "cc".to_owned(), role: Role::Tool, ..Package::default() });
    bill.packages[0].tools.push(2);
    bill
}
