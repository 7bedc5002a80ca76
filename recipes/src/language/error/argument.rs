//! Why an argument of one of the language's functions is invalid.

use std::io;

use stele_store::model::Sha256;

use crate::action::SandboxPathError;
use crate::hex0::HexError;
use crate::paths::{TreePath, TreePathError};
use crate::recipe::{ImageError, OutputName, RecipeName, RecipeNameError, Span, VersionError};
use crate::source::{FileNameError, MirrorError};

/// Why an argument is invalid.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// It is of another type.
    #[error("`{argument}` has to be {wanted}, not {found}")]
    Type {
        /// The argument.
        argument: String,
        /// The required value.
        wanted: &'static str,
        /// Its actual type.
        found: String,
    },
    /// It names no recipe or output.
    #[error("{text:?} is not a name: {why}")]
    Name {
        /// The text.
        text: String,
        /// Why.
        why: RecipeNameError,
    },
    /// The name belongs to another folder.
    #[error("a recipe in the folder {folder} has the name `{folder}`, or `{folder}-` and more, not `{name}`")]
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
    /// A mount of every sandbox would hide an input there.
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
        /// The place of the file.
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
    /// It is not the name of a source's file.
    #[error(transparent)]
    FileName(#[from] FileNameError),
    /// It is not a mirror.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// It names nothing in the recipe tree.
    #[error("{text:?} is not a path in the recipe tree: {why}")]
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
    /// It cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The path.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
    /// It has to be a file, and is not.
    #[error("{path} is not a file")]
    NoFile {
        /// The path.
        path: TreePath,
    },
    /// It is not valid hex0.
    #[error("line {}, column {} of {path}: {why}", why.place().0, why.place().1)]
    Hex {
        /// The path.
        path: TreePath,
        /// Why.
        why: HexError,
    },
    /// Its content is not what the recipe states.
    #[error("{path} decodes to other bytes, with the SHA-256 {found}")]
    OtherBytes {
        /// The path.
        path: TreePath,
        /// The SHA-256 of its bytes.
        found: Sha256,
    },
    /// Its licence is not an SPDX expression.
    #[error("{text:?} is not an SPDX licence expression: {why}")]
    License {
        /// The text.
        text: String,
        /// Why.
        why: String,
    },
    /// It is not an address.
    #[error("{text:?} is not an address: it has to begin with https:// or http://")]
    Homepage {
        /// The text.
        text: String,
    },
    /// It has more than one line.
    #[error("a description is one line of at most 200 characters")]
    Description,
    /// There is no such platform.
    #[error("there is no platform {text:?}; there are {known}")]
    Platform {
        /// The text.
        text: String,
        /// All platforms.
        known: String,
    },
    /// Nothing special has that name.
    #[error("a build cannot have {text:?}, only: {known}")]
    Special {
        /// The name.
        text: String,
        /// All names.
        known: String,
    },
    /// There is nothing to do.
    #[error("a recipe needs something to do: give it `steps` or `script`")]
    NothingToDo,
    /// Two arguments exclude each other.
    #[error("`{one}` and `{other}` exclude each other")]
    Both {
        /// One argument.
        one: &'static str,
        /// The other argument.
        other: &'static str,
    },
    /// An argument requires another.
    #[error("`{one}` has no effect without `{other}`")]
    Without {
        /// The given one.
        one: &'static str,
        /// The one that is missing.
        other: &'static str,
    },
    /// No source has a negative size.
    #[error("{found} is not a number of {what}")]
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
    #[error("output `{output}` is given twice")]
    TwoOutputs {
        /// The output.
        output: OutputName,
    },
    /// Two outputs would have the same variable.
    #[error("outputs `{one}` and `{other}` would have the same variable {variable}")]
    OutputVariable {
        /// One output.
        one: OutputName,
        /// The other output.
        other: OutputName,
        /// The variable.
        variable: String,
    },
    /// The recipe sets a variable that is reserved for the path of an output.
    #[error("{variable} is set by Stele: it is the path of an output")]
    Variable {
        /// The variable.
        variable: String,
    },
    /// The preferred value is not an input of the recipe.
    #[error("{origin} is preferred, but is not an input of this recipe")]
    PreferredNoInput {
        /// The preferred value.
        origin: String,
    },
    /// The same input is given twice, at one place.
    #[error("{origin} is given twice at {place}")]
    InputTwice {
        /// The input.
        origin: String,
        /// The place.
        place: String,
        /// The place of the first.
        first: Span,
    },
    /// Two modules have one name.
    #[error("two modules have the name `{name}`")]
    TwoModules {
        /// The name.
        name: RecipeName,
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
                "without unpacking, the input is the file itself".to_owned()
            }
            Self::PreferredNoInput { .. } => "it has to be one of `inputs` or `sources`".to_owned(),
            Self::Image(why) => return why.hint().map(str::to_owned),
            Self::InputTwice { .. } => "leave one of them out".to_owned(),
            _ => return None,
        })
    }
}
