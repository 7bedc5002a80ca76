//! Why recipes could not be evaluated.

mod argument;

use std::io;

pub use argument::ArgumentError;

use crate::recipe::{RecipeName, Span};

/// A recipe tree, or a part of it, could not be evaluated.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct EvalError {
    /// The problem. Boxed, because it is large and rare.
    pub what: Box<What>,
    /// The recipe that was being defined.
    pub recipe: Option<String>,
    /// The places of the error, the most important first.
    pub labels: Vec<Label>,
    /// The callers of the function that failed, the innermost first.
    pub called_from: Vec<Span>,
}

/// A place that an error is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where it is.
    pub span: Span,
    /// An annotation; may be empty.
    pub text: String,
}

impl Label {
    pub(super) fn new(span: Span, text: impl Into<String>) -> Self {
        Self { span, text: text.into() }
    }
}

impl EvalError {
    pub(super) fn new(what: What, labels: Vec<Label>) -> Self {
        Self { what: Box::new(what), recipe: None, labels, called_from: Vec::new() }
    }

    /// A hint for the recipe's author.
    pub fn hint(&self) -> Option<String> {
        self.what.hint()
    }
}

/// An error of a recipe tree.
#[derive(Debug, thiserror::Error)]
pub enum What {
    /// The text is not Starlark, or breaks a rule of the language while it runs; the evaluator's message.
    #[error("{0}")]
    Language(String),
    /// A file could not be evaluated, which was reported before.
    #[error("{file} could not be evaluated")]
    Earlier {
        /// From the top of the recipe tree.
        file: String,
    },
    /// The evaluator itself failed.
    #[error("the evaluator failed: {0}")]
    Evaluator(String),
    /// Its expressions or blocks are nested too deeply.
    #[error("{file} nests too deeply")]
    Deep {
        /// The file.
        file: String,
    },
    /// It exceeds a limit of evaluation.
    #[error("evaluation of {file} takes more than {max} {what}")]
    Limit {
        /// The file.
        file: String,
        /// The limit.
        max: u64,
        /// The limited resource.
        what: &'static str,
    },
    /// The tree has no such file.
    #[error("there is no file {path}")]
    NoFile {
        /// From the top of the recipe tree.
        path: String,
    },
    /// A file of a module that is not there.
    #[error("there is no module `{module}` with a file {path}")]
    NoModule {
        /// The module.
        module: String,
        /// The path below it.
        path: String,
    },
    /// There is no folder of that name with a `recipe.star`, nor one that a recipe of that name could be in.
    #[error("there is no recipe `{name}`")]
    NoRecipe {
        /// The requested name.
        name: String,
        /// Existing names that are similar.
        similar: Vec<String>,
    },
    /// There is no image of that name.
    #[error("there is no image `{name}`")]
    NoImage {
        /// The requested name.
        name: String,
        /// Existing images with similar names.
        similar: Vec<String>,
    },
    /// Two images of one name.
    #[error("two images have the name `{name}`")]
    TwoImages {
        /// The name.
        name: RecipeName,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// From the top of the recipe tree.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The folders below `pkgs` cannot be listed.
    #[error("the folder pkgs of the recipe tree cannot be read: {0}")]
    Packages(#[source] io::Error),
    /// A file is not UTF-8.
    #[error("{path} is not UTF-8: byte {at} is not part of a character")]
    NotUtf8 {
        /// From the top of the recipe tree.
        path: String,
        /// Counted from 0.
        at: usize,
    },
    /// `load` names no file of the tree.
    #[error("`{text}` cannot be loaded: {why}")]
    LoadPath {
        /// The argument of `load`.
        text: String,
        /// The problem.
        why: &'static str,
    },
    /// Files load each other in a circle.
    #[error("these files load each other in a circle: {}", files.join(" → "))]
    LoadCycle {
        /// The circle; the first file is also the last.
        files: Vec<String>,
    },
    /// A function was called in a file where it is not allowed.
    #[error(
        "`{function}` can only be called while a recipe.star of a folder below pkgs is evaluated, not in {file}"
    )]
    NoPackage {
        /// The function.
        function: &'static str,
        /// The file that is evaluated.
        file: String,
    },
    /// An argument is invalid.
    #[error("{why}")]
    Argument {
        /// The function.
        function: &'static str,
        /// The argument.
        argument: &'static str,
        /// The reason.
        #[source]
        why: ArgumentError,
    },
    /// A name is given to two recipes.
    #[error("two recipes have the name `{name}`")]
    TwoRecipes {
        /// The name.
        name: RecipeName,
    },
    /// A folder has a `recipe.star` that defines nothing.
    #[error("{file} defines neither a recipe nor an image")]
    NoneDefined {
        /// From the top of the recipe tree.
        file: String,
    },
    /// A recipe is in a folder that its name does not lead to.
    #[error("recipe `{name}` is defined in the folder {found}, and belongs in {wanted}")]
    OtherFolder {
        /// The recipe.
        name: RecipeName,
        /// Its folder.
        found: String,
        /// The first folder for its name.
        wanted: String,
    },
}

impl What {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Limit { .. } => "evaluation is for saying what is built; let the build itself do the work".to_owned(),
            Self::NoImage { similar, .. } if similar.is_empty() => {
                "an image is what `image(...)` or `image_index(...)` in the recipe.star of its folder defines"
                    .to_owned()
            }
            Self::NoRecipe { similar, .. } if similar.is_empty() => "`stele recipe ls` lists them all".to_owned(),
            Self::NoRecipe { similar, .. } | Self::NoImage { similar, .. } => {
                format!("did you mean {}?", similar.join(" or "))
            }
            Self::LoadPath { .. } | Self::NoFile { .. } => {
                "a path that begins with // is looked up from the top of the recipe tree, any other beside the file \
                 that loads it"
                    .to_owned()
            }
            Self::NoModule { .. } => {
                "`module(...)` in modules.star at the top of the recipe tree pins a module; `stele recipe modules` \
                 lists them"
                    .to_owned()
            }
            Self::LoadCycle { .. } => {
                "put what several of them need into a file of its own, below lib, and load that".to_owned()
            }
            Self::NoPackage { .. } => {
                "define a function there, and call it in the recipe.star of the package".to_owned()
            }
            Self::NoneDefined { file } => {
                format!("call `recipe(...)` in it, or remove the folder {}", file.trim_end_matches("/recipe.star"))
            }
            Self::TwoRecipes { name } | Self::TwoImages { name } => {
                format!("name one of them `{name}-` and what makes it different")
            }
            Self::OtherFolder { wanted, .. } => format!("move it to pkgs/{wanted}/recipe.star"),
            Self::NotUtf8 { .. } => "store it as UTF-8".to_owned(),
            Self::Argument { why, .. } => return why.hint(),
            Self::Deep { .. } => "put parts of it into variables, or data into a list".to_owned(),
            Self::Evaluator(_) => "leave out parts until it passes; what is left is worth a bug report".to_owned(),
            Self::Language(_) | Self::Earlier { .. } | Self::Read { .. } | Self::Packages(_) => return None,
        })
    }
}
