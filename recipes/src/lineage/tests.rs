//! Opaque bytes, and how they are counted.

use crate::language::{InMemoryFiles, evaluate_all};

use super::*;

/// A package of that size, whose SHA-256 has this digit 64 times.
fn package(name: &str, size: u64, digit: char) -> String {
    format!("debian_binary('{name}', '1', size = {size}, sha256 = '{digit}' * 64)")
}

/// The opaque sources of the recipe `d`, when `b` and `c` depend on `a`, and `d` on both: from the sources of these
/// four.
fn of_d(sources: [&str; 4]) -> Vec<String> {
    let mut tree = InMemoryFiles::default();
    let graph = [("a", ""), ("b", "a"), ("c", "a"), ("d", "b, c")];
    for ((name, inputs), sources) in graph.into_iter().zip(sources) {
        let needs = inputs.split(", ").filter(|it| !it.is_empty());
        let loads: String = needs.map(|it| format!("load('//pkgs/{it}/recipe.star', '{it}')\n")).collect();
        let call = format!(
            "{name} = recipe(name = '{name}', version = '1', script = 'x', inputs = [{inputs}], \
             sources = [{sources}])"
        );
        tree.put(&format!("pkgs/{name}/recipe.star"), loads + &call);
    }
    let recipes = evaluate_all(&tree).unwrap_or_else(|error| panic!("{error}"));
    let goals: Vec<_> = recipes.by_name.keys().cloned().collect();
    let graph = Graph::of(&recipes, &goals).expect("they are there");
    let number = graph.number(&RecipeName::new("d").expect("a name")).expect("it is there");
    let opaque = opaque(&graph, number);
    let lines = opaque.iter().map(|it| {
        let named_by = it.named_by.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ");
        format!("{} {} {named_by}", it.file, it.size)
    });
    lines.chain([bytes(&opaque).to_string()]).collect()
}

#[test]
fn recipes_of_readable_sources_alone_have_nothing_opaque() {
    let source = format!("source(sha256 = '{}', name = 'a.tar.gz', size = 9)", "1".repeat(64));
    assert_eq!(of_d(["", "", "", &source]), ["0"]);
}

#[test]
fn dependencies_at_any_distance_count() {
    assert_eq!(of_d([&package("gcc", 7, '1'), "", "", ""]), ["gcc_1_amd64.deb 7 a", "7"]);
}

#[test]
fn a_package_of_several_recipes_counts_once_and_lists_each() {
    let (one, two) = (package("gcc", 7, '1'), package("make", 5, '2'));
    let both = format!("{one}, {two}");
    assert_eq!(of_d([&one, &both, &one, ""]), ["gcc_1_amd64.deb 7 a b c", "make_1_amd64.deb 5 b", "12"]);
}

#[test]
fn the_digest_counts_and_not_the_name() {
    let (one, other) = (package("gcc", 7, '1'), package("gcc", 8, '2'));
    assert_eq!(of_d([&one, &other, "", ""]), ["gcc_1_amd64.deb 7 a", "gcc_1_amd64.deb 8 b", "15"]);
    let renamed = package("cc", 7, '1');
    assert_eq!(of_d([&one, &renamed, "", ""]), ["gcc_1_amd64.deb 7 a b", "7"]);
}

#[test]
fn dependencies_of_other_recipes_do_not_count() {
    let mut tree = InMemoryFiles::default();
    let call = |name: &str, sources: &str| {
        format!("{name} = recipe(name = '{name}', version = '1', script = 'x', sources = [{sources}])")
    };
    tree.put("pkgs/a/recipe.star", call("a", &package("gcc", 7, '1')));
    tree.put("pkgs/b/recipe.star", call("b", ""));
    let recipes = evaluate_all(&tree).unwrap_or_else(|error| panic!("{error}"));
    let goals: Vec<_> = recipes.by_name.keys().cloned().collect();
    let graph = Graph::of(&recipes, &goals).expect("they are there");
    assert_eq!(opaque(&graph, 1), []);
    assert_eq!(opaque(&graph, 0).len(), 1);
}
