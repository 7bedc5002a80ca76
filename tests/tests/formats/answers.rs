//! The JSON answers have exactly the fields in the page's tables, with the types given there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;
use stele_tests::mounted::Mounted;
use stele_tests::workshop::Workshop;
use stele_tests::{Stele, wait_for};

use super::{page, rows};

/// Every field of an answer with its values; `a.b` is field `b` of the object `a`, `a[].b` that of its elements.
fn fields(value: &Value, place: &str, into: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                if !value.is_object() {
                    into.push((place.clone(), value.clone()));
                }
                fields(value, &place, into);
            }
        }
        Value::Array(values) => {
            let place = if place.is_empty() { String::new() } else { format!("{place}[]") };
            values.iter().filter(|value| value.is_object()).for_each(|value| fields(value, &place, into));
        }
        _ => {}
    }
}

/// Whether a value has a type in the page's notation.
fn is_of(value: &Value, kind: &str) -> bool {
    if let Some(kind) = kind.strip_suffix(" or null") {
        return value.is_null() || is_of(value, kind);
    }
    match kind {
        "number" | "bytes" | "time" | "seconds" => value.is_u64(),
        "text" | "path" => value.is_string(),
        "true or false" => value.is_boolean(),
        "list" | "list of texts" | "list of paths" => value.is_array(),
        // One of several texts, in quotation marks.
        _ => value.as_str().is_some_and(|text| kind.contains(&format!("`\"{text}\"`"))),
    }
}

/// All answers together have exactly the fields of the table under that heading.
#[track_caller]
fn assert_fields_match_the_page(heading: &str, answers: &[Value]) {
    let table = rows(&page(), heading);
    let field = |row: &Vec<String>| (row[0].trim_matches('`').to_owned(), row[1].clone());
    let said: BTreeMap<String, String> = table.iter().map(field).collect();
    let mut seen = Vec::new();
    answers.iter().for_each(|answer| fields(answer, "", &mut seen));
    for (name, value) in &seen {
        let kind = said.get(name).unwrap_or_else(|| panic!("{heading}: the page does not name {name}"));
        assert!(is_of(value, kind), "{heading}: {name} is {value}, not {kind}");
    }
    let seen: BTreeSet<&String> = seen.iter().map(|(name, _)| name).collect();
    assert_eq!(seen, said.keys().collect(), "{heading}");
}

