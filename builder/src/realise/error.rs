//! Why a recipe was not realised.

use std::io;
use std::path::PathBuf;

use stele_recipes::plan::PlanError;
use stele_recipes::prepare::PrepareError;
use stele_recipes::recipe::RecipeName;
use stele_store::model::Digest;
use stele_store::{Cancelled, ImportError, Presence, ReadError, RealiseError, WriteError};

use super::differs::Differs;
use super::output::Refused;
use crate::hold::HoldError;
use crate::sandbox::{Ending, StartError};

/// Why a source or local file is not available to a build.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It was not fetched.
    #[error("source {file} of recipe `{recipe}` is not in the store")]
    Missing {
        /// The recipe.
        recipe: RecipeName,
        /// The file's name.
        file: String,
    },
    /// It was not imported.
    #[error("the content of the image {image} of recipe `{recipe}` is not in the store")]
    NoImage {
        /// The recipe.
        recipe: RecipeName,
        /// The image.
        image: String,
    },
    /// The recipe states another count of opaque bytes.
    #[error(
        "the image {image} of recipe `{recipe}` has files of {found} bytes, and the recipe states {said}"
    )]
    ImageSize {
        /// The recipe.
        recipe: RecipeName,
        /// The image.
        image: String,
        /// The actual bytes.
        found: u64,
        /// The stated bytes.
        said: u64,
    },
    /// It cannot be unpacked, or a patch does not apply.
    #[error("source {file} of recipe `{recipe}`: {why}")]
    Refused {
        /// The recipe.
        recipe: RecipeName,
        /// The file's name.
        file: String,
        /// The cause.
        why: Box<PrepareError>,
    },
    /// A local file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Local {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A local file has changed since the recipe was evaluated.
    #[error("{path} changes while it is read")]
    Changes {
        /// The path.
        path: PathBuf,
    },
    /// A local folder cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A realisation cannot be recorded.
    #[error(transparent)]
    Realise(#[from] RealiseError),
    /// The request was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Why a recipe was not realised.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// A source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It has no action.
    #[error(transparent)]
    Plan(#[from] PlanError<ReadError>),
    /// An input existed when it was planned, and is gone.
    #[error("an input of recipe `{recipe}` is gone from the store")]
    Gone {
        /// The recipe.
        recipe: RecipeName,
    },
    /// A build failed, and one of its inputs cannot be read.
    #[error("recipe `{recipe}`: its input {lacking} is {presence}")]
    Damaged {
        /// The recipe.
        recipe: RecipeName,
        /// The unreadable content.
        lacking: Digest,
        /// Its state.
        presence: Presence,
    },
    /// The extra inputs conflict with the recipe's own.
    #[error("the extra inputs conflict with the root of the build: {why}")]
    Furnish {
        /// The cause.
        why: String,
    },
    /// It is for another platform.
    #[error("recipe `{recipe}` is built on {wanted}, and this machine is {this}")]
    Platform {
        /// The recipe.
        recipe: RecipeName,
        /// The required platform.
        wanted: &'static str,
        /// This machine's platform.
        this: &'static str,
    },
    /// The store cannot be mounted for builds.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// Its folder failed.
    #[error("the build folder {path}: {source}")]
    Folder {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The machine has no thread left.
    #[error("no thread can be started: {source}")]
    Thread {
        /// The cause.
        source: io::Error,
    },
    /// A bug in this program.
    #[error("recipe `{recipe}`: internal error: {what}")]
    Panicked {
        /// The recipe.
        recipe: RecipeName,
        /// The panic message.
        what: String,
    },
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The build failed.
    #[error("recipe `{}`: {}", .0.recipe, .0.ending)]
    Ended(Box<Ended>),
    /// Another store built it, and that failed.
    #[error("built by {at}: {why}")]
    Elsewhere {
        /// The recipe.
        recipe: RecipeName,
        /// The other store.
        at: String,
        /// What it says.
        why: String,
    },
    /// The action is of another profile than this program's.
    #[error("recipe `{recipe}` is for profile {wanted} of the sandbox, and this program has profile {this}")]
    Profile {
        /// The recipe.
        recipe: RecipeName,
        /// The profile of the action.
        wanted: u32,
        /// The profile here.
        this: u32,
    },
    /// An output cannot be stored.
    #[error("recipe `{recipe}`: {why}")]
    Output {
        /// The recipe.
        recipe: RecipeName,
        /// The cause.
        why: Refused,
        /// Where it was kept, on request.
        kept: Option<PathBuf>,
    },
    /// A rebuild gave a different output.
    #[error("{0}")]
    Differs(Box<Differs>),
    /// An output cannot be read or stored.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The request was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// A build that failed.
#[derive(Debug)]
pub struct Ended {
    /// The recipe.
    pub recipe: RecipeName,
    /// How it ended.
    pub ending: Ending,
    /// The program and the arguments of the failed step, if there is one.
    pub argv: Vec<String>,
    /// The last lines of its log.
    pub tail: String,
    /// The path of its kept folder, on request.
    pub kept: Option<PathBuf>,
}
