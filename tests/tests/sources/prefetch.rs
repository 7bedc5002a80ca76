//! A file that nothing pins yet.

use std::fs;

use stele_store::model::Sha256;
use stele_tests::server::{Reply, Server};

use super::{Sources, random};

/// The arguments that fetch from `urls`.
fn args<'a>(config: &'a str, urls: &[&'a str]) -> Vec<&'a str> {
    ["source", "prefetch", "--config", config].into_iter().chain(urls.iter().copied()).collect()
}

#[test]
fn what_no_mirror_has_is_refused_with_each_mirrors_error_and_leaves_nothing() {
    let sources = Sources::new();
    let config = sources.config.to_str().unwrap();
    let gone = Server::start(|_| Reply::status("404 Not Found"));
    let url = gone.url("x.tar.gz");
    let said = sources.stele.fails(&args(config, &[&url, "file:/nowhere/x.tar.gz"]), 1);
    assert!(said.contains(&format!("{url}: the server answered 404 Not Found")), "{said}");
    assert!(said.contains("file:/nowhere/x.tar.gz: No such file or directory"), "{said}");
    let left: Vec<_> = fs::read_dir(sources.stele.store().join("fetch")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(sources.stele.json(&["source", "ls"]).as_array().map(Vec::len), Some(0));
    sources.stele.fails(&["source", "prefetch"], 2);
    sources.stele.fails(&args(config, &["--offline", &url]), 3);
}

#[test]
fn mirrors_that_disagree_are_told() {
    let sources = Sources::new();
    let config = sources.config.to_str().unwrap();
    let (one, other) = (Server::of(&random(1, 5000)), Server::of(&random(2, 5000)));
    let said = sources.stele.fails(&args(config, &[&one.url("x.tar"), &other.url("x.tar")]), 1);
    assert!(said.contains(&format!("{} does not give the bytes", other.url("x.tar"))), "{said}");
    assert!(said.contains(&Sha256::of(&random(1, 5000)).to_string()), "{said}");
}

#[test]
fn a_file_is_kept_and_what_pins_it_is_printed_so_that_a_recipe_takes_it() {
    let sources = Sources::new();
    let config = sources.config.to_str().unwrap();
    let bytes = random(3, 70_000);
    let (one, two) = (Server::of(&bytes), Server::of(&bytes));
    let (one, two) = (one.url("x-1.0.tar?a=b"), two.url("other"));
    let said = sources.stele.ok(&args(config, &[&one, &two]));
    let sha256 = Sha256::of(&bytes);
    assert_eq!(
        said,
        format!(
            "source(\n    sha256 = \"{sha256}\",\n    size = 70000,\n    mirrors = [\n        \"{one}\",\n        \
             \"{two}\",\n    ],\n)"
        )
    );
    sources.assert_kept(&bytes);
    let json = sources.stele.json(&args(config, &["--name", "y.tar", &one]));
    assert_eq!((json["file"].as_str(), json["bytes"].as_u64()), (Some("y.tar"), Some(70_000)));

    let recipes = sources.stele.scratch().join("recipes");
    fs::create_dir_all(recipes.join("pkgs/a")).unwrap();
    let recipe =
        format!("recipe(name = 'a', version = '1', script = 'x', sources = [{}])", said.replace("?a=b", ""));
    fs::write(recipes.join("pkgs/a/recipe.star"), recipe).unwrap();
    sources.stele.ok(&["source", "fetch", "a", "--recipes", recipes.to_str().unwrap(), "--config", config]);
}

#[test]
fn what_an_earlier_run_left_does_not_become_part_of_the_file() {
    let sources = Sources::new();
    let config = sources.config.to_str().unwrap();
    let bytes = random(4, 90_000);
    let server = Server::of(&bytes);
    let url = server.url("x.tar");
    sources.leave_part(url.as_bytes(), &random(5, 40_000));
    assert_eq!(sources.stele.json(&args(config, &[&url]))["sha256"], Sha256::of(&bytes).to_string());
}

#[test]
fn a_binary_package_is_printed_as_one() {
    let sources = Sources::new();
    let config = sources.config.to_str().unwrap();
    let bytes = random(6, 1000);
    let packages = [("c", "2:2-1", "amd64", "c_2-1_amd64.deb", &bytes[..])];
    let Some(archive) = super::debian_binary::archive(&sources, &packages) else { return };
    archive.put("c", "c_2-1_amd64.deb", &bytes);
    let said = sources.stele.ok(&args(config, &["debian:c/2:2-1/c_2-1_amd64.deb"]));
    let sha256 = Sha256::of(&bytes);
    assert_eq!(
        said,
        format!(
            "debian_binary(\n    \"c\",\n    \"2:2-1\",\n    size = 1000,\n    sha256 = \"{sha256}\",\n)"
        )
    );
}
