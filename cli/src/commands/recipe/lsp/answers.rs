//! Answers about what is under the cursor: its documentation, and where it is defined.

use std::path::PathBuf;

use lsp_types::{Hover, HoverContents, Location, MarkupContent, MarkupKind, Position, Range, TextEdit};

use stele_recipes::language::editing::{Builtin, Cursor, CursorItem, Definition, Meaning, builtins};
use stele_recipes::language::format;

use super::address::uri_of;
use super::documents::{Document, Documents};
use super::lines::Lines;

/// What a name leads to.
pub enum Referent {
    /// What every file can use.
    Builtin(&'static Builtin),
    /// A definition in the same file.
    Here(Definition),
    /// One in another file.
    There {
        /// That file.
        path: PathBuf,
        /// Its text.
        lines: Lines,
        /// The definition.
        definition: Definition,
    },
}

impl Referent {
    /// What `name` leads to at a byte of a document.
    pub fn of(documents: &Documents, document: &Document, name: &str, at: usize) -> Option<Self> {
        let Some(definition) = document.source.definition(name, at) else {
            return builtins(document.name()).iter().find(|it| it.name == name).map(Self::Builtin);
        };
        match &definition.meaning {
            Meaning::Loaded { path, name } => Self::loaded(documents, document, path, name),
            _ => None,
        }
        .or_else(|| Some(Self::Here(definition.clone())))
    }

    /// What a document loads as `name` from the file that `path` names.
    pub fn loaded(documents: &Documents, document: &Document, path: &str, name: &str) -> Option<Self> {
        let file = document.loaded(path)?;
        let (lines, source) = documents.source(&file)?;
        let definition = source.exported().find(|it| it.name == name)?.clone();
        Some(Self::There { path: file.tree.join(file.file), lines, definition })
    }

    /// In Markdown; may be empty.
    pub fn documentation(&self) -> &str {
        match self {
            Self::Builtin(builtin) => &builtin.documentation,
            Self::Here(definition) | Self::There { definition, .. } => &definition.documentation,
        }
    }

    /// The names of the parameters, if it is a function.
    pub fn parameters(&self) -> &[String] {
        match self {
            Self::Builtin(builtin) => builtin.parameters.as_deref().unwrap_or_default(),
            Self::Here(definition) | Self::There { definition, .. } => match &definition.meaning {
                Meaning::Function { parameters } => parameters,
                _ => &[],
            },
        }
    }
}

/// The documentation of what is under the cursor.
pub fn hover(documents: &Documents, document: &Document, position: Position) -> Option<Hover> {
    let byte = document.lines.byte(position);
    let of = |name: &str| Referent::of(documents, document, name, byte);
    let (referent, text, at) = match Cursor::at(document.lines.text(), byte).item {
        CursorItem::Name { name, at } => (of(&name)?, None, at),
        CursorItem::Argument { function, name, at } => {
            let function = of(&function)?;
            let text = parameter(function.documentation(), &name);
            (function, text, at)
        }
        CursorItem::LoadedName { path, name, at } => {
            (Referent::loaded(documents, document, &path, &name)?, None, at)
        }
        CursorItem::LoadPath { .. } | CursorItem::Text | CursorItem::Nothing => return None,
    };
    let value = text.unwrap_or_else(|| referent.documentation().to_owned());
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: value.clone() });
    (!value.is_empty()).then(|| Hover { contents, range: Some(document.lines.range(&at)) })
}

/// What the documentation of a built-in function says about one of its parameters.
fn parameter(documentation: &str, name: &str) -> Option<String> {
    let (_, rest) = documentation.split_once(&format!("\n* `{name}`:"))?;
    let end = ["\n* `", "\n#"].iter().filter_map(|next| rest.find(next)).min().unwrap_or(rest.len());
    let lines = rest[..end].lines().map(|line| line.strip_prefix("  ").unwrap_or(line));
    Some(format!("`{name}`:{}", lines.collect::<Vec<_>>().join("\n")).trim_end().to_owned())
}

/// Where what is under the cursor is defined.
pub fn definition(documents: &Documents, document: &Document, position: Position) -> Option<Location> {
    let byte = document.lines.byte(position);
    let referent = match Cursor::at(document.lines.text(), byte).item {
        CursorItem::Name { name, .. } => Referent::of(documents, document, &name, byte)?,
        CursorItem::Argument { function, .. } => Referent::of(documents, document, &function, byte)?,
        CursorItem::LoadedName { path, name, .. } => Referent::loaded(documents, document, &path, &name)?,
        CursorItem::LoadPath { text, .. } => {
            let file = document.loaded(&text)?;
            let path = file.tree.join(file.file);
            return if path.is_file() { location(documents, &path, Range::default()) } else { None };
        }
        CursorItem::Text | CursorItem::Nothing => return None,
    };
    match referent {
        Referent::Builtin(_) => None,
        Referent::Here(found) => Some(Location::new(document.uri.clone(), document.lines.range(&found.at))),
        Referent::There { path, lines, definition } => {
            location(documents, &path, lines.range(&definition.at))
        }
    }
}

/// A place, with the address that the editor has for the file, if it is open.
fn location(documents: &Documents, path: &std::path::Path, range: Range) -> Option<Location> {
    let uri = documents.at(path).map(|open| open.uri.clone()).or_else(|| uri_of(path))?;
    Some(Location::new(uri, range))
}

/// What `recipe fmt` changes; nothing in a text without a syntax.
pub fn formatted(document: &Document) -> Vec<TextEdit> {
    const STACK: usize = 128 << 20;
    let text = document.lines.text();
    // What the parser admits needs more than a usual stack. A panic is no result.
    let laid_out = std::thread::scope(|scope| {
        let work = || format(document.name(), text).ok();
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok()?.join().ok()?
    });
    let changed = laid_out.filter(|laid_out| document.error.is_none() && laid_out != text);
    changed.map(|new| TextEdit::new(document.lines.range(&(0..text.len())), new)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_of_every_parameter_is_found() {
        for builtin in builtins("pkgs/a/recipe.star").iter().filter(|it| it.name == "recipe") {
            for name in builtin.parameters.iter().flatten() {
                let text = parameter(&builtin.documentation, name).unwrap();
                assert!(text.starts_with(&format!("`{name}`: (")) && text.len() < 500, "{text}");
                assert!(!text.contains("\n#") && text.contains("\n\n"), "{text}");
            }
        }
        assert_eq!(parameter("", "x"), None);
    }
}
