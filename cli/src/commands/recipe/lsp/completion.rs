//! What could be written at the cursor.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, MarkupContent, MarkupKind,
    Position, TextEdit,
};

use stele_recipes::language::MODULES;
use stele_recipes::language::editing::{Cursor, CursorItem, Definition, Meaning, OpenCall, builtins};

use super::answers::Referent;
use super::documents::{Document, Documents};

/// The maximum number of entries that are read of one folder.
const MAX_ENTRIES: usize = 10_000;

const KEYWORDS: &[&str] = &[
    "and", "break", "continue", "def", "elif", "else", "for", "if", "in", "lambda", "load", "not", "or",
    "pass", "return",
];

/// All that could be written there; the editor selects what fits the letters that are.
pub fn complete(documents: &Documents, document: &Document, position: Position) -> Vec<CompletionItem> {
    let byte = document.lines.byte(position);
    let Cursor { item, call } = Cursor::at(document.lines.text(), byte);
    match item {
        CursorItem::LoadPath { at, .. } => {
            loadable(document).into_iter().map(|path| quoted(document, path, &at)).collect()
        }
        CursorItem::LoadedName { path, at, .. } => {
            let source = document.loaded(&path).and_then(|file| documents.source(&file));
            let source = source.map(|(_, source)| source).unwrap_or_default();
            source
                .exported()
                .map(|it| CompletionItem { kind: Some(kind(it)), ..quoted(document, it.name.clone(), &at) })
                .collect()
        }
        CursorItem::Text => Vec::new(),
        CursorItem::Name { .. } | CursorItem::Argument { .. } | CursorItem::Nothing => {
            let mut items = call.map(|call| arguments(documents, document, &call, byte)).unwrap_or_default();
            items.extend(names(document, byte));
            items
        }
    }
}

/// The arguments that a call does not have yet.
fn arguments(documents: &Documents, document: &Document, call: &OpenCall, at: usize) -> Vec<CompletionItem> {
    let Some(function) = Referent::of(documents, document, &call.function, at) else { return Vec::new() };
    let missing = function.parameters().iter().filter(|name| !call.given.contains(name));
    let item = |name: &String| CompletionItem {
        label: format!("{name} ="),
        filter_text: Some(name.clone()),
        insert_text: Some(format!("{name} = ")),
        kind: Some(CompletionItemKind::FIELD),
        detail: Some(format!("of {}", call.function)),
        // Before everything else.
        sort_text: Some(format!("0{name}")),
        ..CompletionItem::default()
    };
    missing.map(item).collect()
}

/// The names that can be used, each once.
fn names(document: &Document, at: usize) -> Vec<CompletionItem> {
    let mut known = BTreeSet::new();
    let mut items = Vec::new();
    for definition in document.source.visible(at).filter(|it| known.insert(it.name.as_str())) {
        let (label, documentation) = (definition.name.clone(), markdown(&definition.documentation));
        let kind = Some(kind(definition));
        items.push(CompletionItem { label, kind, documentation, ..CompletionItem::default() });
    }
    for builtin in builtins(document.name()).iter().filter(|it| !known.contains(it.name.as_str())) {
        let kind = match builtin.parameters {
            Some(_) => CompletionItemKind::FUNCTION,
            None => CompletionItemKind::CONSTANT,
        };
        let (label, documentation) = (builtin.name.clone(), markdown(&builtin.documentation));
        items.push(CompletionItem { label, kind: Some(kind), documentation, ..CompletionItem::default() });
    }
    items.extend(KEYWORDS.iter().map(|&label| CompletionItem {
        label: label.to_owned(),
        kind: Some(CompletionItemKind::KEYWORD),
        ..CompletionItem::default()
    }));
    items
}

fn markdown(text: &str) -> Option<Documentation> {
    let value = text.to_owned();
    let content = || MarkupContent { kind: MarkupKind::Markdown, value };
    (!text.is_empty()).then(|| Documentation::MarkupContent(content()))
}

fn kind(definition: &Definition) -> CompletionItemKind {
    match definition.meaning {
        Meaning::Function { .. } => CompletionItemKind::FUNCTION,
        Meaning::Variable | Meaning::Parameter => CompletionItemKind::VARIABLE,
        Meaning::Loaded { .. } => CompletionItemKind::REFERENCE,
    }
}

/// Instead of the string at `at`, whose letters are not those of a name.
fn quoted(document: &Document, text: String, at: &Range<usize>) -> CompletionItem {
    let edit = TextEdit::new(document.lines.range(at), text.clone());
    CompletionItem {
        label: text,
        kind: Some(CompletionItemKind::FILE),
        text_edit: Some(CompletionTextEdit::Edit(edit)),
        ..CompletionItem::default()
    }
}

/// The files that a document can load: those of `lib` and the recipes, of its tree and of the modules.
fn loadable(document: &Document) -> Vec<String> {
    let Some(file) = &document.file else { return Vec::new() };
    let own = file.file.strip_prefix(MODULES).and_then(|rest| rest.strip_prefix('/')?.split('/').next());
    let mut found = files(&file.tree, if own.is_some() { "@//" } else { "//" });
    for module in entries(&file.tree.join(MODULES)) {
        let prefix = if own == Some(module.as_str()) { "//".to_owned() } else { format!("@{module}//") };
        found.extend(files(&file.tree.join(MODULES).join(&module), &prefix));
    }
    found
}

fn files(top: &Path, prefix: &str) -> Vec<String> {
    let libraries = entries(&top.join("lib")).into_iter().filter(|name| name.ends_with(".star"));
    let mut found: Vec<String> = libraries.map(|name| format!("{prefix}lib/{name}")).collect();
    let packages = entries(&top.join("pkgs")).into_iter();
    let packages = packages.filter(|name| top.join("pkgs").join(name).join("recipe.star").is_file());
    found.extend(packages.map(|name| format!("{prefix}pkgs/{name}/recipe.star")));
    found
}

/// The sorted names in a folder that do not begin with a dot; none when it cannot be read.
fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_ENTRIES);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort_unstable();
    names
}
