//! What an editor is told of files, finished or not.

use super::*;

fn parsed(text: &str) -> SourceFile {
    SourceFile::parse("pkgs/a/recipe.star", text).unwrap()
}

/// The cursor where `text` has a `|`.
fn cursor(text: &str) -> Cursor {
    let at = text.find('|').unwrap();
    Cursor::at(&text.replacen('|', "", 1), at)
}

/// What the name at the `|` means: where that begins.
fn meaning(text: &str) -> Option<usize> {
    let at = text.find('|').unwrap();
    let text = text.replacen('|', "", 1);
    let CursorItem::Name { name, .. } = Cursor::at(&text, at).item else { return None };
    parsed(&text).definition(&name, at).map(|it| it.at.start)
}

#[test]
fn a_name_means_its_innermost_definition() {
    assert_eq!(meaning("x = 1\ny = |x\n"), Some(0));
    assert_eq!(meaning("x = 1\ndef f(x):\n    return |x\n"), Some(12));
    assert_eq!(meaning("x = 1\ndef f(y):\n    return |x + y\n"), Some(0));
    assert_eq!(meaning("x = [|x for x in [1]]\n"), Some(11));
    assert_eq!(meaning("x = lambda x: |x\n"), Some(11));
    assert_eq!(meaning("y = |x\n"), None);
    assert_eq!(meaning("load('//lib/a.star', b = 'c')\ny = |b\n"), Some(21));
}

#[test]
fn what_is_no_name_means_nothing() {
    for text in ["x = 1 # |x", "x = 'a |x'", "x = y.|x", "x = r'''\n|x'''"] {
        assert_eq!(cursor(text).item, CursorItem::Text, "{text}");
    }
}

#[test]
fn a_function_has_its_signature_and_docstring_as_documentation() {
    let file = parsed(
        "def f(a, *, b = 1, **c):  # no\n    \"\"\"Does.\n\n    More:\n      this\n    \"\"\"\n    return a\n",
    );
    let found = file.definition("f", 0).unwrap();
    assert_eq!(found.meaning, Meaning::Function { parameters: vec!["a".to_owned(), "b".to_owned()] });
    let expected = "```python\ndef f(a, *, b = 1, **c)\n```\n\nDoes.\n\nMore:\n  this";
    assert_eq!(found.documentation, expected);
    let hidden = parsed("_x = 1\ny = 2\nload('//lib/a.star', 'z')\ndef f():\n    w = 1\n    return w\n");
    let exported: Vec<&str> = hidden.exported().map(|it| it.name.as_str()).collect();
    assert_eq!(exported, ["y", "f"]);
}

#[test]
fn a_long_assignment_is_shown_in_part() {
    let lines: String = (0..40).map(|at| format!("    {at},\n")).collect();
    let file = parsed(&format!("x = [\n{lines}]\n"));
    let shown = &file.definition("x", 0).unwrap().documentation;
    assert!(shown.contains("    10,\n…\n```") && !shown.contains("11"), "{shown}");
}

#[test]
fn an_argument_belongs_to_the_innermost_call() {
    let of = |text| cursor(text).call.map(|it| (it.function, it.given));
    assert_eq!(of("f(a = 1, |"), Some(("f".to_owned(), vec!["a".to_owned()])));
    assert_eq!(of("f(a = g(|)"), Some(("g".to_owned(), vec![])));
    assert_eq!(of("f(na|"), Some(("f".to_owned(), vec![])));
    for none in ["f(a = |", "f([|", "f(1)|", "x.f(|", "def f(|", "load('//lib/a.star', |", "f('|')"] {
        assert_eq!(of(none), None, "{none}");
    }
    let name = cursor("f(na|me = 1)").item;
    assert_eq!(name, CursorItem::Argument { function: "f".to_owned(), name: "name".to_owned(), at: 2..6 });
}

#[test]
fn a_load_tells_its_file_and_names_even_before_it_is_finished() {
    let path = |text: &str| match cursor(text).item {
        CursorItem::LoadPath { text, .. } => text,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(path("load('//li|b/a.star', 'b')"), "//lib/a.star");
    assert_eq!(path("x = 1\nload(\"//li|\nx = 2\n"), "//li");
    let name = |text: &str| match cursor(text).item {
        CursorItem::LoadedName { path, name, .. } => (path, name),
        other => panic!("{text}: {other:?}"),
    };
    let expected = ("//lib/a.star".to_owned(), "b".to_owned());
    assert_eq!(name("load('//lib/a.star', '|b')"), expected);
    assert_eq!(name("load('//lib/a.star', c = 'b|')"), expected);
    assert_eq!(name("load('//lib/a.star', 'b|"), expected);
}

#[test]
fn no_text_makes_it_panic() {
    let text = "load('//lib/a.star', b = 'c')\ndef f(x: str, *y) -> int:\n  '''Does.\n  é'''\n  \
                return [f\"a{x}é\" for z in x.y] # ü\n\
                x, (y, z) = f(a = 1, b = {'k': lambda q: q})\nif x:\n    pass\nelif y:\n    for i in z: pass\n";
    for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        let part = &text[..end];
        if let Ok(file) = SourceFile::parse("pkgs/a/recipe.star", part) {
            assert!(file.definitions.iter().all(|it| part.get(it.at.clone()).is_some()), "{part}");
        }
        for at in (0..=end).filter(|at| part.is_char_boundary(*at)) {
            let _ = Cursor::at(part, at);
        }
    }
    for strange in ["\0", "\u{feff}x = 1", "'", "\"\"\"", "\t\tx", "((((((", "f\"{", "def", "\r\r\n", "load("]
    {
        let _ = SourceFile::parse("a.star", strange);
        let _ = Cursor::at(strange, strange.len());
    }
    let deep = format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(SourceFile::parse("a.star", &deep).is_err());
    let _ = Cursor::at(&deep, deep.len() / 2);
    assert!(SourceFile::parse("a.star", &" ".repeat(2 << 20)).is_err());
}

#[test]
fn lints_tell_what_is_not_defined() {
    let file = parsed("x = recipe(name = nme)\n");
    let lint = file.lints.iter().find(|it| it.message.contains("nme")).expect("a lint");
    assert_eq!(lint.at, 18..21);
    assert!(SourceFile::parse("modules.star", "module(name = 'x')\n").unwrap().lints.is_empty());
    let other = SourceFile::parse("modules.star", "recipe(name = 'x')\n").unwrap();
    assert_eq!(other.lints.len(), 1, "{other:?}");
}

#[test]
fn builtins_are_documented_as_in_the_reference() {
    for (name, text) in super::super::reference() {
        let file = if name == "module" { "modules.star" } else { "pkgs/a/recipe.star" };
        let found = builtins(file).iter().find(|it| it.name == name).expect("a function");
        assert_eq!(found.documentation, text);
        assert!(found.parameters.as_ref().is_some_and(|it| !it.is_empty()), "{name}");
    }
    assert!(builtins("lib/a.star").iter().any(|it| it.name == "print"));
}

#[test]
fn a_load_names_a_file_from_the_top_of_the_tree() {
    let of = |text| load_target("modules/m/pkgs/a/recipe.star", text);
    assert_eq!(of("//lib/x.star").as_deref(), Some("modules/m/lib/x.star"));
    assert_eq!(of("@n//lib/x.star").as_deref(), Some("modules/n/lib/x.star"));
    assert_eq!(of("@//lib/x.star").as_deref(), Some("lib/x.star"));
    assert_eq!(of("y.star").as_deref(), Some("modules/m/pkgs/a/y.star"));
    assert_eq!(of("../../../../../etc/passwd.star"), None);
}
