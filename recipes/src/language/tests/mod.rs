//! Valid and invalid recipes, and the errors that authors see.

mod bounds;
mod images;
mod loads;
mod pure;
mod refused;
mod said;
mod stale;

use super::*;

/// 64 digits.
const PIN: &str = "7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4";

/// A recipe tree of these files.
fn tree(files: &[(&str, &str)]) -> InMemoryFiles {
    let mut tree = InMemoryFiles::default();
    for (path, text) in files {
        tree.put(path, *text);
    }
    tree
}

fn name(text: &str) -> RecipeName {
    RecipeName::new(text).unwrap()
}

/// The error of a tree, on one line: what, where, the hint.
fn refused(files: &[(&str, &str)]) -> String {
    let error = evaluate_all(&tree(files)).expect_err("it was taken");
    shown(&error)
}

fn shown(error: &EvalError) -> String {
    let mut text = error.to_string();
    for label in &error.labels {
        text += &format!(" | {} {}", label.span, label.text);
    }
    for call in &error.called_from {
        text += &format!(" < {call}");
    }
    if let Some(hint) = error.hint() {
        text += &format!(" ? {hint}");
    }
    text
}

/// The error of `pkgs/a/recipe.star` with this text.
fn refused_one(text: &str) -> String {
    refused(&[
        ("pkgs/a/recipe.star", text),
        ("pkgs/a/fix.patch", "-"),
        ("pkgs/a/dir/file", "x"),
        ("pkgs/a/key", "k"),
    ])
}

/// The one recipe of `pkgs/a/recipe.star` with this text.
fn one(text: &str) -> Arc<Recipe> {
    let files = tree(&[
        ("pkgs/a/recipe.star", text),
        ("pkgs/a/fix.patch", "-"),
        ("pkgs/a/dir/file", "x"),
        ("pkgs/a/key", "k"),
        ("lib/shared.txt", "shared"),
    ]);
    let recipes = evaluate_all(&files).unwrap_or_else(|error| panic!("{}", shown(&error)));
    Arc::clone(&recipes.by_name[&name("a")])
}
