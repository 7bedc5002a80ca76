//! Why recipes could not be evaluated.

use std::io;

use crate::action::PlaceError;
use crate::paths::{TreePath, TreePathError};
use crate::recipe::{OutputName, RecipeName, RecipeNameError, Span, VersionError};
use crate::source::{FileNameError, MirrorError};

/// A recipe tree, or a part of it, could not be evaluated.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct EvalError {
    /// What is wrong. Boxed, because it is large and rare.
    pub what: Box<What>,
    /// The recipe that was being defined.
    pub recipe: Option<String>,
    /// The places that the error is about, the first above all.
    pub labels: Vec<Label>,
    /// Who called the function that failed, the innermost first.
    pub called_from: Vec<Span>,
}

/// A place that an error is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where it is.
    pub span: Span,
    /// What is to be said of it; may be empty.
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

    /// What the person who wrote the recipe can do.
    pub fn hint(&self) -> Option<String> {
        self.what.hint()
    }
}

/// What is wrong with a recipe tree.
#[derive(Debug, thiserror::Error)]
pub enum What {
    /// The text is no Starlark, or breaks a rule of the language while it runs; in the evaluator's words.
    #[error("{0}")]
    Language(String),
    /// A file could not be evaluated, which was said before.
    #[error("{file} could not be evaluated")]
    Earlier {
        /// From the top of the recipe tree.
        file: String,
    },
    /// The evaluator itself failed.
    #[error("the evaluator gave up: {0}")]
    Evaluator(String),
    /// Its expressions or blocks are nested more deeply than anybody writes them.
    #[error("{file} nests too deeply")]
    Deep {
        /// The file.
        file: String,
    },
    /// It takes more than a recipe may.
    #[error("evaluation of {file} takes more than {most} {what}")]
    Limit {
        /// The file.
        file: String,
        /// How much it may take.
        most: u64,
        /// Of what.
        what: &'static str,
    },
    /// The tree has no such file.
    #[error("there is no file {path}")]
    NoFile {
        /// From the top of the recipe tree.
        path: String,
    },
    /// There is no folder of that name with a `recipe.star`, nor one that a recipe of that name could be in.
    #[error("there is no recipe `{name}`")]
    NoRecipe {
        /// What was asked for.
        name: String,
        /// Names that are there and look like it.
        similar: Vec<String>,
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
    /// A file is no UTF-8.
    #[error("{path} is not UTF-8: byte {at} is no part of a character")]
    NotUtf8 {
        /// From the top of the recipe tree.
        path: String,
        /// Counted from 0.
        at: usize,
    },
    /// `load` names no file of the tree.
    #[error("`{text}` cannot be loaded: {why}")]
    LoadPath {
        /// What it says.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Files load each other in a circle.
    #[error("these files load each other in a circle: {}", files.join(" → "))]
    LoadCycle {
        /// The circle; the first file is also the last.
        files: Vec<String>,
    },
    /// A function was called where it may not be.
    #[error(
        "`{function}` can only be called while a recipe.star of a folder below pkgs is evaluated, not in {file}"
    )]
    NoPackage {
        /// The function.
        function: &'static str,
        /// The file that is evaluated.
        file: String,
    },
    /// An argument will not do.
    #[error("{why}")]
    Argument {
        /// The function.
        function: &'static str,
        /// The argument.
        argument: &'static str,
        /// Why.
        #[source]
        why: ArgumentError,
    },
    /// A name is given to two recipes.
    #[error("two recipes are called `{name}`")]
    TwoRecipes {
        /// The name.
        name: RecipeName,
    },
    /// A folder has a `recipe.star` that defines none.
    #[error("{file} defines no recipe")]
    NoneDefined {
        /// From the top of the recipe tree.
        file: String,
    },
    /// Two recipes that only differ in their folder could have the name.
    #[error("recipe `{name}` is defined in the folder {found}, and belongs in {wanted}")]
    OtherFolder {
        /// The recipe.
        name: RecipeName,
        /// Where it is.
        found: String,
        /// Where the reader of its name would look first.
        wanted: String,
    },
}

