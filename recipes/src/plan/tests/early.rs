//! What changed is built, and no more.

use super::*;

/// An output that depends on the recipe's name only.
fn same(made: &OutputTrees) -> impl Fn(&Recipe) -> TreeId + '_ {
    |recipe| made.tree_of(&format!("usr/{}", recipe.name), "x")
}

/// An output that depends on the recipe's script.
fn by_script(made: &OutputTrees) -> impl Fn(&Recipe) -> TreeId + '_ {
    |recipe| made.tree_of(&format!("usr/{}", recipe.name), &recipe.steps[0][3])
}

const CHAIN: [(&str, &str, &str); 4] = [("a", "a", ""), ("b", "b", "a"), ("c", "c", "b"), ("d", "d", "a c")];

#[test]
fn nothing_built_is_all_to_build_in_order() {
    let made = OutputTrees::default();
    let plan = plan(&recipes(&CHAIN), &[name("d")], 1, &made).unwrap();
    assert_eq!(to_build(&plan), ["a*", "b", "c", "d"]);
    assert!(plan.steps.iter().all(|step| step.state == State::Build(Why::Never)));
}

#[test]
fn what_is_there_is_not_built_again() {
    let (made, recipes) = (OutputTrees::default(), recipes(&CHAIN));
    assert_eq!(made.build(&recipes, "d", by_script(&made)), ["a", "b", "c", "d"]);
    assert_eq!(made.build(&recipes, "d", |_| unreachable!("it is there")), [""; 0]);
    let plan = plan(&recipes, &[name("d")], 1, &made).unwrap();
    assert!(plan.steps.iter().all(|step| step.state == State::Done));
    assert!(plan.roots.is_empty(), "merged roots are remembered");
}

#[test]
fn a_comment_or_a_description_plans_nothing() {
    let made = OutputTrees::default();
    let tree = |more: &str| {
        let mut files = InMemoryFiles::default();
        files.put(
            "pkgs/a/recipe.star",
            format!(
                "# {more}\nrecipe(name = 'a', version = '1{more}', script = 'a', description = 'x{more}')"
            ),
        );
        evaluate_all(&files).unwrap()
    };
    made.build(&tree(""), "a", same(&made));
    assert_eq!(to_build(&plan(&tree("9"), &[name("a")], 1, &made).unwrap()), [""; 0]);
}

#[test]
fn a_change_is_built_with_all_above_it_and_the_reason_is_said() {
    let made = OutputTrees::default();
    made.build(&recipes(&CHAIN), "d", by_script(&made));
    let mut changed = CHAIN;
    changed[1].1 = "b2";
    let plan = plan(&recipes(&changed), &[name("d")], 1, &made).unwrap();
    assert_eq!(to_build(&plan), ["b*", "c", "d"]);
    let State::Build(Why::Changed(changes)) = &plan.steps[1].state else {
        panic!("{:?}", plan.steps[1].state)
    };
    assert!(matches!(&changes[..], [Change::Changed { what, .. }] if what == "steps"), "{changes:?}");
    let State::Build(Why::Changed(changes)) = &plan.steps[2].state else {
        panic!("{:?}", plan.steps[2].state)
    };
    assert_eq!(changes, &[Change::Pending { what: "recipe b at /".to_owned() }]);
    // `c` comes out as it was, so `d` is what it was.
    assert_eq!(made.build(&recipes(&changed), "d", by_script(&made)), ["b", "c"]);
}

#[test]
fn an_output_that_comes_out_as_it_was_stops_the_change_there() {
    let made = OutputTrees::default();
    made.build(&recipes(&CHAIN), "d", same(&made));
    let mut changed = CHAIN;
    changed[1].1 = "b, written otherwise";
    assert_eq!(made.build(&recipes(&changed), "d", same(&made)), ["b"]);
}

