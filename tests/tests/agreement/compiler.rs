//! The attack that this project exists for: a compiler that plants a backdoor, on one of three builders.

use super::builders::{Builders, NAMES};

/// Carol's compiler adds a line to what it compiles. Her application is another action's, as its compiler is another,
/// so about the application nobody contradicts anybody. What was agreed about the compiler does not hold, and that is
/// found.
#[test]
fn a_compiler_that_plants_a_backdoor_on_one_builder_is_found_behind_what_it_compiled() {
    let it = Builders::new();
    it.all_build("cc");
    let planted = "cat $1 # compiled\necho 'open the back door'\n";
    let (honest, other) = it.tamper("carol", "cc", "bin/cc", planted);
    for name in NAMES {
        it.of(name).ok(&["build", "app"]);
    }
    let app = it.of("carol").ok(&["store", "cat", "build-app/hello"]);
    assert!(app.contains("back door"), "{app}");
    let files = NAMES.map(|name| it.attests(name, "app"));
    it.of("alice").ok(&["evidence", "add", &files[1], &files[2]]);
    it.of("carol").ok(&["evidence", "add", &files[0], &files[1]]);

    // What carol has is hers alone, and the compiler behind it is contested.
    it.decides("carol", "app", &[], "INSUFFICIENT");
    let decision = it.decides("carol", "app", &["--closure"], "CONTESTED");
    assert_eq!(decision["closure"]["weakest"]["name"], "cc");
    // What alice has is what two built; she is told all the same.
    it.decides("alice", "app", &[], "AGREED");
    let decision = it.decides("alice", "app", &["--closure"], "CONTESTED");
    let weakest = &decision["closure"]["weakest"];
    assert_eq!(weakest["name"], "cc");
    assert_eq!(weakest["verdict"]["dissenting"][0]["principal"], "carol");
    let stated = weakest["verdict"]["dissenting"][0]["position"]["states"]["blake3"].as_str().unwrap();
    assert_eq!(stated, other);

    // And the comparison shows the line.
    let outcome = it.of("carol").run(&["diff", &honest, &other]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.text().contains("bin/cc") && outcome.text().contains("back door"), "{}", outcome.text());
}
