//! Other stores, which are queried first: honest ones, and others.

use stele_tests::Stele;
use stele_tests::workshop::Workshop;

/// A second store, with the same recipes.
fn second(first: &Workshop) -> Stele {
    let mut stele = Stele::new();
    stele.set_env("STELE_RECIPES", first.path().to_str().unwrap());
    stele
}

#[test]
fn outputs_that_another_store_has_are_not_built() {
    let shop = Workshop::new();
    let script = "echo said this; echo a > $OUT/a; ln -s a $OUT/link
        mkdir $OUT/d; echo x > $OUT/d/x; chmod +x $OUT/d/x";
    shop.recipe("a", &[], script);
    let digest = shop.build("a");
    let other = second(&shop);
    let from = shop.stele.store().to_str().unwrap();
    let outcome = other.run(&["build", "a", "--substituter", from]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.text().starts_with(&digest));
    assert!(
        outcome.stderr.contains("substituted a from") && !outcome.stderr.contains("built"),
        "{}",
        outcome.stderr
    );
    other.assert_sound();
    // It is remembered like a local build.
    assert_eq!(other.run(&["build", "a"]).stderr, "");
    assert_eq!(other.run(&["build", "a", "--rebuild"]).code, 0);
}

#[test]
fn a_socket_will_do() {
    let shop = Workshop::new();
    let digest = shop.build("box");
    let other = second(&shop);
    let socket = shop.stele.store().join("socket");
    let outcome = other.run(&["build", "box", "--substituter", socket.to_str().unwrap()]);
    assert!(outcome.text().starts_with(&digest), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("substituted box"), "{}", outcome.stderr);
}

#[test]
fn damaged_content_there_is_refused_and_built_here() {
    let shop = Workshop::new();
    // Nothing that the other store has anyway, as it has local files of recipes.
    shop.recipe("a", &[], "for i in $(seq 9000); do echo $i; done > $OUT/a");
    let digest = shop.build("a");
    let object = shop.stele.json(&["store", "info", "build-a/a"])["file"].clone();
    let object = std::path::PathBuf::from(object.as_str().unwrap());
    let mut bytes = std::fs::read(&object).unwrap();
    bytes[1000] ^= 1;
    let replaced = shop.stele.scratch().join("replaced");
    std::fs::write(&replaced, bytes).unwrap();
    std::fs::rename(&replaced, &object).unwrap();
    let other = second(&shop);
    let from = shop.stele.store().to_str().unwrap();
    let outcome = other.run(&["build", "a", "--substituter", from]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("cannot be substituted from") && outcome.stderr.contains("built a"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.text().starts_with(&digest));
    other.assert_sound();
}

#[test]
fn an_invalid_substituter_is_reported_before_anything_is_built() {
    let shop = Workshop::new();
    let said = shop.stele.fails(&["build", "box", "--substituter", "/nowhere/at/all"], 3);
    assert!(said.contains("/nowhere/at/all"), "{said}");
}

#[test]
fn an_empty_substituter_does_not_hinder_a_build() {
    let shop = Workshop::new();
    let empty = Stele::new();
    empty.add(shop.path());
    let outcome = shop.stele.run(&["build", "box", "--substituter", empty.store().to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("built box"), "{}", outcome.stderr);
}

#[test]
fn no_source_is_fetched_for_a_substituted_output_even_if_only_that_is_left_there() {
    let shop = Workshop::new();
    let (folder, archive) = (shop.stele.scratch().join("s-1"), shop.stele.scratch().join("s.tar"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("file"), "of the source\n").unwrap();
    // Otherwise the output would be the unpacked source itself.
    std::fs::write(folder.join("other"), "of no use\n").unwrap();
    let mut tar = std::process::Command::new("tar");
    tar.args(["-C", shop.stele.scratch().to_str().unwrap(), "-cf", archive.to_str().unwrap(), "s-1"]);
    assert!(tar.status().unwrap().success());
    let added = shop.stele.json(&["source", "add", archive.to_str().unwrap()]);
    let sha256 = added["sha256"].as_str().unwrap();
    let recipe = |name: &str, script: &str| {
        let source = format!(
            "source(sha256 = '{sha256}', name = 's.tar', mirrors = ['https://mirror.invalid/s.tar'], strip = 1)"
        );
        shop.put(
            &format!("pkgs/{name}/recipe.star"),
            &format!(
                "load('//pkgs/box/recipe.star', 'box')\n{name} = recipe(name = '{name}', version = '1', \
                      inputs = [box], sources = [{source}], script = '{script}')\n"
            ),
        );
    };
    recipe("a", "cp /src/file $OUT/file");
    let digest = shop.build("a");
    // The unpacked source, the merged root and the build inputs are only remembered.
    shop.stele.ok(&["store", "gc", "--end-leases"]);
    let other = second(&shop);
    let from = shop.stele.store().to_str().unwrap();
    let outcome = other.run(&["build", "a", "--offline", "--substituter", from]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.text(), format!("{digest}  a"));
    assert!(!outcome.stderr.contains("box"), "{}", outcome.stderr);
    other.assert_sound();
    // From now on it is known here.
    assert_eq!(other.run(&["build", "a", "--offline"]).stderr, "");
    // What it lacks is built, and that needs the source.
    recipe("a", "cp /src/file $OUT/other");
    let said = other.fails(&["build", "a", "--offline", "--substituter", from], 3);
    assert!(said.contains("s.tar"), "{said}");
}
