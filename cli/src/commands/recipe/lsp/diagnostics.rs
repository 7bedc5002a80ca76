//! Errors as an editor shows them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString, Range,
};

use stele_recipes::language::Problem;
use stele_recipes::recipe::Span;

use super::address::{TreeFile, uri_of};
use super::documents::{Document, on_disk};
use super::lines::Lines;

/// Errors and warnings about files of one recipe tree.
pub type ByFile = BTreeMap<PathBuf, Vec<Diagnostic>>;

/// What the text of a document shows by itself: that it has no syntax, or what the linter says.
pub fn of_text(document: &Document) -> Vec<Diagnostic> {
    let lines = &document.lines;
    if let Some(error) = &document.error {
        let range = error.labels.first().map(|label| range(&label.span, lines)).unwrap_or_default();
        return vec![diagnostic(range, error.to_string(), error.hint().as_deref())];
    }
    let lints = document.source.lints.iter().map(|lint| Diagnostic {
        severity: Some(if lint.severe { DiagnosticSeverity::ERROR } else { DiagnosticSeverity::WARNING }),
        code: Some(NumberOrString::String(lint.kind.clone())),
        ..diagnostic(lines.range(&lint.at), lint.message.clone(), None)
    });
    lints.collect()
}

/// What the evaluation of a recipe tree showed: the errors at their places, and at the calls that led there. Those
/// without a place are returned apart.
pub fn of_problems(tree: &Path, problems: &[Problem]) -> (ByFile, Vec<String>) {
    let (mut by_file, mut elsewhere) = (ByFile::new(), Vec::new());
    let mut texts = Texts { tree, read: BTreeMap::new() };
    for problem in problems {
        let Some(first) = problem.places.first() else {
            elsewhere.push(problem.message.clone());
            continue;
        };
        let mut related = Vec::new();
        for place in &problem.places[1..] {
            related.extend(texts.related(&place.span, &place.label));
        }
        for call in &problem.called_from {
            related.extend(texts.related(call, "called from here"));
        }
        let hint = problem.hint.as_deref();
        let mut shown = diagnostic(texts.range(&first.span), problem.message.clone(), hint);
        shown.related_information = (!related.is_empty()).then_some(related);
        add(&mut by_file, tree, &first.span, shown);
        // Who writes a recipe sees that file, not the library in which the function failed.
        if let Some(call) = problem.called_from.iter().rfind(|call| call.file != first.span.file) {
            let mut shown = diagnostic(texts.range(call), problem.message.clone(), hint);
            let there = texts.related(&first.span, "it failed here");
            shown.related_information = there.map(|it| vec![it]);
            add(&mut by_file, tree, call, shown);
        }
    }
    (by_file, elsewhere)
}

fn add(by_file: &mut ByFile, tree: &Path, span: &Span, diagnostic: Diagnostic) {
    let all = by_file.entry(tree.join(&*span.file)).or_default();
    if !all.iter().any(|it| is_same(it, &diagnostic)) {
        all.push(diagnostic);
    }
}

/// Whether two say the same about the same place.
pub fn is_same(one: &Diagnostic, other: &Diagnostic) -> bool {
    one.range == other.range && one.message == other.message
}

fn diagnostic(range: Range, mut message: String, hint: Option<&str>) -> Diagnostic {
    if let Some(hint) = hint {
        message.push_str(&format!("\nhint: {hint}"));
    }
    let source = Some("stele".to_owned());
    Diagnostic { range, severity: Some(DiagnosticSeverity::ERROR), source, message, ..Diagnostic::default() }
}

fn range(span: &Span, lines: &Lines) -> Range {
    Range::new(lines.of_column(span.begin), lines.of_column(span.end))
}

/// The texts that were evaluated.
struct Texts<'a> {
    tree: &'a Path,
    read: BTreeMap<String, Lines>,
}

impl Texts<'_> {
    fn range(&mut self, span: &Span) -> Range {
        let lines = self.read.entry(span.file.to_string()).or_insert_with(|| {
            let file = TreeFile { tree: self.tree.to_owned(), file: span.file.to_string() };
            Lines::new(on_disk(&file).unwrap_or_default())
        });
        range(span, lines)
    }

    fn related(&mut self, span: &Span, label: &str) -> Option<DiagnosticRelatedInformation> {
        let location = Location::new(uri_of(&self.tree.join(&*span.file))?, self.range(span));
        let message = if label.is_empty() { "see here" } else { label }.to_owned();
        Some(DiagnosticRelatedInformation { location, message })
    }
}
