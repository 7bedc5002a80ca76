//! What the commands about agreement have in common: what is asked about, who signs, by which policy.

pub mod approve;
pub mod attest;
pub mod audit;
pub mod evidence;
pub mod policy_file;
mod signer;
pub mod verify;

use clap::Args;

use super::context::Context;
use super::unexpected;
use crate::recipe_tree::{RecipeTreeArg, locate};
use stele::Request;
use stele::agreement::{AgreementAnswer, AgreementRequest};
use stele::answers::Answer;
use stele::failure::Failure;
use stele::reference::to_wire;

pub use policy_file::{ImageGate, PolicyFile};
pub use signer::SignerArgs;

/// What is asked about.
#[derive(Args, Debug)]
pub struct Which {
    /// A recipe, an image (image-NAME), an action's digest, or a REF to an output of a build
    #[arg(value_name = "REF")]
    pub reference: String,
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl Which {
    /// The recipe tree, if there is one: a REF needs none.
    ///
    /// # Errors
    /// When one was named and is not there.
    pub fn tree(&self) -> Result<Option<String>, Failure> {
        tree(&self.place)
    }
}

/// The recipe tree, if there is one.
///
/// # Errors
/// As of [`Which::tree`].
fn tree(place: &RecipeTreeArg) -> Result<Option<String>, Failure> {
    match locate(place) {
        Ok(tree) => Ok(Some(to_wire(tree.as_os_str()))),
        Err(_) if place.recipes.is_none() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Sends a request about agreement.
///
/// # Errors
/// The failure to show.
pub fn ask(context: &mut Context, ask: AgreementRequest) -> Result<AgreementAnswer, Failure> {
    match context.ask(Request::Agreement { ask })? {
        Answer::Agreement(answer) => Ok(answer),
        _ => Err(unexpected()),
    }
}
