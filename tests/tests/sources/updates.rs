//! `recipe update`: newer versions are found, and pins are rewritten where they stand.

use std::fs;

use stele_store::model::Sha256;

use stele_tests::server::{Reply, Server};

use super::debian::Archive;
use super::{Sources, random};

/// A server of these files.
fn serve(files: &[(&str, &[u8])]) -> Server {
    let files: Vec<(String, Vec<u8>)> =
        files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
    Server::start(move |asked| match files.iter().find(|(path, _)| *path == asked.path) {
        Some((_, bytes)) => Reply::file(asked, bytes),
        None => Reply::status("404 Not Found"),
    })
}

/// A recipe with this source, in a tree that the commands find.
fn recipe(sources: &mut Sources, watch: &str, mirrors: &[&str], bytes: &[u8]) -> std::path::PathBuf {
    let tree = sources.stele.scratch().join("recipes");
    let file = tree.join("pkgs/tool/recipe.star");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    sources.stele.set_env("STELE_RECIPES", tree.to_str().unwrap());
    let config = sources.config.to_str().unwrap().to_owned();
    sources.stele.set_env("STELE_CONFIG", &config);
    let mirrors: String = mirrors.iter().map(|it| format!("            \"{it}\",\n")).collect();
    let (size, sum) = (bytes.len(), Sha256::of(bytes));
    let text = format!(
        "# Kept as it is: \"1.2\" and {size}.5\ntool = recipe(\n    name = \"tool\",\n    version = \"1.2\",\n    \
         {watch}\n"
    ) + &format!(
        "    script = \"make 1.2\",\n    sources = [source(\n        sha256 = \"{sum}\",\n        size = {size},\n"
    ) + &format!("        mirrors = [\n{mirrors}        ],\n    )],\n)\n");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_newer_version_on_a_page_is_pinned_where_the_old_one_was() {
    let mut sources = Sources::new();
    let (old, new) = (random(200, 4000), random(201, 5000));
    let page =
        b"<a href='tool-1.2.tar.gz'>x</a> <a href=tool-1.10.tar.gz> tool-2.0-rc1.tar.gz tool-1.9.tar.gz";
    let server =
        serve(&[("/tool/tool-1.2.tar.gz", &old), ("/tool/tool-1.10.tar.gz", &new), ("/tool/", page)]);
    let (page, mirror) = (server.url("tool/"), server.url("tool/tool-1.2.tar.gz"));
    let file = recipe(&mut sources, &format!("watch = \"{page}\","), &[&mirror], &old);
    let before = fs::read_to_string(&file).unwrap();
    let said = sources.stele.ok(&["recipe", "update", "--dry-run", "--all"]);
    assert_eq!(said, "tool  1.2 -> 1.10");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    let said = sources.stele.ok(&["recipe", "update", "tool"]);
    assert_eq!(said, "tool  1.2 -> 1.10  pkgs/tool/recipe.star");
    let after = fs::read_to_string(&file).unwrap();
    let expected = before
        .replace("version = \"1.2\"", "version = \"1.10\"")
        .replace("tool-1.2.tar", "tool-1.10.tar")
        .replace(&Sha256::of(&old).to_string(), &Sha256::of(&new).to_string())
        .replace("size = 4000", "size = 5000");
    assert_eq!(after, expected);
    // The source is in the store, and nothing is newer.
    sources.assert_kept(&new);
    assert_eq!(sources.stele.ok(&["recipe", "update", "tool"]), "tool  1.10 is the newest");
}

#[test]
fn debian_tells_of_newer_versions_too() {
    let mut sources = Sources::new();
    let (old, new) = (random(202, 4000), random(203, 5000));
    let Some(archive) = Archive::new(&sources, &[("tool", "1:1.2-3", &[("tool_1.2.orig.tar.gz", &old)])])
    else {
        return;
    };
    archive.put("tool", "tool_1.2.orig.tar.gz", &old);
    let mirrors = ["debian:tool/1:1.2-3/tool_1.2.orig.tar.gz", "https://nowhere.invalid/tool-1.2.tar.gz"];
    let file = recipe(&mut sources, "watch = \"debian:tool\",", &mirrors, &old);
    assert_eq!(sources.stele.ok(&["recipe", "update", "tool"]), "tool  1.2 is the newest");
    let Some(archive) = Archive::new(&sources, &[("tool", "1:1.3-1", &[("tool_1.3.orig.tar.gz", &new)])])
    else {
        return;
    };
    archive.put("tool", "tool_1.3.orig.tar.gz", &new);
    let said = sources.stele.ok(&["recipe", "update", "tool"]);
    assert_eq!(said, "tool  1.2 -> 1.3  pkgs/tool/recipe.star");
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.contains("\"debian:tool/1:1.3-1/tool_1.3.orig.tar.gz\","), "{after}");
    assert!(after.contains("\"https://nowhere.invalid/tool-1.3.tar.gz\","), "{after}");
    assert!(after.contains(&Sha256::of(&new).to_string()) && after.contains("size = 5000"), "{after}");
}

#[test]
fn what_cannot_be_updated_says_why_and_changes_nothing() {
    let mut sources = Sources::new();
    let old = random(204, 4000);
    // Its second page names a version that no mirror has.
    let server = serve(&[
        ("/page/", b"tool-1.2.tar.gz tool-1.3.tar.gz"),
        ("/moved/", b"Our new site: tools-2.0.tar.gz"),
    ]);
    let mirror = server.url("tool-1.2.tar.gz");
    let file = recipe(&mut sources, "", &[&mirror], &old);
    let before = fs::read_to_string(&file).unwrap();
    let said = sources.stele.fails(&["recipe", "update", "tool"], 2);
    assert!(said.contains("does not say where newer versions are announced"), "{said}");
    // All means those that say it.
    assert_eq!(sources.stele.ok(&["recipe", "update", "--all"]), "");
    let page = server.url("gone/");
    recipe(&mut sources, &format!("watch = \"{page}\","), &[&mirror], &old);
    let said = sources.stele.fails(&["recipe", "update", "tool"], 3);
    assert!(said.contains("404") && said.contains(&page), "{said}");
    let page = server.url("page/");
    let file = recipe(&mut sources, &format!("watch = \"{page}\","), &[&mirror], &old);
    let said = sources.stele.fails(&["recipe", "update", "tool"], 3);
    assert!(said.contains("tool-1.3.tar.gz could not be fetched"), "{said}");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        before.replace("    \n", &format!("    watch = \"{page}\",\n"))
    );
    sources.stele.fails(&["recipe", "update", "--offline", "tool"], 3);
    // A page that does not know the version that is there is no good news.
    let moved = server.url("moved/");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace(&page, &moved)).unwrap();
    let said = sources.stele.fails(&["recipe", "update", "tool"], 3);
    assert!(said.contains("does not have version 1.2"), "{said}");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace(&moved, &page)).unwrap();
    let option = fs::read_to_string(&file).unwrap().replace(&page, "debian:-oDir::Bin::dpkg=x");
    fs::write(&file, option).unwrap();
    let said = sources.stele.fails(&["recipe", "update", "tool"], 1);
    assert!(said.contains("recipe.star"), "{said}");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("debian:-oDir::Bin::dpkg=x", &page)).unwrap();
    sources.stele.fails(&["recipe", "update", "nothing"], 3);
    let wrong = fs::read_to_string(&file).unwrap().replace(&page, "ftp://x");
    fs::write(&file, wrong).unwrap();
    sources.stele.fails(&["recipe", "update", "tool"], 1);
}
