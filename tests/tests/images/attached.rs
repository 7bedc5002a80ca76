//! Payloads of what is attached, read back beside other payloads, by every way in and out: each is itself.
//!
//! A change of one comparison, by which a payload is found among those that came with it, gave each the bytes of
//! another, and no test noticed.

use std::collections::BTreeMap;

use super::serving::{Endpoint, sha256};
use super::*;
use stele_tests::docker_registry::Registry;

/// Their texts by their titles: of several lengths, two of one length, and none.
const FILES: &[(&str, &str)] =
    &[("a.txt", "first\n"), ("b.txt", "other\n"), ("c.txt", "something longer\n"), ("empty.txt", "")];

/// The texts of all payloads that an image has, by their titles, as the store reads them.
fn read_back(stele: &stele_tests::Stele, image: &str) -> BTreeMap<String, String> {
    let list = stele.json(&["image", "referrers", image]);
    let mut found = BTreeMap::new();
    for blob in list.as_array().unwrap().iter().flat_map(|it| it["blobs"].as_array().unwrap()) {
        let outcome = stele.run(&["store", "cat", blob["place"].as_str().unwrap()]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let digest = format!("sha256:{}", sha256(&outcome.stdout));
        assert_eq!(blob["digest"], digest.as_str(), "{blob}");
        let title = blob["title"].as_str().unwrap().to_owned();
        found.insert(title, String::from_utf8(outcome.stdout).unwrap());
    }
    found
}

#[test]
fn no_payload_is_another_one_by_any_way_in_or_out() {
    let images = Images::new();
    let stele = &images.shop.stele;
    images.build("box");
    let mut args = vec!["image".to_owned(), "attach".to_owned(), "box".to_owned()];
    for (name, contents) in FILES {
        let file = images.scratch(name);
        fs::write(&file, contents).unwrap();
        args.push(text(&file).to_owned());
    }
    args.extend(["--type", "application/vnd.example.note"].map(str::to_owned));
    stele.ok(&args);
    // Another referrer, whose payload is one of the same.
    let twin = images.scratch("twin.txt");
    fs::write(&twin, FILES[2].1).unwrap();
    stele.ok(&["image", "attach", "box", text(&twin), "--type", "application/vnd.example.other"]);
    let mut wanted: BTreeMap<String, String> =
        FILES.iter().map(|(name, contents)| ((*name).to_owned(), (*contents).to_owned())).collect();
    wanted.insert("twin.txt".to_owned(), FILES[2].1.to_owned());
    assert_eq!(read_back(stele, "box"), wanted, "attached");
    // Layouts and archives, as files and as imports.
    for name in ["layout", "box.tar"] {
        let to = images.scratch(name);
        stele.ok(&["image", "export", "box", text(&to)]);
        stele.ok(&["image", "import", "--name", "back", text(&to)]);
        assert_eq!(read_back(stele, "back"), wanted, "{name}");
    }
    for contents in wanted.values() {
        let blob = images.scratch("layout").join("blobs/sha256").join(sha256(contents.as_bytes()));
        assert_eq!(fs::read(blob).unwrap(), contents.as_bytes());
    }
    // A registry of others, and our own endpoint.
    let registry = Registry::new(stele.scratch());
    let there = format!("127.0.0.1:{}/some/box:1", registry.port);
    stele.ok(&["image", "push", "box", &there]);
    stele.ok(&["image", "import", "--name", "pushed", &there]);
    assert_eq!(read_back(stele, "pushed"), wanted, "pushed");
    let endpoint = Endpoint::of(&images, &[]);
    stele.ok(&["image", "import", "--name", "served", &format!("{}/box:latest", endpoint.host())]);
    assert_eq!(read_back(stele, "served"), wanted, "served");
    for contents in wanted.values() {
        let (head, body) =
            endpoint.get("GET", &format!("/v2/box/blobs/sha256:{}", sha256(contents.as_bytes())), "");
        assert!(head.to_lowercase().starts_with("http/1.1 200"), "{head}");
        assert_eq!(body, contents.as_bytes());
    }
}
