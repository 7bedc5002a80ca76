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

/// Why a source is not there as a build sees it.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It was not fetched.
    #[error("source {file} of recipe `{recipe}` is not in the store")]
    Missing {
        /// Whose it is.
        recipe: RecipeName,
        /// What it is called.
        file: String,
    },
    /// Nobody imported it.
    #[error("what is in the image {image} of recipe `{recipe}` is not in the store")]
    NoImage {
        /// Whose it is.
        recipe: RecipeName,
        /// What it is called.
        image: String,
    },
    /// The recipe counts other bytes as opaque.
    #[error("the image {image} of recipe `{recipe}` has files of {found} bytes, and the recipe says {said}")]
    ImageSize {
        /// Whose it is.
        recipe: RecipeName,
        /// What it is called.
        image: String,
        /// What it has.
        found: u64,
        /// What is said.
        said: u64,
    },
    /// It cannot be unpacked, or a patch does not fit.
    #[error("source {file} of recipe `{recipe}`: {why}")]
    Refused {
        /// Whose it is.
        recipe: RecipeName,
        /// What it is called.
        file: String,
        /// Why.
        why: Box<PrepareError>,
    },
    /// A file beside the recipe cannot be read.
    #[error("{path} cannot be read: {source}")]
    Local {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file beside the recipe is not what it was when the recipe was evaluated.
    #[error("{path} changes while it is read")]
    Changes {
        /// Which.
        path: PathBuf,
    },
    /// A folder beside the recipe cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What came of it cannot be remembered.
    #[error(transparent)]
    Realise(#[from] RealiseError),
    /// Somebody stopped it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Why a recipe was not realised.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// A source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It is no action.
    #[error(transparent)]
    Plan(#[from] PlanError<ReadError>),
    /// Something that it is made of was there when it was planned, and is not any more.
    #[error("something that recipe `{recipe}` is made of is gone from the store")]
    Gone {
        /// Which recipe.
        recipe: RecipeName,
    },
    /// A build failed, and something that it was given cannot be read.
    #[error("recipe `{recipe}`: {lacking}, of which it is made, is {presence}")]
    Damaged {
        /// Which recipe.
        recipe: RecipeName,
        /// What cannot be read.
        lacking: Digest,
        /// In which way.
        presence: Presence,
    },
    /// The extra inputs conflict with the recipe's own.
    #[error("the extra inputs conflict with the root of the build: {why}")]
    Furnish {
        /// Why.
        why: String,
    },
    /// It is for another kind of machine.
    #[error("recipe `{recipe}` is built on {wanted}, and this machine is {this}")]
    Platform {
        /// Which recipe.
        recipe: RecipeName,
        /// What it is built on.
        wanted: &'static str,
        /// What this is.
        this: &'static str,
    },
    /// The store cannot be mounted for builds.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// Its folder.
    #[error("the folder of the build, {path}: {source}")]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The machine has no thread left.
    #[error("no thread can be started: {source}")]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// A defect of this program.
    #[error("recipe `{recipe}`: the daemon met a fault of its own: {what}")]
    Panicked {
        /// Which recipe.
        recipe: RecipeName,
        /// What the panic says.
        what: String,
    },
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It ended, and not well.
    #[error("recipe `{}`: {}", .0.recipe, .0.ending)]
    Ended(Box<Ended>),
    /// An output cannot be stored.
    #[error("recipe `{recipe}`: {why}")]
    Output {
        /// Which recipe.
        recipe: RecipeName,
        /// Why.
        why: Refused,
        /// Where it is, when that was asked for.
        kept: Option<PathBuf>,
    },
    /// Built again, it came out otherwise.
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
    /// Somebody stopped it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// A build that did not end well.
#[derive(Debug)]
pub struct Ended {
    /// Of which recipe.
    pub recipe: RecipeName,
    /// How it ended.
    pub ending: Ending,
    /// The program and the arguments of the step that did, if it was one.
    pub argv: Vec<String>,
    /// The last lines of its log.
    pub tail: String,
    /// Where what it left is, when that was asked for.
    pub kept: Option<PathBuf>,
}
