//! `stele check`: rounds of builds under varied conditions, and the record of them.

use serde_json::Value;
use stele_tests::workshop::Workshop;

/// What it prints as JSON, and its exit code.
#[track_caller]
fn check(shop: &Workshop, args: &[&str]) -> (Value, i32) {
    let run = shop.stele.run(&[&["check", "--json"], args].concat());
    // Events come before it.
    let record = serde_json::from_str(run.text().lines().last().unwrap_or_default());
    (record.unwrap_or_else(|error| panic!("{error}: {}", run.stderr)), run.code)
}

/// The paths that differ in a round, counted from 1.
fn paths(record: &Value, round: usize) -> Vec<&str> {
    let paths = record["rounds"][round - 1]["paths"].as_array();
    paths.into_iter().flatten().filter_map(|it| it["path"].as_str()).collect()
}

#[test]
fn a_recipe_without_a_check_has_no_record() {
    let shop = Workshop::new();
    shop.recipe("same", &[], "echo same > $OUT/x");
    shop.stele.fails(&["check", "--last", "same"], 3);
    shop.build("same");
    let said = shop.stele.fails(&["check", "--last", "same"], 3);
    assert!(said.contains("`stele check same`"), "{said}");
}

#[test]
fn a_reproducible_recipe_is_built_first_and_then_in_every_round() {
    let shop = Workshop::new();
    shop.recipe("same", &[], "for n in 3 1 2; do echo $n; done | sort > $OUT/x");
    let (record, code) = check(&shop, &["same", "--rounds", "3"]);
    assert_eq!((code, &record["reproducible"], &record["version"]), (0, &Value::Bool(true), &1.into()));
    let results: Vec<&Value> = record["rounds"].as_array().unwrap().iter().map(|it| &it["result"]).collect();
    assert_eq!(results, ["same", "same", "same"]);
    assert_eq!(record["outputs"]["out"], shop.build("same"));
    let text = shop.stele.ok(&["check", "--last", "same"]);
    assert!(text.ends_with("same is reproducible"), "{text}");
    assert_eq!(check(&shop, &["--last", "same"]), (record, 0));
}

#[test]
fn what_depends_on_each_fixed_vector_differs_from_the_second_round_on_and_is_not_recorded() {
    let shop = Workshop::new();
    shop.recipe(
        "nosy",
        &[],
        "cd $OUT
mkdir /build/many; for n in 1 2 3 4 5 6 7 8; do echo > /build/many/$n; done
(cd /build/many; busybox find . > $OUT/order)
cat /proc/sys/kernel/hostname > host
busybox uname -r > release
busybox nproc > processors
busybox free > memory
cat /proc/uptime > uptime
umask > umask
echo $TZ $LC_ALL > environment
sed -n '/stack/s/-.*//p' /proc/self/maps > stack",
    );
    let before = shop.build("nosy");
    let (record, code) = check(&shop, &["nosy"]);
    assert_eq!((code, &record["reproducible"]), (1, &Value::Bool(false)));
    assert_eq!(record["rounds"][0]["result"], "same", "{record:#}");
    let expected =
        ["environment", "host", "memory", "order", "processors", "release", "stack", "umask", "uptime"];
    assert_eq!(paths(&record, 2), expected, "{record:#}");
    // What a round made is not the recipe's output, and can be looked at.
    assert_eq!(shop.build("nosy"), before);
    let digest = record["rounds"][1]["digest"].as_str().unwrap();
    let run = shop.stele.run(&["diff", &before, digest]);
    assert!(run.code == 1 && run.text().contains("+check-2"), "{}", run.text());
}

#[test]
fn what_the_sandbox_lets_through_differs_in_the_first_round() {
    let shop = Workshop::new();
    shop.recipe_of_machine(
        "clock",
        &[],
        "busybox date +%s.%N > $OUT/when; dd if=/dev/urandom of=$OUT/noise bs=32 count=1",
    );
    let run = shop.stele.run(&["check", "clock", "--rounds", "1"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.text().contains("changed noise, probably random-looking bytes"), "{}", run.text());
    assert!(run.text().ends_with("clock is not reproducible"), "{}", run.text());
}

#[test]
fn a_round_in_which_the_build_fails_is_part_of_the_record() {
    let shop = Workshop::new();
    shop.recipe("strict", &[], "test $(umask) = 0022; echo fine > $OUT/x");
    let (record, code) = check(&shop, &["strict"]);
    assert_eq!((code, &record["rounds"][0]["result"]), (1, &Value::from("same")), "{record:#}");
    assert_eq!(record["rounds"][1]["result"], "failed");
    assert!(record["rounds"][1]["error"].as_str().unwrap().contains("status 1"), "{record:#}");
    // Nor is that the recipe's last build.
    assert_eq!(shop.stele.json(&["log", "strict"])["failed"], Value::Null);
}

#[test]
fn what_a_recipe_sets_itself_is_not_varied() {
    let shop = Workshop::new();
    shop.put(
        "pkgs/zone/recipe.star",
        "load('//pkgs/box/recipe.star', 'box')
zone = recipe(name = 'zone', version = '1', inputs = [box], env = {'TZ': 'UTC0'}, script = 'echo $TZ > $OUT/x')
",
    );
    let (record, code) = check(&shop, &["zone"]);
    assert_eq!(code, 0, "{record:#}");
}
