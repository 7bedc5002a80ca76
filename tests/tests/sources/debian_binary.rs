//! `debian:` of binary packages, against an archive that the test writes.

use stele_store::model::Sha256;

use super::debian::Archive;
use super::{Sources, random};

/// The entry of a package in an index: name, version, architecture, file and its bytes.
type Package<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [u8]);

/// An archive with these packages, each in the index of its architecture, and those for all in that of amd64.
pub(super) fn archive(sources: &Sources, packages: &[Package<'_>]) -> Option<Archive> {
    let archive = Archive::new(sources, &[])?;
    archive.release("stable", &indexes(packages));
    Some(archive)
}

fn indexes(packages: &[Package<'_>]) -> [(&'static str, String); 2] {
    let mut indexes =
        [("main/binary-amd64/Packages", String::new()), ("main/binary-arm64/Packages", String::new())];
    for (package, version, architecture, file, bytes) in packages {
        indexes[usize::from(*architecture == "arm64")].1 += &format!(
            "Package: {package}\nVersion: {version}\nArchitecture: {architecture}\n\
             Maintainer: A <a@example.org>\nDescription: a test\nFilename: pool/main/{package}/{file}\n\
             Size: {}\nSHA256: {}\n\n",
            bytes.len(),
            Sha256::of(bytes)
        );
    }
    indexes
}

#[test]
fn a_package_missing_from_index_or_mirror_is_reported_and_the_next_mirror_queried() {
    let sources = Sources::new();
    let bytes = random(100, 1000);
    let package = ("b", "1-1", "amd64", "b_1-1_amd64.deb", &bytes[..]);
    let Some(archive) = archive(&sources, &[package]) else { return };
    let said = sources.fails(&bytes, &["debian:nothing/1-1/nothing_1-1_amd64.deb"], 1);
    assert!(said.contains("no index has a binary package nothing"), "{said}");
    // No source package's version is requested; none has this name.
    assert!(!archive.server.asked().iter().any(|it| it.path.ends_with("Sources")));
    let said = sources.fails(&bytes, &["debian:b/1-1/b_1-1_amd64.deb"], 1);
    assert!(said.contains("404"), "{said}");
    archive.put("b", "elsewhere", &bytes);
    let url = archive.server.url("pool/main/b/elsewhere");
    sources.fetches(&bytes, &["debian:b/1-1/b_1-1_amd64.deb", &url]);
}

#[test]
fn wrong_bytes_are_refused_though_the_index_agrees_with_them() {
    let sources = Sources::new();
    let (bytes, other) = (random(101, 1000), random(102, 1000));
    let package = ("d", "1-1", "amd64", "d_1-1_amd64.deb", &other[..]);
    let Some(archive) = archive(&sources, &[package]) else { return };
    archive.put("d", "d_1-1_amd64.deb", &other);
    let said = sources.fails(&bytes, &["debian:d/1-1/d_1-1_amd64.deb"], 4);
    assert!(said.contains(&Sha256::of(&other).to_string()), "{said}");
}

#[test]
fn a_version_that_left_the_index_is_found_beside_the_one_that_is_in_it() {
    let sources = Sources::new();
    let bytes = random(103, 1000);
    let package = ("c", "2:2-1", "amd64", "c_2-1_amd64.deb", &b"new"[..]);
    let Some(archive) = archive(&sources, &[package]) else { return };
    let said = sources.fails(&bytes, &["debian:c/2:1+x~2-1/c_1+x~2-1_amd64.deb"], 1);
    assert!(said.contains("they have 2:2-1"), "{said}");
    archive.put("c", "c_1+x~2-1_amd64.deb", &bytes);
    sources.fetches(&bytes, &["debian:c/2:1+x~2-1/c_1+x~2-1_amd64.deb"]);
}

#[test]
fn a_package_is_fetched_by_its_full_version_independent_of_its_file_name() {
    let sources = Sources::new();
    let (one, two) = (random(104, 200_000), random(105, 1000));
    let Some(archive) = archive(
        &sources,
        &[
            ("e++", "1:1+x~1-1", "amd64", "e++_1+x~1-1_amd64.deb", &one),
            ("f", "1-1", "all", "another-name.deb", &two),
        ],
    ) else {
        return;
    };
    archive.put("e++", "e++_1+x~1-1_amd64.deb", &one);
    archive.put("f", "another-name.deb", &two);
    sources.fetches(&one, &["debian:e++/1:1+x~1-1/e++_1+x~1-1_amd64.deb"]);
    sources.fetches(&two, &["debian:f/1-1/f_1-1_all.deb"]);
}

#[test]
fn a_package_for_another_machine_is_fetched_from_the_index_of_that_one() {
    let sources = Sources::new();
    let (one, two) = (random(106, 1000), random(107, 1000));
    let packages: &[Package<'_>] =
        &[("g", "1-1", "amd64", "g_1-1_amd64.deb", &one), ("g", "1-1", "arm64", "g_1-1_arm64.deb", &two)];
    let Some(archive) = archive(&sources, packages) else { return };
    archive.put("g", "g_1-1_amd64.deb", &one);
    archive.put("g", "g_1-1_arm64.deb", &two);
    sources.fetches(&two, &["debian:g/1-1/g_1-1_arm64.deb"]);
    assert!(!archive.server.asked().iter().any(|it| it.path.contains("binary-amd64")));
    sources.fetches(&one, &["debian:g/1-1/g_1-1_amd64.deb"]);
}

#[test]
fn a_package_is_pinned_with_all_that_it_needs() {
    let sources = Sources::new();
    let Some(archive) = Archive::new(&sources, &[]) else { return };
    let entry = |name: &str, version: &str, architecture: &str, more: &str| {
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: A <a@example.org>\n\
             Description: a test\nFilename: pool/main/{name}_{architecture}.deb\nSize: 7\nSHA256: {}\n{more}\n\n",
            Sha256::of(name.as_bytes())
        )
    };
    let index = [
        entry("app", "1:2.0-1", "amd64", "Depends: lib (>= 3), data\nRecommends: extra"),
        entry("lib", "3.1-2", "amd64", ""),
        entry("data", "5", "all", ""),
        entry("extra", "1", "amd64", ""),
        entry("broken", "1", "amd64", "Depends: nowhere"),
    ];
    archive.release("stable", &[("main/binary-amd64/Packages", index.concat())]);
    let pinned = |args: &[&str]| {
        sources
            .stele
            .run(&[&["recipe", "add-debian", "--config", sources.config.to_str().unwrap()], args].concat())
    };
    let said = pinned(&["app"]);
    let sum = |name: &str| Sha256::of(name.as_bytes()).to_string();
    let expected = format!(
        "debian_binary(\n    \"app\",\n    \"1:2.0-1\",\n    size = 7,\n    sha256 = \"{}\",\n),\n\
         debian_binary(\n    \"data\",\n    \"5\",\n    size = 7,\n    sha256 = \"{}\",\n    \
         architecture = \"all\",\n),\n\
         debian_binary(\n    \"lib\",\n    \"3.1-2\",\n    size = 7,\n    sha256 = \"{}\",\n),",
        sum("app"),
        sum("data"),
        sum("lib")
    );
    assert_eq!(said.text(), expected, "{}", said.stderr);
    assert_eq!(pinned(&["--alone", "app"]).text().lines().count(), 6);
    // Only indexes were read.
    assert!(!archive.server.asked().iter().any(|it| it.path.ends_with(".deb")));
    for (name, part) in
        [("nothing", "nothing"), ("broken", "nowhere"), ("--yes", "cannot be the name"), ("a b", "cannot be")]
    {
        let said = pinned(&["--", name]);
        assert!(said.code != 0 && said.stderr.contains(part), "{name}: {}", said.stderr);
    }
}
