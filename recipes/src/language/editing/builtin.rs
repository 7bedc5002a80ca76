//! The functions that files can use without loading them.

use std::sync::OnceLock;

use starlark::docs::markdown::render_doc_item_no_link;
use starlark::docs::{DocFunction, DocItem, DocMember};
use starlark::environment::Globals;

use super::super::module_pins::{self, MODULES_STAR};

/// A function or constant that every file can use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Builtin {
    /// Its name.
    pub name: String,
    /// In Markdown: the signature, the docstring, the parameters.
    pub documentation: String,
    /// The names of its parameters, if it is a function.
    pub parameters: Option<Vec<String>>,
}

/// What the file `file`, from the top of a recipe tree, can use without loading it.
pub fn builtins(file: &str) -> &'static [Builtin] {
    static OF_RECIPES: OnceLock<Vec<Builtin>> = OnceLock::new();
    static OF_PINS: OnceLock<Vec<Builtin>> = OnceLock::new();
    match file {
        MODULES_STAR => OF_PINS.get_or_init(|| documented(&module_pins::globals())),
        _ => OF_RECIPES.get_or_init(|| documented(&super::super::globals())),
    }
}

fn documented(globals: &Globals) -> Vec<Builtin> {
    let documented = globals.documentation().members.into_iter().map(|(name, item)| {
        let function = match item {
            DocItem::Member(DocMember::Function(function)) => Some(function),
            // All methods of a type would be more than a page.
            DocItem::Type(of) if of.constructor.is_some() => of.constructor,
            item => {
                let documentation = render_doc_item_no_link(&name, &item);
                return Builtin { name, documentation, parameters: None };
            }
        };
        let parameters = function.as_ref().map(parameters);
        let item = function.map(|function| DocItem::Member(DocMember::Function(function)));
        let documentation = item.map(|item| render_doc_item_no_link(&name, &item)).unwrap_or_default();
        Builtin { name, documentation, parameters }
    });
    documented.collect()
}

/// Those that can be given by name.
fn parameters(function: &DocFunction) -> Vec<String> {
    let params = &function.params;
    params.pos_or_named.iter().chain(&params.named_only).map(|it| it.name.clone()).collect()
}
