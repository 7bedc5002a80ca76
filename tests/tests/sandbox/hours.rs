//! The clock and the random numbers of a build, and what programs do while the supervisor answers for the kernel.

use stele_tests::sandboxed::Tree;

use super::compiled;

/// What a build does with the profile's clock as with the machine's.
const BOTH: [&str; 14] = [
    "condition",
    "semaphore",
    "sleeping",
    "timer_of_descriptor",
    "timer",
    "going_on",
    "newer",
    "set_times",
    "thread_starts",
    "killed",
    "signals",
    "stopped",
    "debugger",
    "arguments",
];

/// The text of a recipe with a fixed clock.
const FIXED: &str = ", special = [\"fixed-clock\"]";

/// What each of them says, in a build whose recipe has `more`. `None` where nothing can be built.
fn said(more: &str, names: &[&str]) -> Option<Vec<(String, String)>> {
    let tree = Tree::new()?;
    let program = compiled("hours")?;
    let mut script = "b=/bin/busybox; /bin/hours".to_owned();
    names.iter().for_each(|name| script.push_str(&format!(" {name}")));
    script.push_str(" </dev/null >/out/said");
    let steps = format!("{:?}", ["/bin/busybox", "sh", "-c", &script]);
    let busybox = std::path::Path::new(stele_tests::sandboxed::BUSYBOX);
    tree.put("hours", &[&program, busybox], &format!("steps = [{steps}]{more}"));
    tree.ok("hours");
    let text = tree.file("hours", "said");
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    Some(lines.map(|(name, said)| (name.to_owned(), said.to_owned())).collect())
}

#[track_caller]
fn all_ok(more: &str, names: &[&str]) {
    let Some(said) = said(more, names) else { return };
    let wrong: Vec<_> = said.iter().filter(|(_, said)| said != "ok").collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    // Programs that some of these start say no more.
    let run = said.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "nothing");
    let run: Vec<&str> = run.collect();
    assert_eq!(run, names);
}

#[test]
fn programs_wait_for_dates_start_each_other_and_are_debugged_as_on_any_machine() {
    all_ok(FIXED, &BOTH);
    all_ok(FIXED, &["no_vdso", "other_bytes"]);
}

#[test]
fn a_build_has_the_machines_clock_unless_its_recipe_wants_a_fixed_one() {
    all_ok("", &BOTH);
    all_ok(", special = [\"real-random\"]", &BOTH);
    all_ok("", &["todays_date", "other_bytes"]);
    // The controls.
    let Some(fixed) = said(FIXED, &["todays_date"]) else { return };
    assert_eq!(fixed, [("todays_date".to_owned(), "it is long ago".to_owned())]);
    let Some(told) = said("", &["no_vdso"]) else { return };
    assert_eq!(told, [("no_vdso".to_owned(), "it is told".to_owned())]);
}

#[test]
fn two_builds_have_the_same_random_numbers_unless_the_recipe_wants_the_machines() {
    let Some(tree) = Tree::new() else { return };
    let script =
        "head -c 40 /dev/urandom >/out/x; head -c 40 /dev/random >>/out/x; mktemp -d /tmp/XXXXXX >/dev/null";
    tree.script("fixed", script);
    let steps = stele_tests::sandboxed::shell(script);
    let busybox = std::path::Path::new(stele_tests::sandboxed::BUSYBOX);
    tree.put("real", &[busybox], &format!("steps = [{steps}], special = [\"real-random\"]"));
    tree.ok("fixed");
    tree.ok("real");
    assert_eq!(tree.build("fixed", &["--rebuild"]).code, 0);
    assert_eq!(tree.build("real", &["--rebuild"]).code, 1);
}

#[test]
fn nothing_else_is_special() {
    let Some(tree) = Tree::new() else { return };
    tree.put("x", &[], "steps = [[\"/x\"]], special = [\"real-memory\"]");
    let said = tree.fails("x", &[], 1);
    assert!(said.contains("fixed-clock, real-random"), "{said}");
}
