//! Why an argument of one of the language's functions will not do.

use std::io;

use stele_store::model::Sha256;

use crate::action::SandboxPathError;
use crate::hex0::HexError;
use crate::paths::{TreePath, TreePathError};
use crate::recipe::{ImageError, OutputName, RecipeName, RecipeNameError, Span, VersionError};
use crate::source::{FileNameError, MirrorError};

/// Why an argument will not do.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// It is of another type.
    #[error("`{argument}` has to be {wanted}, and this is {found}")]
    Type {
        /// Which.
        argument: String,
        /// The required value.
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
    /// The name belongs to another folder.
    #[error("a recipe in the folder {folder} is called `{folder}`, or `{folder}-` and more, not `{name}`")]
    Folder {
        /// The name.
        name: String,
        /// The folder.
        folder: String,
    },
    /// It is not a version.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// It names no place in the sandbox.
    #[error(transparent)]
    SandboxPath(#[from] SandboxPathError),
    /// Something that is there in every sandbox would hide what is put there.
    #[error("{place} would be hidden: every build has {by} there")]
    Shadowed {
        /// The place.
        place: String,
        /// The mount of every sandbox that hides it.
        by: &'static str,
    },
    /// A file is where another input needs a directory.
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
    /// A digest is malformed.
    #[error("{text:?} is not a {what}: {why}")]
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
    /// It is not a mirror.
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
    /// It has to be a file, and is not.
    #[error("{path} is no file")]
    NoFile {
        /// The path.
        path: TreePath,
    },
    /// It holds no hex0.
    #[error("line {}, column {} of {path}: {why}", why.place().0, why.place().1)]
    Hex {
        /// The path.
        path: TreePath,
        /// Why.
        why: HexError,
    },
    /// Its content is not what the recipe states.
    #[error("{path} comes to other bytes: their SHA-256 is {found}")]
    OtherBytes {
        /// The path.
        path: TreePath,
        /// What it comes to.
        found: Sha256,
    },
    /// Its licence is not an SPDX expression.
    #[error("{text:?} is no SPDX licence expression: {why}")]
    License {
        /// The text.
        text: String,
        /// Why.
        why: String,
    },
    /// It is not an address.
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
        /// The given value.
        found: i64,
        /// What it counts.
        what: &'static str,
    },
    /// A recipe has no such output.
    #[error("recipe `{recipe}` has no output `{output}`; it has {known}")]
    NoOutput {
        /// The recipe.
        recipe: RecipeName,
        /// The requested name.
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
    /// The recipe sets a variable that is reserved for the path of an output.
    #[error("{variable} is set by Stele: it says where an output goes")]
    Variable {
        /// The variable.
        variable: String,
    },
    /// The preferred value is not an input of the recipe.
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
    /// It is not valid for an image.
    #[error(transparent)]
    Image(ImageError),
    /// The result would not be a valid action.
    #[error("no build could run this: {0}")]
    Action(String),
}

impl ArgumentError {
    /// A hint for the recipe's author.
    pub(super) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Version(_) => "write upstream's release number, without a `v` before it; what else there is to say \
                                 goes into `notes`"
                .to_owned(),
            Self::Shadowed { .. } => "choose a place such as /src or /opt/NAME".to_owned(),
            Self::BelowFile { .. } | Self::SamePlace { .. } => "give each a place of its own with `at`".to_owned(),
            Self::SandboxPath(_) => "a place is an absolute path, such as /src/zlib".to_owned(),
            Self::Digest { what: "SHA-256", .. } => {
                "`sha256sum FILE` prints it; `stele source add FILE` prints it and keeps the file".to_owned()
            }
            Self::Path { .. } | Self::NothingThere { .. } => {
                "a path that begins with // is looked up from the top of the recipe tree, any other beside the recipe"
                    .to_owned()
            }
            Self::OtherBytes { .. } => "`sha256` is what the decoded bytes have to be; if the change to the file is \
                                        meant, change it too"
                .to_owned(),
            Self::License { .. } => "the SPDX licence list has all names; for one that it lacks, write \
                                     LicenseRef-NAME"
                .to_owned(),
            Self::Without { one, .. } if matches!(*one, "inner" | "strip" | "subdir" | "patches") => {
                "what is not unpacked is taken as the file that it is".to_owned()
            }
            Self::PreferredNoInput { .. } => "it has to be one of `inputs` or `sources`".to_owned(),
            Self::Image(why) => return why.hint().map(str::to_owned),
            Self::InputTwice { .. } => "leave one of them out".to_owned(),
            _ => return None,
        })
    }
}
