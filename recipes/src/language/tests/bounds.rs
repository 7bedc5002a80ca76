//! Unbounded time or memory ends with an error.

use super::*;

#[test]
fn a_loop_without_end_is_ended() {
    let found = refused_one("def f():\n    for x in range(1000000000):\n        y = x\nf()");
    assert!(found.contains("takes more than 10000000 steps"), "{found}");
}

#[test]
fn recursion_without_end_is_ended() {
    let found = refused_one("def f(x):\n    return f(x + 1)\nf(0)");
    assert!(found.to_lowercase().contains("stack") || found.contains("recurs"), "{found}");
}

#[test]
fn a_value_that_grows_without_end_is_ended() {
    let found = refused_one(
        "def f():\n    x = []\n    for y in range(1000000):\n        x.append('x' * 1000 + str(y))\nf()",
    );
    assert!(found.contains("takes more than 268435456 bytes"), "{found}");
}

#[test]
fn a_panic_of_the_evaluator_is_an_error() {
    let panicked = on_a_deep_stack::<()>(|| panic!("out of {}", "luck"));
    assert!(shown(&panicked.unwrap_err()).contains("the evaluator gave up: out of luck"));
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let found = refused_one(&"#".repeat(MAX_STARLARK + 1));
    assert!(found.contains("pkgs/a/recipe.star cannot be read") && found.contains("more than"), "{found}");
}

#[test]
fn a_file_of_rubbish_is_told_as_such() {
    let mut files = InMemoryFiles::default();
    files.put("pkgs/a/recipe.star", b"x = '\xff'".to_vec());
    let found = shown(&evaluate_all(&files).unwrap_err());
    assert!(found.contains("is not UTF-8: byte 5"), "{found}");
    for text in [
        "recipe(",
        "def",
        ")",
        "\0",
        "x = \"",
        "if True:\nx = 1",
        "\u{feff}x",
        "a.b.c = 1",
        "while True: pass",
    ] {
        let found = refused_one(text);
        assert!(found.contains("pkgs/a/recipe.star:"), "{text:?}: {found}");
    }
}

#[test]
fn an_expression_that_nests_as_deeply_as_a_file_can_is_no_end_of_the_process() {
    let room = MAX_STARLARK - 1000;
    for (open, inside, close) in [
        ("(", "1", ")"),
        ("[", "", "]"),
        ("-", "1", ""),
        ("not ", "1", ""),
        ("lambda: ", "1", ""),
        ("1+", "1", ""),
        ("f(", "", ")"),
        ("1 if 1 else ", "1", ""),
        ("{1:", "1", "}"),
    ] {
        let times = room / (open.len() + close.len());
        let text = format!("x = {}{inside}{}", open.repeat(times), close.repeat(times));
        let found = refused_one(&text);
        assert!(found.contains("pkgs/a/recipe.star nests too deeply"), "{open}: {found}");
        // And what passes is small enough for what comes then.
        let few = 4_990 / (open.split(' ').filter(|it| !it.is_empty()).count() + open.len().min(2));
        refused_one(&format!("x = {}{inside}{}", open.repeat(few), close.repeat(few)));
    }
}

#[test]
fn blocks_that_nest_without_end_are_refused() {
    let elifs = format!("if False:\n    pass\n{}", "elif False:\n    pass\n".repeat(2000));
    assert!(refused_one(&elifs).contains("nests too deeply"));
    let blocks: String = (0..700).map(|depth| format!("{}if True:\n", " ".repeat(depth))).collect();
    assert!(refused_one(&format!("{blocks}{}pass", " ".repeat(700))).contains("nests too deeply"));
}

#[test]
fn a_long_list_does_not_nest() {
    let files = tree(&[(
        "pkgs/a/recipe.star",
        &format!("x = [{}]\nrecipe(name = 'a', version = '1', script = 'x')", "'a' + 'b', ".repeat(50_000)),
    )]);
    assert!(evaluate_all(&files).is_ok());
}
