//! `stele seed` and `stele lineage`: the chain on the command line.

use std::process::Stdio;

use stele_tests::Stele;

use super::*;

fn recipes() -> String {
    top().join("recipes").to_str().expect("a plain path").to_owned()
}

#[test]
fn standard_tools_decode_the_printed_seed() {
    let stele = Stele::new();
    let mut print = stele.command(&["seed"]).stdout(Stdio::piped()).spawn().expect("the binary runs");
    let text = print.stdout.take().expect("its output");
    let decoded = printed(Command::new("sh").args(["-c", "sed 's/[;#].*//' | xxd -r -p"]).stdin(text));
    assert!(print.wait().expect("it ends").success());
    assert_eq!(decoded, seed());
    let json = stele.json(&["seed"]);
    assert_eq!(json["sha256"].as_str(), Some(Sha256::of(&seed()).to_string().as_str()));
    assert_eq!(json["text"].as_str(), Some(source().as_str()));
}

#[test]
fn the_lineage_of_a_link_is_the_chain_before_it_and_no_other_opaque_byte_than_the_seed_s() {
    let stele = Stele::new();
    let recipes = recipes();
    let lineage = || stele.json(&["lineage", "--recipes", &recipes, "hex2"]);
    let before = lineage();
    assert!(before["links"][2]["outputs"].as_object().expect("outputs").is_empty(), "{before}");
    stele.ok(&["build", "--recipes", &recipes, "hex2"]);
    let after = lineage();
    let links = after["links"].as_array().expect("links");
    let names: Vec<_> = links.iter().filter_map(|link| link["name"].as_str()).collect();
    assert_eq!(names, ["seed", "hex1", "hex2"]);
    assert_eq!(links[2]["with"], serde_json::json!(["hex1"]));
    assert_eq!(links[0]["outputs"]["out"]["bytes"], serde_json::json!(256));
    assert_eq!(after["opaque"], serde_json::json!({ "packages": 0, "seed": 256 }));
    let text = stele.ok(&["lineage", "--recipes", &recipes, "hex2"]);
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    assert!(last[2].ends_with("0 in prebuilt packages, 256 hand-written"), "{text}");
    assert!(last[1].starts_with("trusted, not built here: the kernel (Linux "), "{text}");
    assert!(
        stele.fails(&["lineage", "--recipes", &recipes, "none"], 3).contains("there is no recipe `none`")
    );
}