/// One JSON value per line.
fn lines(stele: &Stele, args: &[&str]) -> Vec<Value> {
    let text = stele.ok(args);
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn filled() -> Stele {
    let stele = Stele::new();
    let folder = stele.scratch().join("folder");
    fs::create_dir_all(folder.join("below")).expect("a folder");
    fs::write(folder.join("below/large"), vec![7; 20_000]).expect("a file");
    fs::write(folder.join("small"), "small").expect("a file");
    symlink("two words", folder.join("link")).expect("a link");
    stele.ok(&["store", "add", "--root", "kept", folder.to_str().expect("a plain path")]);
    stele
}

#[test]
fn no_answer_has_a_field_that_the_page_does_not_name_or_lacks_one_that_it_does() {
    let stele = filled();
    let path = stele.scratch().join("folder/small").to_str().expect("a plain path").to_owned();
    let added = [
        stele.json(&["store", "add", &path]),
        stele.json(&["store", "add", "--root", "small", &path]),
        stele.json(&["store", "add", "--keep-for", "0", &path]),
    ];
    assert_fields_match_the_page("### `store add`", &added);
    assert!(added[0]["leased_until"].is_u64() && added[0]["root"].is_null());
    assert!(added[1]["leased_until"].is_null() && added[1]["root"] == "small");
    assert!(added[2]["leased_until"].is_null() && added[2]["root"].is_null());

    let listed = lines(&stele, &["--json", "store", "ls", "--recursive", "kept"]);
    assert_fields_match_the_page("### `store ls`, `store tree`", &listed);
    assert_eq!(listed, lines(&stele, &["--json", "store", "tree", "kept"]));
    let paths: Vec<&str> = listed.iter().filter_map(|entry| entry["path"].as_str()).collect();
    assert_eq!(paths, ["below", "below/large", "link", "small"]);
    assert_eq!(listed[2]["target"], "two\\x20words");

    let info = ["kept", "kept/small", "kept/below/large"].map(|it| stele.json(&["store", "info", it]));
    assert_fields_match_the_page("### `store info`", &info);

    let roots =
        [stele.json(&["store", "root", "add", "again", "kept"]), stele.json(&["store", "root", "ls"])];
    assert_fields_match_the_page("### `store root add`, `store root ls`", &roots);

    let collected = [stele.json(&["store", "gc", "--dry-run"]), stele.json(&["store", "gc"])];
    assert_fields_match_the_page("### `store gc`", &collected);

    assert_fields_match_the_page("### `store stats`", &[stele.json(&["store", "stats"])]);

    let mirror = format!("file:{path}");
    let added = stele.json(&["source", "add", "--name", "small.txt", &path]);
    let sha256 = added["sha256"].as_str().expect("text").to_owned();
    let fetched = stele.json(&["source", "fetch", "--sha256", &sha256, "--url", &mirror]);
    let listed = stele.json(&["source", "ls"]);
    let bundle = stele.scratch().join("bundle");
    let exported = stele.json(&["source", "export", "--all", bundle.to_str().expect("a plain path")]);
    assert_eq!(listed, exported);
    assert_fields_match_the_page(
        "### `source add`, `source fetch`, `source ls`, `source export`",
        &[added, fetched, listed, exported],
    );

    if let Some(mounted) = Mounted::on(filled()) {
        let other = tempfile::tempdir().expect("a folder");
        let path = other.path().to_str().expect("a plain path");
        let made = mounted.stele().json(&["mount", path]);
        assert_fields_match_the_page(
            "### `mount`, `mount ls`",
            &[made, mounted.stele().json(&["mount", "ls"])],
        );
        mounted.stele().ok(&["umount", path]);
    }

    let running = stele.json(&["daemon", "status"]);
    stele.ok(&["daemon", "stop"]);
    let stopped = stele.json(&["daemon", "status"]);
    assert_fields_match_the_page("### `daemon status`", &[running, stopped.clone()]);
    let null = stopped.as_object().expect("an object").values().filter(|value| value.is_null()).count();
    assert_eq!((stopped["running"].clone(), null), (false.into(), 7), "{stopped}");

    assert_fields_match_the_page("### `store rebuild-index`", &[stele.json(&["store", "rebuild-index"])]);
}

#[test]
fn answers_about_logs_and_traces_have_the_fields_of_the_page() {
    let shop = Workshop::new();
    shop.recipe("fails", &[], "echo begun; sleep 2; cat /none");
    let mut build = shop.begin(&["fails"]);
    wait_for("the build", || shop.stele.run(&["log", "fails"]).text().contains("begun"));
    let running = shop.stele.json(&["log", "fails"]);
    build.wait().expect("the build ends");
    assert_fields_match_the_page("### `log`", &[running, shop.stele.json(&["log", "fails"])]);
    let traced = shop.stele.run(&["--json", "trace", "fails"]).text();
    let traced = serde_json::from_str(traced.lines().last().expect("an answer")).expect("JSON");
    assert_fields_match_the_page("### `trace`", &[traced]);
}

#[test]
fn answers_about_recipes_have_the_fields_of_the_page() {
    let mut stele = Stele::new();
    let recipes = stele.scratch().join("recipes");
    stele.set_env("STELE_RECIPES", recipes.to_str().expect("a plain path"));
    let package = "debian_binary('gcc', '1', size = 7, sha256 = '1' * 64)";
    for (name, head, inputs, about) in [
        ("cc", "", "", ""),
        ("prog", "load('//pkgs/cc/recipe.star', 'cc')\n", "cc", "license = 'MIT', runtime = [cc]"),
    ] {
        let folder = recipes.join("pkgs").join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let call = format!(
            "{head}{name} = recipe(name = '{name}', version = '1', script = 'x', sources = [{package}], \
             inputs = [{inputs}], {about})"
        );
        fs::write(folder.join("recipe.star"), call).expect("a file");
    }
    let answers = ["cc", "prog"].map(|name| stele.json(&["info", name]));
    assert_fields_match_the_page("### `info`", &answers);
}

#[test]
fn a_finding_has_the_fields_of_the_page_and_the_exit_code_is_4() {
    let stele = filled();
    let info = stele.json(&["store", "info", "kept/below/large"]);
    let object = info["file"].as_str().expect("a large blob has a file");
    fs::set_permissions(object, fs::Permissions::from_mode(0o644)).expect("the mode");
    fs::write(object, vec![8; 20_000]).expect("damage");
    let outcome = stele.run(&["--json", "store", "verify"]);
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
    let verified: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    assert_fields_match_the_page("### `store verify`", std::slice::from_ref(&verified));
    let finding = &verified["findings"][0];
    assert_eq!(finding["used_by"][0], "kept/below/large");
    let moved_to = format!("quarantine/{}", info["digest"].as_str().expect("text"));
    assert!(finding["moved_to"].as_str().expect("a path").ends_with(&moved_to), "{finding}");
}

#[test]
fn every_exit_code_of_the_page_is_that_of_its_failure() {
    let codes: BTreeMap<String, i32> = rows(&page(), "## Exit codes")
        .iter()
        .filter(|row| row[1].starts_with('`'))
        .map(|row| (row[1].trim_matches('`').to_owned(), row[0].parse().expect("a number")))
        .collect();
    let stele = filled();
    stele.fails(&["store", "info", "nothing-of-that-name"], codes["not-found"]);
    stele.fails(&["store", "info", "deadbeef"], codes["not-found"]);
    stele.fails(&["store", "info", "a b"], codes["usage"]);
    stele.fails(&["store", "no-such-command"], codes["usage"]);
    stele.fails(&["store", "export", "kept", "/proc"], codes["failed"]);
    let object =
        stele.json(&["store", "info", "kept/below/large"])["file"].as_str().expect("a file").to_owned();
    fs::remove_file(object).expect("damage");
    stele.fails(&["store", "cat", "kept/below/large"], codes["corrupt"]);
    stele.ok(&["daemon", "stop"]);
    fs::write(stele.store().join("format"), "stele-store 2\n").expect("a later version");
    stele.fails(&["store", "info", "kept"], codes["failed"]);
    assert_eq!(fs::read_to_string(stele.store().join("format")).expect("format"), "stele-store 2\n");
}

#[test]
fn a_wrong_command_line_is_told_in_json_where_that_is_asked_for() {
    let stele = Stele::new();
    for (args, words) in [
        (&["store", "lss"][..], "unrecognized subcommand 'lss'"),
        (&["build", "--nothing"], "unexpected argument '--nothing' found"),
        (&["copy"], "required arguments were not provided"),
    ] {
        let outcome = stele.run(&[&["--json"], args].concat());
        let failure: serde_json::Value = serde_json::from_str(&outcome.stderr).expect("one object");
        assert_eq!((outcome.code, failure["kind"].as_str()), (2, Some("usage")), "{failure}");
        assert!(failure["message"].as_str().unwrap().contains(words), "{failure}");
        assert!(failure["hint"].as_str().unwrap().contains("Usage: "), "{failure}");
        assert!(stele.run(args).stderr.starts_with("error: "));
    }
    let help = stele.run(&["--json", "store", "--help"]);
    assert!(help.code == 0 && help.text().starts_with("Import, inspect"), "{}", help.text());
    // After `--` it is an argument.
    assert!(stele.run(&["--nothing", "--", "--json"]).stderr.starts_with("error: "));
}
