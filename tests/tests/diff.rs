//! `stele diff`, over the daemon: what it takes, what it answers, and its exit codes.

use std::fs;
use std::process::Command;

use serde_json::Value;
use stele_tests::workshop::Workshop;
use stele_tests::{Stele, skip};

/// Adds a folder with a file; its digest.
fn add(stele: &Stele, name: &str, content: &[u8]) -> String {
    let folder = stele.scratch().join(name);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("file"), content).unwrap();
    let text = stele.ok(&["store", "add", folder.to_str().unwrap(), "--root", name]);
    text.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn equal_trees_print_nothing_and_exit_with_0() {
    let stele = Stele::new();
    let digest = add(&stele, "one", b"x\n");
    let run = stele.run(&["diff", "one", &digest]);
    assert_eq!((run.code, run.text().as_str()), (0, ""), "{}", run.stderr);
}

#[test]
fn trees_that_differ_exit_with_1_and_say_how() {
    let stele = Stele::new();
    add(&stele, "one", b"a\nat 12:01:02\n");
    add(&stele, "two", b"a\nat 12:03:04\n");
    let run = stele.run(&["diff", "one", "two"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.text().starts_with("! file (text)\n  probably a timestamp"), "{}", run.text());
    // A file by itself.
    let run = stele.run(&["diff", "one/file", "two/file"]);
    assert!(run.code == 1 && run.text().contains("+at 12:03:04"), "{}", run.text());
    let json: Value = serde_json::from_str(&stele.run(&["diff", "one", "two", "--json"]).text()).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["counts"]["changed"], 1);
    assert_eq!(json["differences"][0]["guess"]["cause"], "timestamp");
}

#[test]
fn what_is_not_there_or_cannot_be_compared_has_the_usual_exit_codes() {
    let stele = Stele::new();
    add(&stele, "one", b"x\n");
    let said = stele.fails(&["diff", "one", "absent"], 3);
    assert!(said.contains("there is no root, built recipe or image named absent"), "{said}");
    let said = stele.fails(&["diff", "one", "one/file"], 2);
    assert!(said.contains("is a directory") && said.contains("is a file"), "{said}");
    stele.fails(&["diff", "one", "../x"], 2);
}

#[test]
fn damaged_content_is_an_error_and_no_difference() {
    let stele = Stele::new();
    let large = |byte: u8| vec![byte; 300_000];
    add(&stele, "one", &large(1));
    add(&stele, "two", &large(2));
    let info: Value = serde_json::from_str(&stele.ok(&["store", "info", "one/file", "--json"])).unwrap();
    let object = info["file"].as_str().unwrap().to_owned();
    stele.ok(&["daemon", "stop"]);
    let mut permissions = fs::metadata(&object).unwrap().permissions();
    #[allow(clippy::permissions_set_readonly_false)]
    permissions.set_readonly(false);
    fs::set_permissions(&object, permissions).unwrap();
    let mut bytes = large(1);
    bytes[200_000] = 9;
    fs::write(&object, bytes).unwrap();
    let said = stele.fails(&["diff", "one", "two"], 4);
    assert!(said.contains("is corrupt"), "{said}");
}

#[test]
fn the_name_of_a_built_recipe_is_its_output_and_a_rebuild_names_a_cause() {
    let shop = Workshop::new();
    shop.recipe(
        "clock",
        &[],
        "date > $OUT/when 2>/dev/null || cat /proc/self/stat > $OUT/when; echo same > $OUT/same",
    );
    shop.recipe_of_machine("noise", &[], "dd if=/dev/urandom of=$OUT/bytes bs=64 count=1");
    shop.build("clock");
    let before = shop.build("noise");
    let run = shop.stele.run(&["diff", "clock", "noise"]);
    assert!(run.code == 1 && run.text().contains("- same"), "{}", run.text());
    assert_eq!(shop.stele.run(&["diff", "noise", &before]).code, 0);
    let said = shop.stele.fails(&["build", "--rebuild", "noise"], 1);
    assert!(said.contains("bytes (probably random-looking bytes)"), "{said}");
    // The hint can be run.
    let now = said.split("this build made ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    assert!(said.contains(&format!("`stele diff {before} {now}`")), "{said}");
    assert_eq!(shop.stele.run(&["diff", &before, &now]).code, 1);
}

#[test]
fn a_page_is_written_by_diffoscope() {
    if Command::new("diffoscope").arg("--version").output().is_err() {
        return skip("diffoscope is not installed");
    }
    let stele = Stele::new();
    add(&stele, "one", b"first\n");
    add(&stele, "two", b"second\n");
    let page = stele.scratch().join("page.html");
    let run = stele.run(&["diff", "one", "two", "--html", page.to_str().unwrap()]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("econd") && text.contains("file"));
    let run = stele.run(&["diff", "one", "one", "--html", page.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(fs::read_to_string(&page).unwrap().contains("No difference"));
}