#[test]
fn what_is_gone_is_built_again_only_where_it_is_needed() {
    let (made, all) = (OutputTrees::default(), recipes(&CHAIN));
    made.build(&all, "d", by_script(&made));
    let gone = |name: &str| {
        let recipe = &all.by_name[&super::name(name)];
        let tree = by_script(&made)(recipe);
        made.trees.borrow_mut().remove(&tree);
    };
    // Nothing needs `b` as long as `c` and `d` are there.
    gone("b");
    let planned = plan(&all, &[name("d")], 1, &made).unwrap();
    assert_eq!(to_build(&planned), [""; 0]);
    assert_eq!(planned.steps[1].state, State::Unneeded);
    // Now `c` is needed, and so is `b`; `a` is there.
    gone("c");
    gone("d");
    let planned = plan(&all, &[name("d")], 1, &made).unwrap();
    assert_eq!(to_build(&planned), ["b*", "c*", "d*"]);
    assert_eq!(planned.steps[3].state, State::Build(Why::Gone));
}

#[test]
fn sources_are_fetched_and_unpacked_for_what_is_built_and_for_nothing_else() {
    let source =
        "source(sha256 = '7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4', name = 'x.tar')";
    let plain =
        "source(sha256 = '8d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4', name = 'y.c')";
    let mut files = InMemoryFiles::default();
    files.put(
        "pkgs/a/recipe.star",
        format!("recipe(name = 'a', version = '1', script = 'a', sources = [{source}, {plain}])"),
    );
    let all = evaluate_all(&files).unwrap();
    let mut made = OutputTrees::default();
    let planned = plan(&all, &[name("a")], 1, &made).unwrap();
    assert_eq!((&planned.steps[0].fetch[..], &planned.steps[0].unpack[..]), (&[0, 1][..], &[0][..]));
    assert_eq!(to_build(&planned), ["a"]);
    let recipe = &all.by_name[&name("a")];
    for source in &recipe.sources {
        let blob = BlobId(Digest::of(source.source.file.as_str().as_bytes()));
        made.sources.insert(source.source.sha256, (blob, 1));
    }
    let planned = plan(&all, &[name("a")], 1, &made).unwrap();
    assert_eq!((planned.steps[0].fetch.len(), &planned.steps[0].unpack[..]), (0, &[0][..]));
    let tree = made.tree_of("main.c", "int main");
    let text = unpacking(&recipe.sources[0]).unwrap();
    made.realised.borrow_mut().insert(Digest::of(&text), BTreeMap::from([(MADE.to_owned(), tree)]));
    assert_eq!(to_build(&plan(&all, &[name("a")], 1, &made).unwrap()), ["a*"]);
    assert_eq!(made.build(&all, "a", same(&made)), ["a"]);
    // All is there: whether the archive and its tree are is no matter any more.
    made.sources.remove(&recipe.sources[0].source.sha256);
    made.trees.borrow_mut().remove(&tree);
    assert_eq!(to_build(&plan(&all, &[name("a")], 1, &made).unwrap()), [""; 0]);
}

#[test]
fn every_difference_has_a_name() {
    let memo = |text: &str| {
        let mut files = InMemoryFiles::default();
        files.put("pkgs/a/recipe.star", format!("recipe(name = 'a', version = '1', {text})"));
        files.put("pkgs/a/x", "x");
        let all = evaluate_all(&files).unwrap();
        plan(&all, &[name("a")], 1, &OutputTrees::default()).unwrap().steps[0].memo.clone()
    };
    let plain = memo("steps = [['/x']]");
    let since = |text: &str| format!("{:?}", memo(text).since(&plain));
    assert_eq!(plain.since(&plain), []);
    assert!(
        since("steps = [['/x']], sources = [local('x')]")
            .contains("Added { what: \"local pkgs/a/x at /src/x\" }")
    );
    assert!(since("steps = [['/x']], env = {'A': ''}").contains("\"environment\""));
    assert!(since("steps = [['/x']], workdir = '/src'").contains("from: \"/build\", to: \"/src\""));
    assert!(since("steps = [['/x']], outputs = ['lib']").contains("\"outputs\""));
    assert!(since("steps = [['/x']], platform = 'aarch64-linux'").contains("from: \"x86_64-linux\""));
    let removed = format!("{:?}", plain.since(&memo("steps = [['/x']], sources = [local('x')]")));
    assert!(removed.contains("Removed { what: \"local pkgs/a/x at /src/x\" }"), "{removed}");
}