/// Why an argument will not do.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// It is of another type.
    #[error("`{argument}` has to be {wanted}, and this is {found}")]
    Type {
        /// Which.
        argument: String,
        /// What it has to be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// It names no recipe or output.
    #[error("{text:?} is no name: {why}")]
    Name {
        /// The text.
        text: String,
        /// Why.
        why: RecipeNameError,
    },
    /// The name says another folder.
    #[error("a recipe in the folder {folder} is called `{folder}`, or `{folder}-` and more, not `{name}`")]
    Folder {
        /// The name.
        name: String,
        /// The folder.
        folder: String,
    },
    /// It is no version.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// It names no place in the sandbox.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Something that is there in every sandbox would hide what is put there.
    #[error("{place} would be hidden: every build has {by} there")]
    Shadowed {
        /// The place.
        place: String,
        /// What hides it.
        by: &'static str,
    },
    /// A file stands where another input needs a directory.
    #[error("{place} cannot be there: {above} is a file")]
    BelowFile {
        /// The place.
        place: String,
        /// Where the file is.
        above: String,
    },
    /// Two inputs have the same place, and one of them is a file.
    #[error("two inputs have the place {place}, and one of them is a file")]
    SamePlace {
        /// The place.
        place: String,
    },
    /// A digest is none.
    #[error("{text:?} is no {what}: {why}")]
    Digest {
        /// The text.
        text: String,
        /// `SHA-256` or `SHA-512`.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// It names no source's file.
    #[error(transparent)]
    FileName(#[from] FileNameError),
    /// It is no mirror.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// It names nothing in the recipe tree.
    #[error("{text:?} names nothing in the recipe tree: {why}")]
    Path {
        /// The text.
        text: String,
        /// Why.
        why: TreePathError,
    },
    /// There is nothing at that path.
    #[error("there is no {path} in the recipe tree")]
    NothingThere {
        /// The path.
        path: TreePath,
    },
    /// What is there cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The path.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
    /// A file is wanted, and it is none.
    #[error("{path} is no file")]
    NoFile {
        /// The path.
        path: TreePath,
    },
    /// Its licence is no SPDX expression.
    #[error("{text:?} is no SPDX licence expression: {why}")]
    License {
        /// The text.
        text: String,
        /// Why.
        why: String,
    },
    /// It is no address.
    #[error("{text:?} is no address: it has to begin with https:// or http://")]
    Homepage {
        /// The text.
        text: String,
    },
    /// It has more than one line.
    #[error("a description is one line of at most 200 characters")]
    Description,
    /// No machine is known by that name.
    #[error("no platform is called {text:?}; there are {known}")]
    Platform {
        /// The text.
        text: String,
        /// All platforms.
        known: String,
    },
    /// There is nothing to do.
    #[error("a recipe needs something to do: give it `steps` or `script`")]
    NothingToDo,
    /// Two arguments exclude each other.
    #[error("`{one}` and `{other}` exclude each other")]
    Both {
        /// One.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// An argument has a meaning only together with another.
    #[error("`{one}` means nothing without `{other}`")]
    Without {
        /// The one that is there.
        one: &'static str,
        /// The one that is missing.
        other: &'static str,
    },
    /// No source has a negative size.
    #[error("{found} is no number of {what}")]
    Number {
        /// What was given.
        found: i64,
        /// What it counts.
        what: &'static str,
    },
    /// A recipe has no such output.
    #[error("recipe `{recipe}` has no output `{output}`; it has {known}")]
    NoOutput {
        /// The recipe.
        recipe: RecipeName,
        /// What was asked for.
        output: OutputName,
        /// What it has.
        known: String,
        /// Where the recipe is written.
        defined: Span,
    },
    /// An output is named twice.
    #[error("output `{output}` is there twice")]
    TwoOutputs {
        /// The output.
        output: OutputName,
    },
    /// Two outputs would go by one variable.
    #[error("outputs `{one}` and `{other}` would both be told by the variable {variable}")]
    OutputVariable {
        /// One.
        one: OutputName,
        /// The other.
        other: OutputName,
        /// The variable.
        variable: String,
    },
    /// The recipe sets a variable that says where an output goes.
    #[error("{variable} is set by Stele: it says where an output goes")]
    Variable {
        /// The variable.
        variable: String,
    },
    /// What is preferred is no input of the recipe.
    #[error("{origin} is preferred, and is no input of this recipe")]
    PreferredNoInput {
        /// What is preferred.
        origin: String,
    },
    /// The same thing is there twice, at one place.
    #[error("{origin} is given twice at {place}")]
    InputTwice {
        /// What it is.
        origin: String,
        /// Where.
        place: String,
        /// Where it was given first.
        first: Span,
    },
    /// What comes of it could not be an action.
    #[error("no build could run this: {0}")]
    Action(String),
}

impl What {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Limit { .. } => "evaluation is for saying what is built; let the build itself do the work".to_owned(),
            Self::NoRecipe { similar, .. } if similar.is_empty() => "`stele recipe ls` lists them all".to_owned(),
            Self::NoRecipe { similar, .. } => format!("did you mean {}?", similar.join(" or ")),
            Self::LoadPath { .. } | Self::NoFile { .. } => {
                "a path that begins with // is looked up from the top of the recipe tree, any other beside the file \
                 that loads it"
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
            Self::TwoRecipes { name } => format!("call one of them `{name}-` and what makes it different"),
            Self::OtherFolder { wanted, .. } => format!("move it to pkgs/{wanted}/recipe.star"),
            Self::NotUtf8 { .. } => "store it as UTF-8".to_owned(),
            Self::Argument { why, .. } => return why.hint(),
            Self::Deep { .. } => "put parts of it into variables, or data into a list".to_owned(),
            Self::Evaluator(_) => "leave out parts until it passes; what is left is worth a bug report".to_owned(),
            Self::Language(_) | Self::Earlier { .. } | Self::Read { .. } | Self::Packages(_) => return None,
        })
    }
}

impl ArgumentError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Version(_) => "write upstream's release number, without a `v` before it; what else there is to say \
                                 goes into `notes`"
                .to_owned(),
            Self::Shadowed { .. } => "choose a place such as /src or /opt/NAME".to_owned(),
            Self::BelowFile { .. } | Self::SamePlace { .. } => "give each a place of its own with `at`".to_owned(),
            Self::Place(_) => "a place is an absolute path, such as /src/zlib".to_owned(),
            Self::Digest { what: "SHA-256", .. } => {
                "`sha256sum FILE` prints it; `stele source add FILE` prints it and keeps the file".to_owned()
            }
            Self::Path { .. } | Self::NothingThere { .. } => {
                "a path that begins with // is looked up from the top of the recipe tree, any other beside the recipe"
                    .to_owned()
            }
            Self::License { .. } => "the SPDX licence list has all names; for one that it lacks, write \
                                     LicenseRef-NAME"
                .to_owned(),
            Self::Without { one, .. } if matches!(*one, "strip" | "subdir" | "patches") => {
                "what is not unpacked is taken as the file that it is".to_owned()
            }
            Self::PreferredNoInput { .. } => "it has to be one of `inputs` or `sources`".to_owned(),
            Self::InputTwice { .. } => "leave one of them out".to_owned(),
            _ => return None,
        })
    }
}
