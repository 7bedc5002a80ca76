//! Files load files, within the tree and without circles.

use super::*;

const PLAIN: &str = "a = recipe(name = 'a', version = '1', steps = [['/x']])";

#[test]
fn invalid_loads() {
    let one = |load: &str| refused(&[("pkgs/a/recipe.star", &format!("load({load}, 'f')\n{PLAIN}"))]);
    for (load, said) in [
        ("'//lib/no.star'", "there is no file lib/no.star"),
        ("'no.star'", "there is no file pkgs/a/no.star"),
        ("'../b/recipe.star'", "a component is empty, `.` or `..`"),
        ("'//../x.star'", "a component is empty, `.` or `..`"),
        ("'/etc/x.star'", "begins with two slashes"),
        ("'//lib/x'", "ends with .star"),
    ] {
        let found = one(load);
        assert!(found.contains(said) && found.contains("pkgs/a/recipe.star:1:6"), "{load}: {found}");
        assert!(found.contains("? a path that begins with //"), "{load}: {found}");
    }
}

#[test]
fn a_missing_name_is_reported_with_a_similar_one() {
    let found = refused(&[
        ("lib/c.star", "def configure():\n    pass"),
        ("pkgs/a/recipe.star", &format!("load('//lib/c.star', 'configur')\n{PLAIN}")),
    ]);
    assert!(found.contains("configur") && found.contains("did you mean `configure`"), "{found}");
    assert!(found.contains("pkgs/a/recipe.star:1:"), "{found}");
}

#[test]
fn a_circle_is_reported_with_all_its_files() {
    let found = refused(&[
        ("lib/x.star", "load('y.star', 'y')\nx = y"),
        ("lib/y.star", "\nload('//lib/z.star', 'z')\ny = z"),
        ("lib/z.star", "load('x.star', 'x')\nz = x"),
        ("pkgs/a/recipe.star", &format!("load('//lib/x.star', 'x')\n{PLAIN}")),
    ]);
    assert!(found.contains("lib/x.star → lib/y.star → lib/z.star → lib/x.star"), "{found}");
    for at in ["lib/x.star:1:6", "lib/y.star:2:6", "lib/z.star:1:6"] {
        assert!(found.contains(at), "{found}");
    }
    let found = refused(&[("pkgs/a/recipe.star", "load('recipe.star', 'x')")]);
    assert!(found.contains("pkgs/a/recipe.star → pkgs/a/recipe.star"), "{found}");
}

#[test]
fn mutual_dependencies_are_a_circle() {
    let found = refused(&[
        (
            "pkgs/a/recipe.star",
            "load('//pkgs/b/recipe.star', 'b')\na = recipe(name = 'a', version = '1', inputs = [b])",
        ),
        (
            "pkgs/b/recipe.star",
            "load('//pkgs/a/recipe.star', 'a')\nb = recipe(name = 'b', version = '1', inputs = [a])",
        ),
    ]);
    assert!(found.contains("pkgs/a/recipe.star → pkgs/b/recipe.star → pkgs/a/recipe.star"), "{found}");
}

#[test]
fn a_recipe_is_defined_in_its_own_folder_only() {
    let found = refused(&[
        ("lib/x.star", "x = recipe(name = 'a', version = '1', steps = [['/x']])"),
        ("pkgs/a/recipe.star", "load('//lib/x.star', 'x')"),
    ]);
    assert!(found.contains("can only be called while a recipe.star"), "{found}");
    let found = refused(&[("pkgs/a/recipe.star", "x = 1")]);
    assert!(found.contains("pkgs/a/recipe.star defines neither a recipe"), "{found}");
    let found = refused(&[
        ("pkgs/a/recipe.star", &format!("{PLAIN}\nrecipe(name = 'a-b', version = '1', steps = [['/x']])")),
        ("pkgs/a-b/recipe.star", "recipe(name = 'a-b-c', version = '1', steps = [['/x']])"),
    ]);
    assert!(found.contains("recipe `a-b` is defined in the folder a, and belongs in a-b"), "{found}");
}

#[test]
fn two_recipes_of_one_name_are_both_shown() {
    let found = refused(&[("pkgs/a/recipe.star", &format!("{PLAIN}\n\nb = a\n{PLAIN}"))]);
    // Starlark itself refuses the second assignment; without one, this crate has to.
    assert!(found.contains("pkgs/a/recipe.star:4"), "{found}");
    let plain = PLAIN.trim_start_matches("a = ");
    let found = refused(&[("pkgs/a/recipe.star", &format!("{plain}\n\n{plain}"))]);
    assert!(found.contains("two recipes have the name `a`"), "{found}");
    assert!(
        found.contains("recipe.star:3:1 this is the second | pkgs/a/recipe.star:1:1 this is the first"),
        "{found}"
    );
}

#[test]
fn a_chain_of_a_thousand_files_loads() {
    let mut files = InMemoryFiles::default();
    files.put("lib/0.star", "x = 0");
    for n in 1..1000 {
        files.put(&format!("lib/{n}.star"), format!("load('{}.star', y = 'x')\nx = y + 1", n - 1));
    }
    files.put(
        "pkgs/a/recipe.star",
        "load('//lib/999.star', 'x')\nrecipe(name = 'a', version = str(x), steps = [['/x']])",
    );
    assert_eq!(evaluate_all(&files).unwrap().by_name[&name("a")].version.as_str(), "999");
}

#[test]
fn only_requested_recipes_are_evaluated() {
    let files = tree(&[
        ("pkgs/a/recipe.star", PLAIN),
        (
            "pkgs/b/recipe.star",
            "load('//pkgs/a/recipe.star', 'a')\n\
             recipe(name = 'b-x', version = a.version, inputs = [a], steps = [['/x']])",
        ),
        ("pkgs/broken/recipe.star", "recipe("),
    ]);
    let recipes = evaluate(&files, &[name("b-x")]).unwrap();
    assert_eq!(recipes.by_name.keys().map(RecipeName::as_str).collect::<Vec<_>>(), ["a", "b-x"]);
    let missing = shown(&evaluate(&files, &[name("b-y")]).unwrap_err());
    assert!(missing.contains("there is no recipe `b-y` ? did you mean `b-x`"), "{missing}");
    let missing = shown(&evaluate(&files, &[name("brokn")]).unwrap_err());
    assert!(missing.contains("did you mean `broken`"), "{missing}");
    assert!(shown(&evaluate(&files, &[name("zzz")]).unwrap_err()).contains("`stele recipe ls` lists"));
}

#[test]
fn one_bad_file_is_reported_once_and_the_others_are_still_checked() {
    let (recipes, errors) = check_all(&tree(&[
        ("lib/bad.star", "x = 1 +"),
        ("pkgs/a/recipe.star", PLAIN),
        ("pkgs/b/recipe.star", "load('//lib/bad.star', 'x')"),
        ("pkgs/c/recipe.star", "load('//lib/bad.star', 'x')"),
        ("pkgs/d/recipe.star", "recipe(name = 'd', version = 'x', steps = [['/x']])"),
    ]));
    assert_eq!(recipes.by_name.len(), 1);
    let errors: Vec<_> = errors.iter().map(shown).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("lib/bad.star:1:"), "{errors:?}");
    assert!(errors[1].contains("pkgs/d/recipe.star:1:"), "{errors:?}");
}
