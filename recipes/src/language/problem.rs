//! An error as it is shown, with its source lines. It is passed between processes.

use serde::{Deserialize, Serialize};

use super::error::{EvalError, Label};
use super::files::{Files, MAX_STARLARK};
use crate::paths::TreePath;
use crate::recipe::Span;

/// The maximum number of lines shown per location.
const MAX_LINES: usize = 6;

/// An error, ready to be shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// The fact.
    pub message: String,
    /// The recipe that it is about, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// The places that it is about, the first above all.
    pub places: Vec<Shown>,
    /// Who called the function that failed, the innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub called_from: Vec<Span>,
    /// A hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the requested name does not exist.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_found: bool,
}

/// A place with its lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// Where.
    pub span: Span,
    /// An annotation; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Its lines, from the first on, at most six.
    pub lines: Vec<String>,
}

impl Problem {
    /// `error`, with the lines that it is about.
    pub fn new(error: &EvalError, files: &dyn Files) -> Self {
        Self {
            message: error.to_string(),
            recipe: error.recipe.clone(),
            places: error.labels.iter().map(|label| Shown::new(label, files)).collect(),
            called_from: error.called_from.clone(),
            hint: error.hint(),
            not_found: matches!(*error.what, super::What::NoRecipe { .. } | super::What::NoImage { .. }),
        }
    }

    /// A problem that is not of the language, about places in a recipe tree.
    pub fn about(message: String, recipe: Option<String>, labels: &[Label], files: &dyn Files) -> Self {
        let places = labels.iter().map(|label| Shown::new(label, files)).collect();
        Self { message, recipe, places, called_from: Vec::new(), hint: None, not_found: false }
    }
}

impl Shown {
    fn new(label: &Label, files: &dyn Files) -> Self {
        let span = label.span.clone();
        let path = TreePath::parse(span.file.as_bytes()).ok();
        let bytes = path.and_then(|path| files.read(&path, MAX_STARLARK).ok().flatten()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let count = (span.end.0.saturating_sub(span.begin.0) + 1).min(MAX_LINES);
        let lines = text.lines().skip(span.begin.0 - 1).take(count).map(str::to_owned).collect();
        Self { span, label: label.text.clone(), lines }
    }
}
